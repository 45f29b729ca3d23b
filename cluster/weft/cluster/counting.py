"""Counters of shards: each has a record of its own, and the sum is what there is.

A thread that moves to another shard is counted out there and not here, so one shard's
numbers may be negative. All are encoded as if they lay under the one key that readers
know.
"""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from weft.storage.codec import decode, encode
from weft.storage.keys import COUNTERS_KEY
from weft.storage.records import Counters

__all__ = ["COUNTERS", "counters_place", "merged_counters"]

_TREE: Final[str] = COUNTERS_KEY[-2]
COUNTERS: Final[bytes] = COUNTERS_KEY[-1]
"""The key that readers know; those of other shards begin with it."""

_SHARD_SIZE_BYTES: Final = 4


def counters_place(shard: int) -> bytes:
    """Return the key of a shard's own counters."""
    return COUNTERS + (shard.to_bytes(_SHARD_SIZE_BYTES) if shard else b"")


def merged_counters(values: Iterable[bytes]) -> bytes | None:
    """Return the sum of shards' counters, as a record of its own."""
    found = list(values)
    if len(found) < 2:  # noqa: PLR2004 - a sum of one is that one
        return found[0] if found else None
    total = Counters()
    for value in found:
        total = _sum(total, decode(_TREE, COUNTERS, value))
    return encode(_TREE, COUNTERS, total)


def _sum(one: Counters, other: Counters) -> Counters:
    values: dict[str, Any] = {}
    for field in Counters.__struct_fields__:
        left, right = getattr(one, field), getattr(other, field)
        if isinstance(left, dict):
            keys = {**left, **right}
            sums = {key: left.get(key, 0) + right.get(key, 0) for key in keys}
            values[field] = {key: count for key, count in sums.items() if count}
        else:
            values[field] = left + right
    return msgspec.structs.replace(one, **values)
