"""Virtual time: it stands still until it is told to pass.

Guarantees: two runs read the same times and ids; a timer is called at its time, in the
order of deadlines, never twice.
"""

import heapq
from collections.abc import Callable
from typing import Final

from weft.actors.sources import Sources

__all__ = ["SimClock", "SimTimer", "SimTimers"]

START_US: Final = 1_700_000_000_000_000
"""When simulations begin: a moment in 2023, as good as any."""


class SimClock:
    """The time of a simulation, and its ids.

    Attributes:
        now_ns: nanoseconds since the simulation began.
    """

    def __init__(self) -> None:
        self.now_ns = 0
        self._ids = 0

    def clock_us(self) -> int:
        """Return microseconds since the Unix epoch."""
        return START_US + self.now_ns // 1000

    def monotonic_ns(self) -> int:
        """Return nanoseconds, never 0: that is no deadline."""
        return self.now_ns + 1

    def new_id(self) -> str:
        """Return an id; later ones sort behind earlier ones, as generated ones do."""
        self._ids += 1
        return f"id-{self._ids:06d}"

    def sources(self) -> Sources:
        """Return what the runtime takes time and ids from."""
        return Sources(self.clock_us, self.monotonic_ns, self.new_id)


class SimTimer:
    """A call at its time, unless it is cancelled before."""

    __slots__ = ("callback", "deadline_ns")

    def __init__(self, deadline_ns: int, callback: Callable[[], object]) -> None:
        self.deadline_ns = deadline_ns
        self.callback: Callable[[], object] | None = callback

    def cancel(self) -> bool:
        """Drop the callback; return whether it will not run because of this call."""
        live, self.callback = self.callback is not None, None
        return live


class SimTimers:
    """The face of :class:`~weft.actors.timers.Timers`, on virtual time.

    Args:
        clock: the simulation's.
    """

    def __init__(self, clock: SimClock) -> None:
        self._clock = clock
        self._heap: list[tuple[int, int, SimTimer]] = []
        self._order = 0

    def call_at(self, deadline_ns: int, callback: Callable[[], object]) -> SimTimer:
        """Have a function called when virtual time gets there."""
        timer = SimTimer(deadline_ns, callback)
        self._order += 1
        heapq.heappush(self._heap, (deadline_ns, self._order, timer))
        return timer

    def next_ns(self) -> int | None:
        """Return when the next timer is due, on the clock; None if there is none."""
        heap = self._heap
        while heap and heap[0][2].callback is None:
            heapq.heappop(heap)
        return heap[0][0] - 1 if heap else None

    def call_next(self) -> None:
        """Let time pass until the next timer, and call it."""
        due_ns = self.next_ns()
        if due_ns is None:
            return
        self._clock.now_ns = max(self._clock.now_ns, due_ns)
        timer = heapq.heappop(self._heap)[2]
        callback, timer.callback = timer.callback, None
        if callback is not None:
            callback()
