"""A commit group on its way into the trees.

The sheet that all operations of a group are drafted on. Records read or written once
are remembered, for the neighbours and for the groups to come (the store has no other
writer): a look-up costs 0.1 us then, not 2. How many, and for how long, is in
:mod:`weft.storage.recent`. A record that ten operations of the group change is encoded
and put once; puts are sorted, which halves their cost at a million threads.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final

from msgspec.structs import replace

from weft.storage.codec import decode, encode
from weft.storage.engine import Item, WriteTransaction
from weft.storage.frontier import Frontier
from weft.storage.ids import pack_id
from weft.storage.keys import (
    ASSOCIATION,
    COUNTERS_KEY,
    HEAD,
    INTERACTION,
    NAME,
    NOWHERE,
    PAST,
    RUN,
    SESSION,
    STATE,
    THREAD,
    Key,
    live_run_key,
    place,
    run_key,
    thread_run_key,
)
from weft.storage.keys_checkpoints import (
    WRITER,
    run_of,
    run_thread_key,
    writer_key,
)
from weft.storage.recent import Recent
from weft.storage.records import (
    Association,
    Counters,
    Interaction,
    Run,
    Session,
    State,
    Thread,
    Tombstone,
)
from weft.storage.snapshot import Snapshot
from weft.storage.view import Draft

__all__ = ["Group"]

_REMEMBERED: Final = frozenset({SESSION, THREAD, RUN, HEAD, WRITER})
"""Small, and looked up again by groups to come. A state may have 16 MiB and is not."""

_MET: Final = frozenset({NAME, PAST, ASSOCIATION})
"""Looked up again by neighbours in the group at the most: by whom a name is taken, and
whose a thread was."""

_COUNTED_ENTRIES: Final = {"C": "graph_entries", "K": "items"}
"""The field of :class:`Counters` for trees of which every entry counts: those of graphs
and items are not remembered, so each is looked for as it comes or goes."""

_COUNTED: Final = frozenset({SESSION, THREAD, RUN, STATE, INTERACTION, ASSOCIATION})


class Group(Draft):
    """The draft of a whole group, over the write transaction.

    Args:
        transaction: what it is put into.
        counters: what the store holds before.
        recent: what groups remember; the store throws it away when one fails.
        frontier: of the threads.

    Attributes:
        counters: what the store holds once the group is flushed.
    """

    __slots__ = (
        "_changes",
        "_found",
        "_frontier",
        "_met",
        "_older",
        "_snapshot",
        "_transaction",
        "counters",
    )

    def __init__(
        self,
        transaction: WriteTransaction,
        counters: Counters,
        recent: Recent,
        frontier: Frontier,
    ) -> None:
        self._snapshot = Snapshot(transaction)
        super().__init__(self._snapshot)
        self._transaction = transaction
        self._found = recent.young
        self._older = recent.older
        self._met: dict[Key, Any] = {}
        self._frontier = frontier
        self._changes: dict[tuple[str, str | None], int] = {}
        self.counters = counters

    def get(self, key: Key) -> Any:
        """Return the value of a key as it will be; what was read once is remembered."""
        writes = self.writes
        if key in writes:
            return writes[key]
        found = self._found
        if key in found:
            return found[key]
        if key in self._older:
            value = found[key] = self._older[key]
            return value
        if key in self._met:
            return self._met[key]
        tree, raw = key[-2:]
        if tree is NOWHERE:
            value = self._snapshot.get(key)
        elif tree == "T" and self._frontier.is_before(raw):
            return None
        else:
            data = self._transaction.get(tree, raw)
            value = None if data is None else decode(tree, raw, data)
        if key[0] in _REMEMBERED:
            found[key] = value
        elif key[0] in _MET:
            self._met[key] = value
        return value

    def absorb(self, other: Draft) -> None:
        """Take over a decided operation's changes.

        A removal deletes ranges, which only the trees can do: what the group drafted
        so far goes down first, so that the deletion finds it.
        """
        if other.erased:
            self._put_all()
            for thread_id in other.erased:
                self._erase_range(thread_id)
        self.writes.update(other.writes)
        if other.trimmed:
            self._put_all()

    def flush(self) -> None:
        """Put everything into the trees, the counters as well."""
        self._put_all()
        if self._changes:
            self.counters = _changed(self.counters, self._changes)
            tree, raw = place(COUNTERS_KEY)
            self._transaction.put_many(tree, [(raw, encode(tree, raw, self.counters))])

    def forget(self) -> None:
        """Read everything anew from here on, as it lies in the trees."""
        self._put_all()
        self._found.clear()
        self._older.clear()
        self._met.clear()

    def _put_all(self) -> None:
        self._correct_counts()
        puts: defaultdict[str, list[Item]] = defaultdict(list)
        found, met = self._found, self._met
        for key, value in self.writes.items():
            kind = key[0]
            tree, raw = key[-2:]
            if kind in _COUNTED:
                self._count(found.get(key) or met.get(key), value)
            if kind in _MET:
                met[key] = value
            elif kind in _REMEMBERED:
                self._remember(key, value)
            if tree is NOWHERE:
                continue
            if value is None:
                self._delete(tree, raw)
            else:
                puts[tree].append((raw, encode(tree, raw, value)))
        for tree, items in puts.items():
            items.sort()
            if tree == "T":
                self._frontier.move_past(items)
            elif tree in _COUNTED_ENTRIES:
                self._count_entries(tree, {raw for raw, _ in items}, 1)
            self._transaction.put_many(tree, items)
        self.writes = {}

    def _remember(self, key: Key, value: Any) -> None:
        """Remember a record that is written; a new thread for this group only.

        Who comes back to a new thread reads it once. Where threads are created and
        nothing else, remembering them cost a tenth (:mod:`weft.storage.recent`).
        """
        if key[0] != THREAD or key in self._found:
            self._found[key] = value
        else:
            self._older.pop(key, None)
            self._met[key] = value

    def _correct_counts(self) -> None:
        """Take over what a repair found to be counted wrong."""
        for (field, status), change in self.writes.pop(COUNTERS_KEY, {}).items():
            self._add(field, status, change)

    def _erase_range(self, thread_id: str) -> None:
        transaction, found = self._transaction, self._found
        for run in list(self._snapshot.runs(thread_id)):
            self._count(run, None)
            found[run_key(run.run_id)] = None
            for key in (
                run_key(run.run_id),
                live_run_key(run.run_id),
                thread_run_key(thread_id, run.run_id),
            ):
                transaction.delete(*place(key))
            for raw, _ in list(transaction.scan("R", b"\x03" + pack_id(run.run_id))):
                transaction.delete("R", raw)
        for raw, _ in list(transaction.scan("R", b"\x02" + pack_id(thread_id))):
            transaction.delete("R", raw)
        for raw, _ in list(transaction.scan("X", pack_id(thread_id))):
            self._delete("X", raw)
        for raw, _ in list(transaction.scan("C", pack_id(thread_id))):
            run_id = run_of(thread_id, raw)
            if run_id is not None:
                self._delete(*place(run_thread_key(run_id, thread_id)))
            self._delete("C", raw)
        found[writer_key(thread_id)] = None

    def _delete(self, tree: str, raw: bytes) -> None:
        if tree == "X" and self._transaction.get(tree, raw) is not None:
            self._add("states", None, -1)
        elif tree in _COUNTED_ENTRIES:
            self._count_entries(tree, [raw], -1)
        self._transaction.delete(tree, raw)

    def _count_entries(self, tree: str, keys: Iterable[bytes], change: int) -> None:
        """Count entries that come or go; one that is replaced stays.

        What comes and goes in one group is counted as none, for the record of counts is
        not to tell how operations were grouped.
        """
        for raw in keys:
            is_there = self._transaction.get(tree, raw) is not None
            comes_or_goes = is_there == (change < 0)
            self._add(_COUNTED_ENTRIES[tree], None, change if comes_or_goes else 0)

    def _count(self, old: Any, new: Any) -> None:
        """Keep the counters exact: every record was read before it is replaced."""
        if old is not None:
            self._add(_FIELDS[type(old)], getattr(old, "status", None), -1)
        if new is not None:
            self._add(_FIELDS[type(new)], getattr(new, "status", None), 1)

    def _add(self, field: str, status: str | None, change: int) -> None:
        key = (field, status)
        self._changes[key] = self._changes.get(key, 0) + change


_FIELDS: Final[dict[type, str]] = {
    Session: "sessions",
    Thread: "threads",
    Run: "runs",
    State: "states",
    Interaction: "interactions",
    Association: "associations",
    Tombstone: "tombstones",
}
"""The field of :class:`Counters` that counts a kind of record, some by status."""


def _changed(
    counters: Counters, changes: Mapping[tuple[str, str | None], int]
) -> Counters:
    """Return new counters; the old ones stand until the group has been committed."""
    values: dict[str, Any] = {}
    for (field, status), change in changes.items():
        present = values.get(field, getattr(counters, field))
        if status is None:
            values[field] = present + change
        else:
            values[field] = present | {status: present.get(status, 0) + change}
    for field, value in values.items():
        if isinstance(value, dict):  # no entry for what there is none of
            values[field] = {status: count for status, count in value.items() if count}
    return replace(counters, **values)
