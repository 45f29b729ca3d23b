"""What a shard's writer remembers of the trees, and what it has yet to ask for.

The rules are pure, so a group may be decided on top of what is remembered, and again
when something was missing: the misses of a whole group are fetched in one statement.
What a commit wrote is remembered, too: the shard has no other writer while its fence
holds, and the commit proves each entry it was decided on all the same.

Guarantees: nothing is remembered of before the last :meth:`Recall.forget`; what others
have written meanwhile is found out by the commit, and doubted.
"""

from collections.abc import Iterable
from typing import Final

from weft.cluster.ranges import GROWTH, LIMIT_MAX, Range
from weft.storage.engine import Item

__all__ = ["Found", "Place", "Recall"]

Place = tuple[str, bytes]
"""A tree and a key in it."""

ENTRIES_MAX: Final = 131_072
"""What is remembered from group to group: about 50 MB. Beyond it all is forgotten."""

_KEPT: Final = frozenset({"S", "T", "R"})
"""Trees whose entries are small and read again."""


class Found:
    """The beginning of a stretch.

    Attributes:
        items: its entries, in the order they are read.
        whole: there are no others.
    """

    __slots__ = ("items", "whole")

    def __init__(self, items: list[Item], *, whole: bool) -> None:
        self.items = items
        self.whole = whole


class Recall:
    """Entries as the database has them, by place; None where there is nothing.

    Attributes:
        entries: those that are known.
        ranges: stretches that are known, for the length of a group.
        missed: places that somebody asked for and that are not known.
        short: stretches likewise, with how many entries to ask for.
        generation: how often something was found not to be so any more.
    """

    def __init__(self) -> None:
        self.entries: dict[Place, bytes | None] = {}
        self.ranges: dict[Range, Found] = {}
        self.missed: set[Place] = set()
        self.short: dict[Range, int] = {}
        self.generation = 0
        self._passing: list[Place] = []

    def want(self, places: Iterable[Place]) -> None:
        """Take note of places to be fetched."""
        self.missed.update(place for place in places if place not in self.entries)

    def want_more(self, stretch: Range) -> None:
        """Take note that more of a stretch is to be fetched than is known."""
        found = self.ranges.get(stretch)
        if found is None:
            self.short[stretch] = stretch.first_limit
        else:
            self.short[stretch] = min(len(found.items) * GROWTH, LIMIT_MAX)

    def assume_absent(self, places: Iterable[Place]) -> None:
        """Take it that there is nothing, where nothing is known: the commit will tell.

        For the length of a group. A name that a thread is to have is mostly free, an
        ``op_id`` mostly new: to look them up would cost each group a round trip.
        """
        for place in places:
            if place not in self.entries:
                self.entries[place] = None
                self._passing.append(place)

    def learn(self, place: Place, value: bytes | None) -> None:
        """Take note of an entry that was fetched."""
        if place[0] not in _KEPT:
            self._passing.append(place)
        self.entries[place] = value

    def learn_range(self, stretch: Range, items: list[Item], limit: int) -> None:
        """Take note of a stretch that was fetched, behind what was known of it."""
        before = self.ranges.get(stretch)
        known = [] if before is None else before.items
        self.ranges[stretch] = Found(known + items, whole=len(items) < limit)
        for key, value in items:
            self.learn((stretch.tree, key), value)

    def end_group(
        self, written: Iterable[tuple[str, dict[bytes, bytes | None]]]
    ) -> None:
        """Take note of what a group has committed, and let go what only it needed."""
        entries = self.entries
        for place in self._passing:
            entries.pop(place, None)
        for tree, values in written:
            if tree in _KEPT:
                entries.update({(tree, key): value for key, value in values.items()})
        self._passing = []
        self.ranges = {}
        if len(entries) > ENTRIES_MAX:
            self.forget()

    def doubt(self, places: Iterable[Place]) -> None:
        """Forget some entries, and all stretches: others have written among them.

        What else is remembered stays: a commit proves it, too, when its turn comes.
        """
        for place in places:
            self.entries.pop(place, None)
        self.ranges = {}
        self.generation += 1

    def forget(self) -> None:
        """Forget everything."""
        self.entries = {}
        self.ranges = {}
        self.missed = set()
        self.short = {}
        self._passing = []
        self.generation += 1
