"""What a graph tells in the words of the protocol's third version."""

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from langgraph.config import get_stream_writer
from langgraph.prebuilt import ToolNode

from tests.integrations import graphs
from weft.actors import Runtime, Stream, ThreadHandle
from weft.integrations.langgraph_workflow import graph_workflow
from weft.storage import MemoryStore, Overloaded, WorkflowExecutionError


@tool
def shout(text: str) -> str:
    """Say it louder."""
    return text.upper()


def calling() -> Any:
    """Return a graph that calls a tool, and says so."""

    def call(_state: Any) -> Any:
        get_stream_writer()({"about": "to call"})
        call = {"name": "shout", "args": {"text": "hey"}, "id": "c1"}
        return {"messages": [AIMessage("", tool_calls=[call])]}

    return graphs.row(("call", call), ("tools", ToolNode([shout])), state=graphs.Chat)


@pytest.fixture
def runtime() -> Iterator[Runtime]:
    made = {
        "three": graphs.three(),
        "asking": graphs.asking(),
        "nested": graphs.nested(),
        "later": graphs.asynchronous(),
        "chatting": graphs.chatting(),
        "calling": calling(),
    }
    workflows = [
        graph_workflow(builder.compile(), name=name) for name, builder in made.items()
    ]
    with Runtime.open(store=MemoryStore(), workflows=workflows) as opened:
        yield opened


def thread_of(runtime: Runtime, workflow: str) -> ThreadHandle:
    made = runtime.session("s").create_thread("t", workflow)
    return made.get(timeout=5)


def told(thread: ThreadHandle, **order: Any) -> list[tuple[str, Any]]:
    """Return the events that a run's graph tells: names and data."""
    stream: Stream[Any] = Stream(lambda: Overloaded("too slow"))
    asked = {"tell": ["v3"], **order}
    thread.start_run(asked, stream=stream, mode="parts").get(timeout=5)
    parts: list[Any] = []
    with contextlib.suppress(WorkflowExecutionError):  # it may wait for somebody
        parts.extend(stream)
    return [(part["event"], part["data"]["data"]) for part in parts]


def named(parts: list[tuple[str, Any]], name: str) -> list[Any]:
    return [data for event, data in parts if event.partition("|")[0] == name]


@pytest.mark.parametrize("workflow", ["three", "later"])
def test_the_steps_of_a_graph_are_told(runtime: Runtime, workflow: str) -> None:
    parts = told(thread_of(runtime, workflow), input={"log": ["in"]})
    names = "abc" if workflow == "three" else ["a", "later"]
    assert [{name: {"log": [name]}} for name in names] == named(parts, "v3/updates")
    begun = [task for task in named(parts, "v3/tasks") if "result" not in task]
    assert [*names] == [task["name"] for task in begun]
    checkpoints = named(parts, "v3/checkpoints")
    assert ["input", *["loop"] * (len(names) + 1)] == [
        each["source"] for each in checkpoints
    ]
    assert checkpoints[0]["id"] == checkpoints[1]["parent_id"]


@pytest.mark.parametrize("workflow", ["three", "asking", "nested", "later"])
def test_the_states_are_those_of_any_other_run(runtime: Runtime, workflow: str) -> None:
    def states(name: str, **order: Any) -> list[Any]:
        thread = runtime.session(name).create_thread("t", workflow).get(timeout=5)
        with contextlib.suppress(WorkflowExecutionError):
            thread.run({"input": {"log": ["in"]}, **order}).get(timeout=5)
        found = [state.values for state in thread.history().get(timeout=5)]
        for values in found:
            for interrupt in values.get("__interrupt__", ()):
                interrupt.pop("id")  # of the thread's own
        return found

    assert states("plain") == states("told", tell=["v3"])


def test_a_message_is_told_block_by_block(runtime: Runtime) -> None:
    said = {"messages": [{"role": "user", "content": "Hi"}]}
    parts = named(told(thread_of(runtime, "chatting"), input=said), "v3/messages")
    assert ["message-start", "content-block-start"] == [
        each["event"] for each in parts[:2]
    ]
    assert ["content-block-finish", "message-finish"] == [
        each["event"] for each in parts[-2:]
    ]
    deltas = [
        each["delta"]["text"]
        for each in parts
        if each["event"] == "content-block-delta"
    ]
    assert "Hello to you." == "".join(deltas)
    assert len(deltas) > 1


def test_a_tools_call_and_a_nodes_own_words_are_told(runtime: Runtime) -> None:
    parts = told(thread_of(runtime, "calling"), input={"messages": []})
    assert [{"payload": {"about": "to call"}}] == named(parts, "v3/custom")
    tools = named(parts, "v3/tools")
    assert ["tool-started", "tool-finished"] == [each["event"] for each in tools]
    assert ("c1", "shout") == (tools[0]["tool_call_id"], tools[0]["tool_name"])
    assert "HEY" == tools[1]["output"]["content"]


def test_graphs_within_tell_of_their_lives_where_they_stand(runtime: Runtime) -> None:
    parts = told(thread_of(runtime, "nested"), input={"log": ["in"]})
    lives = [event for event, _ in parts if event.startswith("v3/lifecycle")]
    assert 2 == len(lives)
    assert lives[0] == lives[1]
    assert lives[0].startswith("v3/lifecycle|inner:")
    assert ["started", "interrupted"] == [
        each["event"] for each in named(parts, "v3/lifecycle")
    ]
    inner = [data for event, data in parts if event.startswith("v3/values|inner:")]
    assert ["in"] == inner[0]["log"]


def test_nothing_is_told_of_what_is_waited_for_but_the_state(runtime: Runtime) -> None:
    thread = thread_of(runtime, "asking")
    parts = told(thread, input={"log": ["in"]})
    assert [{"a": {"log": ["a"]}}] == named(parts, "v3/updates")
    last = thread.history().get(timeout=5)[0].values
    assert [{"after": "a"}] == [each["value"] for each in last["__interrupt__"]]
    done = told(thread, resume="answer")
    assert [{"ask": {"log": ["answer"]}}, {"z": {"log": ["z"]}}] == named(
        done, "v3/updates"
    )


def test_a_graph_that_is_stopped_leaves_nothing_behind(runtime: Runtime) -> None:
    thread = thread_of(runtime, "three")
    parts = told(thread, input={"log": ["in"]}, interrupt_before=["b"])
    assert [{"a": {"log": ["a"]}}] == named(parts, "v3/updates")
    parts = told(thread)
    assert [{"b": {"log": ["b"]}}, {"c": {"log": ["c"]}}] == named(parts, "v3/updates")


def test_a_failure_is_the_runs_own(runtime: Runtime) -> None:
    thread = thread_of(runtime, "chatting")
    order = {"input": {"messages": "none"}, "tell": ["v3"], "recursion_limit": 1}
    with pytest.raises(WorkflowExecutionError, match="GraphRecursionError"):
        thread.run(order).get(timeout=5)
