"""Import of the original system's sessions, threads and associations.

Everything that is said of a thread is brought together on disk, settled, and then put
in as Weft's records: sessions first, then each thread with all its associations in one
piece. So a store in which half of the threads have arrived is as sound as a whole one.

Guarantees:
    * the source is read once and never altered;
    * what contradicts itself there is told with its place and repaired by the rule of
      its kind (:mod:`weft.storage.import_sql_drift`), never copied;
    * what :mod:`weft.storage.rules_import` guarantees for each record: nothing that is
      there is changed, a second import applies nothing;
    * an interrupted import that is run again ends in the image of one that was not:
      the time of the migration is kept in the store.
"""

import os
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Any, Final, NamedTuple, Protocol

import msgspec
from msgspec.structs import replace

from weft.storage.import_intake import CHUNK_SIZE_BYTES, ROWS_MAX, Intake
from weft.storage.import_report import Drift, ImportReport, TellDrift
from weft.storage.import_sql_cells import Cells
from weft.storage.import_sql_drift import BROKEN
from weft.storage.import_sql_records import Maker, size_bytes
from weft.storage.import_sql_rows import (
    ASSOCIATIONS,
    SESSIONS,
    THREADS,
    read_association,
    read_session,
    read_thread,
)
from weft.storage.import_sql_settle import Facts, Settled, settle
from weft.storage.import_sql_staging import Staging
from weft.storage.keys import Key, note_key, session_key
from weft.storage.progress import Progress, untold
from weft.storage.rows import Row
from weft.storage.snapshot import Snapshot
from weft.storage.store import TreeStore

__all__ = ["Migration", "Source"]

PROGRESS_ROWS: Final = 500
"""Between two calls of ``progress``: some 10 ms."""


class Source(Protocol):
    """What has rows."""

    def rows(self, table: str, tell: TellDrift) -> Iterable[Cells]:
        """Return the rows of a table."""
        ...

    def count(self) -> int:
        """Return how many there are, about."""
        ...


class _Note(msgspec.Struct, frozen=True):
    """How far a migration has come.

    Attributes:
        at_us: when it began.
        source: what changes when the source does.
        done: sessions and threads that were looked at.
    """

    at_us: int
    source: str
    done: int


class _Piece(NamedTuple):
    """Records that go in together, and where they come from."""

    rows: list[Row]
    table: str
    row: int
    session_id: str
    thread_id: str | None = None


class Migration:
    """Brings one source into one store.

    Args:
        store: where to; nobody else writes it meanwhile.
        facts: what the source has.
        tell: told of everything that was wrong.
        progress: told (done, total) rows, sessions and threads.
        below: for a rehearsal: the real store, while ``store`` is an empty one that
            takes the records in its place.
    """

    def __init__(
        self,
        store: TreeStore,
        facts: Facts,
        tell: TellDrift,
        progress: Progress | None = None,
        below: Snapshot | None = None,
    ) -> None:
        self._store = store
        self._facts = facts
        self._tell = tell
        self._progress = progress or untold
        self._below = below
        self._done = 0
        self._total = 0
        self.report = ImportReport(imported={})
        self._intake = Intake(store, self.report, below)

    def run(
        self,
        source: Source,
        staging: Staging,
        name: str,
        source_print: str,
        now_us: int,
        *,
        resume: bool = False,
    ) -> ImportReport:
        """Bring a source in.

        Args:
            source: its rows.
            staging: an empty one.
            name: of the source, by which it is known again.
            source_print: what changes when the source does.
            now_us: the time of the migration, microseconds since the Unix epoch,
                unless this source was migrated before.
            resume: go on where an earlier migration of this very source stood.

        Raises:
            StoreReadOnly: the disk is full or failing; what went in stays.
        """
        key = note_key(f"migration {sha256(os.fsencode(name)).hexdigest()[:16]}")
        known = self._note(key)
        note = _Note(known.at_us if known else now_us, source_print, 0)
        if resume and known is not None and known.source == source_print:
            note = known
            self.report.resumed_at = known.done + 1
        self._total = 2 * source.count()
        self._load(source, staging)
        self._settle(staging)
        self._put_all(staging, key, note)
        return self.report

    def _note(self, key: Key) -> _Note | None:
        text = self._look(key)
        return None if text is None else msgspec.json.decode(text, type=_Note)

    def _look(self, key: Key) -> Any:
        if self._below is not None:
            return self._below.get(key)
        with self._store.read() as snapshot:
            return snapshot.get(key)

    def _drift(self, found: Drift) -> None:
        if found.kind in BROKEN:
            self.report.bad += 1
        else:
            drift = self.report.drift
            drift[found.kind] = drift.get(found.kind, 0) + 1
        self._tell(found)

    def _step(self) -> None:
        self._done += 1
        if self._done % PROGRESS_ROWS == 0:
            self._progress(self._done, max(self._done, self._total))

    def _load(self, source: Source, staging: Staging) -> None:
        for cells in source.rows(SESSIONS, self._drift):
            self._step()
            found = read_session(cells)
            if found is None:
                continue
            session, listings = found
            if not staging.add_session(session):
                why = f"another row has session {session.session_id!r}"
                cells.drift("duplicate_session", why)
            for listing in listings:
                staging.add_claim(listing)
        for cells in source.rows(THREADS, self._drift):
            self._step()
            thread = read_thread(cells)
            if thread is not None:
                staging.add_claim(thread)
        for cells in source.rows(ASSOCIATIONS, self._drift):
            self._step()
            row = read_association(cells)
            if row is None:
                continue
            known = row.association_id
            if known is not None and not staging.take_association_id(known):
                cells.drift("duplicate_association_id", f"another row has {known!r}")
                row = replace(row, association_id=None)
            staging.add_claim(row)

    def _settle(self, staging: Staging) -> None:
        for claims in staging.claims():
            self._step()
            found = settle(claims, staging.known, self._facts, self._drift)
            if found is not None:
                staging.add_settled(found)
        staging.index()
        for thread in staging.collisions():
            self._step()
            name = staging.free_name(thread)
            why = f"an older thread is {thread.name!r}, it is {name!r} now"
            self._drift(_of_thread("name_collision", thread, why))
            staging.rename(thread.renamed(name))

    def _put_all(self, staging: Staging, key: Key, note: _Note) -> None:
        skipped = note.done
        self._total = self._done + staging.count()
        chunk: list[_Piece] = []
        records = taken_bytes = 0
        for number, piece in enumerate(self._pieces(staging, note.at_us), 1):
            if number <= skipped:
                self._step()
                continue
            chunk.append(piece)
            # One that is there counts as well: a repeated import has the same chunks.
            records += max(1, len(piece.rows))
            taken_bytes += size_bytes(piece.rows)
            if records >= ROWS_MAX or taken_bytes >= CHUNK_SIZE_BYTES:
                note = replace(note, done=number)
                self._put(chunk, key, note)
                chunk, records, taken_bytes = [], 0, 0
        self._put(chunk, key, replace(note, done=note.done + len(chunk)))

    def _put(self, chunk: list[_Piece], key: Key, note: _Note) -> None:
        text = msgspec.json.encode(note).decode()
        groups = [piece.rows for piece in chunk]
        for place, why in self._intake.put(groups, (key, text)):
            piece = chunk[place]
            where = (piece.table, piece.row)
            self._drift(
                Drift("refused_row", *where, why, piece.session_id, piece.thread_id)
            )
        self._done += len(chunk)
        self._progress(self._done, max(self._done, self._total))

    def _pieces(self, staging: Staging, at_us: int) -> Iterator[_Piece]:
        maker = Maker(at_us)
        for session, made, owns in staging.sessions():
            session_id = session.session_id
            if owns and not made and session.status == "closed":
                why = "it is closed"
                row = session.row
                self._drift(Drift("closed_session", SESSIONS, row, why, session_id))
            rows = []
            if not made or self._look(session_key(session_id)) is None:
                rows = [Row(maker.session(session, owns=owns))]
            yield _Piece(rows, SESSIONS, session.row, session_id)
        for thread in staging.threads():
            found = maker.thread(thread)
            where = (thread.table, thread.row, thread.session_id, thread.thread_id)
            yield _Piece(found, *where)


def _of_thread(kind: str, thread: Settled, why: str) -> Drift:
    where = (thread.table, thread.row)
    return Drift(kind, *where, why, thread.session_id, thread.thread_id)
