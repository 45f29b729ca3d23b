"""A shard's store: what it commits across, what is its own, when it gives up."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

pytest.importorskip("psycopg", reason="needs the extra [cluster]: psycopg")

from tests.cluster.local import ids_on
from weft.cluster.errors import ShardUnavailable
from weft.cluster.fence import Fence
from weft.cluster.line import Line
from weft.cluster.postgres import PostgresStore
from weft.cluster.schema import install
from weft.cluster.shard_store import ShardStore
from weft.storage import (
    Batch,
    CloseSession,
    CreateSession,
    CreateThreads,
    NewThread,
    Operation,
    SessionClosed,
    StartRun,
    Thread,
    TransferThreads,
    new_id,
)

(HERE,), (THERE,) = ids_on(0, 2, 1), ids_on(1, 2, 1)


class Defect(BaseException):
    """What a process would have ended with."""


def end(error: BaseException) -> None:
    raise Defect from error


Open = Callable[[int], ShardStore]


@pytest.fixture
def open_shard(address: str) -> Iterator[Open]:
    """Open shards of a fresh database of two."""
    line = Line(address)
    install(line, 2)
    line.close()
    made: list[ShardStore] = []

    def open_one(shard: int) -> ShardStore:
        store = ShardStore(address, shard=shard, on_defect=end, pulse_s=3600.0)
        made.append(store)
        return store

    yield open_one
    for store in made:
        store.close()


def op(kind: Any, **fields: Any) -> Any:
    return kind(op_id=new_id(), at_us=1, **fields)


def one(store: ShardStore, operation: Operation, *across: int) -> Any:
    """Apply an operation and return its result."""
    if across:
        store.across[operation.op_id] = across
    (outcome,) = store.apply([operation])
    if outcome.error is not None:
        raise outcome.error
    return outcome.result


def sessions(a: ShardStore, b: ShardStore) -> None:
    one(a, op(CreateSession, session_id=HERE))
    one(b, op(CreateSession, session_id=THERE))


def leave(address: str, shard: int) -> None:
    """Have a shard be nobody's, as right after its slots have moved."""
    line = Line(address)
    emptied = "UPDATE weft_shard SET incarnation = NULL WHERE shard = %s RETURNING 1"
    line.ask(emptied, (shard,))
    line.close()


def thread_in(session_id: str, thread_id: str) -> CreateThreads:
    made = (NewThread(thread_id, thread_id),)
    operation: CreateThreads = op(CreateThreads, session_id=session_id, threads=made)
    return operation


def owner(store: ShardStore, thread_id: str) -> str | None:
    with store.read() as snapshot:
        thread = snapshot.thread(thread_id)
    return None if thread is None else thread.session_id


def test_a_thread_that_another_shard_made_is_found(open_shard: Open) -> None:
    """Generated ids lie beyond all that this shard knows, and are there."""
    a, b = open_shard(0), open_shard(1)
    sessions(a, b)
    thread_id = new_id()
    one(a, thread_in(HERE, thread_id))
    moved = one(b, op(TransferThreads, thread_ids=(thread_id,), to_session_id=THERE), 0)
    assert [THERE] == [thread.session_id for thread in moved]
    assert THERE == owner(a, thread_id)


def test_outcomes_across_stand_among_others_in_the_order_of_the_group(
    open_shard: Open,
) -> None:
    a, b = open_shard(0), open_shard(1)
    sessions(a, b)
    one(a, thread_in(HERE, "t"))
    move = op(TransferThreads, thread_ids=("t",), to_session_id=THERE)
    b.across[move.op_id] = (0,)
    group = [thread_in(THERE, "x"), move, thread_in(THERE, "y")]
    outcomes = b.apply(group)
    assert group == [outcome.operation for outcome in outcomes]
    numbers = [outcome.seq or 0 for outcome in outcomes]
    assert sorted(numbers) == numbers
    assert 1 == b.crossed


def test_a_group_over_several_shards_is_one_commit(address: str) -> None:
    line = Line(address)
    install(line, 3)
    line.close()
    homes = [ids_on(shard, 3, 1)[0] for shard in range(3)]
    stores = [ShardStore(address, shard=n, on_defect=end) for n in range(3)]
    try:
        for number, store in enumerate(stores):
            one(store, op(CreateSession, session_id=homes[number]))
            one(store, thread_in(homes[number], f"t{number}"))
        moves = [
            op(TransferThreads, thread_ids=(f"t{n}",), to_session_id=homes[0])
            for n in (1, 2)
        ]
        stores[0].across = {move.op_id: (n,) for n, move in enumerate(moves, 1)}
        before = stores[0].cluster_statistics().commits
        made = [thread_in(homes[0], "x"), thread_in(homes[0], "y")]
        group = [made[0], moves[0], made[1], moves[1]]
        assert [None] * 4 == [outcome.error for outcome in stores[0].apply(group)]
        assert 1 == stores[0].cluster_statistics().commits - before
        assert 2 == stores[0].crossed
        assert {homes[0]} == {owner(stores[2], f"t{n}") for n in range(3)}
    finally:
        for store in stores:
            store.close()


def test_a_peer_that_is_away_has_only_its_own_operations_refused(
    open_shard: Open, address: str
) -> None:
    a, b = open_shard(0), open_shard(1)
    sessions(a, b)
    one(a, thread_in(HERE, "t"))
    leave(address, 0)
    move = op(TransferThreads, thread_ids=("t",), to_session_id=THERE)
    b.across[move.op_id] = (0,)
    outcomes = b.apply([thread_in(THERE, "x"), move, thread_in(THERE, "y")])
    errors = [type(outcome.error) for outcome in outcomes]
    assert [type(None), ShardUnavailable, type(None)] == errors
    assert [THERE, HERE, THERE] == [owner(b, one) for one in ("x", "t", "y")]


def test_fences_of_peers_are_asked_for_once(
    open_shard: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = open_shard(0), open_shard(1)
    sessions(a, b)
    asked: list[list[int]] = []
    fences = b.fences

    def ask(shards: Sequence[int]) -> list[Fence]:
        asked.append(list(shards))
        return fences(shards)

    monkeypatch.setattr(b, "fences", ask)
    for name in ("t0", "t1"):
        one(a, thread_in(HERE, name))
        one(b, op(TransferThreads, thread_ids=(name,), to_session_id=THERE), 0)
    assert [[0]] == asked
    successor = open_shard(0)
    one(successor, thread_in(HERE, "t2"))
    one(b, op(TransferThreads, thread_ids=("t2",), to_session_id=THERE), 0)
    assert [[0], [0]] == asked
    assert THERE == owner(b, "t2")


def test_a_transfer_is_refused_while_its_source_is_taken_over_and_then_happens(
    open_shard: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = open_shard(0), open_shard(1)
    sessions(a, b)
    one(a, thread_in(HERE, "t"))
    stale = b.fences([0])
    open_shard(0)  # a successor
    assert a.fenced is False  # and the old one does not know it yet
    move = op(TransferThreads, thread_ids=("t",), to_session_id=THERE)

    def last_known(_shards: Sequence[int]) -> list[Fence]:
        return stale

    with monkeypatch.context() as patch:
        patch.setattr(b, "fences", last_known)
        with pytest.raises(ShardUnavailable):
            one(b, move, 0)
    assert HERE == owner(b, "t")
    one(b, move, 0)  # the same operation: the refusal was not entered in the log
    assert THERE == owner(b, "t")


def test_an_operation_waits_for_a_peer_whose_slots_have_just_moved(
    open_shard: Open, address: str
) -> None:
    """Nobody has that shard until its process has begun anew."""
    a, b = open_shard(0), open_shard(1)
    sessions(a, b)
    one(a, thread_in(HERE, "t"))
    leave(address, 0)
    move = op(TransferThreads, thread_ids=("t",), to_session_id=THERE)
    with pytest.raises(ShardUnavailable):
        one(b, move, 0)
    open_shard(0)
    one(b, move, 0)
    assert THERE == owner(b, "t")


def test_a_session_is_not_closed_over_a_thread_that_comes_from_another_shard(
    open_shard: Open,
) -> None:
    """Its own shard remembers the session without that thread."""
    a, b = open_shard(0), open_shard(1)
    sessions(a, b)
    one(b, thread_in(THERE, "old"))
    batch = op(Batch, parts=(thread_in(HERE, "x"), thread_in(THERE, "y")))
    one(a, batch, 1)
    one(b, op(CloseSession, session_id=THERE))
    assert owner(b, "y") is None
    assert owner(b, "old") is None
    late = op(Batch, parts=(thread_in(HERE, "v"), thread_in(THERE, "w")))
    with pytest.raises(SessionClosed):
        one(a, late, 1)
    assert owner(a, "v") is None


def test_a_batch_across_and_its_own_shard_change_a_record_in_turn(
    open_shard: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One is decided, the other commits, the first is decided again."""
    a, b = open_shard(0), open_shard(1)
    sessions(a, b)
    one(b, thread_in(THERE, "old"))
    batch = op(Batch, parts=(thread_in(HERE, "x"), thread_in(THERE, "y")))
    commit = b._postgres.commit
    done = False

    def commit_late(change: Any) -> None:
        nonlocal done
        if not done:
            done = True
            one(a, batch, 1)
        commit(change)

    monkeypatch.setattr(b._postgres, "commit", commit_late)
    one(b, op(CloseSession, session_id=THERE))
    assert 1 == b.cluster_statistics().conflicts
    assert owner(b, "y") is None
    assert HERE == owner(b, "x")


def test_what_another_shard_took_is_found_out_and_the_rest_stays_remembered(
    open_shard: Open,
) -> None:
    a, b = open_shard(0), open_shard(1)
    sessions(a, b)
    _, beside = ids_on(0, 2, 2)
    one(a, op(CreateSession, session_id=beside))
    ids = [f"t{n}" for n in range(5)]
    for thread_id in ids:
        one(a, thread_in(HERE, thread_id))
    for to in (beside, HERE):  # there and back: all rows are known
        for thread_id in ids:
            one(a, op(TransferThreads, thread_ids=(thread_id,), to_session_id=to))
    one(b, op(TransferThreads, thread_ids=("t0",), to_session_id=THERE), 0)
    one(a, thread_in(HERE, "new"))  # unconcerned
    again = op(CreateThreads, session_id=HERE, threads=(NewThread("t5", "t0"),))
    one(a, again)  # the name is free: it went with its thread
    before = a.cluster_statistics()
    assert 1 == before.conflicts
    for thread_id in ids[1:]:
        one(a, op(TransferThreads, thread_ids=(thread_id,), to_session_id=beside))
    assert 0 == a.cluster_statistics().fetches - before.fetches


def test_a_snapshot_shows_the_runs_of_its_own_threads_only(open_shard: Open) -> None:
    a, b = open_shard(0), open_shard(1)
    sessions(a, b)
    for store, session_id, name in ((a, HERE, "t0"), (b, THERE, "t1")):
        one(store, thread_in(session_id, name))
        start = op(
            StartRun,
            run_id=f"run-{name}",
            thread_id=name,
            workflow="w",
            workflow_version="1",
        )
        one(store, start)
    for store, run_id in ((a, "run-t0"), (b, "run-t1")):
        with store.read() as snapshot:
            assert [run_id] == [found for found, _ in snapshot.live_runs()]
            assert isinstance(snapshot.thread("t0"), Thread)
            assert isinstance(snapshot.thread("t1"), Thread)


def test_an_error_that_nobody_foresaw_ends_the_process(
    open_shard: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    a = open_shard(0)

    def broken(*_: object) -> None:
        raise RuntimeError("nobody knows why")

    monkeypatch.setattr(PostgresStore, "apply", broken)
    with pytest.raises(Defect):
        a.apply([op(CreateSession, session_id=HERE)])
