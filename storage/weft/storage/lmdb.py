"""The engine on disk: LMDB, opened so that what it acknowledges stays.

The only module that imports ``lmdb``. Binding 3, engine 0.9: mature, readable by every
``mdb_*`` tool. ``sync`` and ``metasync`` are on and ``writemap`` is off: with
``sync=False`` 968 of 1,573 enumerated power losses lost acknowledged commits, and a
full disk kills a process that uses ``writemap``.

Guarantees:
    * one process owns a data directory (LMDB would let a second daemon write);
    * a store is created beside its place and renamed, so a crash leaves no half one;
    * a forked child cannot use its parent's environment (LMDB would let it);
    * directory and files are the owner's alone (0700, 0600).

Layout of a data directory: ``owner.lock`` (pid of the holder), ``store/data.mdb``.
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Self, cast

import lmdb

from weft.storage.engine import EngineFull, EngineStatistics, Item
from weft.storage.errors import (
    InvalidArgument,
    StoreClosed,
    StoreCorrupt,
    StoreReadOnly,
)
from weft.storage.keys import TREES
from weft.storage.lock import OwnerLock
from weft.storage.store import TreeStore

__all__ = ["MAP_SIZE_BYTES", "LmdbEngine", "LmdbStore"]

MAP_SIZE_BYTES: Final = 64 << 30
"""Address space, not disk: growing a map while readers are open is what corrupted
people, so it begins large (64 GiB hold some 100 million threads)."""

_READERS_MAX: Final = 2048
_PAGE_SIZE_BYTES: Final = 4096


class LmdbEngine:
    """Ordered trees in an LMDB environment.

    Args:
        directory: the environment's own directory.
        map_size_bytes: the virtual size to begin with.
        sync: flush at commit. False is for measurements and controls only: it loses
            acknowledged commits on power loss.
    """

    def __init__(
        self,
        directory: Path,
        *,
        map_size_bytes: int = MAP_SIZE_BYTES,
        sync: bool = True,
    ) -> None:
        self._path = directory
        self._pid = os.getpid()
        self._closed = False
        try:
            self._env = _open(directory, map_size_bytes, sync=sync)
            self._env.reader_check()
            self._trees = {name: self._env.open_db(name.encode()) for name in TREES}
        except lmdb.Error as error:
            raise StoreCorrupt(
                f"{directory} is not a readable store: {error}.", cause=error
            ) from error

    def _environment(self) -> lmdb.Environment:
        if self._closed:
            raise StoreClosed
        if os.getpid() != self._pid:
            raise StoreClosed(
                "The store was opened before this process was forked.",
                details={"opened_by_pid": self._pid},
            )
        return self._env

    def read(self) -> "_Reading":
        """Open a read transaction."""
        return _Reading(self._environment().begin(), self._trees)

    def write(self) -> "_Writing":
        """Open the write transaction."""
        try:
            return _Writing(self._environment().begin(write=True), self._trees)
        except lmdb.Error as error:
            raise _could_not_write(error) from error

    def grow(self) -> None:
        """Double the map."""
        self._environment().set_mapsize(self._env.info()["map_size"] * 2)

    def statistics(self) -> EngineStatistics:
        """Return how full the environment is."""
        environment = self._environment()
        info = environment.info()
        with environment.begin() as transaction:
            entries = {
                name: transaction.stat(tree)["entries"]
                for name, tree in self._trees.items()
            }
        return EngineStatistics(
            map_size_bytes=info["map_size"],
            used_bytes=(info["last_pgno"] + 1) * _PAGE_SIZE_BYTES,
            file_bytes=(self._path / "data.mdb").stat().st_size,
            readers=info["num_readers"],
            entries=entries,
        )

    def close(self) -> None:
        """Close the environment."""
        if not self._closed and os.getpid() == self._pid:
            self._closed = True
            self._env.close()


class _Transaction:
    """One LMDB transaction over the named trees."""

    __slots__ = ("_transaction", "_trees")

    def __init__(self, transaction: lmdb.Transaction, trees: dict[str, Any]) -> None:
        self._transaction = transaction
        self._trees = trees

    def get(self, tree: str, key: bytes) -> bytes | None:
        return cast("bytes | None", self._transaction.get(key, db=self._trees[tree]))

    def scan(
        self,
        tree: str,
        prefix: bytes = b"",
        *,
        start: bytes | None = None,
        reverse: bool = False,
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
        if len(items) == 1:  # a cursor costs 2 us
            key, value = items[0]
            self._transaction.put(key, value, db=self._trees[tree])
            return
        with self._transaction.cursor(db=self._trees[tree]) as cursor:
            cursor.putmulti(items)

    def delete(self, tree: str, key: bytes) -> None:
        self._transaction.delete(key, db=self._trees[tree])


class _Reading(_Transaction):
    """A read transaction for the length of a ``with``."""

    __slots__ = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._transaction.abort()


class _Writing(_Transaction):
    """The write transaction for the length of a ``with``."""

    __slots__ = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: object, failure: BaseException | None, _traceback: object
    ) -> None:
        try:
            if failure is None:
                self._transaction.commit()
            else:
                self._transaction.abort()
        except lmdb.Error as error:
            failure = error
        if isinstance(failure, lmdb.MapFullError):
            raise EngineFull from failure
        if isinstance(failure, lmdb.BadValsizeError):
            raise InvalidArgument("An id or a name fits no key.") from failure
        if isinstance(failure, lmdb.Error):
            raise _could_not_write(failure) from failure


def _could_not_write(error: lmdb.Error) -> StoreReadOnly:
    return StoreReadOnly(f"The store could not write: {error}.", cause=error)


def _seek_last(cursor: lmdb.Cursor, prefix: bytes, end: bytes | None) -> bool:
    """Place a cursor on the last key below ``end``, or the last with the prefix."""
    bound = (prefix + b"\xff" * 512)[:511] if prefix else end or b""
    if prefix and end is not None:
        bound = min(bound, end)
    if bound and cursor.set_range(bound):
        return bool(cursor.prev())
    return bool(cursor.last())


def _open(directory: Path, map_size_bytes: int, *, sync: bool) -> lmdb.Environment:
    return lmdb.open(
        str(directory),
        lib_version=0,
        map_size=map_size_bytes,
        max_dbs=len(TREES),
        max_readers=_READERS_MAX,
        mode=0o700,
        sync=sync,
        metasync=sync,
        writemap=False,
    )


class LmdbStore(TreeStore):
    """The store on disk.

    Args:
        directory: the data directory; created if it is missing.
        map_size_bytes: the virtual size of the map to begin with.

    Raises:
        StoreLocked: another process, or this one, has it open.
        StoreFormatError: a newer format wrote it.
        StoreCorrupt: it is not a store.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        *,
        map_size_bytes: int = MAP_SIZE_BYTES,
        sync: bool = True,
    ) -> None:
        self.directory = Path(directory)
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = OwnerLock.acquire(self.directory / "owner.lock")
        try:
            place = self.directory / "store"
            if place.exists():
                _refuse_empty(place)
            else:
                _create(place)
            engine = LmdbEngine(place, map_size_bytes=map_size_bytes, sync=sync)
            try:
                super().__init__(engine)
            except BaseException:
                engine.close()
                raise
        except BaseException:
            self._lock.release()
            raise

    @classmethod
    def open(cls, directory: str | os.PathLike[str]) -> Self:
        """Open or create the store in a directory."""
        return cls(directory)

    def close(self) -> None:
        """Close the environment and give up the directory."""
        super().close()
        self._lock.release()


def _create(place: Path) -> None:
    """Create an empty store that exists whole or not at all.

    LMDB does not flush the directory, and a crash during its first write leaves a file
    that can never be opened.
    """
    draft = place.with_name(place.name + ".new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    engine = LmdbEngine(draft, map_size_bytes=1 << 20)
    engine.close()
    for path in (draft / "data.mdb", draft):
        _flush(path)
    draft.rename(place)
    _flush(place.parent)


def _refuse_empty(place: Path) -> None:
    """Refuse a store without data: LMDB would make a new one in its place."""
    data = place / "data.mdb"
    if not data.is_file() or data.stat().st_size == 0:
        raise StoreCorrupt(f"{data} is missing or empty.")


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
