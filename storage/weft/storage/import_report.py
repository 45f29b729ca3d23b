"""What an import tells: what became of the rows, and what was wrong with a file."""

from collections.abc import Callable

import msgspec

from weft.storage.errors import StoreFormatError
from weft.storage.rules_import import Verdict

__all__ = [
    "BadLine",
    "Drift",
    "ImportReport",
    "NotImportable",
    "Tell",
    "TellDrift",
]


class NotImportable(StoreFormatError):
    """The file is not what it is to be imported as, or of a newer format."""

    remedy = "Check the file and --from."


class BadLine(msgspec.Struct, frozen=True):
    """A line that did not go in.

    Attributes:
        line: its number, from 1; for databases the number of the row.
        why: the reason.
    """

    line: int
    why: str


class Drift(msgspec.Struct, frozen=True):
    """A place where a database contradicts itself or holds what cannot be used.

    Attributes:
        kind: one of :data:`weft.storage.import_sql_drift.RULES`.
        table: where it stands; for objects that are no rows, what they are.
        row: its rowid there, or its number from 1.
        why: what is wrong, with the ids concerned.
        session_id: the session concerned.
        thread_id: the thread concerned.
    """

    kind: str
    table: str
    row: int
    why: str
    session_id: str | None = None
    thread_id: str | None = None


class ImportReport(msgspec.Struct):
    """What became of the rows.

    Attributes:
        imported: rows that went in, by kind.
        unchanged: rows that were there already.
        skipped: log entries of another store.
        bad: rows that did not go in.
        resumed_at: the line that this import began with, 1 for all.
        kept: values of types that are not decoded and were kept with their type's
            name, by type.
        drift: places of a database that were wrong and were repaired, by kind.
        ignored: columns of a database that have no place in a store.
    """

    imported: dict[str, int] = {}
    unchanged: int = 0
    skipped: int = 0
    bad: int = 0
    resumed_at: int = 1
    kept: dict[str, int] = {}
    drift: dict[str, int] = {}
    ignored: list[str] = []

    def count(self, kind: str, verdict: Verdict) -> None:
        """Count one row."""
        if verdict == "imported":
            self.imported[kind] = self.imported.get(kind, 0) + 1
        elif verdict == "unchanged":
            self.unchanged += 1
        else:
            self.skipped += 1


Tell = Callable[[BadLine], None]
TellDrift = Callable[[Drift], None]
