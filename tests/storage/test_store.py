"""The contract of every store: groups, the log, repeated operations, snapshots.

What single operations do is in test_rules_threads.py and test_rules_runs.py, on the
same stores.
"""

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.storage.client import START_US, Client, dump
from tests.storage.invariants import broken
from tests.storage.samples import SAMPLES, WORLD, build_world
from weft.storage import LmdbStore, MemoryStore, Outcome
from weft.storage import operations as op
from weft.storage.engine import Engine, EngineFull, WriteTransaction
from weft.storage.errors import (
    NameTaken,
    OperationMismatch,
    SessionExists,
    SessionNotFound,
    SessionThreadException,
    StoreReadOnly,
    ThreadNotFound,
)
from weft.storage.store import TreeStore

KINDS = sorted(SAMPLES)
APPLIED = {kind: sample.applied for kind, sample in SAMPLES.items()}
REFUSED = {kind: sample.refused for kind, sample in SAMPLES.items()}
BOTH = pytest.mark.parametrize(
    "operation",
    [
        pytest.param(replace(operation, op_id="once"), id=f"{outcome}-{kind}")
        for outcome, operations in (("applied", APPLIED), ("refused", REFUSED))
        for kind, operation in operations.items()
    ],
)
BY_KIND = pytest.mark.parametrize("kind", KINDS)
TELLS_NOBODY = {"PutItem", "RemoveItem", "TouchItems"}
"""Items belong to no session."""


def answer(outcome: Outcome) -> tuple[Any, ...]:
    """Return what a caller learns: number, result, or the error with its data."""
    return outcome.seq, outcome.result, error_data(outcome.error)


def error_data(error: SessionThreadException | None) -> tuple[Any, ...] | None:
    if error is None:
        return None
    return (
        type(error),
        str(error),
        error.op_id,
        error.session_id,
        error.thread_id,
        error.details,
    )


def session(session_id: str, op_id: str = "") -> op.CreateSession:
    return op.CreateSession(session_id=session_id, op_id=op_id)


def test_there_is_a_sample_for_every_kind_of_operation() -> None:
    kinds = {kind.__name__ for kind in op.Operation.__args__}
    assert kinds == set(SAMPLES)


@BY_KIND
def test_an_accepted_operation_takes_the_next_number(client: Client, kind: str) -> None:
    build_world(client)
    outcome = client.outcome(APPLIED[kind])
    assert (len(WORLD) + 1, None, False) == (
        outcome.seq,
        outcome.error,
        outcome.replayed,
    )
    assert outcome.seq == client.store.seq == client.see(lambda s: s.seq)
    told = {event.seq for event in outcome.events}
    assert (set() if kind in TELLS_NOBODY else {outcome.seq}) == told
    assert [] == client.see(broken)


@BY_KIND
def test_a_refused_operation_changes_nothing_but_the_log(
    client: Client, kind: str
) -> None:
    build_world(client)
    error = client.refuse(REFUSED[kind])
    assert SAMPLES[kind].error is type(error)
    *_, record = client.see(lambda s: list(s.operations()))
    assert (error.op_id, None, kind, "refused") == (
        record.op_id,
        record.seq,
        record.kind,
        record.outcome,
    )


@BOTH
def test_repeated_in_one_group_it_gets_its_first_answer(
    client: Client, operation: op.Operation
) -> None:
    build_world(client)
    first, again, once_more = client.group(operation, operation, operation)
    assert answer(first) == answer(again) == answer(once_more)
    assert [False, True, True] == [o.replayed for o in (first, again, once_more)]
    assert [(), ()] == [again.events, once_more.events]


@BOTH
def test_repeated_in_a_later_group_it_gets_its_first_answer_and_does_nothing(
    client: Client, operation: op.Operation
) -> None:
    build_world(client)
    first = client.outcome(operation)
    client.do(session("between"))
    before = dump(client.store)
    again = client.outcome(operation)
    assert answer(first) == answer(again)
    assert before == dump(client.store)


@BOTH
def test_repeated_after_reopening_it_gets_its_first_answer(
    tmp_store: Path, operation: op.Operation
) -> None:
    with_store = LmdbStore(tmp_store)
    client = Client(with_store)
    build_world(client)
    first = client.outcome(operation)
    before = dump(with_store)
    with_store.close()
    reopened = LmdbStore(tmp_store)
    again = Client(reopened).outcome(operation)
    assert before == dump(reopened)
    reopened.close()
    assert answer(first) == answer(again)


def test_an_op_id_used_for_another_kind_is_a_mismatch_that_changes_nothing(
    client: Client,
) -> None:
    client.do(session("a", op_id="same"))
    before = dump(client.store)
    other = op.UpdateSession(session_id="a", user_id="u", op_id="same")
    outcome = client.outcome(other)
    assert OperationMismatch is type(outcome.error)
    assert (None, True) == (outcome.seq, outcome.replayed)
    assert before == dump(client.store)


@pytest.mark.parametrize(
    "parts",
    [
        (),
        (session("x"), session("y")),
        (op.RemoveThreads(threads=("t",)),),
    ],
    ids=["none", "more", "others"],
)
def test_a_batch_repeated_with_other_parts_is_a_mismatch_and_spares_its_neighbours(
    client: Client, parts: tuple[Any, ...]
) -> None:
    client.do(op.Batch(parts=(session("x"),), op_id="same"))
    repeated = op.Batch(parts=parts, op_id="same")
    before, wrong, after = client.group(session("a"), repeated, session("b"))
    assert OperationMismatch is type(wrong.error)
    assert (2, 3) == (before.seq, after.seq)


def test_numbers_have_no_gap_and_refusals_stand_in_the_log_where_they_fell(
    client: Client,
) -> None:
    operations = [
        session("a", op_id="1"),
        session("a", op_id="refused after 1"),
        session("a", op_id="refused after 1, too"),
        session("b", op_id="2"),
        session("c", op_id="3"),
        session("a", op_id="refused after 3"),
    ]
    outcomes = client.group(*operations[:2]) + client.group(*operations[2:])
    assert [1, None, None, 2, 3, None] == [outcome.seq for outcome in outcomes]
    log = client.see(lambda s: list(s.operations()))
    assert [o.op_id for o in operations] == [record.op_id for record in log]
    assert [o.seq for o in outcomes] == [record.seq for record in log]
    assert (3, 1) == client.see(lambda s: s.log_end)


def test_a_refusal_as_the_first_entry_of_the_log_has_its_place(client: Client) -> None:
    early = client.outcome(op.CloseSession(session_id="a", op_id="early"))
    assert SessionNotFound is type(early.error)
    client.do(session("a", op_id="1"))
    log = client.see(lambda s: list(s.operations()))
    assert ["early", "1"] == [record.op_id for record in log]


def test_operations_after_a_number_begin_behind_its_entry_and_the_refusals_there(
    client: Client,
) -> None:
    for session_id in ("a", "a", "b", "c", "c"):
        client.outcome(session(session_id))
    seqs = client.see(lambda s: [r.seq for r in s.operations(after_seq=1)])
    assert [2, 3, None] == seqs
    assert [] == client.see(lambda s: [r.seq for r in s.operations(after_seq=3)])


def test_the_log_says_what_happened_to_whom_and_why_not(client: Client) -> None:
    build_world(client)
    client.do(replace(APPLIED["TransferThreads"], op_id="move"))
    client.outcome(replace(REFUSED["UpdateSession"], op_id="clash"))
    move = client.see(lambda s: s.operation("move"))
    assert move is not None
    assert ("TransferThreads", "applied", {"a", "b"}, {"t1", "t3"}) == (
        move.kind,
        move.outcome,
        set(move.session_ids),
        set(move.thread_ids),
    )
    clash = client.see(lambda s: s.operation("clash"))
    assert clash is not None
    assert ("refused", ("c",), START_US + client.number) == (
        clash.outcome,
        clash.session_ids,
        clash.at_us,
    )
    assert clash.seq is None
    assert client.see(lambda s: s.operation("never")) is None


def test_a_refused_operation_does_not_spoil_its_neighbours(client: Client) -> None:
    outcomes = client.group(
        session("a"),
        op.CreateThreads(session_id="a", threads=(op.NewThread("t1", "one"),)),
        op.CreateThreads(
            session_id="a",
            threads=(op.NewThread("t2", "two"), op.NewThread("t3", "one")),
        ),
        op.CreateThreads(session_id="a", threads=(op.NewThread("t2", "two"),)),
        op.RemoveThreads(threads=("t3",)),
        op.RenameThread(thread_id="t2", new_name="deux"),
    )
    errors = [type(o.error) if o.error else None for o in outcomes]
    assert [None, None, NameTaken, None, ThreadNotFound, None] == errors
    assert [("deux", "t2"), ("one", "t1")] == client.see(lambda s: list(s.names("a")))
    assert [] == client.see(broken)


class FailingEngine:
    """An engine that takes a whole transaction and then fails, when it is told to."""

    def __init__(self, engine: Engine) -> None:
        self._write = engine.write
        self.read = engine.read
        self.grow = engine.grow
        self.statistics = engine.statistics
        self.close = engine.close
        self.failure: Exception | None = None

    @contextmanager
    def write(self) -> Iterator[WriteTransaction]:
        with self._write() as transaction:
            yield transaction
            failure, self.failure = self.failure, None
            if failure is not None:
                raise failure


@pytest.mark.parametrize("failure", [StoreReadOnly("The disk is full."), EngineFull()])
def test_a_group_that_was_not_written_leaves_nothing_to_be_remembered(
    client: Client, failure: Exception
) -> None:
    build_world(client)
    before = dump(client.store)
    expected = Client(MemoryStore())
    build_world(expected)
    group = [expected.complete(operation) for operation in APPLIED.values()]
    answers = [answer(outcome) for outcome in expected.store.apply(group)]

    engine = FailingEngine(client.store._engine)
    engine.failure = failure
    client.store._engine = engine
    if isinstance(failure, StoreReadOnly):
        with pytest.raises(StoreReadOnly):
            client.store.apply(group)
        assert before == dump(client.store)
    assert answers == [answer(outcome) for outcome in client.store.apply(group)]
    assert dump(expected.store) == dump(client.store)
    assert [] == client.see(broken)


def test_a_group_of_nothing_changes_nothing(client: Client) -> None:
    client.do(session("a"))
    before = dump(client.store)
    assert [] == client.group()
    assert before == dump(client.store)


def test_one_group_and_one_by_one_leave_the_same_bytes(client: Client) -> None:
    script = [*WORLD, *REFUSED.values(), *APPLIED.values()]
    single = Client(MemoryStore())
    for operation in script:
        single.outcome(operation)
    client.group(*script)
    assert dump(single.store) == dump(client.store)


def test_what_reopens_is_what_was_closed(tmp_store: Path) -> None:
    closed = LmdbStore(tmp_store)
    client = Client(closed)
    build_world(client)
    before, counted = dump(closed), closed.statistics().counters
    closed.close()
    reopened = LmdbStore(tmp_store)
    assert before == dump(reopened)
    assert (len(WORLD), counted) == (reopened.seq, reopened.statistics().counters)
    assert len(WORLD) + 1 == Client(reopened).outcome(session("new", "new")).seq
    reopened.close()


def test_a_reader_keeps_its_moment(client: Client) -> None:
    build_world(client)
    with client.store.read() as snapshot:
        for kind in ("TransferThreads", "FinishRun", "CreateSession"):
            client.do(APPLIED[kind])
        assert len(WORLD) == snapshot.seq
        assert ["t1", "t3", "t2"] == [t.thread_id for t in snapshot.threads("a")]
        assert [] == list(snapshot.names("b"))
        assert [("r2", "t2")] == list(snapshot.live_runs())
        assert snapshot.session("d") is None
    assert len(WORLD) + 3 == client.see(lambda s: s.seq)
    assert ["t1", "t3"] == client.see(lambda s: [i for _, i in s.names("b")])


def test_the_statistics_count_what_is_there(client: Client) -> None:
    build_world(client)
    for operation in APPLIED.values():
        client.outcome(operation)
    found = client.store.statistics()
    assert client.store.seq == found.seq
    assert client.see(lambda s: s.counters) == found.counters
    assert [] == client.see(broken)
    entries = {tree: len(items) for tree, items in dump(client.store).items()}
    assert entries == found.engine.entries
    assert 0 < found.engine.used_bytes <= found.engine.map_size_bytes


# -- forgetting ----------------------------------------------------------------------


def test_forgotten_operations_are_gone_with_their_answers(client: Client) -> None:
    for session_id in ("a", "b", "b", "c"):
        client.outcome(session(session_id, op_id=""))
    assert 3 == client.store.expire_operations(START_US + 4)
    assert ["op-4"] == client.see(lambda s: [r.op_id for r in s.operations()])
    assert client.see(lambda s: s.operation("op-1")) is None
    repeated = client.outcome(session("a", op_id="op-1"))
    assert SessionExists is type(repeated.error), "it is a new operation now"
    assert not repeated.replayed


def test_the_newest_entry_stays_so_that_numbers_go_on(tmp_store: Path) -> None:
    first = LmdbStore(tmp_store)
    client = Client(first)
    for session_id in ("a", "b", "b"):
        client.outcome(session(session_id))
    assert 2 == first.expire_operations(START_US + 100)
    assert 0 == first.expire_operations(START_US + 100)
    first.close()
    second = LmdbStore(tmp_store)
    assert 3 == Client(second).outcome(session("c", op_id="new")).seq
    second.close()


def test_operations_are_forgotten_no_more_than_the_limit_at_a_time(
    client: Client,
) -> None:
    client.group(*[session(f"s{n}") for n in range(10)])
    forgotten = [client.store.expire_operations(START_US + 9, limit=3) for _ in "1234"]
    assert [3, 3, 2, 0] == forgotten
    assert [9, 10] == client.see(lambda s: [r.seq for r in s.operations()])


def test_forgetting_changes_nothing_but_the_log(client: Client) -> None:
    build_world(client)
    before = dump(client.store, log=False)
    client.store.expire_operations(START_US + 100)
    assert before == dump(client.store, log=False)
    assert [] == client.see(broken)


def test_a_refusal_leaves_nothing_in_memory_behind(store: TreeStore) -> None:
    (outcome,) = store.apply([op.CloseSession(op_id="c", session_id="nobody")])
    error = outcome.error
    assert error is not None
    gone = weakref.ref(error)
    del outcome, error
    assert gone() is None  # at once: the collector was not needed
