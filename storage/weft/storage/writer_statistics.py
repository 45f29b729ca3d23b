"""What the writer counts: operations by what became of them, and where time went.

Guarantees:
    * only the writer's OS thread counts, so no lock is taken; any other may read;
    * an operation is counted once under its kind and outcome, and once in every
      histogram it has a time for.

Times are in ns of ``time.perf_counter_ns``.
"""

import time
from collections.abc import Sequence

import msgspec

from weft.storage.outcome import Outcome
from weft.storage.statistics import HISTOGRAM_BUCKETS, Histogram, HistogramSnapshot
from weft.storage.submission import Submission

__all__ = ["WriterCounter", "WriterStatistics"]

NOTHING = HistogramSnapshot((0,) * HISTOGRAM_BUCKETS, 0)
"""A histogram before anything was observed."""


class WriterStatistics(msgspec.Struct, frozen=True):
    """What the writer did.

    Attributes:
        operations: decided, by ``(kind, outcome)``; outcome is applied, refused,
            replayed, expired or failed.
        duration_ns: from submission to publication, by kind.
        commit_ns: from the first decision of a group to the end of its flush.
        group_operations: sizes of the groups.
        queued: waiting now.
        read_only: the last group could not be written.
        queue_wait_ns: from submission to the first decision of the group.
        refusals: operations refused for the first time, by the error's class.
        in_flight: submitted and not published yet.
        lag_ns: since when the oldest of these waits; 0 if there is none.
    """

    operations: dict[tuple[str, str], int]
    duration_ns: dict[str, HistogramSnapshot]
    commit_ns: HistogramSnapshot
    group_operations: HistogramSnapshot
    queued: int
    read_only: bool
    queue_wait_ns: HistogramSnapshot = NOTHING
    refusals: dict[str, int] = {}
    in_flight: int = 0
    lag_ns: int = 0


class WriterCounter:
    """The slots of one writer."""

    __slots__ = (
        "_duration",
        "_operations",
        "_queue_wait",
        "_refusals",
        "commit",
        "groups",
        "in_hand",
    )

    def __init__(self) -> None:
        self.commit = Histogram()
        self.groups = Histogram()
        self.in_hand: Sequence[Submission] = ()
        self._operations: dict[tuple[str, str], int] = {}
        self._duration: dict[str, Histogram] = {}
        self._queue_wait = Histogram()
        self._refusals: dict[str, int] = {}

    def unwritten(self, group: Sequence[Submission], outcome: str) -> None:
        """Count operations that the store never saw, or did not take."""
        for item in group:
            key = (item.operation.kind, outcome)
            self._operations[key] = self._operations.get(key, 0) + 1

    def written(
        self, pairs: Sequence[tuple[Submission, Outcome]], began_ns: int
    ) -> None:
        """Count a group that the store took.

        Args:
            pairs: what became of each.
            began_ns: when its first decision began.
        """
        now_ns = time.perf_counter_ns()
        counts, durations = self._operations, self._duration
        waits, waited_ns = self._queue_wait.counts, 0
        for item, outcome in pairs:
            kind = item.operation.kind
            if outcome.replayed:
                key = (kind, "replayed")
            elif outcome.error is None:
                key = (kind, "applied")
            else:
                key = (kind, "refused")
                reason = type(outcome.error).__name__
                self._refusals[reason] = self._refusals.get(reason, 0) + 1
            counts[key] = counts.get(key, 0) + 1
            histogram = durations.get(kind)
            if histogram is None:
                histogram = durations[kind] = Histogram()
            submitted_ns = item.submitted_ns
            # Histogram.observe, spelt out twice: two calls would cost a quarter more.
            took_ns = now_ns - submitted_ns
            bucket = took_ns.bit_length()
            histogram.counts[bucket if bucket < HISTOGRAM_BUCKETS else -1] += 1
            histogram.total += took_ns
            wait_ns = began_ns - submitted_ns
            bucket = wait_ns.bit_length()
            waits[bucket if bucket < HISTOGRAM_BUCKETS else -1] += 1
            waited_ns += wait_ns
        self._queue_wait.total += waited_ns

    def snapshot(
        self, queue: Sequence[Submission], *, read_only: bool
    ) -> WriterStatistics:
        """Return what was counted so far; from any OS thread.

        Args:
            queue: what waits.
            read_only: whether the last group could not be written.
        """
        in_hand = self.in_hand
        return WriterStatistics(
            operations=dict(self._operations),
            duration_ns={k: h.snapshot() for k, h in list(self._duration.items())},
            commit_ns=self.commit.snapshot(),
            group_operations=self.groups.snapshot(),
            queued=len(queue),
            read_only=read_only,
            queue_wait_ns=self._queue_wait.snapshot(),
            refusals=dict(self._refusals),
            in_flight=len(queue) + len(in_hand),
            lag_ns=_age_ns(in_hand) or _age_ns(queue),
        )


def _age_ns(waiting: Sequence[Submission]) -> int:
    """Return how long the first has waited, 0 if there is none by now."""
    try:
        return max(0, time.perf_counter_ns() - waiting[0].submitted_ns)
    except IndexError:
        return 0
