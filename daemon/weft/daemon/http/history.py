"""What the daemon did in the last minutes: looks at its counters, at intervals.

Counters only say how much there was since the start. Two looks at them say how much
there was in between; an hour of looks is what the page's charts begin with and what
alerts are judged by, without a Prometheus.

Guarantees:
    * at most ``LOOKS_MAX`` looks of the last five minutes and ``MINUTES_MAX`` of the
      last hour are kept, some 400 KB, however long the daemon runs;
    * looks are numbered without a hole, so that who has seen some asks for the rest;
    * any OS thread may look; two at a time make one.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable
from threading import Event, Lock, Thread
from typing import Any, Final, Self

import msgspec

from weft.actors import RuntimeStatistics
from weft.daemon.http.counting import HttpCounter
from weft.metrics.families import summed
from weft.metrics.readings import read
from weft.storage import SessionThreadException
from weft.storage.statistics import HistogramSnapshot

__all__ = ["INTERVAL_S", "History", "Look", "Sampler"]

logger = logging.getLogger("weft.daemon")

INTERVAL_S: Final = 2.0
"""A look costs 170 us (measured), which is 0.01 % of a core."""

LOOKS_MAX: Final = 151
MINUTES_MAX: Final = 61
MINUTE_S: Final = 60.0


class Look(msgspec.Struct, frozen=True):
    """The counters at one moment.

    Attributes:
        number: of the look, from 0.
        clock_s: monotonic.
        at_s: Unix time.
        numbers: by metric, summed over labels; some also as ``metric:label``.
        durations: of operations of all kinds, in ns.
        flushes: of commits, in ns.
        groups: operations of commits.
    """

    number: int
    clock_s: float
    at_s: float
    numbers: dict[str, float]
    durations: HistogramSnapshot
    flushes: HistogramSnapshot
    groups: HistogramSnapshot


class History:
    """The looks at one runtime.

    Args:
        statistics: of the runtime.
        counter: of its HTTP face.
        clock_s: monotonic, in seconds.
        interval_s: between looks.
    """

    def __init__(
        self,
        statistics: Callable[[], RuntimeStatistics],
        counter: HttpCounter | None = None,
        *,
        clock_s: Callable[[], float] = time.monotonic,
        interval_s: float = INTERVAL_S,
    ) -> None:
        self.interval_s = interval_s
        self._statistics = statistics
        self._counter = counter
        self._clock_s = clock_s
        self._looks: deque[Look] = deque(maxlen=LOOKS_MAX)
        self._minutes: deque[Look] = deque(maxlen=MINUTES_MAX)
        self._lock = Lock()
        self._watchers: list[Callable[[History], object]] = []

    def watch(self, watcher: Callable[["History"], object]) -> None:
        """Have somebody called after each look, who must be quick."""
        self._watchers.append(watcher)

    def look(self) -> Look:
        """Look, unless the last look is younger than the interval; return the last."""
        with self._lock:
            now_s = self._clock_s()
            if self._looks and now_s - self._looks[-1].clock_s < self.interval_s:
                return self._looks[-1]
            number = self._looks[-1].number + 1 if self._looks else 0
            look = self._take(number, now_s)
            self._looks.append(look)
            if not self._minutes or now_s - self._minutes[-1].clock_s >= MINUTE_S:
                self._minutes.append(look)
            for watcher in self._watchers:
                watcher(self)
        return look

    def looks(self, after: int = -1) -> list[Look]:
        """Return the looks of the last five minutes, in their order.

        Args:
            after: only those behind this number, and the one before them.
        """
        return [look for look in list(self._looks) if look.number >= after]

    @property
    def last(self) -> Look:
        """The last look; there is one."""
        return self._looks[-1]

    def since(self, window_s: float) -> Look:
        """Return the look from which a window is counted.

        That is the youngest look at least as old as the window; the oldest there is,
        while the daemon is younger than that.
        """
        begin_s = self._looks[-1].clock_s - window_s
        kept: Iterable[Look] = [*self._minutes, *self._looks]
        old = [look for look in kept if look.clock_s <= begin_s]
        return max(old or [self._minutes[0]], key=lambda look: look.clock_s)

    def increase(self, name: str, window_s: float) -> float:
        """Return by how much a counter grew within a window, in seconds."""
        return self.last.numbers.get(name, 0) - self.since(window_s).numbers.get(
            name, 0
        )

    def rate(self, name: str, window_s: float) -> float:
        """Return by how much a counter grew a second, within a window."""
        took_s = self.last.clock_s - self.since(window_s).clock_s
        return self.increase(name, window_s) / took_s if took_s else 0.0

    def _take(self, number: int, now_s: float) -> Look:
        statistics = self._statistics()
        readings = read(statistics)
        numbers: dict[str, float] = {
            name: sum(by_label.values()) for name, by_label in readings.numbers.items()
        }
        numbers |= _parts(readings.numbers)
        numbers |= self._asked()
        durations = readings.histograms["weft_operation_duration_seconds"]
        return Look(
            number,
            now_s,
            time.time(),
            numbers,
            summed(durations.values()),
            statistics.store.flush_ns,
            statistics.writer.group_operations,
        )

    def _asked(self) -> dict[str, float]:
        if self._counter is None:
            return {}
        http = self._counter.http_statistics()
        failed = (n for (_, _, status), n in http.requests.items() if status == "5xx")
        return {
            "weft_http_requests_total": sum(http.requests.values()),
            "weft_http_requests_total:5xx": sum(failed),
            "weft_http_rejected_connections_total": http.rejected_connections,
        }


class Sampler:
    """Looks at intervals on an OS thread, for the time of a with block.

    Args:
        history: whose.
    """

    def __init__(self, history: History) -> None:
        self._history = history
        self._stopping = Event()
        self._os_thread = Thread(target=self._run, name="weft-sampler", daemon=True)

    def __enter__(self) -> Self:
        self._os_thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._os_thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._history.look()
            except (SessionThreadException, OSError) as error:
                logger.warning("the counters could not be read: %s", error)
            self._stopping.wait(self._history.interval_s)


_BY_LABEL: Final = (
    "weft_operations_total",
    "weft_dead_letters_total",
    "weft_repairs_total",
    "weft_actors",
)


def _parts(numbers: Any) -> dict[str, float]:
    """Return the metrics that are judged by their last label, by ``metric:label``."""
    found: dict[str, float] = {}
    for name in _BY_LABEL:
        for labels, value in numbers.get(name, {}).items():
            key = f"{name}:{labels[-1]}"
            found[key] = found.get(key, 0) + value
    return found
