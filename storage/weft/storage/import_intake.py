"""What every import of records goes through: rows in, verdicts out, durably.

Guarantees:
    * rows that belong together go in together or not at all, and a group that is
      refused leaves its neighbours alone;
    * one call is one transaction, with the note of how far the import has come;
    * in a store with a log of its own each transaction that brought something in is an
      ``ImportRecords`` in it, with the sessions and threads concerned.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from weft.storage.group import Group
from weft.storage.ids import new_id
from weft.storage.import_report import ImportReport
from weft.storage.keys import Key
from weft.storage.operation_base import BaseOperation
from weft.storage.operation_log import OperationLog
from weft.storage.records import Session, Thread
from weft.storage.rows import KINDS, Row
from weft.storage.rules import Applied
from weft.storage.rules_context import Event
from weft.storage.rules_import import Unfit, Verdict, take
from weft.storage.snapshot import Snapshot
from weft.storage.store import TreeStore, clock_us
from weft.storage.view import Draft

__all__ = ["CHUNK_SIZE_BYTES", "ROWS_MAX", "ImportRecords", "Intake"]

ROWS_MAX: Final = 500
"""Of a transaction, about: some 20 ms."""

CHUNK_SIZE_BYTES: Final = 4 << 20
"""Of a transaction, about."""


class ImportRecords(BaseOperation, frozen=True, kw_only=True, tag=True):
    """The log's word for a transaction of an import; nobody submits one."""


class Overlay(Draft):
    """A draft on an empty store that stands in for a real one: a rehearsal."""

    __slots__ = ("_below",)

    def __init__(self, above: Draft, below: Snapshot) -> None:
        super().__init__(above)
        self._below = below

    def get(self, key: Key) -> Any:
        """Return the value of a key: of the rehearsal, or else the real one."""
        found = super().get(key)
        return self._below.get(key) if found is None else found


class Intake:
    """Takes groups of rows into a store.

    Args:
        store: where to; nobody else writes it meanwhile.
        report: counts what went in and what was there.
        below: for a rehearsal: the real store, while ``store`` is an empty one that
            takes the rows in its place.

    Attributes:
        verbatim: whether the store becomes what was exported, numbers and log.
    """

    def __init__(
        self, store: TreeStore, report: ImportReport, below: Snapshot | None = None
    ) -> None:
        self._store = store
        self._report = report
        self._below = below
        self.verbatim = False

    def put(
        self, groups: Sequence[Sequence[Row]], note: tuple[Key, str]
    ) -> list[tuple[int, str]]:
        """Put groups of rows in, in one transaction.

        Args:
            groups: each goes in whole or not at all.
            note: a key, and the words that say how far the import has come.

        Returns:
            the place in ``groups`` of each that was refused, and the reason.
        """

        def change(group: Group, log: OperationLog) -> list[_Judged]:
            seq = None if self.verbatim else log.end[0] + 1
            judged = [self._judge(group, rows, seq) for rows in groups]
            group.put(*note)
            fresh = [row for one in judged for row in one.fresh()]
            if fresh and seq is not None:
                _enter(log, group, seq, fresh)
            return judged

        refused: list[tuple[int, str]] = []
        for place, one in enumerate(self._store.amend(change)):
            if one.verdicts is None:
                refused.append((place, one.why))
                continue
            for row, verdict in zip(one.rows, one.verdicts, strict=True):
                self._report.count(KINDS[type(row.record)], verdict)
        return refused

    def _judge(self, group: Group, rows: Sequence[Row], seq: int | None) -> "_Judged":
        below = self._below
        draft = Draft(group) if below is None else Overlay(group, below)
        try:
            verdicts: list[Verdict] = [take(draft, row, seq) for row in rows]
        except Unfit as error:
            return _Judged(rows, None, str(error))
        group.absorb(draft)
        return _Judged(rows, verdicts, "")


class _Judged(NamedTuple):
    rows: Sequence[Row]
    verdicts: list[Verdict] | None
    why: str

    def fresh(self) -> list[Row]:
        """Return the rows that came in."""
        found = zip(self.rows, self.verdicts or (), strict=False)
        return [row for row, verdict in found if verdict == "imported"]


def _enter(log: OperationLog, group: Group, seq: int, fresh: list[Row]) -> None:
    """Tell the log of the sessions and threads that came in."""
    events: list[Event] = []
    for row in fresh:
        record: Any = row.record
        if isinstance(record, Thread):
            events.append(Event(seq, record.session_id, "adopted", record))
        elif isinstance(record, Session):
            events.append(Event(seq, record.session_id, "session", session=record))
    operation: Any = ImportRecords(op_id=new_id(), at_us=clock_us())
    log.enter(operation, Applied(Draft(group), events, len(fresh)))
