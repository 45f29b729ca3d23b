"""Import of an export: line by line, in small transactions, as often as one likes.

Into a store without a log, a whole export goes as it is: the store becomes the one
that was exported, its log and numbers included, and goes on from there. Into any other
store the records go under numbers of that store, one ``ImportRecords`` of its log for
each transaction, and the log of the export is skipped.

Guarantees:
    * constant memory; a transaction has some 500 rows or 4 MiB, and a thread comes with
      its associations and its run in progress: what is there meanwhile is sound;
    * what :mod:`weft.storage.rules_import` guarantees for each row; a bad row is told
      with its line and the reason, and the rest goes on;
    * repeated, it applies nothing; interrupted, it goes on where it stood: how far it
      has come is committed with the rows;
    * a file that was cut short is told as such;
    * broken rows of the log leave no gap in it (:mod:`weft.storage.import_log`).
"""

import hashlib
from collections.abc import Iterator
from typing import IO, Final

import msgspec
from msgspec.structs import replace

from weft.storage.import_intake import CHUNK_SIZE_BYTES, ROWS_MAX, Intake
from weft.storage.import_log import close_log
from weft.storage.import_report import (
    BadLine,
    ImportReport,
    NotImportable,
    Tell,
)
from weft.storage.keys import note_key
from weft.storage.progress import Progress, untold
from weft.storage.rows import EXPORT_FORMAT, BadRow, End, Header, Row, read_row
from weft.storage.snapshot import Snapshot
from weft.storage.store import TreeStore

__all__ = ["Importer"]

LINE_SIZE_BYTES_MAX: Final = 64 << 20
"""Beyond it a line is told as bad without being read: the largest value, 16 MiB of
bytes, is 22 MiB in base64, and a run may carry two."""

_NOTE: Final = note_key("import")


class _Note(msgspec.Struct, frozen=True):
    """How far an import has come.

    Attributes:
        file: what tells the file from others.
        offset: of the next line, in bytes.
        line: the lines before it.
        verbatim: whether the store becomes what was exported.
        done: the end was reached.
    """

    file: str
    offset: int
    line: int
    verbatim: bool
    done: bool


class _Line(msgspec.Struct, frozen=True):
    number: int
    data: bytes
    end: int


_Numbered = tuple[int, Row]


class Importer:
    """Imports one file into one store.

    Args:
        store: where to; nobody else writes it meanwhile.
        tell: told of every bad line.
        progress: told (done, total) bytes.
        below: for a rehearsal: the real store, while ``store`` is an empty one that
            takes the rows in its place.
    """

    def __init__(
        self,
        store: TreeStore,
        tell: Tell,
        progress: Progress | None = None,
        below: Snapshot | None = None,
    ) -> None:
        self._store = store
        self._tell = tell
        self._progress = progress or untold
        self._below = below
        self.report = ImportReport(imported={})
        self._intake = Intake(store, self.report, below)

    @staticmethod
    def check(source: IO[bytes]) -> Header:
        """Read a file's header, and go back to its beginning.

        Raises:
            NotImportable: it has none, or one of a newer format.
        """
        header = _header(source.readline(LINE_SIZE_BYTES_MAX))
        source.seek(0)
        return header

    def run(self, source: IO[bytes], *, resume: bool = False) -> ImportReport:
        """Import a file.

        Args:
            source: the export, at its beginning; it can seek.
            resume: go on where an earlier import of this file stood; without it every
                line is looked at again, with the same end.

        Raises:
            NotImportable: it is not one, or of a newer format; nothing was touched.
            StoreReadOnly: the disk is full or failing; what went in stays.
        """
        first = source.readline(LINE_SIZE_BYTES_MAX)
        header = _header(first)
        total = source.seek(0, 2)
        name = hashlib.sha256(first + str(total).encode()).hexdigest()
        known = self._note(name)
        verbatim = header.sessions is None and self._is_new(known)
        begin = _Note(name, len(first), 1, verbatim, done=False)
        if resume and known is not None:
            begin = replace(known, verbatim=verbatim)
            self.report.resumed_at = known.line + 1
        self._intake.verbatim = verbatim
        if not begin.done:
            source.seek(begin.offset)
            self._take_all(source, begin, total)
        became = verbatim or (known is not None and known.verbatim)
        if became and self._below is None:
            close_log(self._store, header.seq)
        return self.report

    def _note(self, name: str) -> _Note | None:
        with self._store.read() as snapshot:
            text = snapshot.get(_NOTE)
        note = None if text is None else msgspec.json.decode(text, type=_Note)
        return note if note is not None and note.file == name else None

    def _is_new(self, known: _Note | None) -> bool:
        if known is not None and not known.done:
            return known.verbatim
        with self._store.read() as snapshot:
            seen = self._below or snapshot
            return seen.log_end == (0, 0) and next(seen.entries("S"), None) is None

    def _take_all(self, source: IO[bytes], note: _Note, total: int) -> None:
        lines = _lines(source, note.line, note.offset)
        for chunk in _chunks(lines):
            read = _read(chunk)
            note = replace(
                note, offset=chunk[-1].end, line=chunk[-1].number, done=read.ended
            )
            bad = read.bad + self._apply(read.rows, note)
            for line in sorted(bad, key=lambda line: line.line):
                self._bad(line)
            self._progress(note.offset, total)
            if read.ended:
                return
        words = "the end row is missing: the file was cut short"
        self._bad(BadLine(note.line + 1, words))

    def _apply(self, rows: list[_Numbered], note: _Note) -> list[BadLine]:
        """Put rows in, in one transaction with how far the import has come."""
        text = msgspec.json.encode(note).decode()
        refused = self._intake.put([[row] for _, row in rows], (_NOTE, text))
        return [BadLine(rows[place][0], why) for place, why in refused]

    def _bad(self, line: BadLine) -> None:
        self.report.bad += 1
        self._tell(line)


class _Read(msgspec.Struct):
    """What some lines stand for; ``ended`` by the end row among them."""

    rows: list[_Numbered] = []
    bad: list[BadLine] = []
    ended: bool = False


def _header(line: bytes) -> Header:
    try:
        found = read_row(line)
    except BadRow as error:
        raise NotImportable(f"The first line is no header: {error}.") from error
    if not isinstance(found, Header):
        raise NotImportable("The first line is no header.")
    if found.format > EXPORT_FORMAT:
        raise NotImportable(
            f"The export has format {found.format}; "
            f"this version reads up to {EXPORT_FORMAT}.",
            details={"format": found.format, "format_max": EXPORT_FORMAT},
        )
    return found


def _read(chunk: list[_Line]) -> _Read:
    found = _Read()
    for line in chunk:
        try:
            row = _row(line.data, ended=found.ended)
            if isinstance(row, End):
                found.ended = True
                _check_end(row, line.number)
            else:
                found.rows.append((line.number, row))
        except BadRow as error:
            found.bad.append(BadLine(line.number, str(error)))
    return found


def _check_end(end: End, number: int) -> None:
    if end.rows != number - 2:
        raise BadRow(f"the end row tells of {end.rows} rows, not of these")


def _row(data: bytes, *, ended: bool) -> Row | End:
    if ended:
        raise BadRow("it stands behind the end row")
    if len(data) > LINE_SIZE_BYTES_MAX:
        raise BadRow(f"it is longer than {LINE_SIZE_BYTES_MAX} bytes")
    found = read_row(data)
    if isinstance(found, Header):
        raise BadRow("a header stands in the first line only")
    return found


def _lines(source: IO[bytes], number: int, offset: int) -> Iterator[_Line]:
    while data := source.readline(LINE_SIZE_BYTES_MAX + 1):
        number += 1
        offset += len(data)
        rest = data
        while rest and not rest.endswith(b"\n"):  # of a line that is too long
            rest = source.readline(CHUNK_SIZE_BYTES)
            offset += len(rest)
        yield _Line(number, data, offset)


def _chunks(lines: Iterator[_Line]) -> Iterator[list[_Line]]:
    chunk: list[_Line] = []
    chunk_bytes = 0
    for line in lines:
        full = len(chunk) >= ROWS_MAX or chunk_bytes >= CHUNK_SIZE_BYTES
        over = len(chunk) >= 2 * ROWS_MAX or chunk_bytes >= 2 * CHUNK_SIZE_BYTES
        if over or (full and not _belongs_to_a_thread(line.data)):
            yield chunk
            chunk, chunk_bytes = [], 0
        chunk.append(line)
        chunk_bytes += len(line.data)
    if chunk:
        yield chunk


def _belongs_to_a_thread(data: bytes) -> bool:
    """Whether a thread that came before is not right without this row."""
    if data.startswith(b'{"record":"association"'):
        return True
    return data.startswith(b'{"record":"run"') and b'"finished_at_us":null' in data
