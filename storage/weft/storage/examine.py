"""The examination of a store file, done in a child process: it may not survive it.

The pages are read as bytes: the two meta pages against each other, then every page in
use by the binding's own verifier (structure, order, counts, each page in use or free
and never both). Beside it, in a process that a bad page may kill, every record is read
through the engine, which counts only if the pages are in order: checksums, the log
without gaps, sessions, threads and associations against each other, and changes in the
log against what they changed. Of another format than this version's only the checksums
are known.

Not here: repair (:mod:`weft.storage.fsck`).
"""

import multiprocessing
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple
from zlib import crc32

import lmdb
from lmdb import verify as pages

from weft.storage.check import Inconsistency, check
from weft.storage.codec import CRC_RESIDUE, SEEDS, decode
from weft.storage.errors import StoreCorrupt
from weft.storage.keys import TREES
from weft.storage.lmdb_reader import LmdbReader
from weft.storage.meta_page import MetaPages
from weft.storage.snapshot import Snapshot
from weft.storage.store import FORMAT, FORMAT_KEY
from weft.storage.verify import TOLD_MAX, Damage, Examination

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

__all__ = ["examine_here"]

_UNCOMPARED: Final = ("M",)
"""Trees that the check does not walk."""
_UPDATE: Final = b"UpdateSession"
"""The one kind of operation whose effect has no second copy anywhere."""


class _Findings:
    """What was found so far: all of it counted, the first of it kept."""

    def __init__(self) -> None:
        self.damages: list[Damage] = []
        self.found = 0

    def tell(self, kind: str, where: str, detail: str) -> None:
        self.found += 1
        if len(self.damages) < TOLD_MAX:
            self.damages.append(Damage(kind, where, detail))


def examine_here(place: Path) -> Examination:
    """Examine a store that nobody writes; forks, so call it in a process of one thread.

    Args:
        place: the directory that holds ``data.mdb``.

    Raises:
        OSError: the file cannot be read.
    """
    began_s = time.perf_counter()
    findings = _Findings()
    metas = MetaPages.read(place / "data.mdb")
    for fault in metas.faults():
        findings.tell("meta_page", f"page {fault.slot}", str(fault))
    records = None if findings.found else _Records(place)
    for sentence in _verified(place):
        findings.tell("structure", "the pages", f"{sentence}.")
    seen = _Seen()
    if records is not None:
        seen = records.end(findings)
    current = metas.current
    return Examination(
        damages=findings.damages,
        found=findings.found,
        format=seen.format,
        seq=seen.seq,
        txnid=metas.txnid,
        pages=0 if current is None else current.last_page + 1,
        entries=seen.entries,
        duration_s=time.perf_counter() - began_s,
    )


def _verified(place: Path) -> list[str]:
    try:
        found: list[str] = pages.verify(str(place))  # type: ignore[no-untyped-call]
    except pages.VerifyError as error:
        return [str(error)]
    return found


class _Seen(NamedTuple):
    format: int | None = None
    seq: int = 0
    entries: int = 0


class _Records:
    """Reads the records in a forked process while the pages are verified.

    If a page is bad this process may die of it, and what it found says nothing. Side
    by side the two take as long as the longer one: the pages.
    """

    def __init__(self, place: Path) -> None:
        fork = multiprocessing.get_context("fork")
        self._place = place
        self._receiving, sending = fork.Pipe(duplex=False)
        self._process = fork.Process(target=_send, args=(place, sending), daemon=True)
        self._process.start()
        sending.close()

    def end(self, findings: _Findings) -> _Seen:
        """Wait for the end; add what was found unless the pages are bad anyway."""
        if findings.found:
            self._process.kill()
            self._process.join()
            return _Seen()
        try:
            seen, found, damages = self._receiving.recv()
        except EOFError:
            self._process.join()
            detail = f"The process that read the records ended {self._ending()}."
            findings.tell("unreadable", str(self._place), detail)
            return _Seen()
        findings.damages, findings.found = damages, found
        return _Seen(*seen)

    def _ending(self) -> str:
        code = self._process.exitcode or 0
        return f"by signal {-code}" if code < 0 else f"with exit code {code}"


def _send(place: Path, sending: "Connection") -> None:
    findings = _Findings()
    seen = _read(place, findings)
    sending.send((tuple(seen), findings.found, findings.damages))


def _read(place: Path, findings: _Findings) -> _Seen:
    """Read every record and compare."""
    try:
        reader = LmdbReader(place, alone=True)
        for tree in reader.odd_trees():
            findings.tell("structure", f"tree {tree}", "Its keys have another order.")
        with reader.read() as snapshot:
            form = _format(snapshot)
            if form == FORMAT:
                entries = _compared(snapshot, findings)
            else:
                entries = _intact(snapshot, findings, TREES)
            return _Seen(form, snapshot.seq, entries)
    except StoreCorrupt as error:
        where = str(error.details.get("tree") or place)
        findings.tell("damaged_record", where, error.message)
    except lmdb.Error as error:
        findings.tell("unreadable", str(place), f"{error}.")
    return _Seen()


def _intact(snapshot: Snapshot, findings: _Findings, trees: Iterable[str]) -> int:
    """Check checksums, which is all that is known of another format; count entries."""
    entries = 0
    for tree in trees:
        for key, data in snapshot.entries(tree):
            entries += 1
            if crc32(data, crc32(key, SEEDS[tree])) != CRC_RESIDUE:
                detail = f"The checksum under key {key.hex()} does not match."
                findings.tell("damaged_record", f"tree {tree}", detail)
    return entries


def _compared(snapshot: Snapshot, findings: _Findings) -> int:
    """Compare all records with each other and with the log."""
    report = check(snapshot)
    for one in report.inconsistencies:
        findings.tell(one.kind, _where(one), one.detail)
    for where, detail in _stale(snapshot):
        findings.tell("stale", where, detail)
    owned = report.sessions + report.threads + report.associations
    owned += report.states + report.runs + report.operations
    owned += sum(1 for tree in ("C", "K") for _ in snapshot.entries(tree))
    return owned + _intact(snapshot, findings, _UNCOMPARED)


def _format(snapshot: Snapshot) -> int:
    """Return the format number.

    Raises:
        StoreCorrupt: there is none, or it is damaged.
    """
    for key, data in snapshot.entries("M", FORMAT_KEY):
        found: int = decode("M", key, data)
        return found
    raise StoreCorrupt("The store has no format number.", details={"tree": "M"})


def _where(one: Inconsistency) -> str:
    names = [("session", one.session_id), ("thread", one.thread_id)]
    return " ".join(f"{what} {name!r}" for what, name in names if name) or "the store"


def _stale(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    """Find changes in the log that what they changed does not show.

    A disk that acknowledges a write and loses it leaves the page as it was before:
    sound in itself, and if no number of entries changed, unnoticed. What the log says
    of an update has no second copy anywhere else.
    """
    for place, data in snapshot.entries("L"):
        if _UPDATE not in data:  # decoding all would take longer than the rest
            continue
        with suppress(StoreCorrupt):  # told by the check
            record = decode("L", place, data)
            if record.kind != "UpdateSession" or record.seq is None:
                continue
            (session_id,) = record.session_ids
            session = snapshot.session(session_id)
            if session is not None and session.updated_seq < record.seq:
                detail = (
                    f"Operation {record.seq} changed session {session_id!r}, whose "
                    f"record is of operation {session.updated_seq}."
                )
                yield f"session {session_id!r}", detail
