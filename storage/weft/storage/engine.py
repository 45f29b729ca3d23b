"""What a store stands on: ordered trees of bytes under transactions.

Two engines keep this contract: :class:`weft.storage.lmdb.LmdbEngine` on disk,
:class:`weft.storage.memory.MemoryEngine` for tests and simulations.

Guarantees: a read transaction sees one moment; a write transaction is the only one
and takes effect whole or not at all; when ``write()`` exits normally, what it wrote
survives the loss of power (of the process, in memory).
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import msgspec

__all__ = [
    "Engine",
    "EngineFull",
    "EngineStatistics",
    "ReadTransaction",
    "WriteTransaction",
]

Item = tuple[bytes, bytes]


class EngineFull(Exception):
    """The engine has no room; ``grow()`` and try the group again."""


class EngineStatistics(msgspec.Struct, frozen=True):
    """How full an engine is.

    Attributes:
        map_size_bytes: what it may hold before it must grow.
        used_bytes: what it holds, freed pages included.
        file_bytes: what the file takes on disk.
        readers: open read transactions, of all processes.
        entries: by tree.
        oldest_reader_commits: how many commits the oldest open reader is behind: what
            they freed cannot be used again until it ends.
        free_bytes: of what it holds, pages that were freed; a few of them hold the
            list of the others.
        disk_free_bytes: what the file system has left for this user; None in memory.
    """

    map_size_bytes: int
    used_bytes: int
    file_bytes: int
    readers: int
    entries: dict[str, int]
    oldest_reader_commits: int = 0
    free_bytes: int = 0
    disk_free_bytes: int | None = None


class ReadTransaction(Protocol):
    """One moment of the trees."""

    def get(self, tree: str, key: bytes) -> bytes | None:
        """Return the value of a key."""

    def scan(
        self,
        tree: str,
        prefix: bytes = b"",
        *,
        start: bytes | None = None,
        reverse: bool = False,
    ) -> Iterator[Item]:
        """Yield the entries whose key begins with ``prefix``, in order.

        Args:
            tree: the tree's name.
            prefix: what the keys begin with.
            start: where to begin, inclusive; with ``reverse`` the upper end, exclusive.
            reverse: last first.
        """
        ...


class WriteTransaction(ReadTransaction, Protocol):
    """The one transaction that changes the trees."""

    def put_many(self, tree: str, items: Sequence[Item]) -> None:
        """Set values; cheapest when the keys are sorted."""

    def delete(self, tree: str, key: bytes) -> None:
        """Delete a key; a missing one is no error."""


class Engine(Protocol):
    """Ordered trees of bytes under transactions."""

    def read(self) -> AbstractContextManager[ReadTransaction]:
        """Open a read transaction, on any OS thread."""
        ...

    def write(self) -> AbstractContextManager[WriteTransaction]:
        """Open the write transaction: commits at a normal exit, else aborts.

        Raises:
            EngineFull: at a put or at the exit; nothing was changed.
            StoreReadOnly: the disk did not take it; nothing was changed.
        """
        ...

    def grow(self) -> None:
        """Make room, between transactions, on the writer's OS thread."""

    def statistics(self) -> EngineStatistics:
        """Return how full it is."""
        ...

    def close(self) -> None:
        """Give everything back. Closing twice is no error."""
