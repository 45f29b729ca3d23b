"""The engine on disk: LMDB, opened so that what it acknowledges stays.

The module that writes through ``lmdb``. Binding 3, engine 0.9: mature, read by every
``mdb_*`` tool. ``sync`` and ``metasync`` are on and ``writemap`` is off: with
``sync=False`` 968 of 1,573 enumerated power losses lost acknowledged commits, and a
full disk kills a process that uses ``writemap``.

Guarantees:
    * one process owns a data directory (LMDB would let a second daemon write);
    * a store is created beside its place and renamed, so a crash leaves no half one;
    * a forked child cannot use its parent's environment (LMDB would let it);
    * directory and files are the owner's alone (0700, 0600).

Layout of a data directory: ``owner.lock`` (pid of the holder), ``mark.json`` (how far
the store had come), ``store/data.mdb``.
"""

import os
import shutil
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self, cast

import lmdb

from weft.storage.backup import backup
from weft.storage.custody import Custody
from weft.storage.engine import EngineFull, EngineStatistics, Item
from weft.storage.errors import StoreCorrupt, StoreUnavailable
from weft.storage.lmdb_environment import Environment, Trees
from weft.storage.lmdb_failure import could_not_read, could_not_write
from weft.storage.lock import OwnerLock
from weft.storage.manifest import Manifest
from weft.storage.mark import flush
from weft.storage.meta_page import PAGE_SIZE_BYTES
from weft.storage.migrations import MIGRATIONS, Migration, migrate
from weft.storage.progress import Progress
from weft.storage.store import TreeStore

__all__ = ["MAP_SIZE_BYTES", "LmdbEngine", "LmdbStore"]

MAP_SIZE_BYTES: Final = 64 << 30
"""Address space, not disk: growing a map while readers are open is what corrupted
people, so it begins large (64 GiB hold some 100 million threads)."""

_PAGES: Final = ("branch_pages", "leaf_pages", "overflow_pages")
_PAGES_BESIDES: Final = 3
"""Two meta pages and the list of trees."""


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
        self._environment = Environment(directory, map_size_bytes, sync=sync)

    def read(self) -> "_Visit":
        """Open a read transaction."""
        return _Visit(self._environment)

    def write(self) -> "_Change":
        """Open the write transaction."""
        return _Change(self._environment)

    def grow(self) -> None:
        """Double the map."""
        self._environment.grow()

    def statistics(self) -> EngineStatistics:
        """Return how full the environment is."""
        info, oldest_reader_commits = self._environment.facts()
        with self.read() as reading:
            entries, pages = reading.counts()
        used_pages = info["last_pgno"] + 1
        disk = os.statvfs(self._path)
        return EngineStatistics(
            map_size_bytes=info["map_size"],
            used_bytes=used_pages * PAGE_SIZE_BYTES,
            file_bytes=(self._path / "data.mdb").stat().st_size,
            readers=info["num_readers"],
            entries=entries,
            oldest_reader_commits=oldest_reader_commits,
            free_bytes=max(0, used_pages - pages) * PAGE_SIZE_BYTES,
            disk_free_bytes=disk.f_bavail * disk.f_frsize,
        )

    def close(self) -> None:
        """Close the environment."""
        self._environment.close()


class _Transaction:
    """One LMDB transaction over the named trees."""

    __slots__ = ("_transaction", "_trees")

    def __init__(self, transaction: lmdb.Transaction, trees: Trees) -> None:
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
        if len(items) == 1:  # a cursor costs 2 us
            key, value = items[0]
            self._transaction.put(key, value, db=self._trees[tree])
            return
        with self._transaction.cursor(db=self._trees[tree]) as cursor:
            cursor.putmulti(items)

    def delete(self, tree: str, key: bytes) -> None:
        self._transaction.delete(key, db=self._trees[tree])

    def counts(self) -> tuple[dict[str, int], int]:
        """Return how many entries each tree has, and how many pages are in use."""
        stat = self._transaction.stat
        stats = {name: stat(tree) for name, tree in self._trees.items()}
        pages = sum(one[kind] for one in stats.values() for kind in _PAGES)
        entries = {name: one["entries"] for name, one in stats.items()}
        return entries, pages + _PAGES_BESIDES


class Reading(_Transaction):
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


class _Visit:
    """A read transaction of an environment: begun at the ``with``, ended after it."""

    __slots__ = ("_environment", "_reading")

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    def __enter__(self) -> Reading:
        environment = self._environment
        try:
            transaction = environment.begin(self)
        except lmdb.Error as error:
            raise could_not_read(error) from error
        self._reading = Reading(transaction, environment.trees)
        return self._reading

    def __exit__(
        self, kind: object, failure: BaseException | None, traceback: object
    ) -> None:
        try:
            self._reading.__exit__(kind, failure, traceback)
        finally:
            self._environment.leave(self)


class _Change:
    """The write transaction of an environment, for the length of a ``with``."""

    __slots__ = ("_environment", "_transaction")

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    def __enter__(self) -> _Transaction:
        environment = self._environment
        try:
            self._transaction = environment.begin(self, write=True)
        except lmdb.Error as error:
            raise could_not_write(error) from error
        return _Transaction(self._transaction, environment.trees)

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
        finally:
            self._environment.leave(self)
        if isinstance(failure, lmdb.MapFullError):
            raise EngineFull from failure
        if isinstance(failure, lmdb.Error):
            raise could_not_write(failure) from failure


def _seek_last(cursor: lmdb.Cursor, prefix: bytes, end: bytes | None) -> bool:
    """Place a cursor on the last key below ``end``, or the last with the prefix."""
    bound = (prefix + b"\xff" * 512)[:511] if prefix else end or b""
    if prefix and end is not None:
        bound = min(bound, end)
    if bound and cursor.set_range(bound):
        return bool(cursor.prev())
    return bool(cursor.last())


class LmdbStore(TreeStore):
    """The store on disk.

    Args:
        directory: the data directory; created if it is missing.
        map_size_bytes: the virtual size of the map to begin with.
        progress: told pages, done and of all, if the file has to be examined first:
            the machine was started since it was last open.
        migrations: how to open older formats; after a backup, in one transaction.
        to_repair: open it although records are damaged or contradict each other; the
            pages must be sound.

    Raises:
        StoreLocked: another process, or this one, has it open.
        StoreFormatError: a newer format wrote it.
        StoreCorrupt: it is not a store, or a damaged one.
        StoreUnavailable: the file system refuses: permissions, a full disk, an error.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        *,
        map_size_bytes: int = MAP_SIZE_BYTES,
        sync: bool = True,
        progress: Progress | None = None,
        migrations: Mapping[int, Migration] = MIGRATIONS,
        to_repair: bool = False,
    ) -> None:
        self.directory = Path(directory)
        self._migrations = migrations
        self._to_repair = to_repair
        with _reachable(self.directory):
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = OwnerLock.acquire(self.directory / "owner.lock")
            self._open(map_size_bytes, progress, sync=sync)

    def _open(
        self, map_size_bytes: int, progress: Progress | None, *, sync: bool
    ) -> None:
        try:
            place = self.directory / "store"
            if place.exists():
                _refuse_empty(place)
            self._custody = Custody(self.directory, to_repair=self._to_repair)
            self._custody.admit(progress)
            if not place.exists():
                _create(place)
            engine = LmdbEngine(place, map_size_bytes=map_size_bytes, sync=sync)
            try:
                migrate(engine, self._migrations, self._custody.back_up)
                super().__init__(engine)
                self._custody.begin(self.seq)
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

    def backup(
        self, to: str | os.PathLike[str], progress: Progress | None = None
    ) -> Manifest:
        """Copy the store as it is now, while it is written to, into a new directory.

        A process of its own does it, so it holds up nobody.

        Args:
            to: the backup's directory; must not exist.
            progress: told per mille, done and of 1,000.

        Returns:
            what is in the backup; it was verified.

        Raises:
            FileExistsError: there is something already.
            StoreCorrupt: the store is damaged; no backup was made.
            OSError: the backup cannot be written.
        """
        return backup(self.directory, Path(to), progress)

    def close(self) -> None:
        """Close the environment and give up the directory."""
        super().close()
        if self._doubt is None:  # else the file may show more than the disk holds
            self._custody.end(self.seq)
        self._lock.release()


@contextmanager
def _reachable(directory: Path) -> Generator[None]:
    """Give the refusals of the file system a name."""
    try:
        yield
    except OSError as error:
        raise StoreUnavailable(
            f"{directory}: {error.strerror or error}.",
            cause=error,
            details={"directory": str(directory), "errno": error.errno},
        ) from error


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
        flush(path)
    draft.rename(place)
    flush(place.parent)


def _refuse_empty(place: Path) -> None:
    """Refuse a store without data: LMDB would make a new one in its place."""
    data = place / "data.mdb"
    if not data.is_file() or data.stat().st_size == 0:
        raise StoreCorrupt(f"{data} is missing or empty.")
