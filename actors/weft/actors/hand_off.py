"""The hand-off: how an OS thread that called ``get`` learns that the result is there.

The one place in this floor where an OS thread sleeps on a lock, and no handler ever
does: the dispatcher only releases. A lock, not the eventfd that the dispatcher sleeps
on, because releasing it keeps the GIL: sixty-four answers go out in one stretch, and
then the callers come back together. With an eventfd each answer gave the GIL to its
caller and had to win it back: 64 blocking callers cost 192 us of CPU an operation
instead of 122, in groups of 27 instead of 48. For a single caller it makes no
difference (3.9 us an ask, either way).

Guarantees:
    - No hand-off is lost: one that comes before the wait ends the wait at once.
    - ``wake`` never waits, on any OS thread.
"""

import contextlib
import threading
from typing import Final

__all__ = ["HandOff"]

WAIT_MAX_S: Final = 86_400.0
"""A longer wait ends early, and its caller looks again: a lock's own limit is lower
than people's patience on some systems."""


class HandOff:
    """Wakes one OS thread, once."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()

    def wake(self, _cause: object = None) -> None:
        """Let the wait return."""
        with contextlib.suppress(RuntimeError):  # woken already
            self._lock.release()

    def wait(self, timeout_s: float | None = None) -> None:
        """Wait for the wake-up, or until the time is over.

        Args:
            timeout_s: seconds; None waits for ever.
        """
        self._lock.acquire(timeout=-1 if timeout_s is None else _within(timeout_s))


def _within(timeout_s: float) -> float:
    return min(max(0.0, timeout_s), WAIT_MAX_S)
