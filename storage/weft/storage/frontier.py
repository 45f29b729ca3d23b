"""The frontier of a tree: the last UUID in it, beyond which nothing can lie.

Generated ids are UUIDv7 and grow with time, so a new one lies beyond all that the tree
holds: that it is new need not be looked up. Every operation looks for its ``op_id``
and every create for its thread; a look-up costs 2 us, more in a large store.

Guarantees: nothing lies beyond a frontier. It may be too far, after a group that
failed or a removal, which costs a look-up and no more.

Ids of the callers' own making sort behind all UUIDs and are always looked up.
"""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final, Self

from weft.storage.engine import Item, ReadTransaction

__all__ = ["Frontier"]

_UUIDS: Final = b"\x01"
_BEHIND_UUIDS: Final = b"\x02"


class Frontier:
    """How far the UUIDs of one tree go.

    Args:
        last: the last key that begins with a UUID, if there is one.
    """

    __slots__ = ("_last",)

    def __init__(self, last: bytes = _UUIDS) -> None:
        self._last = last

    @classmethod
    def of(cls, transaction: ReadTransaction, tree: str) -> Self:
        """Return the frontier of a tree, from one look at its end."""
        found = next(iter(transaction.scan(tree, _UUIDS, reverse=True)), None)
        return cls() if found is None else cls(found[0])

    def is_before(self, key: bytes) -> bool:
        """Whether a key begins with a UUID beyond the frontier: it is not there."""
        return self._last < key < _BEHIND_UUIDS

    def move_to(self, key: bytes) -> None:
        """Take note of a key that is put."""
        if self.is_before(key):
            self._last = key

    def move_past(self, items: Sequence[Item]) -> None:
        """Take note of sorted items that are put."""
        uuids = bisect_left(items, (_BEHIND_UUIDS,))
        if uuids:
            self.move_to(items[uuids - 1][0])
