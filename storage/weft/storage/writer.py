"""The writer: the one OS thread that changes the store, a group at a time.

An LMDB write transaction belongs to the OS thread that began it, and one flush can
carry thousands of operations. So everything that changes the store queues here; the
writer takes all that waits, applies it in one transaction, and publishes what became
of it, in the order of ``seq``.

Gathering is adaptive. Taking only what queued during the last flush runs at half
groups: the callers just answered come back while the others commit. So after
answering a group the writer gives as many callers a moment to return, and stops
waiting when arrivals pause for 100 us or a share of the last commit's time is spent.
It never waits for a single caller. Measured against no wait: +21 to +93 %; fixed timers
and small caps lose on one side or the other.

Guarantees:
    * ``publish`` is called after the group's flush, never before, in ``seq`` order;
    * every submission is answered: outcome, named error, or deadline;
    * a failed group changes nothing and the next one is tried: when the disk has room
      again, writing resumes by itself, and that it can is seen without a next one;
    * a group whose failed flush turns out to have taken effect is published then, so
      that no view misses it; its callers were told that it was in doubt.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from threading import Thread
from typing import Final

from weft.storage.bell import Bell
from weft.storage.errors import (
    DeadlineExceeded,
    Overloaded,
    SessionThreadException,
    StoreClosed,
    StoreReadOnly,
    StoreUnavailable,
)
from weft.storage.store import Outcome, Store
from weft.storage.submission import Publish, Submission, telling
from weft.storage.writer_statistics import WriterCounter, WriterStatistics
from weft.storage.writers import enroll

__all__ = ["Publish", "Submission", "Writer", "WriterStatistics"]

logger = logging.getLogger("weft.storage")

GROUP_OPERATIONS_MAX: Final = 8192
"""Caps below 8,192 cost throughput at 512 callers (64: a fifth); one group of this
size commits in about 0.1 s."""

QUEUE_OPERATIONS_MAX: Final = 65_536
"""What may wait: about a second of the writer's work. Beyond it callers are told."""

GATHER_SHARE: Final = 0.4
"""The part of the last commit's time that gathering may take (0.25 to 0.5 measured
alike)."""

GATHER_MAX_S: Final = 0.002
"""Gathering never takes longer, however slow the disk."""

GATHER_PAUSE_S: Final = 50e-6
"""How long to look away for."""

GATHER_PAUSES: Final = 2
"""So many looks without an arrival mean that nobody else is coming. After one, callers
that still waited for the GIL were left behind: groups of 44 instead of 51."""

PROBE_INTERVAL_S: Final = 1.0
"""How often a store that could not write is tried while nobody submits: a health check
that keeps callers away would otherwise keep it read-only for ever."""


class Writer:
    """The OS thread that applies operations.

    Args:
        store: what it writes; used on the writer's OS thread only.
        publish: told of every group.
        monotonic_ns: the clock of deadlines.
    """

    def __init__(
        self,
        store: Store,
        publish: Publish,
        *,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._store = store
        self._publish = telling(publish)
        self._monotonic_ns = monotonic_ns
        self._queue: deque[Submission] = deque()
        self._awake: Bell  # from start() on: one without its OS thread opens no pipe
        self._sleeping = False
        self._closing = False
        self._stopped = False
        self._answered = 0
        self._last_commit_s = 0.0
        self._counter = WriterCounter()
        self._read_only = False
        self._in_doubt = False
        self._os_thread = Thread(target=self._run, name="weft-writer", daemon=True)

    def start(self) -> None:
        """Start the OS thread."""
        self._awake = Bell()
        self._os_thread.start()
        enroll(self._store, self)

    def submit(self, submission: Submission) -> None:
        """Queue an operation; from any OS thread, never blocks.

        Raises:
            Overloaded: the queue is full.
            StoreClosed: the writer is closing.
        """
        if self._closing:
            raise StoreClosed(op_id=submission.operation.op_id)
        if len(self._queue) >= QUEUE_OPERATIONS_MAX:
            raise Overloaded(
                f"{QUEUE_OPERATIONS_MAX} operations wait for the writer.",
                op_id=submission.operation.op_id,
                details={"retry_after_s": 1.0},
            )
        submission.submitted_ns = time.perf_counter_ns()
        self._queue.append(submission)
        if self._stopped and self._withdraw(submission):
            raise StoreClosed(op_id=submission.operation.op_id)
        if self._sleeping:
            self._sleeping = False
            self._awake.ring()

    def _withdraw(self, submission: Submission) -> bool:
        """Take back what was queued while the writer stopped, if nobody took it."""
        try:
            self._queue.remove(submission)
        except ValueError:
            return False
        return True

    def close(self, timeout_s: float = 30.0) -> bool:
        """Write what is queued, then stop.

        Args:
            timeout_s: how long to wait for it, in seconds.

        Returns:
            whether the writer has stopped.
        """
        self._closing = True
        if self._os_thread.ident is not None:
            self._awake.ring()
            self._os_thread.join(timeout_s)
        return not self._os_thread.is_alive()

    @property
    def queued(self) -> int:
        """How many operations wait."""
        return len(self._queue)

    @property
    def read_only(self) -> bool:
        """Whether the last group could not be written."""
        return self._read_only

    def statistics(self) -> WriterStatistics:
        """Return what the writer did so far."""
        return self._counter.snapshot(self._queue, read_only=self._read_only)

    def _run(self) -> None:
        while not self._closing:
            if self._queue:
                self._take_group()
            else:
                self._sleep()
        # What is queued from here on is written below or withdrawn by its sender.
        self._stopped = True
        while self._queue:
            self._take_group()

    def _take_group(self) -> None:
        self._gather()
        self.step()

    def step(self, limit: int | None = None) -> bool:
        """Write one group of what is queued, waiting for nothing, and publish it.

        For whoever has no use for the OS thread, such as a simulation; not beside it.

        Args:
            limit: how many operations at the most; None for as many as a group may
                have.

        Returns:
            whether anything was queued.
        """
        queue = self._queue
        count = min(len(queue), GROUP_OPERATIONS_MAX if limit is None else limit)
        group = [queue.popleft() for _ in range(count)]
        if not group:
            return False
        self._counter.in_hand = group
        try:
            self._write(group)
        except Exception:
            # A defect of the writer itself must not stop the groups to come.
            logger.exception("the writer failed", extra={"action": "write"})
        finally:
            self._counter.in_hand = ()
        return True

    def _sleep(self) -> None:
        began = time.perf_counter()
        self._sleeping = True
        # A submission between the check and the flag has not rung.
        if not self._queue and not self._closing:
            rang = self._awake.wait(PROBE_INTERVAL_S if self._read_only else None)
            if not rang:
                self._probe()
        self._sleeping = False
        # Who was answered just before is on the way back; who stayed away longer than
        # gathering may take is not coming.
        if time.perf_counter() - began > GATHER_MAX_S:
            self._answered = 0

    def _gather(self) -> None:
        """Give those who were just answered a moment to come back."""
        queue = self._queue
        expected = self._answered
        if len(queue) < expected:
            budget_s = min(self._last_commit_s * GATHER_SHARE, GATHER_MAX_S)
            deadline = time.perf_counter() + budget_s
            waiting, pauses = len(queue), 0
            while waiting < expected and time.perf_counter() < deadline:
                time.sleep(GATHER_PAUSE_S)
                pauses = pauses + 1 if len(queue) == waiting else 0
                if pauses == GATHER_PAUSES:
                    break
                waiting = len(queue)

    def _write(self, group: list[Submission]) -> None:
        live = self._expire(group)
        started_ns = time.perf_counter_ns()
        if not live:
            return
        try:
            if self._in_doubt:
                self._settle()
            outcomes = self._store.apply([item.operation for item in live])
        except (StoreReadOnly, StoreUnavailable, StoreClosed, OSError) as error:
            self._fail(live, error)
            return
        except Exception as error:  # noqa: BLE001 - every waiter is told, whatever broke
            self._isolate(live, error)
            return
        ended_ns = time.perf_counter_ns()
        self._read_only = False
        self._counter.commit.observe(ended_ns - started_ns)
        self._counter.groups.observe(len(live))
        self._last_commit_s = (ended_ns - started_ns) / 1e9
        self._answered = len(live) + len(self._queue) if len(live) > 1 else 0
        pairs = list(zip(live, outcomes, strict=True))
        self._counter.written(pairs, started_ns)
        self._tell(pairs)

    def _probe(self) -> None:
        """See whether the store can be written again."""
        try:
            self._settle()
        except (SessionThreadException, OSError) as error:
            logger.debug("the store still cannot write: %s", error)
        else:
            self._read_only = False
            logger.warning("the store can write again", extra={"action": "commit"})

    def _settle(self) -> None:
        """Learn what became of a group in doubt, and let everybody know it.

        Raises:
            StoreReadOnly: the store cannot write yet.
            StoreUnavailable: nor read.
        """
        late = self._store.apply(())
        self._in_doubt = False
        if late:
            logger.warning("a group of %d operations took effect late", len(late))
            self._tell([(Submission(one.operation), one) for one in late])

    def _isolate(self, group: list[Submission], error: Exception) -> None:
        """Find the operation that breaks the store; its neighbours are not to blame."""
        if len(group) > 1:
            for item in group:
                self._write([item])
        elif isinstance(error, SessionThreadException):
            self._answer(group, "failed", lambda _: error)
        else:
            self._fail(group, error)

    def _tell(self, pairs: Sequence[tuple[Submission, Outcome]]) -> None:
        try:
            self._publish(pairs)
        except Exception:
            # A listener's failure must not take the others' answers with it.
            logger.exception("a listener failed", extra={"action": "publish"})

    def _expire(self, group: list[Submission]) -> list[Submission]:
        """Answer those whose deadline has passed; "timed out" means not applied."""
        if not any(item.deadline_ns for item in group):
            return group
        now_ns = self._monotonic_ns()
        late = [item for item in group if 0 < item.deadline_ns <= now_ns]
        if late:
            self._answer(
                late,
                "expired",
                lambda item: DeadlineExceeded(op_id=item.operation.op_id),
            )
        return [item for item in group if not 0 < item.deadline_ns <= now_ns]

    def _fail(self, group: list[Submission], cause: Exception) -> None:
        self._read_only = True
        doubtful = isinstance(cause, StoreReadOnly) and cause.details.get("in_doubt")
        self._in_doubt = self._in_doubt or bool(doubtful)
        self._answered = 0
        logger.error(
            "a group of %d operations could not be written: %s",
            len(group),
            cause,
            exc_info=cause,
            extra={"action": "commit"},
        )

        def error(item: Submission) -> SessionThreadException:
            kind = type(cause) if isinstance(cause, StoreClosed) else StoreReadOnly
            sentence = getattr(cause, "message", None) or str(cause)
            details = dict(getattr(cause, "details", ()))
            op_id = item.operation.op_id
            return kind(sentence, op_id=op_id, cause=cause, details=details)

        self._answer(group, "failed", error)

    def _answer(
        self,
        group: list[Submission],
        outcome: str,
        error: Callable[[Submission], SessionThreadException],
    ) -> None:
        self._counter.unwritten(group, outcome)
        self._tell(
            [(item, Outcome(item.operation, None, error=error(item))) for item in group]
        )
