"""The writer: everybody is answered, in order, after the flush, whatever breaks.

The store is the real one. Where a test needs a moment in the middle of a group, it
asks for `Gated`: the same store behind a gate that the test opens.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from tests.storage.client import START_US, dump
from weft.storage import (
    CreateSession,
    MemoryStore,
    Operation,
    Outcome,
    Submission,
    UpdateSession,
    Writer,
)
from weft.storage import writer as writer_module
from weft.storage.errors import (
    DeadlineExceeded,
    InvalidArgument,
    OperationMismatch,
    Overloaded,
    SessionExists,
    StoreClosed,
    StoreReadOnly,
)
from weft.storage.store import TreeStore

WAIT_S = 20.0
"""The deadline of every wait; none of them comes near it."""


class Answers:
    """A `publish` that keeps what it is told, and lets a test wait for it.

    Attributes:
        groups: what it was told, oldest first.
        failures: raised when it has been told for the n-th time.
    """

    def __init__(self) -> None:
        self.groups: list[list[tuple[Submission, Outcome]]] = []
        self.failures: dict[int, Exception] = {}
        self._changed = threading.Condition()

    def __call__(self, pairs: Sequence[tuple[Submission, Outcome]]) -> None:
        with self._changed:
            self.groups.append(list(pairs))
            number = len(self.groups)
            self._changed.notify_all()
        if number in self.failures:
            raise self.failures[number]

    @property
    def outcomes(self) -> list[Outcome]:
        return [outcome for group in self.groups for _, outcome in group]

    def wait_for(self, count: int) -> list[Outcome]:
        """Return the outcomes when there are as many."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.outcomes) >= count, WAIT_S)
        return self.outcomes


class Gated:
    """A store whose groups wait at a gate; some of them fail there instead.

    Attributes:
        entered: released once for each group that has come to the gate.
        gate: one permit lets one group through.
        failures: raised at the gate, one for each group, before anything is applied.
    """

    def __init__(self, store: TreeStore) -> None:
        self.store = store
        self.read = store.read
        self.statistics = store.statistics
        self.close = store.close
        self.entered = threading.Semaphore(0)
        self.gate = threading.Semaphore(0)
        self.failures: deque[Exception] = deque()

    def apply(self, operations: Sequence[Operation]) -> list[Outcome]:
        self.entered.release()
        assert self.gate.acquire(timeout=WAIT_S)
        if self.failures:
            raise self.failures.popleft()
        return self.store.apply(operations)


class Desk:
    """A writer, its store and its answers."""

    def __init__(self, store: TreeStore, *, gated: bool = False) -> None:
        self.store = store
        self.gated = Gated(store)
        self.answers = Answers()
        self.writer = Writer(self.gated if gated else store, self.answers)

    def submit(self, *session_ids: str, deadline_ns: int = 0) -> None:
        for session_id in session_ids:
            self.writer.submit(
                Submission(create(session_id), session_id, deadline_ns=deadline_ns)
            )

    def open_gate(self, groups: int = 1) -> None:
        self.gated.gate.release(groups)

    def wait_at_gate(self) -> None:
        """Return when a group waits at the gate."""
        assert self.gated.entered.acquire(timeout=WAIT_S)


def create(session_id: str, op_id: str = "") -> CreateSession:
    return CreateSession(
        session_id=session_id, op_id=op_id or session_id, at_us=START_US
    )


def errors(outcomes: Sequence[Outcome]) -> list[type | None]:
    return [type(o.error) if o.error else None for o in outcomes]


@pytest.fixture
def desk(store: TreeStore) -> Iterator[Desk]:
    """Return a running writer."""
    desk = Desk(store)
    desk.writer.start()
    yield desk
    assert desk.writer.close(WAIT_S)


@pytest.fixture
def gated(store: TreeStore) -> Iterator[Desk]:
    """Return a running writer whose groups wait for the test."""
    desk = Desk(store, gated=True)
    desk.writer.start()
    yield desk
    desk.open_gate(1000)
    assert desk.writer.close(WAIT_S)


# -- order ---------------------------------------------------------------------------


def test_operations_are_applied_in_the_order_they_were_submitted(desk: Desk) -> None:
    ids = [f"s{n}" for n in range(500)]
    desk.submit(*ids)
    outcomes = desk.answers.wait_for(500)
    assert list(range(1, 501)) == [outcome.seq for outcome in outcomes]
    senders = [item.sender for group in desk.answers.groups for item, _ in group]
    assert ids == senders


def test_what_waits_while_a_group_is_written_becomes_the_next_group(
    gated: Desk,
) -> None:
    gated.submit("first")
    gated.wait_at_gate()
    gated.submit("a", "b", "c")
    gated.open_gate(2)
    gated.answers.wait_for(4)
    assert [1, 3] == [len(group) for group in gated.answers.groups]


def test_a_group_has_a_limit(gated: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "GROUP_OPERATIONS_MAX", 2)
    gated.submit("first")
    gated.wait_at_gate()
    gated.submit("a", "b", "c")
    gated.open_gate(3)
    gated.answers.wait_for(4)
    assert [1, 2, 1] == [len(group) for group in gated.answers.groups]


def test_nothing_is_published_before_its_group_is_applied(gated: Desk) -> None:
    gated.submit("a")
    gated.wait_at_gate()
    assert [] == gated.answers.groups
    gated.open_gate()
    gated.answers.wait_for(1)
    with gated.store.read() as snapshot:
        assert snapshot.session("a") is not None


def test_a_published_group_is_there_for_a_reader(store: TreeStore) -> None:
    seen: list[tuple[int | None, int]] = []
    done = threading.Event()

    def publish(pairs: Sequence[tuple[Submission, Outcome]]) -> None:
        with store.read() as snapshot:
            seen.append((pairs[-1][1].seq, snapshot.seq))
        if pairs[-1][1].seq == 200:
            done.set()

    writer = Writer(store, publish)
    writer.start()
    for n in range(200):
        writer.submit(Submission(create(f"s{n}")))
    assert done.wait(WAIT_S)
    assert writer.close(WAIT_S)
    assert [last for last, _ in seen] == [there for _, there in seen]


def test_a_refusal_is_an_answer_as_good_as_any(desk: Desk) -> None:
    desk.submit("a")
    desk.writer.submit(Submission(create("a", op_id="again")))
    desk.submit("b")
    outcomes = desk.answers.wait_for(3)
    assert [None, SessionExists, None] == errors(outcomes)
    assert [1, None, 2] == [outcome.seq for outcome in outcomes]


# -- failure -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "failure",
    [OSError(28, "No space left on device"), StoreReadOnly("The disk is full.")],
)
def test_when_a_group_fails_all_its_callers_know_why_and_the_next_one_works(
    gated: Desk, failure: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    gated.submit("first")
    gated.wait_at_gate()
    gated.submit("a", "b", "c")
    gated.open_gate()
    gated.wait_at_gate()
    before = dump(gated.store)
    gated.gated.failures.append(failure)
    gated.open_gate()
    _, *failed = gated.answers.wait_for(4)
    assert [StoreReadOnly] * 3 == errors(failed)
    for session_id, outcome in zip("abc", failed, strict=True):
        assert outcome.error is not None
        assert (session_id, failure) == (outcome.error.op_id, outcome.error.cause)
        assert 1 == str(outcome.error).count(StoreReadOnly.remedy)
    assert before == dump(gated.store)
    assert gated.writer.read_only
    assert "a group of 3 operations could not be written" in caplog.text

    gated.submit("a")
    gated.open_gate()
    assert 2 == gated.answers.wait_for(5)[-1].seq
    assert not gated.writer.read_only


class _Poisoned:
    """A store that breaks, by a defect, on one operation."""

    def __init__(self, store: TreeStore) -> None:
        self._store = store

    def apply(self, operations: Sequence[Operation]) -> list[Outcome]:
        if any(operation.op_id == "poison" for operation in operations):
            raise ZeroDivisionError("a defect of the rules")
        return self._store.apply(operations)


def test_an_operation_that_breaks_the_store_does_not_take_its_neighbours_along(
    gated: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    gated.gated.store = _Poisoned(gated.store)  # type: ignore[assignment]
    gated.submit("first")
    gated.wait_at_gate()
    gated.submit("a", "poison", "c")
    gated.open_gate(1000)
    outcomes = gated.answers.wait_for(4)
    assert [None, None, StoreReadOnly, None] == errors(outcomes)
    assert isinstance(outcomes[2].error.cause, ZeroDivisionError)  # type: ignore[union-attr]
    assert "a defect of the rules" in caplog.text


def test_an_id_that_fits_no_key_costs_its_own_operation_only(
    lmdb_store: TreeStore,
) -> None:
    desk = Desk(lmdb_store, gated=True)
    desk.writer.start()
    desk.submit("first")
    desk.wait_at_gate()
    desk.submit("a", "x" * 600, "c")
    desk.open_gate(1000)
    assert [None, None, InvalidArgument, None] == errors(desk.answers.wait_for(4))
    assert not desk.writer.read_only
    assert desk.writer.close(WAIT_S)


def test_a_closed_store_is_told_as_that(gated: Desk) -> None:
    gated.gated.failures.append(StoreClosed())
    gated.submit("a")
    gated.open_gate()
    assert [StoreClosed] == errors(gated.answers.wait_for(1))


def test_a_publish_that_raises_does_not_stop_the_writer(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.answers.failures[1] = ZeroDivisionError("it broke")
    desk.submit("a")
    desk.answers.wait_for(1)
    desk.submit("b")
    assert [1, 2] == [outcome.seq for outcome in desk.answers.wait_for(2)]
    assert "it broke" in caplog.text


def test_a_publish_that_raises_about_the_late_costs_the_others_nothing(
    gated: Desk,
) -> None:
    gated.submit("first")
    gated.wait_at_gate()
    gated.submit("late", deadline_ns=1)
    gated.submit("in time")
    gated.answers.failures[2] = ZeroDivisionError("it broke")
    gated.open_gate(2)
    outcomes = {o.operation.op_id: o for o in gated.answers.wait_for(3)}
    assert 2 == outcomes["in time"].seq


# -- deadlines and limits ------------------------------------------------------------


def test_who_is_late_is_told_and_not_applied(gated: Desk) -> None:
    gated.submit("first")
    gated.wait_at_gate()
    gated.submit("late", deadline_ns=time.monotonic_ns())
    gated.submit("in time", deadline_ns=time.monotonic_ns() + 10**11)
    gated.open_gate(2)
    by_id = {o.operation.op_id: o for o in gated.answers.wait_for(3)}
    late = by_id["late"]
    assert isinstance(late.error, DeadlineExceeded)
    assert ("late", None) == (late.error.op_id, late.seq)
    assert 2 == by_id["in time"].seq
    with gated.store.read() as snapshot:
        assert snapshot.session("late") is None
        assert snapshot.operation("late") is None


def test_a_group_of_the_late_alone_is_not_written(gated: Desk) -> None:
    gated.submit("first")
    gated.wait_at_gate()
    gated.submit("late", deadline_ns=1)
    gated.open_gate()
    assert [None, DeadlineExceeded] == errors(gated.answers.wait_for(2))
    assert not gated.gated.entered.acquire(blocking=False)


def test_who_comes_to_a_full_queue_is_turned_away_at_once(
    gated: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "QUEUE_OPERATIONS_MAX", 3)
    gated.submit("first")
    gated.wait_at_gate()
    gated.submit("a", "b", "c")
    with pytest.raises(Overloaded) as caught:
        gated.submit("d")
    assert ("d", 1.0) == (caught.value.op_id, caught.value.retry_after_s)
    gated.open_gate(2)
    gated.answers.wait_for(4)
    gated.submit("d")
    gated.open_gate()
    assert [None] * 5 == errors(gated.answers.wait_for(5))


# -- closing -------------------------------------------------------------------------


def test_closing_writes_what_is_queued(gated: Desk) -> None:
    gated.submit("first")
    gated.wait_at_gate()
    gated.submit(*"abcdef")
    assert not gated.writer.close(timeout_s=0)
    gated.open_gate(100)
    assert gated.writer.close(WAIT_S)
    assert list(range(1, 8)) == [outcome.seq for outcome in gated.answers.outcomes]
    assert gated.writer.close(WAIT_S), "closing twice is no error"


def test_a_closed_writer_takes_nothing(desk: Desk) -> None:
    assert desk.writer.close(WAIT_S)
    with pytest.raises(StoreClosed) as caught:
        desk.submit("late")
    assert "late" == caught.value.op_id


def test_a_writer_that_never_started_closes() -> None:
    assert Writer(MemoryStore(), Answers()).close(WAIT_S)


class ClosingQueue(deque[Submission]):
    """A queue on whose way the writer closes: the worst moment, every time."""

    def __init__(self, close: Callable[[], Any]) -> None:
        super().__init__()
        self._close = close

    def append(self, item: Submission) -> None:
        self._close()
        super().append(item)


def test_a_submission_that_crosses_the_closing_is_not_left_without_an_answer(
    store: TreeStore,
) -> None:
    answers = Answers()
    writer = Writer(store, answers)
    writer._queue = ClosingQueue(lambda: writer.close(WAIT_S))
    writer.start()
    with pytest.raises(StoreClosed) as caught:
        writer.submit(Submission(create("a")))
    assert "a" == caught.value.op_id
    assert [] == answers.groups


# -- many OS threads -----------------------------------------------------------------


def test_many_os_threads_are_all_answered_once(store: TreeStore) -> None:
    desk = Desk(store)
    barrier = threading.Barrier(8)

    def caller(number: int) -> None:
        barrier.wait(WAIT_S)
        desk.submit(*[f"{number}-{n}" for n in range(250)])

    callers = [threading.Thread(target=caller, args=(n,)) for n in range(8)]
    desk.writer.start()
    for os_thread in callers:
        os_thread.start()
    for os_thread in callers:
        os_thread.join(WAIT_S)
    outcomes = desk.answers.wait_for(2000)
    assert list(range(1, 2001)) == [outcome.seq for outcome in outcomes]
    for number in range(8):
        own = [
            o.operation.op_id for o in outcomes if o.operation.op_id[0] == str(number)
        ]
        assert [f"{number}-{n}" for n in range(250)] == own
    assert desk.writer.close(WAIT_S)


def test_callers_that_wait_for_each_answer_never_hang(store: TreeStore) -> None:
    released = [threading.Semaphore(0) for _ in range(4)]

    def publish(pairs: Sequence[tuple[Submission, Outcome]]) -> None:
        for submission, _ in pairs:
            released[submission.sender].release()

    writer = Writer(store, publish)
    writer.start()
    lost: list[str] = []

    def caller(number: int) -> None:
        for n in range(200):
            writer.submit(Submission(create(f"{number}-{n}"), number))
            if not released[number].acquire(timeout=WAIT_S):
                lost.append(f"{number}-{n}")
                return

    callers = [threading.Thread(target=caller, args=(n,)) for n in range(4)]
    for os_thread in callers:
        os_thread.start()
    for os_thread in callers:
        os_thread.join(2 * WAIT_S)
    assert writer.close(WAIT_S)
    assert [] == lost
    assert 800 == store.statistics().seq


# -- counting ------------------------------------------------------------------------


def test_the_statistics_add_up(gated: Desk) -> None:
    gated.submit("a")
    gated.wait_at_gate()
    gated.submit("b", "c")
    gated.submit("late", deadline_ns=1)
    gated.writer.submit(Submission(create("a", op_id="refused")))
    gated.writer.submit(Submission(create("a")))
    mismatch = UpdateSession(session_id="a", op_id="a", at_us=START_US)
    gated.writer.submit(Submission(mismatch))
    assert 6 == gated.writer.statistics().queued
    gated.open_gate(2)
    gated.answers.wait_for(7)
    gated.gated.failures.append(OSError("no"))
    gated.submit("failed")
    gated.open_gate()
    outcomes = gated.answers.wait_for(8)
    assert OperationMismatch in errors(outcomes)
    assert gated.writer.read_only
    gated.submit("end")
    gated.open_gate()
    gated.answers.wait_for(9)
    found = gated.writer.statistics()
    assert {
        ("CreateSession", "applied"): 4,
        ("CreateSession", "refused"): 1,
        ("CreateSession", "replayed"): 1,
        ("CreateSession", "expired"): 1,
        ("CreateSession", "failed"): 1,
        ("UpdateSession", "replayed"): 1,
    } == found.operations
    assert {"CreateSession": 6, "UpdateSession": 1} == {
        kind: histogram.count for kind, histogram in found.duration_ns.items()
    }
    assert (3, 3, 7) == (
        found.commit_ns.count,
        found.group_operations.count,
        found.group_operations.total,
    )
    assert (0, False) == (found.queued, found.read_only)
