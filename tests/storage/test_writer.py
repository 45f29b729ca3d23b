"""The writer: everybody is answered, in order, after the flush, whatever breaks.

The store is the real one. Where a test needs a moment in the middle of a group, it
asks for `Gated`: the same store behind a gate that the test opens.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from tests.storage.client import START_US
from tests.storage.desk import WAIT_S, Answers, Desk, create, errors
from weft.storage import (
    MemoryStore,
    Outcome,
    Submission,
    UpdateSession,
    Writer,
)
from weft.storage import writer as writer_module
from weft.storage.errors import (
    DeadlineExceeded,
    OperationMismatch,
    Overloaded,
    SessionExists,
    StoreClosed,
)
from weft.storage.store import TreeStore

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
