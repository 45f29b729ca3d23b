"""A shard's store: what it commits across, what is its own, when it gives up."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("psycopg", reason="needs the extra [cluster]: psycopg")

from tests.cluster.local import ids_on
from weft.cluster.cluster_errors import ShardUnavailable
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
    with monkeypatch.context() as patch:
        patch.setattr(b, "fences", lambda _: stale)
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
    line = Line(address)
    line.ask("UPDATE weft_shard SET incarnation = NULL WHERE shard = 0 RETURNING 1")
    line.close()
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
