"""The saver beyond conformance: fences, tombstones, one version stored once."""

import asyncio
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.base import (
    ChannelVersions,
    Checkpoint,
    empty_checkpoint,
)
from langgraph.types import Command

from tests.integrations import graphs
from weft.actors import Runtime
from weft.integrations.langgraph import SESSION_ID, WeftSaver
from weft.storage import (
    InvalidArgument,
    LmdbStore,
    MemoryStore,
    StaleRevision,
    StartRun,
    StoreClosed,
    StoreLocked,
    ThreadBusy,
    ThreadNotFound,
    new_id,
)
from weft.storage.check import check


@pytest.fixture
def store() -> Iterator[MemoryStore]:
    made = MemoryStore()
    yield made
    made.close()


@pytest.fixture
def saver(store: MemoryStore) -> Iterator[WeftSaver]:
    with WeftSaver(store) as made:
        yield made


def config(thread_id: str = "t", **more: Any) -> Any:
    return {"configurable": {"thread_id": thread_id, "checkpoint_ns": "", **more}}


def checkpoint(**values: tuple[Any, Any]) -> Checkpoint:
    """Return a checkpoint of channels, each a version and a value."""
    made = empty_checkpoint()
    made["channel_values"] = {name: value for name, (_, value) in values.items()}
    made["channel_versions"] = {name: version for name, (version, _) in values.items()}
    return made


def put(saver: WeftSaver, where: Any, **metadata: Any) -> Any:
    given: Any = {"source": "loop", **metadata}
    return saver.put(where, empty_checkpoint(), given, {})


def ids(saver: WeftSaver, where: Any = None, **how: Any) -> list[str]:
    return [one.checkpoint["id"] for one in saver.list(where or config(), **how)]


# Life and death of a thread


def test_a_put_creates_the_thread_in_the_savers_session(
    saver: WeftSaver, store: MemoryStore
) -> None:
    put(saver, config())
    with store.read() as snapshot:
        thread = snapshot.thread("t")
        assert check(snapshot).inconsistencies == []
    assert thread is not None
    assert (SESSION_ID, "t") == (thread.session_id, thread.thread_name)


@pytest.mark.parametrize("with_parent", [True, False])
def test_a_late_put_does_not_bring_a_deleted_thread_back(
    saver: WeftSaver, *, with_parent: bool
) -> None:
    first = put(saver, config())
    saver.delete_thread("t")
    with pytest.raises(ThreadNotFound, match="was removed"):
        put(saver, first if with_parent else config())
    with pytest.raises(ThreadNotFound, match="was removed"):
        saver.put_writes(first, [("a", 1)], "task")
    assert saver.get_tuple(config()) is None
    assert [] == list(saver.list(None))


def test_a_deleted_thread_begins_a_new_life_when_it_is_created(
    saver: WeftSaver,
) -> None:
    old = put(saver, config())
    saver.delete_thread("t")
    saver.create_thread("t")
    assert 2 == saver.rev("t")
    new = put(saver, config())
    with pytest.raises(StaleRevision, match="not of the present life"):
        put(saver, old)
    with pytest.raises(StaleRevision, match="at revision 2"):
        put(saver, config(weft_rev=1))
    assert [new["configurable"]["checkpoint_id"]] == ids(saver)


def test_deleting_a_thread_leaves_nothing_of_its_checkpoints(
    saver: WeftSaver, store: MemoryStore
) -> None:
    for thread_id in ("t", "u"):
        where = put(saver, config(thread_id), run_id="r")
        saver.put_writes(where, [("a", 1)], "task")
    with store.read() as snapshot:
        everything = dict(snapshot.entries("C"))
    saver.delete_thread("t")
    with store.read() as snapshot:
        left = dict(snapshot.entries("C"))
    assert left.items() <= everything.items()
    assert 2 * len(left) == len(everything)


def test_a_session_that_closes_takes_the_checkpoints_along(tmp_path: Path) -> None:
    with Runtime.open(tmp_path / "data") as runtime, WeftSaver(runtime) as saver:
        put(saver, config())
        (thread,) = runtime.session(SESSION_ID).threads().get(timeout=5)
        assert "t" == thread.thread_id
        runtime.coordinator.close_session(SESSION_ID).get(timeout=10)
        assert saver.get_tuple(config()) is None
        with pytest.raises(ThreadNotFound):
            put(saver, config())


# Who may write


def test_a_run_that_another_one_followed_cannot_write(saver: WeftSaver) -> None:
    first = put(saver, config(), run_id="old")
    put(saver, first, run_id="new")
    with pytest.raises(StaleRevision, match="'old' was superseded"):
        put(saver, first, run_id="old")
    late = config(checkpoint_id=first["configurable"]["checkpoint_id"])
    late["metadata"] = {"run_id": "old"}
    with pytest.raises(StaleRevision, match="'old' was superseded"):
        saver.put_writes(late, [("a", 1)], "task")
    put(saver, first, run_id="new")  # upon an older checkpoint: a fork
    assert 3 == len(ids(saver))


def test_two_forks_of_one_checkpoint_keep_their_own_values(saver: WeftSaver) -> None:
    root = saver.put(config(), checkpoint(), {}, {})
    found = []
    for word in ("left", "right"):
        version = saver.get_next_version(None, None)
        fork = checkpoint(a=(version, word))
        found.append(saver.put(root, fork, {"source": "fork"}, {"a": version}))
    values = [saver.get_tuple(where) for where in found]
    assert ["left", "right"] == [
        one.checkpoint["channel_values"]["a"] for one in values if one
    ]
    assert [root["configurable"]] * 2 == [
        one.parent_config["configurable"] for one in values if one and one.parent_config
    ]


def test_beside_a_run_in_progress_nobody_else_writes(
    saver: WeftSaver, store: MemoryStore
) -> None:
    where = put(saver, config())
    store.apply([StartRun(op_id=new_id(), at_us=1, thread_id="t", run_id="r")])
    with pytest.raises(ThreadBusy):
        put(saver, where)
    with pytest.raises(ThreadBusy):
        saver.prune(["t"])
    put(saver, config(run_id="r", __weft_attempt=1))
    with pytest.raises(StaleRevision):
        put(saver, config(run_id="r", __weft_attempt=2))


def test_a_run_whose_checkpoints_were_deleted_stays_superseded(
    saver: WeftSaver,
) -> None:
    put(saver, config(), run_id="old")
    put(saver, config(), run_id="new")
    saver.delete_for_runs(["old"])
    with pytest.raises(StaleRevision):
        put(saver, config(), run_id="old")


# What is stored


def test_a_version_of_a_channel_is_stored_once(
    saver: WeftSaver, store: MemoryStore
) -> None:
    where, size = config(), 100_000
    versions: ChannelVersions = {"big": "1.1", "small": "1.2"}
    for step in range(10):
        versions["small"] = f"{step}.2"
        made = checkpoint(
            big=(versions["big"], "x" * size), small=(versions["small"], step)
        )
        new: ChannelVersions = {"small": versions["small"]} if step else versions
        where = saver.put(where, made, {"step": step}, new)
    assert store.statistics().engine.used_bytes < 1.5 * size
    found = saver.get_tuple(where)
    assert found is not None
    expected = {"big": "x" * size, "small": 9}
    assert expected == found.checkpoint["channel_values"]


def test_pruning_drops_the_values_that_nobody_has_any_more(
    saver: WeftSaver, store: MemoryStore
) -> None:
    where = config()
    for step in range(5):
        made = checkpoint(a=("1.1", "kept"), b=(f"{step}.2", "x" * 10_000))
        new: ChannelVersions = {"b": f"{step}.2"}
        if not step:
            new["a"] = "1.1"
        where = saver.put(where, made, {"step": step}, new)
    before = store.statistics().engine.used_bytes
    saver.prune(["t"])
    assert before - store.statistics().engine.used_bytes > 39_000
    found = saver.get_tuple(config())
    assert found is not None
    assert {"a": "kept", "b": "x" * 10_000} == found.checkpoint["channel_values"]


def test_a_list_longer_than_a_page_is_whole_and_in_order(saver: WeftSaver) -> None:
    where, made = config(), []
    for step in range(150):
        where = put(saver, where, step=step, odd=step % 2)
        made.append(where["configurable"]["checkpoint_id"])
    assert made[::-1] == ids(saver)
    assert made[::-1][:70] == ids(saver, limit=70)
    assert made[1::2][::-1] == ids(saver, filter={"odd": 1})
    assert made[:100][::-1] == ids(saver, before=config(checkpoint_id=made[100]))
    assert [made[7]] == ids(saver, config(checkpoint_id=made[7]))


def test_all_threads_and_namespaces_are_listed(saver: WeftSaver) -> None:
    for thread_id in ("t", "u", new_id()):
        for namespace in ("", "inner:1", "inner:1|deep:2"):
            put(saver, config(thread_id, checkpoint_ns=namespace))
    places = {
        (one.config["configurable"]["thread_id"], one.config["configurable"][key])
        for one in saver.list(None)
        for key in ["checkpoint_ns"]
    }
    assert 9 == len(places)
    assert 3 == len(ids(saver, {"configurable": {"thread_id": "t"}}))


def test_a_copy_lives_on_when_its_source_is_deleted(saver: WeftSaver) -> None:
    made = checkpoint(a=("1.1", "value"))
    saver.put(config(), made, {"run_id": "r"}, {"a": "1.1"})
    saver.copy_thread("t", "copy")
    saver.delete_thread("t")
    found = saver.get_tuple(config("copy"))
    assert found is not None
    assert {"a": "value"} == found.checkpoint["channel_values"]
    saver.delete_for_runs(["r"])
    assert [] == ids(saver, config("copy"))


# The store behind it


def test_what_was_put_is_there_when_the_directory_is_opened_again(
    tmp_path: Path,
) -> None:
    tmp_path.joinpath("empty").mkdir()
    with WeftSaver.open(tmp_path / "empty") as saver:
        graph = graphs.three().compile(checkpointer=saver)
        result = graph.invoke({"log": ["in"]}, config())
        with pytest.raises(StoreLocked):
            WeftSaver.open(tmp_path / "empty")
    with WeftSaver.open(tmp_path / "empty") as saver:
        graph = graphs.three().compile(checkpointer=saver)
        assert result == graph.get_state(config()).values
        assert 5 == len(list(graph.get_state_history(config())))


def test_a_runtime_takes_the_store_over_from_a_saver_that_came_first(
    tmp_path: Path,
) -> None:
    store = LmdbStore(tmp_path / "data")
    with WeftSaver(store) as saver:
        put(saver, config("before"))
        with Runtime.open(store=store) as runtime:
            threads = runtime.session(SESSION_ID).threads
            assert {"before"} == {t.thread_id for t in threads().get(timeout=5)}
            put(saver, config("during"))
            assert {"before", "during"} == {
                t.thread_id for t in threads().get(timeout=5)
            }
        with pytest.raises(StoreClosed):
            put(saver, config("after"))


def test_a_closed_saver_says_so_and_a_given_store_stays_open(
    store: MemoryStore,
) -> None:
    saver = WeftSaver(store)
    put(saver, config())
    saver.close()
    saver.close()
    with pytest.raises(StoreClosed):
        put(saver, config())
    with WeftSaver(store) as other:
        assert 1 == len(ids(other))
        put(other, config())


@pytest.mark.parametrize(
    "where",
    [{"configurable": {}}, config(""), config("x" * 101), config(checkpoint_id="\n")],
)
def test_a_config_that_points_nowhere_is_refused(saver: WeftSaver, where: Any) -> None:
    with pytest.raises(InvalidArgument) as caught:
        put(saver, where)
    assert str(caught.value) == str(pickle.loads(pickle.dumps(caught.value)))  # noqa: S301


# With graphs


def test_a_graph_waits_for_an_answer_and_goes_on(saver: WeftSaver) -> None:
    graph = graphs.nested().compile(checkpointer=saver)
    waiting = graph.invoke({"log": ["in"]}, config())
    assert [{"after": "inner a"}] == [i.value for i in waiting["__interrupt__"]]
    done = graph.invoke(Command(resume="yes"), config())
    assert ["in", "in", "inner a", "yes", "z"] == done["log"]


def test_async_graphs_of_many_tasks_share_one_saver(tmp_path: Path) -> None:
    async def run() -> list[Any]:
        async with WeftSaver.open(tmp_path / "data") as saver:
            graph = graphs.asynchronous().compile(checkpointer=saver)
            return await asyncio.gather(
                *(graph.ainvoke({"log": [f"{n}"]}, config(f"t{n}")) for n in range(20))
            )

    expected = [{"log": [f"{n}", "a", "later"]} for n in range(20)]
    assert expected == asyncio.run(run())


def test_time_travel_forks_and_both_branches_stay(saver: WeftSaver) -> None:
    graph = graphs.three().compile(checkpointer=saver)
    graph.invoke({"log": ["in"]}, config())
    after_a = next(
        state
        for state in graph.get_state_history(config())
        if state.values.get("log") == ["in", "a"]
    )
    forked = graph.update_state(after_a.config, {"log": ["forked"]})
    assert {"log": ["in", "a", "forked", "b", "c"]} == graph.invoke(None, forked)
    kept = [state.values.get("log") for state in graph.get_state_history(config())]
    assert ["in", "a", "b", "c"] in kept


@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
def test_a_graph_ends_alike_in_every_durability(
    saver: WeftSaver, durability: Any
) -> None:
    graph = graphs.three().compile(checkpointer=saver)
    result = graph.invoke({"log": ["in"]}, config(), durability=durability)
    assert {"log": ["in", "a", "b", "c"]} == result
    assert result == graph.get_state(config()).values
    expected = 1 if durability == "exit" else 5
    assert expected == len(ids(saver))


@pytest.mark.parametrize("invocations", [1, 3, 8])
def test_pruning_keeps_what_a_delta_channel_is_rebuilt_from(
    saver: WeftSaver, invocations: int
) -> None:
    graph = graphs.summing().compile(checkpointer=saver)
    for number in range(invocations):
        graph.invoke({"log": [str(number)]}, config())
    expected = graph.get_state(config()).values
    assert 2 * invocations == len(expected["log"])
    before = len(ids(saver))
    saver.prune(["t"])
    assert expected == graph.get_state(config()).values
    assert (invocations > 1) == (len(ids(saver)) < before)
