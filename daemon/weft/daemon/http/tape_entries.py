"""What is on a tape: the last events of a run that the store does not have.

Guarantees: there are ``ENTRIES_MAX`` of them and ``SIZE_BYTES_MAX`` of data at the
most; the oldest go first.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, Final, NamedTuple

import msgspec

from weft.daemon.http.run_places import Place

__all__ = ["Entries", "Entry"]

ENTRIES_MAX: Final = 4096
"""Forty seconds of a fast model's tokens: longer than a client takes to come back."""

SIZE_BYTES_MAX: Final = 1 << 20

_encode: Final = msgspec.json.Encoder(enc_hook=str).encode


class Entry(NamedTuple):
    """An event that the store does not have."""

    place: Place
    event: str
    data: msgspec.Raw
    at_us: int

    @classmethod
    def now(cls, place: Place, event: str, data: Any) -> "Entry":
        """Return the entry of what has just come."""
        return cls(place, event, _json(data), time.time_ns() // 1000)


class Entries:
    """The entries of one tape, oldest first."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque()
        self._size_bytes = 0

    def keep(self, entry: Entry) -> Place | None:
        """Add an entry; return the place of the last one that made room for it."""
        self._entries.append(entry)
        self._size_bytes += len(entry.data)
        lost = None
        while len(self._entries) > ENTRIES_MAX or self._size_bytes > SIZE_BYTES_MAX:
            gone = self._entries.popleft()
            self._size_bytes -= len(gone.data)
            lost = gone.place
        return lost

    def after(
        self, place: Place, limit: int, turn: Callable[[Place], Any]
    ) -> list[Entry]:
        """Return the entries behind a place, oldest first.

        Args:
            place: of the last event that is known.
            limit: how many at the most.
            turn: what places are ordered by.
        """
        first = _first_behind(self._entries, place, turn)
        return list(islice(self._entries, first, first + limit))


def _json(data: Any) -> msgspec.Raw:
    try:
        return msgspec.Raw(_encode(data))
    except (TypeError, ValueError, OverflowError, RecursionError):
        return msgspec.Raw(_encode(repr(data)))


def _first_behind(
    entries: Sequence[Entry], place: Place, turn: Callable[[Place], Any]
) -> int:
    """Return the index of the first entry behind a place."""
    for back, entry in enumerate(reversed(entries)):
        if turn(entry.place) <= turn(place):
            return len(entries) - back
    return 0
