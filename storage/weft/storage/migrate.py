"""Migration of the original system: its database, or the objects of its program.

Two ways lead in, through one set of rules (:mod:`weft.storage.import_sql`):

    * :func:`migrate_database`: an SQLite database with ``session_thread_associations``,
      ``sessions`` and ``threads``, or with what there is of them;
    * :func:`migrate_sessions`: sessions that carry nothing but ``thread_ids``.

Guarantees: what is wrong in the source is told and repaired, never copied; the source
is not altered; both can be repeated and interrupted, with the same end; a dry run
tells the same and changes nothing.
"""

import errno
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from contextlib import AbstractContextManager, ExitStack, closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Protocol

from weft.storage.ids import check_id
from weft.storage.import_report import (
    Drift,
    ImportReport,
    NotImportable,
    TellDrift,
)
from weft.storage.import_sql import Migration, Source
from weft.storage.import_sql_cells import Cells
from weft.storage.import_sql_drift import RULES
from weft.storage.import_sql_rows import ASSOCIATIONS, COLUMNS, SESSIONS, THREADS
from weft.storage.import_sql_settle import Facts
from weft.storage.import_sql_source import fingerprint, opened
from weft.storage.import_sql_staging import Staging
from weft.storage.lmdb import LmdbStore
from weft.storage.progress import Progress
from weft.storage.snapshot import Snapshot
from weft.storage.store import TreeStore, clock_us

__all__ = [
    "ORPHANS",
    "RULES",
    "Drift",
    "ImportReport",
    "NotImportable",
    "check_source",
    "migrate_database",
    "migrate_sessions",
]

ORPHANS: Final = "imported"
"""The session for threads that nobody owns, unless it is said."""

Lookup = Mapping[str, Any] | Callable[[str], Any]
"""Finds a thread, an object or a mapping, by its id; None where there is none."""


class Readable(Protocol):
    """What shows a store."""

    def read(self) -> AbstractContextManager[Snapshot]:
        """Open a snapshot."""
        ...


def check_source(path: Path) -> None:
    """Look whether a file is a database that can be migrated.

    Raises:
        NotImportable: it is no database, or has not these tables.
        OSError: it cannot be read.
    """
    with opened(path):
        return


def migrate_database(
    path: Path,
    store: TreeStore | Readable,
    tell: TellDrift,
    progress: Progress | None = None,
    *,
    orphans: str = ORPHANS,
    now_us: int | None = None,
    resume: bool = False,
    dry_run: bool = False,
) -> ImportReport:
    """Bring an SQLite database of the original system into a store.

    Args:
        path: the database; only read.
        store: where to; nobody else writes it meanwhile.
        tell: told of everything that is wrong, and what is done about it.
        progress: told (done, total) steps.
        orphans: the session for threads that nobody owns.
        now_us: the time of the migration, microseconds since the Unix epoch; the
            clock's if omitted, and that of the first if this is not the first.
        resume: go on where an earlier migration of this database stood, unless it has
            changed; without it every row is looked at again, with the same end.
        dry_run: tell the same and change nothing; a reader of the store will do.

    Raises:
        InvalidArgument: ``orphans`` is no acceptable id.
        NotImportable: it is no database, or has not these tables.
        OSError: it cannot be read, or there is no room to sort its rows.
        StoreReadOnly: the disk is full or failing; what went in stays.
    """
    check_id(orphans, "session id")
    with opened(path) as source:
        facts = Facts(
            sessions=SESSIONS in source.tables,
            threads=THREADS in source.tables,
            associations=ASSOCIATIONS in source.tables,
            orphans=orphans,
        )
        identity = (path.name, fingerprint(path))
        work = _Work(store, facts, tell, progress, dry_run=dry_run)
        report = work.run(source, identity, now_us, resume=resume)
        report.ignored = source.ignored
        return report


def migrate_sessions(
    sessions: Iterable[Any],
    store: TreeStore | Readable,
    tell: TellDrift,
    progress: Progress | None = None,
    *,
    threads: Lookup | None = None,
    name: str = SESSIONS,
    orphans: str = ORPHANS,
    now_us: int | None = None,
    dry_run: bool = False,
) -> ImportReport:
    """Bring sessions that carry ``thread_ids`` into a store.

    Each thread gets an association with ``{"migrated": True, "migration_timestamp":
    ...}`` for metadata, and the name that its own metadata has under ``name``, or else
    its id.

    Args:
        sessions: objects or mappings with ``session_id`` and ``thread_ids``, and what
            there is of ``user_id``, ``status``, ``metadata``, ``created_at`` and
            ``updated_at``; looked at once.
        store: where to; nobody else writes it meanwhile.
        tell: told of everything that is wrong, and what is done about it.
        progress: told (done, total) steps.
        threads: finds a thread by its id; one that it does not find is gone. Without
            it each thread that is listed is there, and its name is its id.
        name: of the source, by which a second migration knows the time of the first.
        orphans: the session for threads that nobody owns.
        now_us: as of :func:`migrate_database`.
        dry_run: tell the same and change nothing; a reader of the store will do.

    Raises:
        InvalidArgument: ``orphans`` is no acceptable id.
        StoreReadOnly: the disk is full or failing; what went in stays.
    """
    check_id(orphans, "session id")
    facts = Facts(
        sessions=True,
        threads=threads is not None,
        associations=False,
        orphans=orphans,
    )
    work = _Work(store, facts, tell, progress, dry_run=dry_run)
    source = _Objects(sessions, threads, work.staging)
    return work.run(source, (name, ""), now_us, resume=False)


class _Work:
    def __init__(
        self,
        store: TreeStore | Readable,
        facts: Facts,
        tell: TellDrift,
        progress: Progress | None,
        *,
        dry_run: bool,
    ) -> None:
        self._store = store
        self._how = (facts, tell, progress)
        self._dry_run = dry_run or not isinstance(store, TreeStore)
        self.staging = Staging()

    def run(
        self,
        source: Source,
        identity: tuple[str, str],
        now_us: int | None,
        *,
        resume: bool,
    ) -> ImportReport:
        with ExitStack() as stack:
            stack.enter_context(closing(self.staging))
            store: Any = self._store
            below = None
            if self._dry_run:
                below = stack.enter_context(store.read())
                scratch = TemporaryDirectory(prefix="weft-import-")
                folder = stack.enter_context(scratch)
                store = stack.enter_context(closing(LmdbStore(folder, sync=False)))
            work = Migration(store, *self._how, below)
            now_us = clock_us() if now_us is None else now_us
            try:
                return work.run(source, self.staging, *identity, now_us, resume=resume)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_FULL:
                    raise
                words = "no room to sort the rows; set SQLITE_TMPDIR"
                raise OSError(errno.ENOSPC, words) from error


class _Objects:
    """Sessions and threads of a running program, as rows."""

    def __init__(
        self, sessions: Iterable[Any], threads: Lookup | None, staging: Staging
    ) -> None:
        self._sessions = sessions
        self._find = threads.get if isinstance(threads, Mapping) else threads
        self._staging = staging

    def count(self) -> int:
        return len(self._sessions) if isinstance(self._sessions, Sized) else 0

    def rows(self, table: str, tell: TellDrift) -> Iterator[Cells]:
        if table == SESSIONS:
            for number, session in enumerate(self._sessions, 1):
                yield Cells(table, number, _cells(table, session), tell)
        elif table == THREADS and self._find is not None:
            for number, thread_id in enumerate(self._staging.listed(), 1):
                thread = self._find(thread_id)
                if thread is not None:
                    cells = _cells(table, thread) | {"thread_id": thread_id}
                    yield Cells(table, number, cells, tell)


def _cells(table: str, thing: Any) -> dict[str, Any]:
    """Return the fields of an object or mapping that are a table's columns."""
    if isinstance(thing, Mapping):
        found = {name: thing.get(name) for name in COLUMNS[table]}
    else:
        found = {name: getattr(thing, name, None) for name in COLUMNS[table]}
    return {name: value for name, value in found.items() if value is not None}
