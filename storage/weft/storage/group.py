"""A commit group on its way into the trees.

The sheet that all operations of a group are drafted on. Records read once are kept
for the neighbours; a record that ten operations of the group change is encoded and put
once; puts are sorted, which halves their cost at a million threads.
"""

from collections import defaultdict
from typing import Any

from msgspec.structs import replace

from weft.storage.codec import encode
from weft.storage.engine import Item, WriteTransaction
from weft.storage.ids import pack_id
from weft.storage.keys import (
    COUNTERS_KEY,
    HEAD,
    Key,
    live_run_key,
    place,
    run_key,
    state_key,
    thread_run_key,
)
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


class _Cached:
    """A snapshot that remembers what was read, until the group is flushed."""

    __slots__ = ("_snapshot", "found", "names")

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self.found: dict[Key, Any] = {}
        self.names = snapshot.names

    def get(self, key: Key) -> Any:
        found = self.found
        if key in found:
            return found[key]
        value = found[key] = self._snapshot.get(key)
        return value


class Group(Draft):
    """The draft of a whole group, over the write transaction."""

    __slots__ = ("_cache", "_transaction", "counters")

    def __init__(self, transaction: WriteTransaction, counters: Counters) -> None:
        self._cache = _Cached(Snapshot(transaction))
        super().__init__(self._cache)
        self._transaction = transaction
        self.counters = replace(
            counters,
            sessions=dict(counters.sessions),
            threads=dict(counters.threads),
            runs=dict(counters.runs),
        )

    @staticmethod
    def operation_place(op_id: str) -> bytes:
        """Return the key of an idempotency key in its tree."""
        return pack_id(op_id)

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

    def flush(self) -> None:
        """Put everything into the trees, the counters as well."""
        self._put_all()
        _, raw = place(COUNTERS_KEY)
        self._transaction.put_many("M", [(raw, encode(raw, self.counters))])

    def _put_all(self) -> None:
        puts: dict[str, list[Item]] = defaultdict(list)
        for key, value in self.writes.items():
            if key[0] == HEAD:
                continue
            self._count(self._cache.found.get(key), value)
            tree, raw = place(key)
            if value is None:
                self._transaction.delete(tree, raw)
            else:
                puts[tree].append((raw, encode(raw, value)))
        for tree, items in puts.items():
            items.sort()
            self._transaction.put_many(tree, items)
        self._cache.found.update(self.writes)
        self.writes = {}

    def _erase_range(self, thread_id: str) -> None:
        transaction, cache = self._transaction, self._cache
        snapshot = Snapshot(transaction)
        for run in list(snapshot.runs(thread_id)):
            self._count(run, None)
            for key in (
                run_key(run.run_id),
                live_run_key(run.run_id),
                thread_run_key(thread_id, run.run_id),
            ):
                cache.found[key] = None
                transaction.delete(*place(key))
        for raw, _ in list(transaction.scan("X", pack_id(thread_id))):
            self.counters.states -= 1
            # The thread's next life counts its steps from 1 again.
            cache.found[state_key(thread_id, int.from_bytes(raw[-8:], "big"))] = None
            transaction.delete("X", raw)

    def _count(self, old: Any, new: Any) -> None:
        """Keep the counters exact: every record was read before it is replaced."""
        if old is not None:
            self._add(old, -1)
        if new is not None:
            self._add(new, 1)

    def _add(self, record: Any, change: int) -> None:
        counters = self.counters
        match record:
            case Session():
                _bump(counters.sessions, record.status, change)
            case Thread():
                _bump(counters.threads, record.status, change)
            case Run():
                _bump(counters.runs, record.status, change)
            case State():
                counters.states += change
            case Interaction():
                counters.interactions += change
            case Association():
                counters.associations += change
            case Tombstone():
                counters.tombstones += change


def _bump(counts: dict[str, int], status: str, change: int) -> None:
    count = counts.get(status, 0) + change
    if count:
        counts[status] = count
    else:
        counts.pop(status, None)
