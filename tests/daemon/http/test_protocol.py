"""The words of the protocol: ids that name one thing, metadata that tell the truth."""

from typing import Any

import pytest

from weft.actors import Runtime
from weft.daemon.http.problems import RequestFault
from weft.daemon.http.protocol import (
    ProtocolRun,
    ProtocolState,
    assistant_id_of,
    checkpoint_id_of,
    encoded,
    metadata_of,
    selected,
    step_of,
    workflow_name_of,
)


@pytest.mark.parametrize(
    ("checkpoint_id", "step"),
    [
        ("3-abc", 3),
        ("12-", 12),
        ("3", None),
        ("-abc", None),
        ("x-abc", None),
        ("", None),
        ("\u00b2-abc", None),
        ("9" * 40 + "-a", None),
        ("1f1e6c5a-f27c-6ed5-8000-e17dd27de3bb", None),
    ],
)
def test_a_checkpoint_id_begins_with_its_step(
    checkpoint_id: str, step: int | None
) -> None:
    assert step == step_of(checkpoint_id)


def test_a_state_names_itself_and_the_one_before(runtime: Runtime) -> None:
    thread = runtime.session("a").create_thread("t", thread_id="t").get(timeout=5)
    for n in (1, 2):
        thread.append_state({"n": n}).get(timeout=5)
    last, first = thread.history().get(timeout=5)
    view = ProtocolState.of(last, ["chat"])
    assert ["chat"] == view.next
    assert checkpoint_id_of(last) == view.checkpoint.checkpoint_id  # type: ignore[union-attr]
    assert checkpoint_id_of(first) == view.parent_checkpoint.checkpoint_id  # type: ignore[union-attr]
    assert 2 == step_of(checkpoint_id_of(last))
    assert ProtocolState.of(first).parent_checkpoint is None


def test_metadata_say_who_owns_a_thread_now(runtime: Runtime) -> None:
    old = {"session_id": "somebody", "thread_name": "lies", "kept": 1}
    made = runtime.session("a").create_thread("n", thread_id="t", metadata=old)
    thread = made.get(timeout=5)
    record = thread.get().get(timeout=5)
    assert {"session_id": "a", "thread_name": "n", "kept": 1} == metadata_of(record)
    moved = thread.transfer_to("b", new_name="t").get(timeout=5)
    assert {"session_id": "b", "kept": 1} == metadata_of(moved)


def test_a_run_is_of_the_assistant_that_its_workflow_is(runtime: Runtime) -> None:
    thread = runtime.session("a").create_thread("n", thread_id="t").get(timeout=5)
    chat = {"workflow": "chat", "after_seconds": 60.0}
    run = thread.start_run({}, **chat).get(timeout=5)
    view = ProtocolRun.of(run, {"m": 1})
    assert (assistant_id_of("chat"), "t", "pending") == (
        view.assistant_id,
        view.thread_id,
        view.status,
    )
    assert b'{"m":1}' == bytes(view.metadata)  # type: ignore[arg-type]


@pytest.mark.parametrize("given", ["chat", assistant_id_of("chat")])
def test_an_assistant_is_found_by_name_and_id(given: str) -> None:
    assert "chat" == workflow_name_of(given, ["other", "chat"])


def test_an_assistant_that_is_not_there_is_not_found() -> None:
    with pytest.raises(RequestFault, match="Registered workflows: none") as caught:
        workflow_name_of("chat", [])
    assert 404 == caught.value.status


@pytest.mark.parametrize(
    ("value", "json"),
    [
        ({"a": b"x"}, b'{"a":"eA=="}'),
        ([object], b'["<class'),
        ({None: 1}, b"{"),
        ({b"k": float("nan")}, b"{"),
    ],
)
def test_what_has_no_json_is_told_in_words(value: Any, json: bytes) -> None:
    assert bytes(encoded(value)).startswith(json)


def test_a_view_can_be_reduced_to_some_fields() -> None:
    view = selected(ProtocolState.empty("t"), ["next", "unknown"])
    assert b'{"next":[]}' == bytes(encoded(view))
