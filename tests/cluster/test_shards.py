"""Several shards write one database: one truth, a log for each, and their transfers."""

from collections.abc import Iterator
from itertools import count

import pytest

from tests.storage.client import Client
from weft.cluster import SLOTS, Fenced, PeerFenced, engine, slot_of
from weft.cluster.line import Line
from weft.cluster.postgres import PostgresStore
from weft.cluster.reader import PostgresReader
from weft.cluster.reshard import reshard
from weft.cluster.schema import install
from weft.storage import (
    AppendState,
    CreateSession,
    CreateThreads,
    InvalidArgument,
    NewThread,
    RemoveThreads,
    RenameThread,
    StoreUnavailable,
    TransferThreads,
    new_id,
)
from weft.storage.check import check
from weft.storage.keys import LOG_BITS
from weft.storage.operations import encode_value

Pair = tuple[PostgresStore, PostgresStore]


def of_shard(shard: int, shards: int = 2) -> str:
    """Return a session id that belongs to a shard."""
    return next(f"s{n}" for n in count() if slot_of(f"s{n}") % shards == shard)


A, B = of_shard(0), of_shard(1)

STARTS = count(step=1_000)
"""No two clients give their operations the same ids."""


@pytest.fixture
def pair(address: str) -> Iterator[Pair]:
    """Return the stores of two shards, a session in each and a thread in the first."""
    line = Line(address)
    install(line, shards=2)
    line.close()
    first, second = (
        PostgresStore(address, shard=shard, pulse_s=3600.0) for shard in (0, 1)
    )
    clients = client(first), client(second)
    clients[0].do(CreateSession(session_id=A))
    clients[1].do(CreateSession(session_id=B))
    clients[0].do(CreateThreads(session_id=A, threads=(NewThread("t", "one"),)))
    yield first, second
    first.close()
    second.close()


def client(store: PostgresStore) -> Client:
    made = Client(store)
    made.number = next(STARTS)
    return made


def moved(store: PostgresStore, peer: PostgresStore, op_id: str = "move") -> object:
    operation = Client(store).complete(
        TransferThreads(
            thread_ids=("t",), from_session_id=A, to_session_id=B, op_id=op_id
        )
    )
    (outcome,) = store.apply_across([operation], [peer.fence])
    return outcome.error or outcome.result


def owner(store: PostgresStore) -> str | None:
    with store.read() as snapshot:
        thread = snapshot.thread("t")
        assert [] == check(snapshot).inconsistencies
        return None if thread is None else thread.session_id


def test_each_shard_has_a_log_of_its_own_and_all_see_one_truth(pair: Pair) -> None:
    first, second = pair
    assert (2, (1 << LOG_BITS) + 1) == (first.seq, second.seq)
    for store in pair:
        with store.read() as snapshot:
            assert {A, B} == {session.session_id for session in snapshot.sessions()}
            assert {"open": 2} == snapshot.counters.sessions
            assert store.seq == snapshot.seq
            seqs = [record.seq for record in snapshot.operations()]
            assert [store.seq - n for n in reversed(range(len(seqs)))] == seqs
            assert [] == check(snapshot).inconsistencies


def test_an_operation_is_answered_by_whatever_shard_it_reaches(pair: Pair) -> None:
    create = CreateSession(session_id="new", op_id="once")
    done = client(pair[0]).outcome(create)
    again = client(pair[1]).outcome(create)
    assert (done.seq, True) == (again.seq, again.replayed)


def test_a_transfer_between_shards_is_one_commit_with_both_fences(pair: Pair) -> None:
    first, second = pair
    moved(second, first)
    assert [B, B] == [owner(store) for store in pair]
    assert 1 == second.cluster_statistics().across
    late = client(first).outcome(RenameThread(thread_id="t", new_name="mine"))
    assert late.error is None, "what was remembered was found out, and read anew"
    assert [("mine", "t")] == [
        *Client(second).see(lambda snapshot: list(snapshot.names(B)))
    ]


def test_the_name_that_a_thread_had_is_free_at_once(pair: Pair) -> None:
    first, second = pair
    moved(second, first)
    again = CreateThreads(session_id=A, threads=(NewThread("u", "one"),))
    assert client(first).outcome(again).error is None
    assert 1 == first.cluster_statistics().conflicts


def test_a_thread_that_is_newer_than_all_of_ones_own_is_found(pair: Pair) -> None:
    first, second = pair
    thread_id = new_id()
    made = CreateThreads(session_id=A, threads=(NewThread(thread_id, "new"),))
    client(first).do(made)
    removed = client(second).outcome(RemoveThreads(threads=(thread_id,)))
    assert [thread_id] == removed.result


def test_opposite_transfers_end_in_one_place(pair: Pair) -> None:
    first, second = pair
    moved(second, first)
    back = Client(first).complete(
        TransferThreads(
            thread_ids=("t",), from_session_id=B, to_session_id=A, op_id="back"
        )
    )
    first.apply_across([back], [second.fence])
    assert [A, A] == [owner(store) for store in pair]


def test_a_repeated_transfer_gets_its_first_answer(pair: Pair) -> None:
    first, second = pair
    assert moved(second, first) == moved(second, first)


def test_a_peer_that_was_taken_over_is_named_and_nothing_changes(pair: Pair) -> None:
    first, second = pair
    successor = PostgresStore(first._line._dsn, shard=0, pulse_s=3600.0)
    with pytest.raises(PeerFenced) as caught:
        moved(second, first)
    assert [0] == caught.value.shards
    assert A == owner(second)
    assert not second.fenced
    moved(second, successor)
    assert B == owner(second)
    successor.close()


def test_states_go_on_behind_a_transfer(pair: Pair) -> None:
    first, second = pair
    clients = client(first), client(second)
    values = encode_value({"n": 1})
    clients[0].do(AppendState(thread_id="t", state_id="s1", values=values))
    moved(second, first)
    clients[1].do(AppendState(thread_id="t", state_id="s2", values=values))
    steps = clients[0].see(lambda s: [state.step for state in s.states("t")])
    assert 2 == len(set(steps))
    clients[1].do(RemoveThreads(threads=("t",)))
    assert owner(first) is None


def test_re_sharding_fences_all_concerned_and_goes_on_in_order(pair: Pair) -> None:
    first, second = pair
    address = first._line._dsn
    highest = max(first.seq, second.seq)
    assert [0, 1] == reshard(address, [slot_of(A)], 1)
    for store in pair:
        with pytest.raises(Fenced):
            client(store).do(CreateSession(session_id="late"))
    taken = PostgresStore(address, shard=1, pulse_s=3600.0)
    assert 1 == taken.slot_map().shard_of(A)
    outcome = client(taken).outcome(
        CreateThreads(session_id=A, threads=(NewThread("u", "two"),), op_id="after")
    )
    assert outcome.seq is not None
    assert highest < outcome.seq
    assert A == owner(taken)
    taken.close()


def test_a_shard_that_does_not_exist_and_slots_that_do_not_are_refused(
    pair: Pair,
) -> None:
    address = pair[0]._line._dsn
    with pytest.raises(StoreUnavailable, match="no shard 7"):
        PostgresStore(address, shard=7)
    for slots in ([], [SLOTS], [-1]):
        with pytest.raises(InvalidArgument):
            reshard(address, slots, 0)


def test_a_reader_shows_all_logs_and_who_has_the_shards(pair: Pair) -> None:
    reader = PostgresReader(pair[0]._line._dsn)
    with reader.read() as snapshot:
        assert 3 == sum(1 for _ in snapshot.operations())
        assert [] == check(snapshot).inconsistencies
    rows = reader.shards()
    assert [store.fence.incarnation for store in pair] == [r.incarnation for r in rows]
    assert {0: SLOTS // 2, 1: SLOTS // 2} == reader.slot_map().counts()
    reader.close()


def test_who_is_told_to_forget_reads_everything_anew(pair: Pair) -> None:
    first, _ = pair
    made = client(first)
    made.do(CreateThreads(session_id=A, threads=(NewThread("u", "two"),)))
    before = first.cluster_statistics().fetches
    made.do(CreateThreads(session_id=A, threads=(NewThread("v", "three"),)))
    assert before == first.cluster_statistics().fetches, "nothing was missing"
    first.forget()
    made.do(CreateThreads(session_id=A, threads=(NewThread("w", "four"),)))
    assert before < first.cluster_statistics().fetches


def test_a_large_database_is_estimated_and_not_counted(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "COUNTED_SIZE_BYTES", 0)
    line = Line(pair[0]._line._dsn)
    line.ask("ANALYZE weft_entry")
    line.close()
    counted = pair[0].statistics().engine.entries
    monkeypatch.undo()
    assert pair[0].statistics().engine.entries == counted
