"""An LMDB environment that outlives its own failure.

When the write of a meta page fails, LMDB declares the whole environment dead: every
later transaction, reads as well, raises until it is closed and opened again. When the
map grows, transactions that are open lose their ground. So open transactions are
counted here, and an environment is replaced or grown only between them: new ones wait
for the moment that takes, old ones get :data:`LEAVE_TIMEOUT_S` to end.

Guarantees:
    * whoever comes next after a failure opens the environment again;
    * it is never closed under a transaction of this process, except by ``close()``
      after the same patience;
    * a forked child cannot use its parent's environment (LMDB would let it);
    * a full disk is an error at the opening, never a signal later;
    * reader slots of processes that died are freed, so they do not hold old pages.
"""

import errno
import logging
import os
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Event, RLock
from typing import Any, Final

import lmdb

from weft.storage.errors import StoreClosed, StoreUnavailable
from weft.storage.keys import TREES
from weft.storage.lmdb_failure import could_not_open

__all__ = ["LEAVE_TIMEOUT_S", "Environment", "Trees"]

logger = logging.getLogger("weft.storage")

LEAVE_TIMEOUT_S: Final = 0.25
"""How long open transactions get to end. A read lasts milliseconds; nobody may wait
for the few that are longer, such as a check."""

READER_PATIENCE_S: Final = 0.025
"""How long a reader waits for the others before it is told to try again: it may be a
turn of the dispatcher, and everybody would wait with it."""

SWEEP_INTERVAL_S: Final = 10.0
"""How often slots of dead readers are looked for: 2,000 small commits beside one
forgotten reader grow a 2 MB file to 42 MB, and 10 s hold that many."""

READERS_MAX: Final = 2048

_TABLE_SIZE_BYTES: Final = (READERS_MAX + 3) * 64
"""A reader takes a cache line, the table's head at most three."""

_CANNOT_RESERVE: Final = frozenset({errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS})

_LOOK_S: Final = 0.001
_FIGURES: Final = ("map_size", "last_pgno", "num_readers")

Trees = dict[str, Any]
"""LMDB's handles, by the name of the tree."""


class Environment:
    """An open LMDB environment and its open transactions.

    Args:
        directory: the environment's own directory.
        map_size_bytes: the virtual size to begin with.
        sync: flush at commit.

    Raises:
        StoreCorrupt: the file is not a store.
        StoreUnavailable: it cannot be opened.
    """

    def __init__(self, directory: Path, map_size_bytes: int, *, sync: bool) -> None:
        self._directory = directory
        self._map_size_bytes = map_size_bytes
        self._sync = sync
        self._pid = os.getpid()
        self._closed = False
        self._users: set[object] = set()
        self._steady = Event()
        self._steady.set()
        self._changing = RLock()
        self._swept_s = time.monotonic()
        self._lmdb: lmdb.Environment | None = None
        self._open()

    def _open(self) -> None:
        try:
            _reserve_reader_table(self._directory / "lock.mdb")
            opened = lmdb.open(
                str(self._directory),
                lib_version=0,
                map_size=self._map_size_bytes,
                max_dbs=len(TREES),
                max_readers=READERS_MAX,
                mode=0o700,
                sync=self._sync,
                metasync=self._sync,
                writemap=False,
            )
        except (lmdb.Error, OSError) as error:
            raise could_not_open(self._directory, error) from error
        try:
            opened.reader_check()
            self.trees: Trees = {name: opened.open_db(name.encode()) for name in TREES}
        except lmdb.Error as error:
            opened.close()
            raise could_not_open(self._directory, error) from error
        self._lmdb = opened

    # Transactions

    def begin(self, user: object, *, write: bool = False) -> lmdb.Transaction:
        """Begin a transaction; the user has to :meth:`leave` after its end.

        Args:
            user: whose it is; any object of its own.
            write: the write transaction; it waits for the one before.

        Raises:
            StoreClosed: the environment was closed, or the process forked.
            StoreUnavailable: the environment failed and cannot be opened again yet.
            lmdb.Error: whatever else the engine says.
        """
        if write:
            self._sweep()
        try:
            return self._enter(user).begin(write=write)
        except lmdb.PanicError:
            self.leave(user)
        except BaseException:
            self.leave(user)
            raise
        self.reopen(LEAVE_TIMEOUT_S if write else READER_PATIENCE_S)
        try:
            return self._enter(user).begin(write=write)
        except BaseException:
            self.leave(user)
            raise

    def leave(self, user: object) -> None:
        """Forget a user whose transaction has ended."""
        self._users.discard(user)

    def _enter(self, user: object) -> lmdb.Environment:
        self._refuse_strangers()
        self._users.add(user)
        # Counted before it looks: who changes the environment closes the way first.
        while not self._steady.is_set():
            self._users.discard(user)
            self._steady.wait(2 * LEAVE_TIMEOUT_S)
            self._refuse_strangers()
            self._users.add(user)
        if self._lmdb is None:
            self._users.discard(user)
            self.reopen(READER_PATIENCE_S)
            return self._enter(user)
        return self._lmdb

    def _refuse_strangers(self) -> None:
        if self._closed:
            raise StoreClosed
        if os.getpid() != self._pid:
            raise StoreClosed(
                "The store was opened before this process was forked.",
                details={"opened_by_pid": self._pid},
            )

    @contextmanager
    def _alone(self, patience_s: float) -> Generator[int]:
        """Keep new transactions out for a moment; tell how many old ones stayed."""
        with self._changing:
            self._steady.clear()
            try:
                end_s = time.monotonic() + patience_s
                while self._users and time.monotonic() < end_s:
                    time.sleep(_LOOK_S)
                yield len(self._users)
            finally:
                self._steady.set()

    # Changes

    def reopen(self, patience_s: float) -> None:
        """Open the environment again if it has failed.

        Args:
            patience_s: how long open transactions get to end, in seconds.

        Raises:
            StoreUnavailable: transactions of before the failure are still open, or the
                file cannot be opened.
            StoreCorrupt: the file is damaged.
        """
        with self._alone(patience_s) as staying:
            if self._lmdb is not None and not _is_dead(self._lmdb):
                return  # somebody else was here first
            if staying:
                raise StoreUnavailable(
                    f"The store waits for {staying} readers before it opens again.",
                    details={"readers": staying},
                )
            if self._lmdb is not None:
                self._lmdb.close()
                self._lmdb = None
            self._open()
            logger.warning("%s was opened again after a failure", self._directory)

    def grow(self) -> None:
        """Double the map. A reader that stays is told to read again.

        Raises:
            StoreUnavailable: the engine cannot get the address space.
        """
        self._refuse_strangers()
        with self._alone(LEAVE_TIMEOUT_S):
            if self._lmdb is None:
                return
            size_bytes = self._lmdb.info()["map_size"] * 2
            try:
                self._lmdb.set_mapsize(size_bytes)
            except lmdb.Error as error:
                words = f"The map cannot grow to {size_bytes} bytes: {error}."
                raise StoreUnavailable(words, cause=error) from error
            self._map_size_bytes = size_bytes

    def _sweep(self) -> None:
        now_s = time.monotonic()
        if self._lmdb is None or now_s - self._swept_s < SWEEP_INTERVAL_S:
            return
        self._swept_s = now_s
        if swept := self._lmdb.reader_check():
            logger.warning("freed the slots of %d readers that died", swept)

    def close(self) -> None:
        """Close the environment. Twice is no error, in a forked child it is nothing."""
        if self._closed or os.getpid() != self._pid:
            return
        with self._alone(LEAVE_TIMEOUT_S):
            self._closed = True
            if self._lmdb is not None:
                self._lmdb.close()

    # Facts

    def facts(self) -> tuple[Mapping[str, int], int]:
        """Return LMDB's own figures, and how many commits the oldest reader is behind.

        Raises:
            StoreClosed: see :meth:`begin`.
            StoreUnavailable: see :meth:`begin`.
        """
        user = object()
        environment = self._enter(user)
        try:
            info = environment.info()
            oldest = _oldest_reader(environment.readers(), info["last_txnid"])
            return {name: int(info[name]) for name in _FIGURES}, oldest
        finally:
            self.leave(user)


def _reserve_reader_table(path: Path) -> None:
    """Take the disk space of LMDB's table of readers before LMDB does.

    It is written through a memory map, and on a full disk a write to a page that has no
    block yet kills the process with SIGBUS. Before the environment is open, closing
    the file here drops no lock of this process.

    Raises:
        OSError: there is no room.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, _TABLE_SIZE_BYTES)
    except OSError as error:
        if error.errno not in _CANNOT_RESERVE:
            raise
        logger.debug("the file system of %s reserves no space", path)
    finally:
        os.close(descriptor)


def _is_dead(environment: lmdb.Environment) -> bool:
    """Whether the environment refuses everything since a meta page failed."""
    try:
        environment.begin().abort()
    except lmdb.PanicError:
        return True
    except lmdb.Error:
        return False  # it is crowded, not dead
    return False


def _oldest_reader(table: str, last_txnid: int) -> int:
    """Return how many commits came after what the oldest open reader sees.

    Args:
        table: as LMDB prints it: pid, OS thread, transaction ("-" for none) by line.
        last_txnid: of the last commit.
    """
    seen = [line.split()[-1] for line in table.splitlines()[1:] if line.strip()]
    return max(
        (last_txnid - int(txnid) for txnid in seen if txnid.isdigit()), default=0
    )
