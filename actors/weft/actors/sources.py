"""Where time and ids come from: the only sources of what differs from run to run.

The actors and the door ask these instead of the operating system, so that a simulation
can give its own and the same seed gives the same run. Time stamps of statistics are
taken elsewhere: nothing depends on them.
"""

import random
import time
from collections.abc import Callable
from typing import Final, Protocol

import msgspec

from weft.storage import new_id
from weft.storage.store import clock_us

__all__ = ["REAL", "Cancellable", "Sources", "Timing"]


class Cancellable(Protocol):
    """A call to come."""

    def cancel(self) -> bool:
        """Drop it; return whether it will not come because of this."""
        ...


class Timing(Protocol):
    """What calls functions at their time: :class:`~weft.actors.timers.Timers`."""

    def call_at(self, deadline_ns: int, callback: Callable[[], object]) -> Cancellable:
        """Have a function called, on the clock of ``monotonic_ns``."""
        ...


class Sources(msgspec.Struct, frozen=True):
    """Time and ids.

    Attributes:
        clock_us: returns microseconds since the Unix epoch.
        monotonic_ns: returns nanoseconds on the clock of deadlines.
        new_id: returns an id that was never returned before.
        random: returns numbers from 0 to 1, for the jitter of restarts.
    """

    clock_us: Callable[[], int] = clock_us
    monotonic_ns: Callable[[], int] = time.monotonic_ns
    new_id: Callable[[], str] = new_id
    random: Callable[[], float] = random.random


REAL: Final = Sources()
"""Those of the operating system."""
