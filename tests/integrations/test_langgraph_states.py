"""A graph's states by hand: shown as LangGraph sees them, planned without a write."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integrations.graphs import adds, ask, row
from weft.actors import Runtime
from weft.actors.state_keeper import StateKeeper
from weft.integrations.langgraph import graph_workflow
from weft.storage import InvalidArgument, MemoryStore, WorkflowExecutionError

T = 10.0


@pytest.fixture
def runtime() -> Iterator[Runtime]:
    """Return a runtime with one graph and a thread ``t`` of it."""
    graph = row(("a", adds("a")), ("ask", ask), ("b", adds("b"))).compile()
    workflows = [graph_workflow(graph, name="g")]
    with Runtime.open(store=MemoryStore(), workflows=workflows) as opened:
        making = opened.session("s").create_thread("t", workflow="g", thread_id="t")
        making.get(timeout=T)
        yield opened
        assert opened.check().clean


@pytest.fixture
def keeper(runtime: Runtime) -> StateKeeper:
    found = runtime.workflows.get("g").keeper
    assert found is not None
    return found


def asked(runtime: Runtime) -> None:
    """Run the graph until it asks."""
    with pytest.raises(WorkflowExecutionError):
        runtime.thread("t").run({"input": {"log": ["in"]}}).get(timeout=T)


def apply(runtime: Runtime, planned: Any) -> Any:
    operations, checkpoint = planned
    runtime.coordinator.transact(operations).get(timeout=T)
    return checkpoint


def update(values: Any, node: str | None) -> list[list[dict[str, Any]]]:
    return [[{"values": values, "as_node": node}]]


def test_a_thread_without_checkpoints_has_no_state(
    runtime: Runtime, keeper: StateKeeper
) -> None:
    assert keeper.state(runtime.store, "t") is None
    assert [] == keeper.history(runtime.store, "t", limit=10)


def test_a_view_says_what_is_next_and_what_is_waited_for(
    runtime: Runtime, keeper: StateKeeper
) -> None:
    asked(runtime)
    view = keeper.state(runtime.store, "t")
    assert view is not None
    assert (["in", "a"], ["ask"]) == (view["values"]["log"], view["next"])
    (task,) = view["tasks"]
    assert [{"value": {"after": "a"}, "id": task["interrupts"][0]["id"]}] == (
        task["interrupts"]
    )
    assert view["interrupts"] == task["interrupts"]


def test_history_is_newest_first_and_comes_in_pages(
    runtime: Runtime, keeper: StateKeeper
) -> None:
    asked(runtime)
    views = keeper.history(runtime.store, "t", limit=10)
    assert [["ask"], ["a"], ["__start__"]] == [view["next"] for view in views]
    (second,) = keeper.history(
        runtime.store, "t", limit=1, before=views[0]["checkpoint"]
    )
    assert views[1] == second
    source = {"source": "input"}
    assert views[2:] == keeper.history(runtime.store, "t", limit=9, metadata=source)
    assert second == keeper.state(runtime.store, "t", second["checkpoint"])
    gone = {"checkpoint_id": "1f000000-0000-6000-8000-000000000000"}
    assert keeper.state(runtime.store, "t", gone) is None


def test_planning_writes_nothing_and_the_plan_is_one_transaction(
    runtime: Runtime, keeper: StateKeeper
) -> None:
    asked(runtime)
    seq = runtime.store.statistics().seq
    planned = keeper.update(runtime.store, "t", None, update({"log": ["x"]}, "ask"))
    assert seq == runtime.store.statistics().seq
    checkpoint = apply(runtime, planned)
    assert seq + 1 == runtime.store.statistics().seq
    view = keeper.state(runtime.store, "t")
    assert view is not None
    assert (checkpoint, ["b"]) == (view["checkpoint"], view["next"])
    assert ["in", "a", "x"] == view["values"]["log"]
    state = runtime.thread("t").state().get(timeout=T)
    assert state is not None
    assert view["values"] == state.values


def test_an_update_that_ends_the_wait_ends_the_threads_too(
    runtime: Runtime, keeper: StateKeeper
) -> None:
    asked(runtime)
    assert "interrupted" == runtime.thread("t").get().get(timeout=T).status
    for node, status in (("__end__", "idle"), ("a", "interrupted")):
        values = {"log": ["x"]} if node == "a" else None
        apply(runtime, keeper.update(runtime.store, "t", None, update(values, node)))
        assert status == runtime.thread("t").get().get(timeout=T).status


def test_supersteps_build_upon_each_other(
    runtime: Runtime, keeper: StateKeeper
) -> None:
    steps = [*update({"log": ["1"]}, "a"), *update({"log": ["2"]}, "ask")]
    checkpoint = apply(runtime, keeper.update(runtime.store, "t", None, steps))
    views = keeper.history(runtime.store, "t", limit=10)
    assert [["1", "2"], ["1"]] == [view["values"]["log"] for view in views]
    assert checkpoint == views[0]["checkpoint"]
    assert views[0]["parent_checkpoint"] == views[1]["checkpoint"]
    ended = runtime.thread("t").run({"input": None}).get(timeout=T)
    assert ["1", "2", "b"] == ended["log"]


def test_an_update_of_an_earlier_checkpoint_is_a_fork(
    runtime: Runtime, keeper: StateKeeper
) -> None:
    asked(runtime)
    older = keeper.history(runtime.store, "t", limit=10)[1]["checkpoint"]
    apply(
        runtime, keeper.update(runtime.store, "t", older, update({"log": ["y"]}, "a"))
    )
    view = keeper.state(runtime.store, "t")
    assert view is not None
    assert (["in", "y"], older) == (view["values"]["log"], view["parent_checkpoint"])


@pytest.mark.parametrize(
    "steps",
    [
        [],
        [[]],
        update({"log": ["x"]}, "nobody"),
        update([5], "a"),
        [[{"values": {"log": []}}, {"values": {"log": []}}]],
    ],
)
def test_what_does_not_fit_the_graph_is_refused(
    runtime: Runtime, keeper: StateKeeper, steps: Any
) -> None:
    with pytest.raises(InvalidArgument, match="no such update"):
        keeper.update(runtime.store, "t", None, steps)


def test_a_command_updates_and_jumps(runtime: Runtime, keeper: StateKeeper) -> None:
    command = {"update": {"log": ["c"]}, "goto": "b"}
    steps = [[{"command": command, "as_node": "a"}]]
    apply(runtime, keeper.update(runtime.store, "t", None, steps))
    view = keeper.state(runtime.store, "t")
    assert view is not None
    assert ["c"] == view["values"]["log"]
    assert "b" in view["next"]


def test_how_long_a_thread_is_kept_is_no_input_of_its_graph(runtime: Runtime) -> None:
    kept = {"retention": {"strategy": "delete", "ttl_s": 60.0}}
    runtime.coordinator.update_thread("t", config=kept).get(timeout=T)
    asked(runtime)
    answered = runtime.thread("t").run({"resume": "yes"}).get(timeout=T)
    assert ["in", "a", "yes", "b"] == answered["log"]


def test_the_graph_is_drawn(keeper: StateKeeper) -> None:
    drawn = keeper.graph(0)
    assert {"__start__", "a", "ask", "b", "__end__"} == {
        node["id"] for node in drawn["nodes"]
    }
    assert 4 == len(drawn["edges"])


def test_a_states_schema_is_made_of_any_kind_of_typed_dict(
    keeper: StateKeeper,
) -> None:
    schema = keeper.schemas()["state_schema"]
    assert schema is not None
    assert "array" == schema["properties"]["log"]["type"]
