"""Reading items: one, those of a namespace, the namespaces there are.

Over a :class:`~weft.storage.snapshot.Snapshot`. An item whose time is over is not
there, whether or not retention has forgotten it.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from weft.storage.codec import decode
from weft.storage.keys_items import (
    Namespace,
    behind,
    below,
    check_item_key,
    items_prefix,
)
from weft.storage.records_items import Item
from weft.storage.snapshot import Snapshot

__all__ = ["ANY", "ItemReader", "NamespaceQuery"]

ANY: Final = "*"
"""In a pattern: whatever part stands there."""


class NamespaceQuery(msgspec.Struct, frozen=True):
    """Which namespaces are wanted.

    Attributes:
        prefix: what they begin with; ``*`` stands for any one part.
        suffix: what they end with, likewise.
        max_depth: cut longer ones to so many parts; None for whole ones.
    """

    prefix: Namespace = ()
    suffix: Namespace = ()
    max_depth: int | None = None

    def accepts(self, namespace: Namespace) -> bool:
        """Whether a namespace begins and ends as wanted."""
        first, last = self.prefix, self.suffix
        return (
            len(namespace) >= max(len(first), len(last))
            and _matches(namespace[: len(first)], first)
            and _matches(namespace[len(namespace) - len(last) :], last)
        )

    @property
    def fixed(self) -> Namespace:
        """What all of them begin with, as far as it is known."""
        at = self.prefix.index(ANY) if ANY in self.prefix else len(self.prefix)
        return self.prefix[:at]


class ItemReader:
    """The items at one moment; valid as long as its snapshot.

    Args:
        snapshot: of the store.
        now_us: by which an item's time is judged, microseconds since the Unix epoch.
    """

    __slots__ = ("_now_us", "_snapshot")

    def __init__(self, snapshot: Snapshot, now_us: int) -> None:
        self._snapshot = snapshot
        self._now_us = now_us

    def item(self, namespace: Namespace, key: str) -> Item | None:
        """Return an item, None where there is none.

        Raises:
            InvalidArgument: no item can be there.
        """
        found: Item | None = self._snapshot.get(check_item_key(namespace, key))
        return found if found is not None and found.is_live(self._now_us) else None

    def items(self, prefix: Namespace = ()) -> Iterator[Item]:
        """Yield the items of a namespace and of all below it.

        They come in the order of their keys: those of a namespace itself before those
        of the ones below it.

        Args:
            prefix: the namespace; without a part all but the system's own.
        """
        return self._live(items_prefix(prefix), None)

    def namespaces(self, query: NamespaceQuery) -> Iterator[Namespace]:
        """Yield namespaces that have items, each once, in the order of their keys.

        A namespace is passed over in one step, however many items it has.

        Args:
            query: which ones.
        """
        prefix = items_prefix(query.fixed)
        start: bytes | None = None
        while (item := next(self._live(prefix, start), None)) is not None:
            found = item.namespace
            start = below(found)
            if query.accepts(found):
                yield found[: query.max_depth]
                if query.max_depth is not None and len(found) >= query.max_depth:
                    start = behind(found[: query.max_depth])

    def _live(self, prefix: bytes, start: bytes | None) -> Iterator[Item]:
        for key, data in self._snapshot.entries("K", prefix, start):
            item: Item = decode("K", key, data)
            if item.is_live(self._now_us):
                yield item


def _matches(parts: Namespace, pattern: Namespace) -> bool:
    return all(
        wanted in (ANY, part) for part, wanted in zip(parts, pattern, strict=True)
    )
