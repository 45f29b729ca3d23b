"""What a thread's checkpoints need, and what of them is old."""

import io

import pytest

from tests.storage.client import START_US, Client, dump, in_memory
from tests.storage.planting import plant
from tests.storage.samples import checkpoint
from weft.storage import (
    CheckpointReader,
    MemoryStore,
    NewValue,
    NewWrite,
    PutCheckpoint,
    PutWrites,
)
from weft.storage import operations as op
from weft.storage.check import check
from weft.storage.export import export_lines
from weft.storage.graph import Graph, is_passing
from weft.storage.import_jsonl import Importer
from weft.storage.retention import History, Retention, plan_threads
from weft.storage.rules_retention import Forgotten

BLOB = ("null", b"")
TASK = "node:1c9e"

store = pytest.fixture(in_memory)


@pytest.fixture(autouse=True)
def world(client: Client) -> None:
    client.do(op.CreateSession(session_id="a"))
    client.do(op.CreateThreads(session_id="a", threads=(op.NewThread("t", "one"),)))


def put(
    client: Client,
    checkpoint_id: str,
    parent_id: str | None = None,
    *,
    namespace: str = "",
    deltas: tuple[str, ...] = (),
    new: bool = True,
    **versions: str,
) -> None:
    """Put a checkpoint with a write upon it; its channels' values are new in it."""
    client.do(
        PutCheckpoint(
            thread_id="t",
            checkpoint_ns=namespace,
            checkpoint_id=checkpoint_id,
            parent_id=parent_id,
            versions=dict(versions),
            data=BLOB,
            metadata=BLOB,
            deltas=deltas,
            values=tuple(NewValue(*item, BLOB) for item in versions.items() if new),
        )
    )
    client.do(
        PutWrites(
            thread_id="t",
            checkpoint_ns=namespace,
            checkpoint_id=checkpoint_id,
            task_id="task",
            writes=(NewWrite(0, "words", BLOB),),
        )
    )


def graph_of(client: Client) -> Graph:
    graph = Graph("t")
    for key, value in client.see(lambda s: list(s.graph_entries("t"))):
        graph.add(key[-1], value)
    return graph


def ids(client: Client, namespace: str = "") -> list[str]:
    return client.see(
        lambda s: [
            one.checkpoint_id for one in CheckpointReader(s).checkpoints("t", namespace)
        ]
    )


def forget(client: Client, history: History, now_us: int = START_US * 2) -> Forgotten:
    """Plan and apply what a history loses."""
    policy = Retention(None, None, None, None, history=history)
    plan = client.see(lambda s: plan_threads(s, policy, now_us))
    if plan.operation is None:
        return Forgotten()
    forgotten: Forgotten = client.do(plan.operation)
    assert client.see(lambda s: check(s).inconsistencies) == []
    return forgotten


def sums(client: Client, count: int) -> None:
    """Put a chain of checkpoints of one sum, which begins at the third."""
    parent_id = None
    for number in range(1, count + 1):
        put(
            client, f"c{number}", parent_id, deltas=("sum",), new=number == 3,
            sum=f"{number}.1",
        )  # fmt: skip
        parent_id = f"c{number}"


# What needs what


def test_a_sum_of_writes_needs_its_ancestors_down_to_the_last_value(
    client: Client,
) -> None:
    sums(client, 5)
    graph = graph_of(client)
    assert {("", "c5"), ("", "c4"), ("", "c3")} == graph.sources(("", "c5")).places
    assert {("", "c2"), ("", "c1")} == graph.sources(("", "c2")).places
    assert graph.is_sound


def test_a_sum_that_lost_its_beginning_is_broken(client: Client) -> None:
    for number in (1, 2):
        put(client, f"c{number}", f"c{number - 1}", deltas=("s",), new=False, s="1.1")
    assert [("", "c1"), ("", "c2")] == graph_of(client).broken()
    assert not graph_of(client).is_sound


def test_checkpoints_that_are_each_others_parents_are_broken(client: Client) -> None:
    put(client, "c1", "c2", deltas=("s",), new=False, s="1.1")
    put(client, "c2", "c1", deltas=("s",), new=False, s="1.1")
    assert [("", "c1"), ("", "c2")] == graph_of(client).broken()


def test_what_goes_takes_its_writes_and_values_and_no_others(client: Client) -> None:
    put(client, "c1", a="1.1", b="1.1")
    put(client, "c2", "c1", a="2.1")
    put(client, "c3", "c1", new=False, b="1.1")
    gone = graph_of(client).leftovers({("", "c1")})
    assert 3 == len(gone)  # itself, its write, and the first value of a
    assert [] == graph_of(client).leftovers({("", "c9")})


def test_an_entry_that_is_none_of_a_graphs_makes_it_unreadable() -> None:
    graph = Graph("t")
    graph.add(b"", object())
    assert not graph.is_readable
    assert not graph.is_sound


def test_a_copy_of_a_store_by_an_export_has_all_of_it(client: Client) -> None:
    sums(client, 5)
    client.do(checkpoint("t", run_id="r"))
    lines = client.see(lambda s: list(export_lines(s, 1)))
    other = MemoryStore()
    bad: list[object] = []
    Importer(other, bad.append).run(io.BytesIO(b"\n".join([*lines, b""])))
    assert [] == bad
    assert dump(client.store)["C"] == dump(other)["C"]
    with other.read() as snapshot:
        assert check(snapshot).clean


# What is old


@pytest.mark.parametrize(("keep", "left"), [(0, 1), (1, 1), (3, 3), (9, 5)])
def test_the_newest_stay_and_one_at_least(client: Client, keep: int, left: int) -> None:
    for number in range(1, 6):
        put(client, f"c{number}", a=f"{number}.1")
    assert 5 - left == forget(client, History(keep=keep)).checkpoints
    assert [f"c{number}" for number in range(5, 5 - left, -1)] == ids(client)


def test_what_the_newest_is_made_of_stays(client: Client) -> None:
    sums(client, 6)
    assert 2 == forget(client, History()).checkpoints
    assert ["c6", "c5", "c4", "c3"] == ids(client)
    assert 0 == forget(client, History()).checkpoints


def test_what_is_younger_than_its_time_stays(client: Client) -> None:
    for number in range(1, 4):
        put(client, f"c{number}", a=f"{number}.1")
    written = client.see(
        lambda s: [c.created_at_us for c in CheckpointReader(s).checkpoints("t", "")]
    )
    history = History(ttl_s=10.0)
    forget(client, history, now_us=written[1] + 10_000_000)
    assert ["c3", "c2"] == ids(client)


def test_a_namespace_that_lasts_keeps_its_newest_and_one_of_a_past_call_nothing(
    client: Client,
) -> None:
    put(client, "c1", namespace=TASK)
    put(client, "c1", namespace="memory")
    put(client, "c2", namespace="memory")
    put(client, "c1")
    put(client, "c2", "c1")
    put(client, "c1", namespace=f"{TASK}2")  # the call in progress
    forget(client, History())
    expected = [["c2"], ["c2"], [], ["c1"]]
    assert expected == [ids(client, n) for n in ("", "memory", TASK, f"{TASK}2")]
    assert [False, False, True, True] == [
        is_passing(name) for name in ("", "memory", TASK, f"{TASK}|memory")
    ]


def test_a_busy_thread_keeps_all(client: Client) -> None:
    for number in range(1, 4):
        put(client, f"c{number}", a=f"{number}.1")
    early = client.see(
        lambda s: plan_threads(
            s, Retention(None, None, None, None, history=History()), START_US * 2
        )
    )
    client.do(op.StartRun(thread_id="t", run_id="r"))
    assert Forgotten() == forget(client, History())
    assert early.operation is not None
    assert Forgotten() == client.do(early.operation)
    assert ["c3", "c2", "c1"] == ids(client)


def test_a_checkpoint_that_came_since_the_plan_keeps_what_it_needs(
    client: Client,
) -> None:
    for number in range(1, 4):
        put(client, f"c{number}", a=f"{number}.1")
    policy = Retention(None, None, None, None, history=History())
    plan = client.see(lambda s: plan_threads(s, policy, START_US * 2))
    put(client, "c4", "c1", new=False, a="1.1")  # a fork of the oldest
    assert plan.operation is not None
    assert 3 == client.do(plan.operation).checkpoints
    values = client.see(
        lambda s: [
            CheckpointReader(s).values(one)
            for one in CheckpointReader(s).checkpoints("t", "")
        ]
    )
    assert [{"a": BLOB}] == values


def test_a_damaged_entry_keeps_the_checkpoints_of_its_thread_only(
    client: Client,
) -> None:
    for number in range(1, 4):
        put(client, f"c{number}", a=f"{number}.1")
    threads = (op.NewThread("u", "two"),)
    client.do(op.CreateThreads(session_id="a", threads=threads))
    for state_id in ("s1", "s2"):
        client.do(
            op.AppendState(
                thread_id="u", state_id=state_id, values=op.encode_value(state_id)
            )
        )
    plant(client.store, ["damaged_write"])  # which no plan reads
    policy = Retention(None, None, None, None, history=History())
    plan = client.see(lambda s: plan_threads(s, policy, START_US * 2))
    assert plan.operation is not None
    assert Forgotten(states=1) == client.do(plan.operation)
    assert ["c3", "c2", "c1"] == ids(client)
