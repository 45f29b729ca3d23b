"""The record of the key-value store: an item, a mapping under a namespace and a key."""

from datetime import datetime
from typing import Any, Final

import msgspec

from weft.storage.record_base import Record, datetime_from_us

__all__ = ["FRESH", "Item"]

FRESH: Final = 0.99
"""An item that has more than this left of its time need not be touched again: each read
of a hot one would be a durable write, to move its end by less than a hundredth."""

_decode: Final = msgspec.msgpack.decode


class Item(Record, frozen=True, array_like=True, gc=False):
    """What an agent remembers beyond its threads.

    Attributes:
        namespace: where it lies, from the widest part to the narrowest.
        key: its name there.
        ttl_us: how long it lives when nobody touches it, microseconds; None for ever.
        expires_at_us: when it is gone, microseconds since the Unix epoch.
    """

    namespace: tuple[str, ...]
    key: str
    value_raw: msgspec.Raw
    ttl_us: int | None
    expires_at_us: int | None
    created_at_us: int
    updated_at_us: int
    created_seq: int
    updated_seq: int

    @property
    def value(self) -> dict[str, Any]:
        """What it holds, a fresh copy."""
        value: dict[str, Any] = _decode(self.value_raw)
        return value

    @property
    def created_at(self) -> datetime:
        """When the item was first put."""
        return datetime_from_us(self.created_at_us)

    @property
    def updated_at(self) -> datetime:
        """When it was last put."""
        return datetime_from_us(self.updated_at_us)

    @property
    def expires_at(self) -> datetime | None:
        """When it is gone unless it is touched, None for never."""
        us = self.expires_at_us
        return None if us is None else datetime_from_us(us)

    def is_live(self, now_us: int) -> bool:
        """Whether the item is there at a time, microseconds since the Unix epoch."""
        return self.expires_at_us is None or now_us < self.expires_at_us

    def is_worn(self, now_us: int) -> bool:
        """Whether it is worth while to let the item's time begin anew."""
        if self.ttl_us is None or self.expires_at_us is None:
            return False
        return self.expires_at_us - now_us < self.ttl_us * FRESH
