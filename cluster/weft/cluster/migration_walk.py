"""The order in which a store's trees are copied: tree by tree, a stretch at a time.

Stretches lie close to each other: together they cover all keys there can be, so an
entry of the copy that no stretch of the source has is found as well.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from weft.storage.departure import Place
from weft.storage.engine import Item, ReadTransaction
from weft.storage.keys import TREES
from weft.storage.store import FORMAT_KEY

__all__ = ["CHUNK_ENTRIES", "NOT_COPIED", "ORIGIN_KEY", "Stretch", "Walk", "present"]

CHUNK_ENTRIES: Final = 2_000
"""Of a stretch: it is read and sent in 10 to 15 ms, and compared in 4."""

CHUNK_SIZE_BYTES: Final = 1 << 20
"""Likewise; one that is larger by itself goes alone."""

ORIGIN_KEY: Final = b"origin"
"""Where a store that came from a directory has its migration's id, beside its format:
both are written by the last transaction."""

NOT_COPIED: Final = frozenset({("M", FORMAT_KEY), ("M", ORIGIN_KEY)})

_ORDER: Final = {tree: number for number, tree in enumerate(TREES)}

_BEHIND: Final = b"\xff" * 512
"""No key is longer than 511 bytes, so none lies behind it."""


class Stretch(NamedTuple):
    """The entries of a tree behind one key, up to and with another.

    Attributes:
        tree: the tree's name.
        after: the key it begins behind.
        upto: its last key; behind all keys where it ends the tree.
        items: what is in it.
    """

    tree: str
    after: bytes
    upto: bytes
    items: list[Item]

    @property
    def entries(self) -> dict[Place, bytes]:
        """What is in it, by place."""
        return {(self.tree, key): value for key, value in self.items}


class Walk:
    """How far a walk through all trees has come.

    Args:
        entries: of a stretch, at the most.
    """

    def __init__(self, entries: int = CHUNK_ENTRIES) -> None:
        self._entries = entries
        self._number = 0
        self._after = b""

    @property
    def is_done(self) -> bool:
        """Whether nothing lies ahead."""
        return self._number == len(TREES)

    def next(self, trees: ReadTransaction) -> Stretch:
        """Return what comes next."""
        tree, after = TREES[self._number], self._after
        items: list[Item] = []
        size_bytes = 0
        for key, value in trees.scan(tree, start=after):
            if key == after:
                continue
            if (tree, key) not in NOT_COPIED:
                items.append((key, value))
            size_bytes += len(key) + len(value)
            if len(items) == self._entries or size_bytes >= CHUNK_SIZE_BYTES:
                return Stretch(tree, after, key, items)
        return Stretch(tree, after, _BEHIND, items)

    def move_past(self, stretch: Stretch) -> None:
        """Go to where a stretch ends."""
        self._after = stretch.upto
        if stretch.upto == _BEHIND:
            self._number, self._after = self._number + 1, b""

    def is_past(self, place: Place) -> bool:
        """Whether the walk has come by a place."""
        tree, key = place
        number = _ORDER[tree]
        return number < self._number or (number == self._number and key <= self._after)


def present(
    trees: ReadTransaction, places: Iterable[Place]
) -> dict[Place, bytes | None]:
    """Return the present values of some places, as many as go at once.

    Args:
        trees: where to look.
        places: whose; some may be left for the next time.

    Returns:
        the values; None where there is nothing any more.
    """
    found: dict[Place, bytes | None] = {}
    size_bytes = 0
    for place in places:
        value = trees.get(*place)
        found[place] = value
        size_bytes += len(place[1]) + len(value or b"")
        if size_bytes >= CHUNK_SIZE_BYTES:
            break
    return found
