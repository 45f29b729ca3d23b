"""Scanning trees for the check: every entry in order, also behind a damaged one."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from operator import itemgetter
from typing import Any, Final

from weft.storage import keys
from weft.storage.codec import decode
from weft.storage.errors import StoreCorrupt
from weft.storage.ids import unpack_id
from weft.storage.keys_checkpoints import belongs as belongs_to_graph
from weft.storage.keys_items import item_key
from weft.storage.progress import Progress
from weft.storage.records import (
    Association,
    Counters,
    Interaction,
    OperationRecord,
    Run,
    Session,
    State,
    StepResult,
    Thread,
    Tombstone,
)
from weft.storage.records_items import Item
from weft.storage.snapshot import Snapshot

__all__ = [
    "DAMAGED",
    "ELSEWHERE",
    "Counting",
    "Entry",
    "Pass",
    "estimate",
    "follows",
    "owner_of",
]

PROGRESS_ENTRIES: Final = 10_000
"""Between two calls of ``progress``: some 25 ms."""

DAMAGED: Final = object()

ELSEWHERE: Final = "it belongs under another key"

_PLACE_SIZE_BYTES: Final = len(keys.log_place(0))

_Raw = tuple[bytes, bytes]

Entry = tuple[str, bytes, Any]

owner_of: Final = itemgetter(0)
"""The id in an entry's key."""

_WITH_STATUS: Final = frozenset({Session, Thread, Run})


_FITS: Final[dict[str, dict[type, Callable[[str, bytes, Any], bool]]]] = {
    "S": {
        Session: lambda i, rest, v: rest == b"\x00" and v.session_id == i,
        str: lambda _, rest, __: rest[:1] == b"\x01",
        bool: lambda _, rest, __: rest[:1] == b"\x02",
    },
    "T": {
        Thread: lambda i, rest, v: rest == b"\x00" and v.thread_id == i,
        Tombstone: lambda i, rest, v: rest == b"\x00" and v.thread_id == i,
        Association: lambda i, rest, v: (
            rest[:1] == b"\x01"
            and v.thread_id == i
            and v.session_id == unpack_id(rest, 1)[0]
        ),
        bool: lambda _, rest, __: rest[:1] == b"\x02",
    },
    "R": {
        str: lambda _, rest, __: not rest,
        Run: lambda i, rest, v: not rest and v.run_id == i,
        bool: lambda _, rest, __: unpack_id(rest, keys.SEQ_SIZE_BYTES)[1] == len(rest),
        StepResult: lambda i, rest, v: v.run_id == i and v.name.encode() == rest,
    },
    "X": {
        State: lambda i, rest, v: v.thread_id == i and v.step == int.from_bytes(rest)
    },
    "I": {Interaction: lambda i, _, v: v.session_id == i},
    "K": {Item: lambda _, rest, v: item_key(v.namespace, v.key)[-1] == rest},
    "L": {OperationRecord: lambda _, rest, __: len(rest) == _PLACE_SIZE_BYTES},
    "O": {bytes: lambda _, rest, v: not rest and len(v) == _PLACE_SIZE_BYTES},
}


def follows(last: bytes, place: bytes) -> bool:
    """Whether two places are consecutive: the next refusal or seq, or another log."""
    before, this = int.from_bytes(last), int.from_bytes(place)
    if this == before + 1 or this == (before >> 64) + 1 << 64:
        return True
    return this >> 64 + keys.LOG_BITS > before >> 64 + keys.LOG_BITS


def estimate(snapshot: Snapshot) -> int:
    """Return about how many entries there are, as the store itself counts them."""
    log = next(snapshot.entries("L"), None)
    total = 0
    if log is not None:
        total += 2 * (snapshot.seq - int.from_bytes(log[0][:8]) + 1)
    with suppress(StoreCorrupt):  # the check itself tells of that
        held = snapshot.counters
        total += sum(held.sessions.values()) + sum(held.threads.values())
        total += held.tombstones + 2 * held.associations + held.states
        total += 2 * sum(held.runs.values()) + held.interactions
        total += held.graph_entries + held.items
    return total


class Counting:
    """Counts entries over all passes; a second pass doubles what is to be done."""

    def __init__(self, snapshot: Snapshot, tell: Progress | None) -> None:
        self._tell = tell
        self._done = 0
        self._total = 0 if tell is None else estimate(snapshot)

    def count(self, entries: Iterator[_Raw]) -> Iterator[_Raw]:
        """Pass entries on and tell their number."""
        return entries if self._tell is None else self._counted(entries, self._tell)

    def add(self, entries: int) -> None:
        """Tell of some more entries, at once."""
        before, self._done = self._done, self._done + entries
        if self._tell is not None and before // PROGRESS_ENTRIES < (
            self._done // PROGRESS_ENTRIES
        ):
            self._tell(self._done, max(self._done, self._total))

    def _counted(self, entries: Iterator[_Raw], tell: Progress) -> Iterator[_Raw]:
        for entry in entries:
            self._done += 1
            if self._done % PROGRESS_ENTRIES == 0:
                tell(self._done, max(self._done, self._total))
            yield entry


class Pass(ABC):
    """Reads trees entry by entry, and goes on behind what is damaged."""

    def __init__(self, snapshot: Snapshot, progress: Counting) -> None:
        self.snapshot = snapshot
        self.seen: Counter[type] = Counter()
        self.statuses: Counter[tuple[type, str]] = Counter()
        self._progress = progress
        self._graph_entries = 0

    def entries(
        self,
        tree: str,
        prefix: bytes = b"",
        at: int | None = 0,
        start: bytes | None = None,
    ) -> Iterator[Entry]:
        """Yield the id in each key, the rest of the key, and the value.

        Args:
            tree: the tree's name.
            prefix: what the keys begin with.
            at: where the id begins; None where there is none.
            start: where to begin, inclusive.
        """
        found = self.snapshot.entries(tree, prefix, start)
        return self.decoded(tree, at, self._progress.count(found))

    def decoded(
        self, tree: str, at: int | None, items: Iterable[_Raw]
    ) -> Iterator[Entry]:
        """Yield entries as :meth:`entries` does.

        Args:
            tree: where they lie.
            at: where the id begins in their keys; None where there is none.
            items: keys and values.
        """
        fits, seen = _FITS.get(tree), self.seen
        owner, end, head = "", 0, b"" if at is None else b"\xff"
        for key, data in items:
            if at is not None and not key.startswith(head):
                try:
                    owner, end = unpack_id(key, at)
                except ValueError as error:
                    self.damaged(tree, key, str(error))
                    continue
                head = key[:end]
            rest = key[end:]
            try:
                value = decode(tree, key, data)
            except StoreCorrupt as error:
                self.damaged(tree, key, error.details["reason"])
                yield owner, rest, DAMAGED
                continue
            kind: type = type(value)
            if fits is None:
                is_right = belongs_to_graph(key, value)
                self._graph_entries += is_right
            else:
                belongs = fits.get(kind)
                is_right = belongs is not None and belongs(owner, rest, value)
            if not is_right:
                self.damaged(tree, key, ELSEWHERE)
                value = DAMAGED
            else:
                seen[kind] += 1
                if kind in _WITH_STATUS:
                    self.statuses[kind, value.status] += 1
            yield owner, rest, value

    def recount(self) -> Counters:
        """Return what the entries read so far come to."""
        seen, counts = self.seen, Counters()
        for kind, held in (
            (Session, counts.sessions),
            (Thread, counts.threads),
            (Run, counts.runs),
        ):
            for (of, status), number in self.statuses.items():
                if of is kind:
                    held[status] = number
        counts.states, counts.interactions = seen[State], seen[Interaction]
        counts.associations, counts.tombstones = seen[Association], seen[Tombstone]
        counts.graph_entries, counts.items = self._graph_entries, seen[Item]
        return counts

    @abstractmethod
    def damaged(self, tree: str, key: bytes, why: str) -> None:
        """Take note of a value that cannot be trusted."""
