"""A write transaction that lies in memory until its one statement is sent.

Reads see what the group has drafted so far, then what is remembered. What is neither
is a miss: the reader is told that there is nothing, goes on to find what else is
missing, and the whole draft is thrown away (:class:`~weft.storage.engine.EngineFull`),
to be made again.
Asked to be eager it fetches each miss at once instead.
"""

from collections.abc import Callable, Iterator, Sequence

from weft.cluster.ranges import Range
from weft.cluster.recall import Place, Recall
from weft.storage.engine import Item

__all__ = ["Change"]


class Change:
    """The draft of a commit.

    Args:
        recall: what is remembered; misses are noted there.
        bounds: the first and the last place of the shard's own log.
        fetch: fetches what the recall misses; None to leave it for later.

    Attributes:
        writes: by tree and key; None deletes.
        reads: the places that were looked at.
    """

    __slots__ = ("_bounds", "_fetch", "_recall", "reads", "writes")

    def __init__(
        self,
        recall: Recall,
        bounds: tuple[bytes, bytes],
        fetch: Callable[[], None] | None,
    ) -> None:
        self._recall = recall
        self._bounds = bounds
        self._fetch = fetch
        self.writes: dict[str, dict[bytes, bytes | None]] = {}
        self.reads: set[Place] = set()

    @property
    def is_void(self) -> bool:
        """Whether it was drafted without knowing all that it asked for."""
        return bool(self._recall.missed or self._recall.short)

    def get(self, tree: str, key: bytes) -> bytes | None:
        """Return the value of a key as it will be."""
        written = self.writes.get(tree)
        if written is not None and key in written:
            return written[key]
        place = (tree, key)
        recall = self._recall
        if place not in recall.entries:
            recall.missed.add(place)
            if self._fetch is None:
                return None
            self._fetch()
        self.reads.add(place)
        return recall.entries[place]

    def scan(
        self,
        tree: str,
        prefix: bytes = b"",
        *,
        start: bytes | None = None,
        reverse: bool = False,
    ) -> Iterator[Item]:
        """Yield the entries of a range as they will be: see ``ReadTransaction``."""
        stretch = Range.of(tree, prefix, start, reverse=reverse)
        if tree == "L":
            stretch = stretch.within(*self._bounds)
        drafted = {k: v for k, v in self.writes.get(tree, {}).items() if k in stretch}
        if not drafted:
            return self._known(stretch)
        return _merged(self._known(stretch), drafted, reverse=reverse)

    def _known(self, stretch: Range) -> Iterator[Item]:
        recall, done = self._recall, 0
        while True:
            found = recall.ranges.get(stretch)
            if found is not None:
                yield from found.items[done:]
                done = len(found.items)
                if found.whole:
                    return
            recall.want_more(stretch)
            if self._fetch is None:
                return
            self._fetch()

    def put_many(self, tree: str, items: Sequence[Item]) -> None:
        """Set values."""
        self.writes.setdefault(tree, {}).update(items)

    def delete(self, tree: str, key: bytes) -> None:
        """Delete a key; a missing one is no error."""
        self.writes.setdefault(tree, {})[key] = None


def _merged(
    items: Iterator[Item], drafted: dict[bytes, bytes | None], *, reverse: bool
) -> Iterator[Item]:
    """Yield entries with drafted ones among them, in order."""
    waiting = sorted(drafted, reverse=not reverse)  # the next one is the last
    for item in items:
        key = item[0]
        while waiting and (waiting[-1] > key if reverse else waiting[-1] < key):
            yield from _there(waiting.pop(), drafted)
        if key in drafted:
            yield from _there(waiting.pop(), drafted)
        else:
            yield item
    while waiting:
        yield from _there(waiting.pop(), drafted)


def _there(key: bytes, drafted: dict[bytes, bytes | None]) -> Iterator[Item]:
    value = drafted[key]
    if value is not None:
        yield key, value
