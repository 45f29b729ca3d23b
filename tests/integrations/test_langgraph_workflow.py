"""Compiled graphs as workflows: input, streams, interrupts, fences."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import HumanMessage

from tests.integrations import graphs
from tests.integrations.graphs import Log, adds, row
from weft.actors import Runtime, ThreadHandle, workflow
from weft.integrations import adapters
from weft.integrations.langgraph import (
    Order,
    WeftSaver,
    graph_workflow,
    run_config,
)
from weft.integrations.langgraph_plain import plain
from weft.storage import (
    CheckpointReader,
    InvalidArgument,
    MemoryStore,
    RunInterrupted,
    SessionThreadException,
    StaleRevision,
    ThreadBusy,
    ThreadNotFound,
    WorkflowExecutionError,
)

GRAPHS = {
    "three": graphs.three,
    "asking": graphs.asking,
    "nested": graphs.nested,
    "later": graphs.asynchronous,
    "chat": graphs.chatting,
    "both": graphs.asking_twice,
    "counting": graphs.counting,
}
TIMEOUT_S = 30


@pytest.fixture
def runtime() -> Iterator[Runtime]:
    workflows = {
        name: graph_workflow(make().compile()) for name, make in GRAPHS.items()
    }
    with Runtime.open(store=MemoryStore(), workflows=workflows) as made:
        yield made


def thread_of(runtime: Runtime, workflow: str) -> ThreadHandle:
    session = runtime.session("alice")
    return session.create_thread("notes", workflow=workflow).get(timeout=TIMEOUT_S)


def run(thread: ThreadHandle, config: Any) -> Any:
    return thread.run(config).get(timeout=TIMEOUT_S)


def values_of(thread: ThreadHandle) -> Any:
    """Return the thread's last state."""
    state = thread.state().get(timeout=5)
    assert state is not None
    return state.values


def waits(thread: ThreadHandle, config: Any) -> list[Any]:
    """Return what a run's graph waits for."""
    with pytest.raises(WorkflowExecutionError) as caught:
        run(thread, config)
    assert isinstance(caught.value.cause, RunInterrupted)
    found: list[Any] = caught.value.cause.details["interrupts"]
    return [one["value"] for one in found]


def test_a_run_invokes_the_graph_and_its_states_are_the_values(
    runtime: Runtime,
) -> None:
    thread = thread_of(runtime, "three")
    states = list(thread.stream({"input": {"log": ["in"]}}))
    expected = [["in", "a", "b", "c"][:n] for n in range(1, 5)]
    assert expected == [state["log"] for state in states]
    assert {"log": ["in", "a", "b", "c"]} == values_of(thread)
    assert runtime.check().inconsistencies == []


def test_a_step_is_one_transaction_of_checkpoint_and_state(runtime: Runtime) -> None:
    thread = thread_of(runtime, "three")
    streamed = list(thread.stream({"input": {"log": ["in"]}}))
    with runtime.store.read() as snapshot:
        states = list(snapshot.states(thread.thread_id))
        checkpoints = CheckpointReader(snapshot).checkpoints(thread.thread_id, "")
        steps = list(checkpoints)[:-1]  # the first one is the input
    assert streamed == [state.values for state in reversed(states)]
    assert [c.created_seq for c in steps] == [s.created_seq for s in states]
    assert {run.run_id for run in steps} == {state.run_id for state in states}


@pytest.mark.parametrize(
    "more", [{"durability": "async"}, {"stream_mode": "values"}, {"subgraphs": True}]
)
def test_however_it_is_stored_each_streamed_state_is_there_once(
    runtime: Runtime, more: Any
) -> None:
    thread = thread_of(runtime, "three")
    streamed = list(thread.stream({"input": {"log": ["in"]}, **more}))
    states = thread.history().get(timeout=5)
    assert streamed == [state.values for state in reversed(states)]
    assert 4 == len(streamed)


def test_a_config_without_an_orders_fields_is_the_input(runtime: Runtime) -> None:
    thread = thread_of(runtime, "three")
    assert {"log": ["in", "a", "b", "c"]} == run(thread, {"log": ["in"]})
    again = run(thread, {"log": ["2"]})
    assert {"log": ["in", "a", "b", "c", "2", "a", "b", "c"]} == again


@pytest.mark.parametrize("workflow", ["asking", "nested"])
def test_a_graph_that_asks_ends_its_run_interrupted_and_is_resumed(
    runtime: Runtime, workflow: str
) -> None:
    thread = thread_of(runtime, workflow)
    (question,) = waits(thread, {"input": {"log": ["in"]}})
    assert "after" in question
    assert "interrupted" == thread.get().get(timeout=5).status
    assert question == values_of(thread)["__interrupt__"][0]["value"]
    assert ["yes", "z"] == run(thread, {"resume": "yes"})["log"][-2:]
    assert "idle" == thread.get().get(timeout=5).status


def test_a_graph_that_asks_twice_at_once_tells_of_all_that_is_still_asked(
    runtime: Runtime,
) -> None:
    thread = thread_of(runtime, "both")
    assert ["first?", "second?"] == waits(thread, {"input": {"log": ["in"]}})
    questions = values_of(thread)["__interrupt__"]
    assert ["first?", "second?"] == [each["value"] for each in questions]
    first, second = (each["id"] for each in questions)
    assert ["second?"] == waits(thread, {"resume": {first: "1"}})
    assert [second] == [each["id"] for each in values_of(thread)["__interrupt__"]]
    assert ["in", "1", "2"] == run(thread, {"resume": {second: "2"}})["log"]


def test_what_no_node_has_written_yet_makes_no_second_state(runtime: Runtime) -> None:
    thread = thread_of(runtime, "counting")
    streamed = list(thread.stream({"input": {"log": ["in"]}}))
    expected = [{"log": ["in"], "n": n} for n in (0, 1)]
    assert expected == streamed
    states = thread.history().get(timeout=5)
    assert expected == [state.values for state in reversed(states)]


def test_a_graph_stops_where_it_is_told_to_and_goes_on_without_input(
    runtime: Runtime,
) -> None:
    thread = thread_of(runtime, "three")
    order = {"input": {"log": ["in"]}, "interrupt_before": ["b"]}
    assert [] == waits(thread, order)
    assert {"log": ["in", "a", "b", "c"]} == run(thread, {"input": None})


def test_every_stream_mode_is_a_states_mode(runtime: Runtime) -> None:
    thread = thread_of(runtime, "chat")
    modes = ["values", "updates", "messages", "tasks", "checkpoints", "debug", "custom"]
    order = {
        "input": {"messages": [{"role": "user", "content": "hi"}]},
        "stream_mode": modes,
    }
    states = list(thread.stream(order))
    assert set(modes) - {"custom"} == {state["mode"] for state in states}
    words = [s["data"][0]["content"] for s in states if s["mode"] == "messages"]
    assert "Hello to you." == "".join(words)


def test_what_a_graph_within_does_is_streamed_if_asked(runtime: Runtime) -> None:
    thread = thread_of(runtime, "nested")
    order = {
        "input": {"log": ["in"]},
        "stream_mode": "updates",
        "subgraphs": True,
        "interrupt_before": ["z"],
    }
    states: list[Any] = []
    with pytest.raises(WorkflowExecutionError):
        exhaust(thread.stream(order), states)
    inner = [s for s in states if s["namespace"]]
    assert {"inner_a": {"log": ["inner a"]}} == inner[0]["data"]


def exhaust(stream: Any, into: list[Any]) -> None:
    """Append what a stream has, up to its failure."""
    for state in stream:
        into.append(state)  # noqa: PERF402 - extend() keeps nothing of what fails


@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
def test_a_run_takes_langgraphs_durability(runtime: Runtime, durability: str) -> None:
    thread = thread_of(runtime, "three")
    run(thread, {"input": {"log": ["in"]}, "durability": durability})
    saver = WeftSaver(runtime)
    here: Any = {"configurable": {"thread_id": thread.thread_id}}
    assert (1 if durability == "exit" else 5) == len(list(saver.list(here)))


def test_a_graph_of_async_nodes_runs_in_a_loop_of_its_own(runtime: Runtime) -> None:
    thread = thread_of(runtime, "later")
    assert {"log": ["in", "a", "later"]} == run(thread, {"log": ["in"]})


def test_a_run_forks_from_a_checkpoint(runtime: Runtime) -> None:
    thread = thread_of(runtime, "three")
    run(thread, {"log": ["in"]})
    here: Any = {"configurable": {"thread_id": thread.thread_id}}
    after_a = [
        one
        for one in WeftSaver(runtime).list(here)
        if one.checkpoint["channel_values"].get("log") == ["in", "a"]
    ]
    checkpoint_id = after_a[0].checkpoint["id"]
    order = {"checkpoint_id": checkpoint_id, "update": {"log": ["forked"]}}
    assert {"log": ["in", "a", "forked", "b", "c"]} == run(thread, order)


def test_a_jump_leaves_out_what_lies_between(runtime: Runtime) -> None:
    thread = thread_of(runtime, "three")
    assert "c" == run(thread, {"input": {"log": ["in"]}})["log"][-1]
    assert ["again", "c"] == run(thread, {"update": {"log": ["again"]}, "goto": "c"})[
        "log"
    ][-2:]


@pytest.mark.parametrize("as_list", [False, True])
def test_a_jump_gives_a_node_an_input_of_its_own(
    runtime: Runtime, as_list: bool
) -> None:
    thread = thread_of(runtime, "counting")
    run(thread, {"input": {"log": ["in"]}})
    sent = {"node": "add", "input": {"n": 41}}
    assert 43 == run(thread, {"goto": [sent] if as_list else sent})["n"]


def test_an_update_may_be_pairs_of_a_name_and_a_value(runtime: Runtime) -> None:
    thread = thread_of(runtime, "three")
    run(thread, {"input": {"log": ["in"]}})
    update = [["log", ["x"]], ["log", ["y"]]]
    expected = ["in", "a", "b", "c", "x", "y"]
    assert expected == run(thread, {"update": update})["log"]


def test_a_node_that_awaits_is_cancelled_there() -> None:
    begun = threading.Event()

    async def wait(_state: Log) -> Log:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    graph = row(("a", adds("a")), ("wait", wait)).compile()
    workflows = {"waiting": graph_workflow(graph)}
    with Runtime.open(store=MemoryStore(), workflows=workflows) as runtime:
        thread = thread_of(runtime, "waiting")
        going_on = thread.run({"input": {"log": ["in"]}})
        assert begun.wait(TIMEOUT_S)
        run_id = thread.get().get(timeout=5).run_id
        assert run_id is not None
        runtime.coordinator.cancel_run(run_id).get(timeout=5)
        with pytest.raises(WorkflowExecutionError):
            going_on.get(timeout=TIMEOUT_S)
        assert "interrupted" == thread.get().get(timeout=5).status
        assert {"log": ["in", "a"]} == values_of(thread)


def test_a_workflow_calls_a_graph_on_its_own_thread() -> None:
    @workflow
    def twice(context: Any, _config: Any) -> Any:
        saver = WeftSaver(context.store)
        graph = graphs.three().compile(checkpointer=saver)
        graph.invoke({"log": ["1"]}, run_config(context))
        yield graph.get_state(run_config(context)).values
        with pytest.raises(ThreadBusy):  # somebody who is not the run
            graph.update_state(
                {"configurable": {"thread_id": context.thread_id}}, {"log": ["no"]}
            )
        yield graph.invoke(None, run_config(context))

    with Runtime.open(store=MemoryStore(), workflows=[twice]) as runtime:
        expected = {"log": ["1", "a", "b", "c"]}
        assert expected == run(thread_of(runtime, "twice"), {})


def test_a_run_on_a_removed_thread_cannot_bring_it_back() -> None:
    inside, go_on = threading.Event(), threading.Event()

    def hold(_state: Log) -> Log:
        inside.set()
        assert go_on.wait(TIMEOUT_S)
        return {"log": ["held"]}

    graph = row(("hold", hold), ("z", adds("z"))).compile()
    workflows = {"hold": graph_workflow(graph)}
    with Runtime.open(store=MemoryStore(), workflows=workflows) as runtime:
        thread = thread_of(runtime, "hold")
        running = thread.run({"log": ["in"]})
        assert inside.wait(TIMEOUT_S)
        saver = WeftSaver(runtime)
        saver.delete_thread(thread.thread_id)
        go_on.set()
        with pytest.raises(ThreadNotFound):
            running.get(timeout=TIMEOUT_S)
    here: Any = {"configurable": {"thread_id": thread.thread_id}}
    assert saver.get_tuple(here) is None


def test_a_write_of_a_run_that_has_ended_is_stale(runtime: Runtime) -> None:
    thread = thread_of(runtime, "three")
    run(thread, {"log": ["in"]})
    (ended,) = runtime.coordinator.list_runs(thread.thread_id).get(timeout=5)
    saver = WeftSaver(runtime)
    here: Any = {"configurable": {"thread_id": thread.thread_id, "checkpoint_ns": ""}}
    latest = saver.get_tuple(here)
    assert latest is not None
    fence = {"run_id": ended.run_id, "__weft_attempt": 1}
    late: Any = {"configurable": {**latest.config["configurable"], **fence}}
    with pytest.raises(StaleRevision):
        saver.put(late, latest.checkpoint, {"source": "loop"}, {})
    with pytest.raises(StaleRevision):
        saver.put_writes(late, [("log", ["x"])], "task")


def test_a_transferred_thread_keeps_its_checkpoints(runtime: Runtime) -> None:
    thread = thread_of(runtime, "asking")
    waits(thread, {"log": ["in"]})
    thread.transfer_to("bob").get(timeout=TIMEOUT_S)
    assert {"log": ["in", "a", "yes", "z"]} == run(thread, {"resume": "yes"})


def test_a_wrong_order_is_refused_before_the_graph_begins(runtime: Runtime) -> None:
    thread = thread_of(runtime, "three")
    with pytest.raises(WorkflowExecutionError) as caught:
        run(thread, {"input": {"log": ["in"]}, "durabilty": "sync"})
    assert isinstance(caught.value.cause, InvalidArgument)
    assert "durabilty" in str(caught.value.cause)


def test_an_adapter_knows_a_graph_by_its_class_and_nothing_else() -> None:
    made = adapters.langgraph(graphs.three().compile(name="three"))
    assert made is not None
    assert "three" == made.name
    assert [None] * 3 == [adapters.langgraph(x) for x in (1, "x", object())]


def test_a_compiled_graph_itself_can_be_registered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path / "installed" / "adapters-1.0.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Name: adapters\nVersion: 1.0\n")
    entry = "[weft.workflows]\nlanggraph = weft.integrations.adapters:langgraph\n"
    (installed / "entry_points.txt").write_text(entry)
    monkeypatch.syspath_prepend(installed.parent)
    graph = graphs.three().compile()
    with Runtime.open(tmp_path / "data", workflows={"graph": graph}) as runtime:
        thread = thread_of(runtime, "graph")
        assert {"log": ["in", "a", "b", "c"]} == run(thread, {"log": ["in"]})


def test_outside_of_a_runtime_a_graph_does_not_run_as_a_workflow() -> None:
    made = graph_workflow(graphs.three().compile())

    class Context:
        store = None

    with pytest.raises(SessionThreadException, match="in a runtime"):
        made(Context(), {})


def test_an_order_tells_data_from_commands() -> None:
    assert {"log": []} == Order.of({"log": []}).graph_input
    assert Order.of({}).graph_input is None
    assert False is Order.of({"resume": False}).graph_input.resume


def test_what_is_streamed_is_made_plain() -> None:
    class Odd:
        def __repr__(self) -> str:
            return "<odd>"

    message = plain({"m": (HumanMessage("hi"),), 1: {Odd()}, "e": ValueError("no")})
    assert "hi" == message["m"][0]["content"]
    assert ["<odd>"] == message["1"]
    assert {"type": "ValueError", "message": "no"} == message["e"]
