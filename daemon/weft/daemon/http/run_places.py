"""Places in a run's stream: the ids of its events.

An id is ``<seq>-<n>``. ``seq`` is the store's number of the operation that the event
shows, or that was the run's last when it happened: the one that began the run, that
made a state, that ended it. ``n`` counts what is told at, and behind, that operation.
The store numbers its operations once and for all, so ids mean the same in every
stream of the run or its thread, after a crash, a restart or a move as well.
"""

from typing import Final, NamedTuple, Self

from weft.daemon.http.problems import Fault, RequestFault
from weft.storage.keys import LOG_BITS

__all__ = ["ALL_BEFORE", "Place", "Slot", "Turns"]


class Slot:
    """What ``n`` is of events that have a place of their own behind an operation."""

    METADATA: Final = 0
    VALUES: Final = 1
    UPDATES: Final = 2
    END: Final = 3
    GAP: Final = 4
    FIRST_TRANSIENT: Final = 5


class Place(NamedTuple):
    """The place of one event; places are ordered as their events are.

    Attributes:
        seq: of the operation that it shows or comes behind.
        n: which event of those.
    """

    seq: int
    n: int

    def __str__(self) -> str:
        return f"{self.seq}-{self.n}"

    @classmethod
    def of(cls, event_id: str) -> Self:
        """Return the place that an event id names.

        Raises:
            RequestFault: it is none of ours.
        """
        seq, dash, n = event_id.partition("-")
        if event_id == "-1":  # "from the beginning", as other servers have it
            return cls(0, 0)
        if not (dash and _is_number(seq) and _is_number(n)):
            words = f"Expected <number>-<number>, got {event_id!r}"
            faults = [Fault("header", "Last-Event-ID", words)]
            raise RequestFault(422, f"The Last-Event-ID is wrong: {words}.", faults)
        return cls(int(seq), int(n))


ALL_BEFORE: Final = Place(0, 0)
"""Before every event."""


class Turns:
    """The order of a run's places, though it has been on several shards of a cluster.

    Each shard has a log, and a ``seq`` grows within one only. A run that moves goes
    from log to log, so its places come in the order in which it came to their logs. One
    that comes back to a log it has left is read as if it had stayed there.

    Args:
        began_seq: the operation that began the run; 0 before that.
    """

    def __init__(self, began_seq: int) -> None:
        self._logs = [began_seq >> LOG_BITS] if began_seq else []

    def of(self, place: Place) -> tuple[int, Place]:
        """Return what places are ordered by; asked for those of a new log in order."""
        if place.seq == 0:
            return -1, place
        log = place.seq >> LOG_BITS
        if log not in self._logs:
            self._logs.append(log)
        return self._logs.index(log), place


_DIGITS_MAX: Final = 19  # of 63 bits


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX
