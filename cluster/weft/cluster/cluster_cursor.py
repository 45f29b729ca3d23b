"""A place in the feed of a cluster: how far each of its logs has been read.

Every shard has an operation log, and every re-sharding gives the shards concerned new
ones, with higher numbers than all before. So a log with a higher number than any in a
cursor is new to its reader; one with a lower number that is not in it has been read to
its end and never grows again. That keeps a cursor as short as there are shards.

As text it is ``log.n`` of each log, joined by ``_``: for callers, an opaque word.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple, Self

import msgspec

from weft.storage.errors import InvalidArgument
from weft.storage.keys import LOG_BITS

__all__ = ["Cursor", "LogEnd", "log_of", "seq_of"]

_N_MAX: Final = (1 << LOG_BITS) - 1
_DIGITS_MAX: Final = len(str(_N_MAX))
_LOG_MAX: Final = (1 << 63 - LOG_BITS) - 1


class LogEnd(NamedTuple):
    """Where a log ends.

    Attributes:
        log: its number.
        n: how many operations were applied in it.
        grows: whether it is a shard's present one.
    """

    log: int
    n: int
    grows: bool


class Cursor(msgspec.Struct, frozen=True):
    """Behind which operation of each log a reader goes on.

    Attributes:
        places: by log, the number of the last operation that was read.
    """

    places: Mapping[int, int] = {}

    @classmethod
    def of(cls, text: str) -> Self:
        """Return the cursor that a text stands for.

        Raises:
            InvalidArgument: it stands for none.
        """
        try:
            pairs = [part.split(".") for part in text.split("_")] if text else []
            places = {_number(log, _LOG_MAX): _number(n, _N_MAX) for log, n in pairs}
        except ValueError as error:
            words = f"{text!r} is no place in a cluster's feed; use an event's id."
            raise InvalidArgument(words, cause=error) from error
        return cls(places)

    @classmethod
    def at(cls, ends: Iterable[LogEnd]) -> Self:
        """Return the cursor behind all that has happened."""
        return cls({end.log: end.n for end in ends if end.grows})

    def __str__(self) -> str:
        return "_".join(f"{log}.{n}" for log, n in sorted(self.places.items()))

    def known(self, ends: Iterable[LogEnd]) -> "Cursor":
        """Return the same place with new logs in it, without those that are over."""
        newest = max(self.places, default=-1)
        places = {
            end.log: self.places.get(end.log, 0)
            for end in ends
            if end.log in self.places or end.log > newest
        }
        over = {e.log for e in ends if not e.grows and places.get(e.log, 0) >= e.n}
        return Cursor({log: n for log, n in places.items() if log not in over})


def log_of(seq: int) -> tuple[int, int]:
    """Return the log of an operation, and its number there."""
    return seq >> LOG_BITS, seq & _N_MAX


def seq_of(log: int, n: int) -> int:
    """Return the ``seq`` of an operation by its log, and its number there."""
    return (log << LOG_BITS) + n


def _number(text: str, most: int) -> int:
    is_number = text.isascii() and text.isdecimal() and len(text) <= _DIGITS_MAX
    if not is_number or int(text) > most:
        raise ValueError(text)
    return int(text)
