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
the store had come), ``store/data.mdb``, and ``moved.json`` where the store has moved.
"""

import os
import shutil
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Self

import lmdb

from weft.storage.backup import backup
from weft.storage.custody import Custody
from weft.storage.departure import Departure, StoreGone
from weft.storage.engine import EngineFull, EngineStatistics
from weft.storage.errors import StoreCorrupt, StoreUnavailable
from weft.storage.lmdb_environment import Environment
from weft.storage.lmdb_failure import could_not_read, could_not_write
from weft.storage.lmdb_transaction import NotingTransaction, Reading, Transaction
from weft.storage.lock import OwnerLock
from weft.storage.manifest import Manifest
from weft.storage.mark import flush
from weft.storage.meta_page import PAGE_SIZE_BYTES
from weft.storage.migrations import MIGRATIONS, Migration, migrate
from weft.storage.moved import StoreMoving, refuse_moved
from weft.storage.progress import Progress
from weft.storage.repair import drop_damaged_counters
from weft.storage.store import TreeStore
from weft.storage.succession import Succession, Successor

__all__ = ["MAP_SIZE_BYTES", "LmdbEngine", "LmdbStore"]

MAP_SIZE_BYTES: Final = 64 << 30
"""Address space, not disk: growing a map while readers are open is what corrupted
people, so it begins large (64 GiB hold some 100 million threads)."""


class LmdbEngine:
    """Ordered trees in an LMDB environment.

    Args:
        directory: the environment's own directory.
        map_size_bytes: the virtual size to begin with.
        sync: flush at commit. False is for measurements and controls only: it loses
            acknowledged commits on power loss.

    Attributes:
        departure: what is told of each write transaction while the store is about to
            move; set while none can begin (:meth:`hold`).
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
        self.departure: Departure | None = None

    def read(self) -> "_Visit":
        """Open a read transaction."""
        return _Visit(self._environment)

    def write(self) -> "_Change":
        """Open the write transaction."""
        return _Change(self, self._environment)

    @contextmanager
    def hold(self) -> Generator[Transaction]:
        """Keep write transactions from beginning, for the length of a ``with``.

        Its own one is for reading, and is given up; on one OS thread.

        Raises:
            StoreReadOnly: no transaction can begin.
        """
        environment, user = self._environment, object()
        try:
            transaction = environment.begin(user, write=True)
        except lmdb.Error as error:
            raise could_not_write(error) from error
        try:
            yield Transaction(transaction, environment.trees)
        finally:
            transaction.abort()
            environment.leave(user)

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

    __slots__ = ("_engine", "_environment", "_transaction")

    def __init__(self, engine: LmdbEngine, environment: Environment) -> None:
        self._engine = engine
        self._environment = environment

    def __enter__(self) -> Transaction:
        environment = self._environment
        try:
            self._transaction = environment.begin(self, write=True)
        except lmdb.Error as error:
            raise could_not_write(error) from error
        # Looked at from within: it does not come or go while a transaction is open.
        departure = self._engine.departure
        if departure is None:
            return Transaction(self._transaction, environment.trees)
        return self._noting(departure)

    def _noting(self, departure: Departure) -> Transaction:
        try:
            departure.admit()
        except BaseException:
            self._transaction.abort()
            self._environment.leave(self)
            raise
        trees = self._environment.trees
        return NotingTransaction(self._transaction, trees, departure.written)

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


class LmdbStore(Succession):
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
        StoreMoved: it has moved elsewhere.
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
            refuse_moved(self.directory)
            place = self.directory / "store"
            if place.exists():
                _refuse_empty(place)
            self._custody = Custody(self.directory, to_repair=self._to_repair)
            self._custody.admit(progress)
            if not place.exists():
                _create(place)
            engine = LmdbEngine(place, map_size_bytes=map_size_bytes, sync=sync)
            try:
                if self._to_repair:
                    drop_damaged_counters(engine)
                migrate(engine, self._migrations, self._custody.back_up)
                super().__init__(engine)
                self._lmdb = engine
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
            StoreMoved: the store has moved; back up what it is in now.
            StoreCorrupt: the store is damaged; no backup was made.
            OSError: the backup cannot be written.
        """
        return backup(self.directory, Path(to), progress)

    def depart(self) -> Departure:
        """Have what is written noted from now on, for who copies it elsewhere.

        Raises:
            StoreMoved: it has moved already.
            StoreMoving: it is on its way already.
            StoreReadOnly: the store cannot begin a write transaction.
        """
        refuse_moved(self.directory)
        with self._lmdb.hold():  # so that no transaction is half noted
            if self._lmdb.departure is not None:
                raise StoreMoving
            self._lmdb.departure = Departure(self._lmdb)
            return self._lmdb.departure

    @property
    def is_departing(self) -> bool:
        """Whether it is being copied elsewhere, or has gone."""
        return self._lmdb.departure is not None

    def stay(self) -> None:
        """Note no more: nobody copies it. Only where it cannot have moved."""
        self._lmdb.departure = None

    def hand_over(self, successor: Successor) -> None:
        """Go on as another store from here on; this one closes it.

        Within :meth:`Departure.halt`, or a write transaction's beginning.

        Args:
            successor: has what this one has.
        """
        self._successor = successor
        if self._lmdb.departure is not None:
            self._lmdb.departure.admit = _refuse_gone

    def close(self) -> None:
        """Close the environment and give up the directory."""
        try:
            if self._successor is not None:
                self._successor.close()
        finally:
            super().close()
            if self._doubt is None:  # else the file may show more than the disk holds
                self._custody.end(self._end[0])
            self._lock.release()


def _refuse_gone() -> None:
    """Have no write transaction begin any more."""
    raise StoreGone


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
    that can never be opened. One without a format is damaged, to who examines it.
    """
    draft = place.with_name(place.name + ".new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    TreeStore(LmdbEngine(draft, map_size_bytes=1 << 20)).close()
    for path in (draft / "data.mdb", draft):
        flush(path)
    draft.rename(place)
    flush(place.parent)


def _refuse_empty(place: Path) -> None:
    """Refuse a store without data: LMDB would make a new one in its place."""
    data = place / "data.mdb"
    if not data.is_file() or data.stat().st_size == 0:
        raise StoreCorrupt(f"{data} is missing or empty.")
