"""LMDB's transactions as the engine's: the named trees, in order.

Not here: when one begins and how it ends (:mod:`weft.storage.lmdb`).
"""

from collections.abc import Iterator, Sequence
from typing import Final, Self, cast

import lmdb

from weft.storage.departure import Place
from weft.storage.engine import Item
from weft.storage.lmdb_environment import Trees
from weft.storage.lmdb_failure import could_not_read

__all__ = ["NotingTransaction", "Reading", "Transaction"]

_PAGES: Final = ("branch_pages", "leaf_pages", "overflow_pages")
_PAGES_BESIDES: Final = 3
"""Two meta pages and the list of trees."""


class Transaction:
    """One LMDB transaction over the named trees."""

    __slots__ = ("_transaction", "_trees")

    def __init__(self, transaction: lmdb.Transaction, trees: Trees) -> None:
        self._transaction = transaction
        self._trees = trees

    def get(self, tree: str, key: bytes) -> bytes | None:
        """Return the value of a key."""
        return cast("bytes | None", self._transaction.get(key, db=self._trees[tree]))

    def scan(
        self,
        tree: str,
        prefix: bytes = b"",
        *,
        start: bytes | None = None,
        reverse: bool = False,
    ) -> Iterator[Item]:
        """Yield the entries of a range, in order: see ``ReadTransaction.scan``."""
        if prefix or reverse:
            return self._scan(tree, prefix, start, reverse=reverse)
        # The binding's own loop: 0.15 us an entry, and a check reads millions.
        cursor = self._transaction.cursor(db=self._trees[tree])
        found = cursor.set_range(start) if start else cursor.first()
        return cast("Iterator[Item]", cursor.iternext()) if found else iter(())

    def _scan(
        self, tree: str, prefix: bytes, start: bytes | None, *, reverse: bool
    ) -> Iterator[Item]:
        with self._transaction.cursor(db=self._trees[tree]) as cursor:
            if reverse:
                found = _seek_last(cursor, prefix, start)
            else:
                first = max(prefix, start or b"")
                found = cursor.set_range(first) if first else cursor.first()
            step = cursor.prev if reverse else cursor.next
            while found:
                key, value = cast("Item", cursor.item())  # bytes: buffers=False
                if not key.startswith(prefix):
                    return
                yield key, value
                found = step()

    def put_many(self, tree: str, items: Sequence[Item]) -> None:
        """Set values."""
        if len(items) == 1:  # a cursor costs 2 us
            key, value = items[0]
            self._transaction.put(key, value, db=self._trees[tree])
            return
        with self._transaction.cursor(db=self._trees[tree]) as cursor:
            cursor.putmulti(items)

    def delete(self, tree: str, key: bytes) -> None:
        """Delete a key; a missing one is no error."""
        self._transaction.delete(key, db=self._trees[tree])

    def counts(self) -> tuple[dict[str, int], int]:
        """Return how many entries each tree has, and how many pages are in use."""
        stat = self._transaction.stat
        stats = {name: stat(tree) for name, tree in self._trees.items()}
        pages = sum(one[kind] for one in stats.values() for kind in _PAGES)
        entries = {name: one["entries"] for name, one in stats.items()}
        return entries, pages + _PAGES_BESIDES


class Reading(Transaction):
    """A read transaction for the length of a ``with``."""

    __slots__ = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: object, failure: BaseException | None, _traceback: object
    ) -> None:
        self._transaction.abort()
        if isinstance(failure, lmdb.Error):
            raise could_not_read(failure) from failure


class NotingTransaction(Transaction):
    """A write transaction that notes what it puts and deletes.

    Args:
        transaction: LMDB's.
        trees: its handles.
        written: where it is noted.
    """

    __slots__ = ("_written",)

    def __init__(
        self, transaction: lmdb.Transaction, trees: Trees, written: set[Place]
    ) -> None:
        super().__init__(transaction, trees)
        self._written = written

    def put_many(self, tree: str, items: Sequence[Item]) -> None:
        """Set values."""
        self._written.update((tree, key) for key, _ in items)
        super().put_many(tree, items)

    def delete(self, tree: str, key: bytes) -> None:
        """Delete a key; a missing one is no error."""
        self._written.add((tree, key))
        super().delete(tree, key)


def _seek_last(cursor: lmdb.Cursor, prefix: bytes, end: bytes | None) -> bool:
    """Place a cursor on the last key below ``end``, or the last with the prefix."""
    bound = (prefix + b"\xff" * 512)[:511] if prefix else end or b""
    if prefix and end is not None:
        bound = min(bound, end)
    if bound and cursor.set_range(bound):
        return bool(cursor.prev())
    return bool(cursor.last())
