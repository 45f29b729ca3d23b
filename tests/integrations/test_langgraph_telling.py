"""What a graph tells whoever reads along, and does not keep."""

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integrations import graphs
from weft.actors import Runtime, Stream, ThreadHandle
from weft.integrations.langgraph_workflow import graph_workflow
from weft.storage import MemoryStore, Overloaded, WorkflowExecutionError


@pytest.fixture
def runtime() -> Iterator[Runtime]:
    made = {
        "three": graph_workflow(graphs.three().compile(), name="three"),
        "nested": graph_workflow(graphs.nested().compile(), name="nested"),
        "chatting": graph_workflow(graphs.chatting().compile(), name="chatting"),
    }
    with Runtime.open(store=MemoryStore(), workflows=made) as opened:
        yield opened


def thread_of(runtime: Runtime, workflow: str) -> ThreadHandle:
    made = runtime.session("s").create_thread("t", workflow)
    return made.get(timeout=5)


def told(thread: ThreadHandle, **order: Any) -> list[tuple[str, Any]]:
    """Return the events that a run's graph tells."""
    stream: Stream[Any] = Stream(lambda: Overloaded("too slow"))
    thread.start_run(order, stream=stream, mode="parts").get(timeout=5)
    parts: list[Any] = []
    with contextlib.suppress(WorkflowExecutionError):  # it may wait for somebody
        parts.extend(stream)
    return [(part["event"], part["data"]) for part in parts]


def test_updates_are_told_and_the_states_are_values_all_the_same(
    runtime: Runtime,
) -> None:
    thread = thread_of(runtime, "three")
    parts = told(thread, input={"log": ["in"]}, tell=["updates"])
    assert [("updates", {name: {"log": [name]}}) for name in "abc"] == parts
    states = thread.history().get(timeout=5)
    assert ["in", "a", "b", "c"] == states[0].values["log"]
    assert 4 == len(states)


def test_nothing_is_told_that_was_not_asked_for(runtime: Runtime) -> None:
    assert [] == told(thread_of(runtime, "three"), input={"log": ["in"]})


def test_a_message_comes_in_pieces_or_as_far_as_it_has_come(runtime: Runtime) -> None:
    thread = thread_of(runtime, "chatting")
    said = {"messages": [{"role": "user", "content": "Hi"}]}
    parts = told(thread, input=said, tell=["messages-tuple", "messages"])
    pieces = [data[0]["content"] for event, data in parts if event == "messages"]
    assert "Hello to you." == "".join(pieces)
    grown = [data[0]["content"] for event, data in parts if event == "messages/partial"]
    assert ["Hello", "Hello ", "Hello to"] == grown[:3]
    assert "messages/metadata" in {event for event, _ in parts}


def test_graphs_within_tell_where_they_stand_if_asked(runtime: Runtime) -> None:
    thread = thread_of(runtime, "nested")
    asked = {"input": {"log": ["in"]}, "tell": ["updates", "values"]}
    parts = told(thread, **asked, tell_subgraphs=True)
    events = {event.partition(":")[0] for event, _ in parts}
    assert {"updates|inner", "values|inner", "updates"} == events


def test_a_graph_within_is_silent_unless_asked(runtime: Runtime) -> None:
    thread = thread_of(runtime, "nested")
    parts = told(thread, input={"log": ["in"]}, tell=["updates"])
    assert {"updates"} == {event for event, _ in parts}
