"""What all records are made of: the base, encoded nothings, times."""

from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

__all__ = ["EMPTY", "NIL", "Record", "datetime_from_us"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

EMPTY: Final = msgspec.Raw(b"\x80")
"""An encoded empty mapping."""

NIL: Final = msgspec.Raw(b"\xc0")
"""An encoded None."""


def datetime_from_us(value_us: int) -> datetime:
    """Return an aware UTC datetime, exact to the microsecond.

    Args:
        value_us: microseconds since the Unix epoch.
    """
    return _EPOCH + timedelta(microseconds=value_us)


class Record(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The base of all records: immutable, compact, invisible to the collector."""
