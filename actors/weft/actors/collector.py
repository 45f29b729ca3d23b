"""Python's garbage collector, kept out of the way of a million resident actors.

A full collection looks at every object: 0.28 s for a million light actors, while which
nobody handles mail, and Python starts one when it likes. What actors hold is freed by
reference counting when they end, so full collections find little here; they may wait
for a quiet moment.

Guarantees:
    - While a collector runs, a full collection starts only when the dispatcher has no
      mail, or ``DEFERRED_MAX_S`` after it became due. Young objects are collected as
      ever.
    - What was activated inside :meth:`Collector.bulk` is never looked at again: a full
      collection afterwards takes as long as if it were not there.
    - ``stop`` gives Python its own settings back.

The settings are the process's, so the process decides: the daemon uses this, an
embedded runtime does not by itself.
"""

from __future__ import annotations

import contextlib
import gc
import threading
import time
from typing import TYPE_CHECKING, Final

from weft.actors.wakeup import Wakeup

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weft.actors.dispatcher import Dispatcher

__all__ = ["DEFERRED_MAX_S", "Collector"]

LOOK_EVERY_S: Final = 0.25
"""How often the collector looks for a quiet moment; a look takes 2 us."""

DEFERRED_MAX_S: Final = 60.0
"""A process that is never quiet has to free its circles at some time: at 1 MB of them
a second, 60 MB wait."""

FULL_DUE_AFTER: Final = 10
"""Collections of the middle generation before a full one is due: Python's number."""

_NEVER: Final = 1 << 30


class Collector:
    """Runs full collections in quiet moments, on an OS thread ``weft-collector``."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        """Create a collector; :meth:`start` it.

        Args:
            dispatcher: whose quiet moments are used.
        """
        self.full_collections = 0
        self._dispatcher = dispatcher
        self._thresholds = gc.get_threshold()
        self._stopping = False
        self._due_since_s: float | None = None
        self._wakeup = Wakeup()
        self._thread = threading.Thread(
            target=self._run, name="weft-collector", daemon=True
        )

    def start(self) -> None:
        """Take full collections over from Python.

        Raises:
            RuntimeError: it was started before.
        """
        self._thresholds = gc.get_threshold()
        gc.set_threshold(*self._thresholds[:2], _NEVER)
        self._thread.start()

    def stop(self, timeout_s: float | None = None) -> None:
        """Give Python its settings back and end the OS thread.

        Args:
            timeout_s: seconds to wait for the end; None waits for ever.
        """
        self._stopping = True
        self._wakeup.wake()
        self._thread.join(timeout_s)
        gc.set_threshold(*self._thresholds)

    @staticmethod
    @contextlib.contextmanager
    def bulk() -> Iterator[None]:
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
        while not self._stopping:
            self._look(time.monotonic())
            self._wakeup.wait(LOOK_EVERY_S)

    def _look(self, now_s: float) -> None:
        if gc.get_count()[2] < FULL_DUE_AFTER:
            self._due_since_s = None
            return
        if self._due_since_s is None:
            self._due_since_s = now_s
        if self._dispatcher.is_idle or now_s - self._due_since_s >= DEFERRED_MAX_S:
            gc.collect()
            self.full_collections += 1
            self._due_since_s = None
