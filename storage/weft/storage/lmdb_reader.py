"""A store on disk as a reader: beside its owner, from any process.

LMDB lets any number of processes read what one of them writes. A reader takes no lock
of the data directory and changes nothing in it but its own slot of the reader table.

Guarantees: what is missing is a named error and nothing is created; every snapshot is
one moment, whatever the owner writes meanwhile.

The engine trusts its file, and a damaged page kills the process that reads it: so
:meth:`LmdbReader.of` has :mod:`weft.storage.verify` look first, where nobody did.
"""

import errno
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import lmdb

from weft.storage.engine import Item
from weft.storage.errors import StoreCorrupt, StoreUnavailable
from weft.storage.keys import TREES
from weft.storage.lmdb import MAP_SIZE_BYTES
from weft.storage.lmdb_transaction import Reading
from weft.storage.moved import refuse_moved
from weft.storage.snapshot import Snapshot
from weft.storage.verify import ensure_readable

__all__ = ["LmdbReader"]


class LmdbReader:
    """A store that is read only.

    Args:
        place: the directory that holds ``data.mdb``.
        alone: nobody writes it meanwhile: leave no reader table behind.

    Raises:
        StoreCorrupt: it is not a store.
        StoreUnavailable: there is no permission.
    """

    def __init__(self, place: Path, *, alone: bool = False) -> None:
        try:
            self._env = lmdb.open(
                str(place),
                readonly=True,
                create=False,
                lock=not alone,
                map_size=MAP_SIZE_BYTES,
                max_dbs=len(TREES),
            )
            self._trees = self._open_trees()
        except lmdb.ReadonlyError as error:
            raise StoreUnavailable(
                f"{place} cannot be read: a reader has to be allowed to read data.mdb, "
                "and to write lock.mdb, where it tells the owner what it looks at.",
                cause=error,
                details={"path": str(place)},
            ) from error
        except lmdb.Error as error:
            raise StoreCorrupt(
                f"{place} is not a readable store: {error}.",
                cause=error,
                details={"path": str(place)},
            ) from error

    @classmethod
    def of(cls, directory: Path) -> Self:
        """Open the store of a data directory; examined first if nobody has done so.

        Args:
            directory: the data directory.

        Raises:
            StoreMoved: it has moved elsewhere.
            StoreCorrupt: it is not a store, or its pages are damaged.
            StoreUnavailable: there is no permission.
            FileNotFoundError: there is no store.
            OSError: it cannot be looked at.
        """
        refuse_moved(directory)
        place = directory / "store"
        if not (place / "data.mdb").is_file():
            raise FileNotFoundError(errno.ENOENT, "No store here", str(directory))
        ensure_readable(directory)
        return cls(place)

    def _open_trees(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name in TREES:
            try:
                found[name] = self._env.open_db(name.encode(), create=False)
            except lmdb.NotFoundError:  # the version that wrote it has no such tree
                continue
        return found

    @contextmanager
    def read(self) -> Generator[Snapshot]:
        """Open a snapshot."""
        with _ReadingSome(self._env.begin(), self._trees) as transaction:
            yield Snapshot(transaction)

    def odd_trees(self) -> list[str]:
        """Return the trees that the file gives another order than theirs."""
        with self._env.begin() as transaction:
            return [
                name
                for name, tree in self._trees.items()
                if any(tree.flags(transaction).values())
            ]

    def copy(self, to: Path) -> None:
        """Copy one moment of the store, compacted, into an existing directory.

        Args:
            to: where ``data.mdb`` is to be.

        Raises:
            OSError: it could not be written.
        """
        try:
            self._env.copy(str(to), compact=True)
        except lmdb.Error as error:
            raise OSError(None, f"cannot copy the store: {error}", str(to)) from error

    def close(self) -> None:
        """Close the environment."""
        self._env.close()


class _ReadingSome(Reading):
    """A read transaction in which trees that are not there are empty."""

    __slots__ = ()

    def get(self, tree: str, key: bytes) -> bytes | None:
        return super().get(tree, key) if tree in self._trees else None

    def scan(
        self,
        tree: str,
        prefix: bytes = b"",
        *,
        start: bytes | None = None,
        reverse: bool = False,
    ) -> Iterator[Item]:
        if tree in self._trees:
            yield from super().scan(tree, prefix, start=start, reverse=reverse)
