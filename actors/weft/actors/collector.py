"""Python's garbage collector, kept out of the way of a million resident actors.

A full collection looks at every object: 0.4 s for a million resident sessions, while
which nobody handles mail, and Python starts one when it likes. What actors hold is
freed by reference counting when they end, so full collections find little here. Each
may look only at what is new since the last: what it has looked at is frozen.

Guarantees:
    - While a collector runs, a full collection looks at some 150,000 objects at most,
      which takes less than 50 ms however many sessions are resident. It waits for a
      moment when the dispatcher has no mail, unless it has so many to look at.
    - Young objects are collected, if less often than Python does it. While no more than
      ``LOOKED_AT_MAX`` objects have been frozen in all, they are looked at again each
      time, too.
    - ``stop`` gives Python its own settings back, and everything back to it.

The price: in a process that has held more than that, circles of objects that were alive
at a collection and became garbage later stay in memory. The actors of this room make
none.

The settings are the process's, so the process decides: the daemon uses this, an
embedded runtime does when it is told to.
"""

from __future__ import annotations

import contextlib
import gc
import time
from typing import TYPE_CHECKING, Any, Final

import msgspec

from weft.actors.process_helper import ProcessHelper
from weft.storage.statistics import Histogram, HistogramSnapshot

if TYPE_CHECKING:
    from collections.abc import Generator

    from weft.actors.dispatcher import Dispatcher

__all__ = ["Collector", "CollectorStatistics"]

LOOK_EVERY_S: Final = 0.25
"""How often the collector looks for a quiet moment; a look takes 2 us."""

YOUNG: Final = 5_000
"""New objects before a collection of these, 0.3 ms; Python's 700 are fewer than sixteen
requests hold, so it looked at them again and again: a twelfth of what a request
cost."""

MIDDLE_AFTER: Final = 2
"""Such collections before one of the middle generation."""

FULL_DUE_AFTER: Final = 3
"""Collections of the middle generation before a full one is due, if it is quiet. Each
of them has looked at 15,000 objects at most."""

FULL_AT_LATEST_AFTER: Final = 5
"""So many, and Python starts a full one at once: 90,000 objects, 13 ms on a quiet
machine. With twice as many it was 33 ms on one with other work."""

LOOKED_AT_MAX: Final = 100_000
"""Frozen objects that are looked at again with the new ones: 13 ms. A daemon with some
thousand sessions has fewer."""

IMMORTAL_MAX: Final = 1_000
"""Python 3.12 counts its own immortal objects, 375, among the frozen. Who freezes has
some 5,000 at the least."""

_OLDEST: Final = 2


class CollectorStatistics(msgspec.Struct, frozen=True):
    """What the garbage collector cost since it was taken over.

    Attributes:
        pauses: how long collections took, in ns, by generation; empty if nobody has
            taken it over.
        pause_max_ns: the longest of them.
        full_collections: those of everything that is not frozen.
    """

    pauses: dict[str, HistogramSnapshot] = {}
    pause_max_ns: int = 0
    full_collections: int = 0


class Collector(ProcessHelper):
    """Runs full collections in quiet moments, on an OS thread ``weft-collector``."""

    os_thread_name = "weft-collector"

    def __init__(self, dispatcher: Dispatcher) -> None:
        """Create a collector; :meth:`start` it.

        Args:
            dispatcher: whose quiet moments are used.
        """
        super().__init__()
        self.full_collections = 0
        self.pause_max_ns = 0
        self._dispatcher = dispatcher
        self._thresholds = gc.get_threshold()
        self._pauses = [Histogram() for _ in range(_OLDEST + 1)]
        self._began_ns = 0
        self._frozen_max = 0  # objects that are frozen, at the most
        self._was_frozen = False
        self._middle_collections = 0  # since the last full one

    @classmethod
    def acquire(cls, dispatcher: Dispatcher) -> Collector:
        """Take the collector of this process over; give it back with :meth:`release`.

        Args:
            dispatcher: the process's.
        """
        return cls._join(lambda: cls(dispatcher))

    def start(self) -> None:
        """Take full collections over from Python.

        Raises:
            RuntimeError: it was started before.
        """
        self._thresholds = gc.get_threshold()
        self._was_frozen = gc.get_freeze_count() > IMMORTAL_MAX
        super().start()
        gc.set_threshold(YOUNG, MIDDLE_AFTER, FULL_AT_LATEST_AFTER)
        gc.collect()
        self._frozen_max = len(gc.get_objects())
        gc.freeze()
        gc.callbacks.append(self._observe)

    def stop(self, timeout_s: float | None = None) -> bool:
        """Give Python its settings back and end the OS thread.

        Args:
            timeout_s: seconds to wait for the end; None waits for ever.

        Returns:
            Whether it has ended.
        """
        has_ended = super().stop(timeout_s)
        gc.callbacks.remove(self._observe)
        if not self._was_frozen:  # else the application has reasons of its own
            gc.unfreeze()
        gc.set_threshold(*self._thresholds)
        return has_ended

    def statistics(self) -> CollectorStatistics:
        """Return the numbers so far; callable from any OS thread."""
        return CollectorStatistics(
            {str(n): pauses.snapshot() for n, pauses in enumerate(self._pauses)},
            self.pause_max_ns,
            self.full_collections,
        )

    def _observe(self, phase: str, info: dict[str, Any]) -> None:
        """Count a collection's pause; collections do not overlap."""
        now_ns = time.perf_counter_ns()
        if phase == "start":
            self._began_ns = now_ns
            return
        began_ns, self._began_ns = self._began_ns, 0
        if not began_ns:  # a collection that had begun before this one was told of any
            return
        pause_ns, generation = now_ns - began_ns, info["generation"]
        self._pauses[generation].observe(pause_ns)
        self.pause_max_ns = max(self.pause_max_ns, pause_ns)
        if generation == 1:
            self._middle_collections += 1
        elif generation == _OLDEST:
            self._freeze()

    def _freeze(self) -> None:
        """Let what a full collection has looked at be skipped by the next."""
        if self._frozen_max:
            looked_at = self._middle_collections * YOUNG * (MIDDLE_AFTER + 1)
            self._frozen_max += looked_at
        else:
            self._frozen_max = len(gc.get_objects())
        self._middle_collections = 0
        self.full_collections += 1
        gc.freeze()

    @staticmethod
    @contextlib.contextmanager
    def bulk() -> Generator[None]:
        """Create many objects that stay: three times as fast, and never looked at.

        What is garbage at the end, and circular, stays in memory: so activate inside,
        and do nothing else.
        """
        gc.collect()
        was_enabled = gc.isenabled()
        gc.disable()
        try:
            yield
            gc.freeze()
        finally:
            if was_enabled:
                gc.enable()

    def _run(self) -> None:
        self._wakeup.wait(LOOK_EVERY_S)  # start() has just had everything collected
        while not self._stopping:
            self._look()
            self._wakeup.wait(LOOK_EVERY_S)

    def _look(self) -> None:
        if gc.get_count()[_OLDEST] >= FULL_DUE_AFTER and self._dispatcher.is_idle:
            self._collect()

    def _collect(self) -> None:
        if self._frozen_max <= LOOKED_AT_MAX and not self._was_frozen:
            gc.unfreeze()
            self._frozen_max = 0
        gc.collect()
