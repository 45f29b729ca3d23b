"""The LangGraph SDK drives assistants of one's own, plain and asynchronous."""

from collections.abc import Iterator
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from langgraph_sdk.errors import (
    BadRequestError,
    ConflictError,
    NotFoundError,
    UnprocessableEntityError,
)

from tests.daemon.sdk_runs.conftest import Sdk

OWN = {"of": "ours"}


def remove(assistant_id: str, client: Any) -> Any:
    return client.assistants.delete(assistant_id)


def update(assistant_id: str, changes: dict[str, Any], client: Any) -> Any:
    return client.assistants.update(assistant_id, **changes)


def wait(thread_id: str, own_id: str, context: Any, client: Any) -> Any:
    return client.runs.wait(thread_id, own_id, input={}, context=context)


@pytest.fixture(autouse=True)
def _without_own(sdk: Sdk) -> Iterator[None]:
    yield
    for made in sdk.do(lambda c: c.assistants.search(metadata=OWN, limit=100)):
        sdk.do(partial(remove, made["assistant_id"]))


def create(sdk: Sdk, **given: Any) -> Any:
    metadata = {**OWN, **given.pop("metadata", {})}
    return sdk.do(
        lambda c: c.assistants.create("configured", metadata=metadata, **given)
    )


def test_one_is_created_changed_found_and_removed(sdk: Sdk) -> None:
    assistant_id = str(uuid4())
    made = create(
        sdk,
        assistant_id=assistant_id,
        name="Dry",
        description="says little",
        config={"tags": ["a"]},
        context={"tone": "dry"},
    )
    assert (assistant_id, "configured", 1) == tuple(
        made[name] for name in ("assistant_id", "graph_id", "version")
    )
    assert {"tags": ["a"], "configurable": {"tone": "dry"}} == made["config"]
    opened = create(sdk, assistant_id=assistant_id, if_exists="do_nothing")
    assert made == opened == sdk.do(lambda c: c.assistants.get(assistant_id))
    changed = sdk.do(
        lambda c: c.assistants.update(
            assistant_id, name="Drier", metadata={"n": 2}, context={"tone": "drier"}
        )
    )
    assert (2, {**OWN, "n": 2}) == (changed["version"], changed["metadata"])
    found = sdk.do(lambda c: c.assistants.search(name="drier", graph_id="configured"))
    assert [changed] == found
    assert 1 == sdk.do(lambda c: c.assistants.count(metadata={"n": 2}))
    page = sdk.do(
        lambda c: c.assistants.search(
            metadata=OWN, select=["name"], limit=1, response_format="object"
        )
    )
    assert {"assistants": [{"name": "Drier"}], "next": None} == page
    sdk.do(lambda c: c.assistants.delete(assistant_id))
    with pytest.raises(NotFoundError, match="no assistant"):
        sdk.do(lambda c: c.assistants.get(assistant_id))


def test_versions_are_listed_and_gone_back_to(sdk: Sdk) -> None:
    own_id = create(sdk, name="one")["assistant_id"]
    for name in ("two", "three"):
        changes = {"name": name, "metadata": {name: True}}
        sdk.do(partial(update, own_id, changes))
    versions = sdk.do(lambda c: c.assistants.get_versions(own_id))
    assert [("three", 3), ("two", 2), ("one", 1)] == [
        (each["name"], each["version"]) for each in versions
    ]
    second = sdk.do(lambda c: c.assistants.get_versions(own_id, limit=1, offset=1))
    assert versions[1:2] == second
    told = sdk.do(lambda c: c.assistants.get_versions(own_id, metadata={"three": True}))
    assert versions[:1] == told
    assert "one" == sdk.do(lambda c: c.assistants.set_latest(own_id, 1))["name"]
    with pytest.raises(NotFoundError, match="versions 1 to 3"):
        sdk.do(lambda c: c.assistants.set_latest(own_id, 9))


def test_a_graph_is_run_as_its_assistant_says(sdk: Sdk) -> None:
    made = create(sdk, context={"tone": "dry", "words": 3}, metadata={"team": "x"})
    own_id = made["assistant_id"]
    thread_id = sdk.thread()
    ids = {"assistant_id": own_id, "graph_id": "configured"}
    for context, manner in ((None, ["dry", 3]), ({"words": 9}, ["dry", 9])):
        values = sdk.do(partial(wait, thread_id, own_id, context))
        assert manner == values["manner"]
        assert {"tone": "dry", "words": manner[1], **ids} == values["chosen"]
        assert {"team": "x"} == values["about"]
    old = {"configurable": {"tone": "old"}}
    parts = sdk.do(lambda c: c.runs.stream(None, own_id, input={}, config=old))
    values = [part.data for part in parts if part.event == "values"]
    assert ["old", 3] == values[-1]["manner"]
    runs = sdk.do(lambda c: c.runs.list(thread_id))
    assert {own_id} == {run["assistant_id"] for run in runs}
    assert own_id == runs[0]["metadata"]["assistant_id"]
    thread = sdk.do(lambda c: c.threads.get(thread_id))
    assert own_id == thread["metadata"]["assistant_id"]
    (found,) = sdk.do(lambda c: c.threads.search(metadata={"assistant_id": own_id}))
    assert thread_id == found["thread_id"]
    sdk.do(lambda c: c.assistants.delete(own_id, delete_threads=True))
    with pytest.raises(NotFoundError):
        sdk.do(lambda c: c.threads.get(thread_id))


def test_an_answer_goes_to_the_assistant_that_has_asked(sdk: Sdk) -> None:
    made = sdk.do(lambda c: c.assistants.create("asking", metadata=OWN))
    own_id, thread_id = made["assistant_id"], sdk.thread()
    waiting = sdk.do(partial(wait, thread_id, own_id, None))
    (asked,) = waiting["__interrupt__"]
    answer = {"interrupt_id": asked["id"], "response": "yes"}
    command = {"id": 1, "method": "input.respond", "params": answer}
    told = sdk.server.post(f"/threads/{thread_id}/commands", json=command).json()
    run_id = told["result"]["run_id"]
    sdk.do(lambda c: c.runs.join(thread_id, run_id))
    run = sdk.do(lambda c: c.runs.get(thread_id, run_id))
    assert (own_id, "success") == (run["assistant_id"], run["status"])


def test_its_schemas_and_graph_are_those_of_its_graph(sdk: Sdk) -> None:
    def shown(name: str) -> list[Any]:
        return [
            sdk.do(lambda c: c.assistants.get_schemas(name)),
            sdk.do(lambda c: c.assistants.get_graph(name, xray=True)),
            sdk.do(lambda c: c.assistants.get_subgraphs(name, recurse=True)),
        ]

    assert shown("configured") == shown(create(sdk)["assistant_id"])


def test_what_is_wrong_is_told_with_its_type(sdk: Sdk) -> None:
    with pytest.raises(NotFoundError, match="no graph 'nobody'"):
        sdk.do(lambda c: c.assistants.create("nobody"))
    with pytest.raises(UnprocessableEntityError, match="assistant_id"):
        sdk.do(lambda c: c.assistants.create("count", assistant_id="no uuid"))
    both = {"config": {"configurable": {"tone": "a"}}, "context": {"tone": "b"}}
    with pytest.raises(BadRequestError, match="one of them"):
        sdk.do(lambda c: c.assistants.create("count", **both))
    own_id = create(sdk)["assistant_id"]
    with pytest.raises(ConflictError, match="exists already"):
        create(sdk, assistant_id=own_id)
