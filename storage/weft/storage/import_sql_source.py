"""The tables of the original system in an SQLite database, read row by row.

Guarantees:
    * the database is opened read only, and read in one transaction: what its owner
      writes meanwhile is not seen;
    * constant memory, and no index, key or constraint of the source is relied on;
    * a column that is missing counts as NULL, one that is unknown is named.
"""

import sqlite3
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from weft.storage.import_report import NotImportable, TellDrift
from weft.storage.import_sql_cells import Cells
from weft.storage.import_sql_rows import ASSOCIATIONS, COLUMNS, SESSIONS, THREADS

__all__ = ["SqlSource", "fingerprint", "opened"]

_HEADER_SIZE_BYTES: Final = 100
"""Of an SQLite file, with the counter of its changes."""


class SqlSource:
    """The tables of a database.

    Args:
        database: in a transaction.

    Attributes:
        tables: the columns of each table that is there, as they are spelt.
        ignored: columns that are not read.

    Raises:
        NotImportable: nothing in it says which session has which thread.
    """

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self.tables: dict[str, dict[str, str]] = {}
        self.ignored: list[str] = []
        for table, wanted in COLUMNS.items():
            found = [row[1] for row in self._ask(f"PRAGMA table_info({table})")]
            if found:
                known = {name.lower(): name for name in found if name.lower() in wanted}
                self.tables[table] = known
                self.ignored += [
                    f"{table}.{name}" for name in found if name.lower() not in wanted
                ]
        self._check()

    def _check(self) -> None:
        for table, key in _KEYS.items():
            if table in self.tables and not key <= self.tables[table].keys():
                missing = ", ".join(sorted(key - self.tables[table].keys()))
                raise NotImportable(
                    f"Table {table} of the database has no {missing}.",
                    details={"table": table},
                )
        lists = "thread_ids" in self.tables.get(SESSIONS, {})
        owners = "session_id" in self.tables.get(THREADS, {})
        if ASSOCIATIONS not in self.tables and not lists and not owners:
            raise NotImportable(
                f"The database has no table {ASSOCIATIONS}, nor a table {SESSIONS} "
                f"with thread_ids, nor a table {THREADS} with session_id."
            )

    def _ask(self, query: str) -> sqlite3.Cursor:
        return self._database.execute(query)

    def rows(self, table: str, tell: TellDrift) -> Iterator[Cells]:
        """Yield the rows of a table, in the order of their rowids; none without it.

        Args:
            table: its name.
            tell: for the cells to tell what is wrong with them.
        """
        columns = self.tables.get(table)
        if columns is None:
            return
        names = list(columns)
        listed = ", ".join(f'"{columns[name]}"' for name in names)
        if self._has_rowids(table):
            query = f"SELECT rowid, {listed} FROM {table} ORDER BY rowid"  # noqa: S608
            found: Iterator[Any] = self._ask(query)
        else:
            query = f"SELECT {listed} FROM {table}"  # noqa: S608
            found = ((row, *cells) for row, cells in enumerate(self._ask(query), 1))
        for row, *cells in found:
            yield Cells(table, row, dict(zip(names, cells, strict=True)), tell)

    def _has_rowids(self, table: str) -> bool:
        try:
            self._ask(f"SELECT rowid FROM {table} LIMIT 1")  # noqa: S608
        except sqlite3.OperationalError:
            return False  # a view, or a table WITHOUT ROWID
        return True

    def count(self) -> int:
        """Return how many rows there are, in all tables."""
        return sum(
            self._ask(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608
            for table in self.tables
        )


_KEYS: Final = {
    SESSIONS: {"session_id"},
    THREADS: {"thread_id"},
    ASSOCIATIONS: {"session_id", "thread_id"},
}


@contextmanager
def opened(path: Path) -> Generator[SqlSource]:
    """Open a database for a with block.

    Raises:
        NotImportable: it is no database, or has not these tables.
        OSError: it cannot be read.
    """
    with path.open("rb"):  # a missing or unreadable file is told as such
        address = f"{path.resolve().as_uri()}?mode=ro"
    try:
        with closing(
            sqlite3.connect(address, uri=True, isolation_level=None)
        ) as database:
            database.text_factory = _text
            database.execute("PRAGMA temp_store = FILE")
            database.execute("BEGIN")
            yield SqlSource(database)
    except sqlite3.Error as error:
        raise NotImportable(f"{path} is not a readable database: {error}.") from error


def _text(data: bytes) -> str:
    """Return text; what is no UTF-8 in it is refused where it is looked at."""
    return data.decode(errors="surrogateescape")


def fingerprint(path: Path) -> str:
    """Return what changes when a database does."""
    digest = sha256()
    for part in (path, path.with_name(f"{path.name}-wal")):
        if part.exists():
            found = part.stat()
            digest.update(f"{found.st_size} {found.st_mtime_ns} ".encode())
            with part.open("rb") as file:
                digest.update(file.read(_HEADER_SIZE_BYTES))
    return digest.hexdigest()
