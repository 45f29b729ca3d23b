"""Rows by the coordinator: saved, deleted, found; refused at the door what is wrong."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.actors.support import Trace, answer, failure
from weft.actors import Coordinator, Future, Runtime
from weft.storage import InvalidArgument, StaleRevision, ThreadNotFound

BAD: dict[str, Callable[[Coordinator], Future[Any]]] = {
    "session id": lambda c: c.save_association("", "t", "n"),
    "thread id": lambda c: c.save_association("a", "x" * 101, "n"),
    "name": lambda c: c.save_association("a", "t", ""),
    "type": lambda c: c.save_association("a", "t", "n", association_type=""),
    "key": lambda c: c.save_association("a", "t", "n", association_id=""),
    "metadata": lambda c: c.save_association("a", "t", "n", metadata={"k": object()}),
    "seen_seq": lambda c: c.save_association("a", "t", "n", seen_seq=-1),
    "op id": lambda c: c.save_association("a", "t", "n", op_id=""),
    "deleted session": lambda c: c.delete_association("", "t"),
    "deleted thread": lambda c: c.delete_association("a", ""),
    "deleted seq": lambda c: c.delete_association("a", "t", seen_seq=1 << 63),
    "found": lambda c: c.find_association(""),
}


@pytest.fixture(autouse=True)
def world(coordinator: Coordinator) -> None:
    """Session a owns t; b owns nothing."""
    for session_id in "ab":
        answer(coordinator.create_session(session_id))
    plan = [{"name": "notes", "thread_id": "t"}]
    answer(coordinator.coordinate_threads("a", plan))


@pytest.mark.parametrize("what", BAD)
def test_what_is_wrong_is_refused_at_the_door(
    coordinator: Coordinator, what: str
) -> None:
    assert InvalidArgument is type(failure(BAD[what](coordinator)))


def test_a_row_that_is_saved_twice_under_one_op_id_is_saved_once(
    coordinator: Coordinator,
) -> None:
    seen = answer(coordinator.get_association("a", "t"))
    assert seen is not None
    calls = [
        coordinator.save_association(
            "a",
            "t",
            "notes",
            metadata={"k": 1},
            seen_seq=seen.updated_seq,
            op_id="once",
        )
        for _ in "12"
    ]
    first, again = map(answer, calls)
    assert first == again
    assert (2, {"k": 1}) == (again.version, again.metadata)


def test_a_row_is_deleted_only_as_it_was_seen(coordinator: Coordinator) -> None:
    seen = answer(coordinator.get_association("a", "t"))
    assert seen is not None
    answer(coordinator.rename_thread("t", "plans"))
    late = coordinator.delete_association("a", "t", seen_seq=seen.updated_seq)
    assert StaleRevision is type(failure(late))
    assert answer(coordinator.delete_association("a", "t", op_id="d")) is True
    assert answer(coordinator.delete_association("a", "t", op_id="d")) is True
    gone = failure(coordinator.delete_association("a", "t"))
    assert ThreadNotFound is type(gone)


def test_the_views_of_sessions_follow_their_rows(
    runtime: Runtime, coordinator: Coordinator
) -> None:
    assert {"runs": 1} == answer(coordinator.execute_workflow_in_session("a", "notes"))
    seen = answer(coordinator.get_association("a", "t"))
    assert seen is not None
    trace = Trace(runtime)
    renamed = answer(
        coordinator.save_association("a", "t", "plans", seen_seq=seen.updated_seq)
    )
    assert trace.of("session", "a")
    assert {"runs": 2} == answer(coordinator.execute_workflow_in_session("a", "plans"))
    answer(coordinator.delete_association("a", "t", seen_seq=renamed.updated_seq))
    lost = failure(coordinator.execute_workflow_in_session("a", "plans"))
    assert ThreadNotFound is type(lost)
    answer(coordinator.save_association("b", "t", "notes"))
    assert {"runs": 1} == answer(coordinator.execute_workflow_in_session("b", "notes"))
    assert runtime.check().clean


def test_a_row_is_found_by_its_key(coordinator: Coordinator) -> None:
    answer(coordinator.save_association("b", "n", "new", association_id="a/t/2"))
    found = [answer(coordinator.find_association(key)) for key in ("a/t", "a/t/2")]
    assert ["t", "n"] == [row.thread_id for row in found if row is not None]
    assert answer(coordinator.find_association("b/n")) is None
