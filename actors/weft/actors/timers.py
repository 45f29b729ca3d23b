"""Deadlines: one OS thread that calls functions at their time.

Guarantees:
    - A callback runs once, not before its deadline, on the timer OS thread; what it
      raises is logged and harms no other.
    - ``call_at`` and ``cancel`` never wait, on any OS thread, the dispatcher included.
    - Cancelled timers do not pile up: at most as many as live ones, and a constant.

A callback is expected to post a message and return; work has its place elsewhere.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import time
from collections import deque
from typing import TYPE_CHECKING, Final

from weft.actors.future import Future
from weft.actors.helper_thread import HelperThread

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Timer", "Timers"]

_logger = logging.getLogger("weft.actors")

CANCELLED_KEPT_MAX: Final = 1024
"""Below this number of cancelled timers nothing is pruned: they are 150 KB, and a
pass over them would wake the OS thread more often than deadlines do."""

_NEVER_NS: Final = 1 << 63


class Timer:
    """A call at its time, unless it is cancelled before.

    Attributes:
        deadline_ns: when, on the clock of ``time.monotonic_ns``.
    """

    __slots__ = ("_call", "_timers", "deadline_ns")

    def __init__(
        self, timers: Timers, deadline_ns: int, callback: Callable[[], object]
    ) -> None:
        self.deadline_ns = deadline_ns
        self._timers = timers
        self._call = callback

    def cancel(self) -> bool:
        """Drop the callback.

        Returns:
            Whether it will not run because of this call.
        """
        if self._take() is None:
            return False
        self._timers._count_cancelled()  # noqa: SLF001
        return True

    def _take(self) -> Callable[[], object] | None:
        """Return the callback to the one who may have it; None to all others."""
        try:
            callback = self._call
            del self._call  # atomic: fails for all but one
        except AttributeError:
            return None
        return callback

    def _is_live(self) -> bool:
        return hasattr(self, "_call")


class Timers(HelperThread):
    """Calls functions at their time, on one daemon OS thread named ``weft-timers``.

    Timers that are not due yet when it is stopped are dropped.
    """

    os_thread_name = "weft-timers"

    def __init__(self) -> None:
        super().__init__()
        self._arrivals: deque[tuple[int, int, Timer]] = deque()
        self._heap: list[tuple[int, int, Timer]] = []
        self._order = itertools.count()
        self._cancelled = 0
        self._sleeps_until_ns = 0

    def call_at(self, deadline_ns: int, callback: Callable[[], object]) -> Timer:
        """Have a function called.

        Args:
            deadline_ns: when, on the clock of ``time.monotonic_ns``; it runs up to
                1 ms later.
            callback: posts a message and returns.

        Returns:
            The timer, to cancel it.
        """
        timer = Timer(self, deadline_ns, callback)
        self._arrivals.append((deadline_ns, next(self._order), timer))
        if deadline_ns < self._sleeps_until_ns:
            self._wakeup.wake()
        return timer

    def after(self, delay_s: float) -> Future[None]:
        """Return a future that is done after a while: a leaf for handlers to await.

        Args:
            delay_s: seconds from now.
        """
        future: Future[None] = Future()
        self.call_at(time.monotonic_ns() + int(delay_s * 1e9), future.try_set)
        return future

    def _count_cancelled(self) -> None:
        # Any OS thread counts. A lost count would only delay the pruning.
        self._cancelled += 1
        if self._must_prune() and self._sleeps_until_ns:
            self._wakeup.wake()

    def _must_prune(self) -> bool:
        cancelled = self._cancelled
        return cancelled > CANCELLED_KEPT_MAX and 2 * cancelled > len(self._heap) + len(
            self._arrivals
        )

    # The OS thread

    def _run(self) -> None:
        while not self._stopping:
            self._absorb()
            if self._must_prune():
                self._prune()
            self._call_due()
            self._sleep()

    def _absorb(self) -> None:
        arrivals, heap = self._arrivals, self._heap
        while arrivals:
            heapq.heappush(heap, arrivals.popleft())

    def _prune(self) -> None:
        self._cancelled = 0
        self._heap[:] = [entry for entry in self._heap if entry[2]._is_live()]  # noqa: SLF001
        heapq.heapify(self._heap)

    def _call_due(self) -> None:
        heap = self._heap
        while heap and heap[0][0] <= time.monotonic_ns() and not self._stopping:
            callback = heapq.heappop(heap)[2]._take()  # noqa: SLF001
            if callback is None:
                self._cancelled -= 1
                continue
            try:
                callback()
            except BaseException:
                _logger.exception("A timer's callback failed")

    def _sleep(self) -> None:
        until_ns = self._heap[0][0] if self._heap else _NEVER_NS
        self._sleeps_until_ns = until_ns
        # Who arrived before that did not wake us: look again.
        if not self._arrivals and not self._stopping:
            if until_ns == _NEVER_NS:
                self._wakeup.wait()
            else:
                self._wakeup.wait((until_ns - time.monotonic_ns()) / 1e9)
        self._sleeps_until_ns = 0
