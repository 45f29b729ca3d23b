"""The last five minutes: what was counted since, and how long things took.

Guarantees: eleven moments are kept, half a minute apart, some 300 KB, however long the
daemon runs. "Lately" is therefore five minutes, up to half a minute more, and less
while the daemon is younger.
"""

import time
from collections import deque
from collections.abc import Callable
from itertools import accumulate
from typing import Final

import msgspec

from weft.actors import RuntimeStatistics
from weft.daemon.http.history import History
from weft.storage.statistics import Histogram, HistogramSnapshot

__all__ = ["SpanView", "Window", "grown", "span_of"]

STEP_S: Final = 30.0
MOMENTS_MAX: Final = 11

TELLING_MIN: Final = 100
"""A 99th percentile of fewer is their maximum; it would say what it does not know."""

MOMENT_S: Final = 1.0
"""A rate over less than a second is an accident."""

NOTHING: Final = Histogram().snapshot()


class SpanView(msgspec.Struct):
    """How long something took lately, in seconds.

    Each is the upper end of the histogram's bucket, a power of two. The percentiles
    are null for fewer than a hundred, the longest for none.
    """

    count: int
    p50_s: float | None
    p99_s: float | None
    longest_s: float | None


class Window:
    """What a runtime had counted at some moments of the last minutes.

    Args:
        statistics: of the runtime.
        history: a moment may be kept after each of its looks.
        clock_s: monotonic, in seconds.
    """

    def __init__(
        self,
        statistics: Callable[[], RuntimeStatistics],
        history: History,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._statistics = statistics
        self._clock_s = clock_s
        self._moments: deque[tuple[float, RuntimeStatistics]] = deque(
            maxlen=MOMENTS_MAX
        )
        history.watch(self._keep)

    def _keep(self, _history: History) -> None:
        now_s = self._clock_s()
        if not self._moments or now_s - self._moments[-1][0] >= STEP_S:
            self._moments.append((now_s, self._statistics()))

    def began(self) -> tuple[RuntimeStatistics, float]:
        """Return what was counted when the window began, and how long ago, in s.

        The history has been looked at.
        """
        began_s, statistics = self._moments[0]
        return statistics, max(MOMENT_S, self._clock_s() - began_s)


def grown(
    before: HistogramSnapshot | None, now: HistogramSnapshot | None
) -> HistogramSnapshot:
    """Return what came into a histogram.

    Args:
        before: what it held; None for nothing.
        now: what it holds, in the same way.
    """
    old, new = before or NOTHING, now or NOTHING
    counts = (b - a for a, b in zip(old.counts, new.counts, strict=True))
    return HistogramSnapshot(tuple(counts), new.total - old.total)


def span_of(times: HistogramSnapshot) -> SpanView:
    """Return how long things took.

    Args:
        times: in ns.
    """
    number = times.count
    telling = number >= TELLING_MIN
    return SpanView(
        number,
        _quantile_s(times, 0.5) if telling else None,
        _quantile_s(times, 0.99) if telling else None,
        _quantile_s(times, 1.0) if number else None,
    )


def _quantile_s(times: HistogramSnapshot, share: float) -> float:
    wanted = share * times.count
    reached = list(accumulate(times.counts))
    bucket = next(at for at, number in enumerate(reached) if number >= wanted)
    return float(2**bucket) / 1e9
