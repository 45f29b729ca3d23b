"""The schema: made when a database is first used, migrated when it is older.

Migrations are numbered files of SQL (``migrations/``), applied in order, all in one
transaction; each ends with its number. A database of a newer Weft is refused.
"""

from importlib.resources import files
from typing import Final

from weft.cluster.line import Line, Refused
from weft.cluster.slots import SLOTS
from weft.storage.errors import InvalidArgument, StoreFormatError

__all__ = ["SCHEMA_VERSION", "install"]

_MIGRATIONS: Final = (
    (1, "0001_tables.sql"),
    (2, "0002_functions.sql"),
)

SCHEMA_VERSION: Final = _MIGRATIONS[-1][0]
"""The newest there is."""

SHARDS_MAX: Final = 8_000

_TRIES: Final = 3
"""Two processes that come to an empty database at once: one of them is told that a
table is there already, and finds it on its next try."""

_THERE_ALREADY: Final = frozenset({"23505", "42P07", "42710", "42723"})


def install(line: Line, shards: int = 1) -> int:
    """Make the schema, or bring it up to date; nothing is done where it is.

    Args:
        line: to the database.
        shards: how many there are to be in a new database; slots go round among them.

    Returns:
        the version that was there before; 0 for none.

    Raises:
        StoreFormatError: a newer Weft made it.
        InvalidArgument: that many shards cannot be.
        Broken: the database cannot be reached.
        Refused: the user may not make tables.
    """
    if not 1 <= shards <= SHARDS_MAX:
        raise InvalidArgument(f"There are 1 to {SHARDS_MAX} shards, not {shards}.")
    left = _TRIES
    while True:
        left -= 1
        version = _version(line)
        if version > SCHEMA_VERSION:
            raise StoreFormatError(
                f"The database has schema {version}; "
                f"this version knows up to {SCHEMA_VERSION}.",
                details={"format": version, "format_max": SCHEMA_VERSION},
            )
        if version == SCHEMA_VERSION:
            return version
        try:
            line.ask(_script(version, shards))
        except Refused as refused:
            if refused.state not in _THERE_ALREADY or not left:
                raise
        else:
            return version


def _version(line: Line) -> int:
    try:
        rows = line.ask("SELECT coalesce(max(version), 0) FROM weft_schema")
    except Refused as refused:
        if refused.state != "42P01":  # there is no such table
            raise
        return 0
    version: int = rows[0][0]
    return version


def _script(version: int, shards: int) -> str:
    """Return what leads from a version to the newest, to be one transaction."""
    folder = files("weft.cluster") / "migrations"
    parts = [
        (folder / name).read_text("utf-8")
        for number, name in _MIGRATIONS
        if number > version
    ]
    if version == 0:
        parts.append(f"SELECT weft_begin({shards}, {SLOTS});")
    return "\n".join(parts)
