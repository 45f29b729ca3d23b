"""The check beside the daily work: a chunk at a time, no faster than it is allowed to.

Each chunk has a read transaction of its own, so old pages are kept from reuse for
milliseconds only, and is judged whole within that one moment. Chunks are of different
moments, so what they find is only a suspicion: at the end all suspects are looked at
again, together, in one fresh snapshot, and only what is wrong there is reported.

Guarantees:
    * no read transaction lives longer than a chunk, or than the look at the suspects;
    * writers are not held up, and no change of theirs is taken for an inconsistency;
    * a check can be interrupted at any chunk and taken up from its cursor, by another
      process as well.

What changes behind the cursor is left to the next check. The counters belong to one
moment of the whole store and are left to :func:`weft.storage.check.check`, which is
also four times as fast (a hundred thousand threads: 0.26 s and 1.1 s of processor
time): it need not look anything up.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from itertools import islice
from typing import Final

import msgspec

from weft.storage import keys
from weft.storage.check import CheckReport
from weft.storage.check_examine import PARTS, Examiner, Part
from weft.storage.check_lookup import Inconsistency
from weft.storage.check_quick import examine_part
from weft.storage.check_scan import Counting, estimate, follows
from weft.storage.ids import pack_id, unpack_id
from weft.storage.keys_checkpoints import run_prefix
from weft.storage.progress import Progress
from weft.storage.records import (
    OperationRecord,
)
from weft.storage.snapshot import Snapshot

__all__ = ["CHUNK_ENTRIES", "Cursor", "LiveCheck"]

CHUNK_ENTRIES: Final = 1000
"""Entries in a chunk: some 10 ms."""

_BY_NAME: Final = {part.name: part for part in PARTS}
_RUNS, _LIVE_RUNS = _BY_NAME["R1"], _BY_NAME["R0"]
_TALK: Final = _BY_NAME["I"]
_QUEUES: Final = {"queue": _BY_NAME["R2"], "steps": _BY_NAME["R3"]}
_GRAPH_RUNS: Final = _BY_NAME["C0"]
_LOG, _LOG_INDEX = _BY_NAME["L"], _BY_NAME["O"]

Read = Callable[[], AbstractContextManager[Snapshot]]


class Cursor(msgspec.Struct, frozen=True):
    """How far a check has come; encodable, so that it can be kept.

    Attributes:
        part: the place of the present stretch among all; their number at the end.
        start: the key to go on from.
        suspects: what looked wrong so far.
        done: entries looked at.
    """

    part: int = 0
    start: bytes = b""
    suspects: tuple[Inconsistency, ...] = ()
    done: int = 0


class LiveCheck:
    """A check of the whole store in chunks.

    Args:
        read: opens a snapshot.
        cursor: where to go on; the beginning if omitted.
        chunk_entries: how much is looked at in one read transaction; a thread's own
            entries are not divided.
        progress: told the entries done and an estimate of all, after each chunk.

    Attributes:
        cursor: where it stands.
        seen: entries looked at, by kind of record.
    """

    def __init__(
        self,
        read: Read,
        cursor: Cursor | None = None,
        *,
        chunk_entries: int = CHUNK_ENTRIES,
        progress: Progress | None = None,
    ) -> None:
        self.cursor = cursor or Cursor()
        self.seen: Counter[type] = Counter()
        self._read = read
        self._limit = max(2, chunk_entries)  # of the log, one is read again
        self._progress = progress
        self._total = 0
        self._duration_s = 0.0

    @property
    def done(self) -> bool:
        """Whether every entry was looked at."""
        return self.cursor.part == len(PARTS)

    def step(self) -> int:
        """Look at the next chunk; return how many entries that were."""
        began_s = time.perf_counter()
        cursor = self.cursor
        part = PARTS[cursor.part]
        with self._read() as snapshot:
            if self._progress is not None and not self._total:
                self._total = estimate(snapshot)
            examiner = Examiner(snapshot, Counting(snapshot, None))
            start = cursor.start or part.start
            found = snapshot.entries(part.tree, part.prefix, start)
            chunk = _Chunk(found, self._limit, part)
            number, last = examine_part(examiner, part, chunk)
        again = part is _LOG and cursor.start != b""  # its first was the last one's end
        self.seen += examiner.seen
        self.seen[OperationRecord] -= again
        self.cursor = Cursor(
            cursor.part if chunk.more else cursor.part + 1,
            last + b"\0" * (part is not _LOG) if chunk.more else b"",
            (*cursor.suspects, *examiner.findings),
            cursor.done + number,
        )
        self._duration_s += time.perf_counter() - began_s
        if self._progress is not None:
            self._progress(self.cursor.done, max(self._total, self.cursor.done))
        return number

    def finish(self) -> CheckReport:
        """Look at all suspects again, in one snapshot, and report what is wrong."""
        began_s = time.perf_counter()
        with self._read() as snapshot:
            again = _SecondLook(snapshot, Counting(snapshot, None))
            again.examine_again(self.cursor.suspects)
            seq = snapshot.seq
        duration_s = self._duration_s + time.perf_counter() - began_s
        return CheckReport.of(again.findings, self.seen, seq, duration_s)

    def run(
        self,
        rate: float | None = None,
        *,
        sleep: Callable[[float], object] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> CheckReport:
        """Look at everything that is left, then finish.

        Args:
            rate: entries per second at the most; None for as fast as it goes.
            sleep: waits, in seconds; never inside a read transaction.
            clock: seconds.
        """
        began_s, done = clock(), 0
        while not self.done:
            done += self.step()
            if rate is not None:
                ahead_s = done / rate - (clock() - began_s)
                if ahead_s > 0:
                    sleep(ahead_s)
        return self.finish()


class _Chunk:
    """The first entries of a stretch; those of one thread are not divided.

    Attributes:
        more: there are others behind them.
    """

    def __init__(
        self, items: Iterable[tuple[bytes, bytes]], limit: int, part: Part
    ) -> None:
        self.more = False
        self._items = items
        self._limit = limit
        self._whole = part.name in {"T", "C"}

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        last = b""
        for number, item in enumerate(self._items):
            key = item[0]
            if number >= self._limit and not (self._whole and _are_one(last, key)):
                self.more = True
                return
            last = key
            yield item


def _are_one(one: bytes, other: bytes) -> bool:
    """Return whether two keys begin with the same id."""
    try:
        return one[: unpack_id(one)[1]] == other[: unpack_id(other)[1]]
    except ValueError:
        return False


class _SecondLook(Examiner):
    """Looks again at what was found at other moments."""

    def examine_again(self, findings: Iterable[Inconsistency]) -> None:
        """Look again at what findings of other moments were about."""
        for finding in sorted(findings, key=lambda f: f.session_id is None):
            if finding.session_id is not None:
                self.own_entries(finding.session_id)
                talk = self.entries("I", pack_id(finding.session_id))
                self.examine(_TALK, islice(talk, 1))
        for thread_id in dict.fromkeys(f.thread_id for f in findings):
            if thread_id is not None:
                self.whole_thread(thread_id)
        for finding in findings:
            self._again(finding)

    def _again(self, finding: Inconsistency) -> None:
        items = finding.items
        if finding.kind == "log_gap":
            self._gap_before(bytes.fromhex(items[0]))
        elif finding.kind == "damaged_record":
            self._damaged_again(items[0], bytes.fromhex(items[1]))
        elif finding.index == "operations":
            self._operation(*items)
        elif finding.index == "checkpoints":
            self._graph_runs_again(finding.thread_id or "", items)
        elif finding.index in _QUEUES:
            for digits in items:
                found = self.entries("R", bytes.fromhex(digits), 1)
                self.examine(_QUEUES[finding.index], found)
        elif finding.index == "runs" or finding.kind == "run_without_thread":
            self._runs_again(items)

    def _damaged_again(self, tree: str, key: bytes) -> None:
        parts = (p for p in PARTS if p.tree == tree and key.startswith(p.prefix))
        for _ in self.entries(tree, key, next(parts).at):
            pass

    def _graph_runs_again(self, thread_id: str, run_ids: Iterable[str]) -> None:
        packed = pack_id(thread_id)
        for run_id in run_ids:
            found = self.entries("C", run_prefix(run_id) + packed, 1)
            self.examine(_GRAPH_RUNS, found)

    def _runs_again(self, run_ids: Iterable[str]) -> None:
        for run_id in run_ids:
            packed = pack_id(run_id)
            self.examine(_RUNS, self.entries("R", b"\x01" + packed, 1))
            thread_id = self._get(keys.live_run_key(run_id))
            if isinstance(thread_id, str):
                self.examine(_LIVE_RUNS, [(run_id, b"", thread_id)])

    def _gap_before(self, where: bytes) -> None:
        before = self.snapshot.place_before(where)
        if before is not None and not follows(before, where):
            self.gap(before, where)

    def _operation(self, op_id: str, place: str = "") -> None:
        where = self._get(keys.operation_key(op_id))
        if isinstance(where, bytes):
            self.examine(_LOG_INDEX, [(op_id, b"", where)])
        if place:
            self.examine(_LOG, self.entries("L", bytes.fromhex(place), None))
