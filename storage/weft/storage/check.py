"""The three-way check: sessions, threads, associations and every index, compared.

One fact is stored in several places so that each question costs one read; the rules
keep the copies equal, this proves it. A first pass scans every tree once, in order,
without lookups: two copies of a fact enter a sum with opposite signs, so equal sets
cancel out (two sets that differ pass with a chance of 2**-64). Only if something is
left over, a second pass looks every reference up and names the findings.

====================== ===============================================================
kind                   what was found
====================== ===============================================================
orphan_thread          a session lists a thread that has no record or was removed
missing_thread         a thread that no session lists: its record names one
owner_mismatch         a session lists a thread whose record names another, which does
                       not list it by its name
duplicate_owner        a session lists a thread, or has an active association with it,
                       and so does its owner
missing_association    a live thread without an active association with its owner
orphan_association     an association with a thread that never was, or an active one
                       with a removed thread or a thread that its owner has none with
name_mismatch          record, list and active association give a thread two names
dangling_index_entry   a second name of a thread in its session; an entry of the past,
                       run, checkpoint or operation index, or a busy thread, that
                       points to nothing
missing_index_entry    a past association, run (in progress: also unnamed by its
                       thread), a graph's run or log entry that its index leaves out
run_without_thread     runs of a thread that has no record or was removed
state_without_thread   states of such a thread
checkpoint_without_thread  what graphs left of such a thread
value_without_checkpoint   values of a graph's channels that no checkpoint has
broken_checkpoint      a checkpoint whose value is a sum of writes that has lost its
                       beginning
thread_without_session a session without a record that owns or owned something, or a
                       closed one that lists threads
log_gap                consecutive entries of the log are not numbered so
counter_mismatch       the stored counters differ from a recount by more records than
                       the other findings account for
damaged_record         a value that is not what was written under its key
name_collision         two threads of one session have one name by their records
expired_association    an inactive association older than it is to be kept; looked for
                       only when asked, for a store is not wrong because it is old
====================== ===============================================================

Guarantees:
    * a root is told once, what follows from it is not: of a thread found as
      orphan_thread nothing else is judged (its associations, states and runs go with
      it), a session without a record is one finding however much it owns, runs and
      states are one per thread, a run in three indexes is one;
    * what cannot be read is told and counts as right wherever it is referred to.

It takes seconds per million threads and holds one read transaction all the while and
no longer; a store that is written to meanwhile grows by the pages it cannot reuse.

Not here: the check in chunks, beside writers (:mod:`weft.storage.check_live`); repair
(:mod:`weft.storage.repair`); the file's own structure, which only the engine can
verify.
"""

import time
from collections import Counter
from collections.abc import Iterable
from typing import Self

import msgspec

from weft.storage.check_examine import PARTS, Examiner
from weft.storage.check_lookup import KINDS, Inconsistency, Kind
from weft.storage.check_quick import examine_part
from weft.storage.check_scan import Counting
from weft.storage.check_sweep import Sweep
from weft.storage.progress import Progress
from weft.storage.records import (
    Association,
    OperationRecord,
    Run,
    Session,
    State,
    Thread,
)
from weft.storage.snapshot import Snapshot
from weft.storage.statistics import Histogram, HistogramSnapshot

__all__ = [
    "KINDS",
    "CheckReport",
    "CheckStatistics",
    "CheckStatisticsSnapshot",
    "Inconsistency",
    "Kind",
    "check",
]


class CheckReport(msgspec.Struct, frozen=True):
    """What a check looked at and found.

    Attributes:
        threads: live ones.
        operations: entries of the log, refused ones as well.
        duration_s: in seconds.
        seq: the moment checked: the last applied operation.
        finished_at_us: microseconds since the Unix epoch.
    """

    inconsistencies: list[Inconsistency]
    sessions: int
    threads: int
    associations: int
    states: int
    runs: int
    operations: int
    duration_s: float
    seq: int
    finished_at_us: int

    @classmethod
    def of(
        cls,
        findings: list[Inconsistency],
        seen: Counter[type],
        seq: int,
        duration_s: float,
    ) -> Self:
        """Return the report of a check that ends now.

        Args:
            findings: what was found.
            seen: entries looked at, by kind of record.
            seq: the moment checked.
            duration_s: in seconds.
        """
        return cls(
            findings,
            sessions=seen[Session],
            threads=seen[Thread],
            associations=seen[Association],
            states=seen[State],
            runs=seen[Run],
            operations=seen[OperationRecord],
            duration_s=duration_s,
            seq=seq,
            finished_at_us=time.time_ns() // 1000,
        )

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return not self.inconsistencies


class CheckStatisticsSnapshot(msgspec.Struct, frozen=True):
    """What the checks found so far.

    Attributes:
        checks: how many were made.
        findings: of all checks, by kind.
        last_findings: of the last check, by kind.
        last_clean_at_us: when a check last found nothing, microseconds since the
            epoch; None before the first.
        duration_ns: of the checks.
    """

    checks: int
    findings: dict[str, int]
    last_findings: dict[str, int]
    last_clean_at_us: int | None
    duration_ns: HistogramSnapshot


class CheckStatistics:
    """Counts checks of the whole store, in plain slots."""

    __slots__ = ("_checks", "_duration", "_findings", "_last", "_last_clean_at_us")

    def __init__(self) -> None:
        self._checks = 0
        self._findings: dict[str, int] = dict.fromkeys(KINDS, 0)
        self._last: dict[str, int] = dict.fromkeys(KINDS, 0)
        self._last_clean_at_us: int | None = None
        self._duration = Histogram()

    def record(self, report: CheckReport) -> None:
        """Count a check that has ended."""
        found = Counter[str](finding.kind for finding in report.inconsistencies)
        self._checks += 1
        self._last = {kind: found[kind] for kind in KINDS}
        self._findings = {k: n + found[k] for k, n in self._findings.items()}
        if report.clean:
            self._last_clean_at_us = report.finished_at_us
        self._duration.observe(int(report.duration_s * 1e9))

    def statistics(self) -> CheckStatisticsSnapshot:
        """Return what was found so far; every kind has a number."""
        return CheckStatisticsSnapshot(
            self._checks,
            self._findings,
            self._last,
            self._last_clean_at_us,
            self._duration.snapshot(),
        )


def check(
    snapshot: Snapshot,
    *,
    session_id: str | None = None,
    session_ids: Iterable[str] | None = None,
    thorough: bool = False,
    expired_before_us: int = 0,
    progress: Progress | None = None,
) -> CheckReport:
    """Compare all copies of who owns what, at one moment.

    Args:
        snapshot: the moment; its read transaction lasts as long as the check.
        session_id: look only at what this session's indexes lead to, at the cost of
            its size. What they do not lead to (missing_thread, an unindexed run, the
            log, the counters) takes a check of the whole store.
        session_ids: the same, for several sessions.
        thorough: of sessions, look also for the threads that name one of them and
            are left out by its list: one scan, a second per million threads.
        expired_before_us: an inactive association that was last changed before is an
            expired one, microseconds since the Unix epoch; 0 for none.
        progress: told the entries done and an estimate of all, every 10,000.

    Returns:
        the findings and what was looked at.
    """
    started_s = time.perf_counter()
    counting = Counting(snapshot, progress)
    examiner = Examiner(snapshot, counting)
    examiner.expired_before_us = expired_before_us
    wanted = set(session_ids or ())
    if session_id is not None:
        wanted.add(session_id)
    findings: list[Inconsistency]
    if session_id is not None or session_ids is not None:
        for one in sorted(wanted):
            examiner.examine_session(one)
        if thorough:
            examiner.examine_unlisted(wanted)
        findings = [f for f in examiner.findings if f.session_id in wanted]
        seen = examiner.seen
    else:
        sweep = Sweep(snapshot, counting, expired_before_us)
        seen = _check_all(examiner, sweep, counting)
        findings = examiner.findings
    duration_s = time.perf_counter() - started_s
    return CheckReport.of(findings, seen, snapshot.seq, duration_s)


def _check_all(examiner: Examiner, sweep: Sweep, counting: Counting) -> Counter[type]:
    """Check the whole store; return how much of each kind was seen."""
    if sweep.balances():
        examiner.compare_counters(sweep.recount)
        return sweep.seen
    for part in PARTS:  # lists come first, for they excuse what follows
        items = examiner.snapshot.entries(part.tree, part.prefix, part.start)
        examine_part(examiner, part, counting.count(items))
    examiner.compare_counters(examiner.recount())
    return examiner.seen
