"""The contract of every store: operations one by one and in groups, moments, reopening.

What single operations do is in test_rules_threads.py and test_rules_runs.py, on the
same stores; the log and repeated operations are in test_operation_log.py and
test_repeated_operations.py.
"""

import weakref
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.storage.client import Client, answer, dump
from tests.storage.invariants import broken
from tests.storage.ownership import session
from tests.storage.samples import APPLIED, REFUSED, SAMPLES, WORLD, build_world
from weft.storage import LmdbStore, MemoryStore
from weft.storage import operations as op
from weft.storage.engine import Engine, EngineFull, WriteTransaction
from weft.storage.errors import NameTaken, StoreReadOnly, ThreadNotFound
from weft.storage.store import TreeStore

BY_KIND = pytest.mark.parametrize("kind", sorted(SAMPLES))
TELLS_NOBODY = {"PutItem", "RemoveItem", "TouchItems"}
"""Items belong to no session."""


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
    """An engine that takes a whole transaction and then fails, the first time."""

    def __init__(self, engine: Engine, failure: Exception) -> None:
        self._write = engine.write
        self.read = engine.read
        self.grow = engine.grow
        self.statistics = engine.statistics
        self.close = engine.close
        self.failure: Exception | None = failure

    @contextmanager
    def write(self) -> Generator[WriteTransaction]:
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

    engine = FailingEngine(client.store._engine, failure)
    client.store._engine = engine
    if isinstance(failure, StoreReadOnly):
        with pytest.raises(StoreReadOnly):
            client.store.apply(group)
        assert before == dump(client.store)
    assert answers == [answer(outcome) for outcome in client.store.apply(group)]
    assert engine.failure is None, "no transaction has failed"
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


def test_a_refusal_leaves_nothing_in_memory_behind(store: TreeStore) -> None:
    (outcome,) = store.apply([op.CloseSession(op_id="c", session_id="nobody")])
    error = outcome.error
    assert error is not None
    gone = weakref.ref(error)
    del outcome, error
    assert gone() is None  # at once: the collector was not needed
