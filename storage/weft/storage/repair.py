"""Repair: from findings to operations, round by round, until a check is clean.

A finding becomes an ordinary operation that goes through the writer; the rules judge
it again where nothing can come between (:mod:`weft.storage.rules_repair` has the table
of what is done). Mending one thing may lay another open: of a thread that nobody
listed nothing else was judged. So there are rounds.

Guarantees:
    * a dry run decides on a snapshot and writes nothing;
    * a repair that a newer truth refuses is counted as refused and looked at again;
    * it ends: a round that mends nothing is the last one.

Not here: how the operations reach the writer; the caller has that.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec

from weft.storage.check import CheckReport, Inconsistency
from weft.storage.codec import decode
from weft.storage.engine import Engine
from weft.storage.errors import SessionThreadException, StaleRevision, StoreCorrupt
from weft.storage.ids import unpack_id
from weft.storage.keys import COUNTERS_KEY
from weft.storage.keys_checkpoints import RUN_THREADS
from weft.storage.operations import PARTS_MAX, Expire, Repair
from weft.storage.rules import Applied, decide
from weft.storage.rules_repair import REPAIRABLE
from weft.storage.snapshot import Snapshot

__all__ = [
    "Mend",
    "RepairReport",
    "drop_damaged_counters",
    "plan_repairs",
    "rehearse",
    "repair",
]

ROUNDS_MAX: Final = 8
"""A damaged index entry takes three rounds, the deepest there is; more would mean that
somebody damages the store as fast as it is mended."""

Mend = Repair | Expire

Submit = Callable[[Sequence[Mend]], Sequence[Any]]
"""Has operations applied; returns each one's answer or its error."""

_FIRST: Final = ("damaged_record", "thread_without_session", "orphan_thread")
"""What others build on: a thread cannot be listed by a session without a record."""

_MARK: Final = 4
"""Behind the thread's id, of a run that wrote checkpoints."""

_DERIVED: Final = {
    ("S", 1), ("S", 2), ("T", 1), ("T", 2), ("R", 0), ("R", 2), ("C", _MARK),
    ("O", None),
}  # fmt: skip
"""Trees and the byte behind the id of values that can be made again."""


class RepairReport(msgspec.Struct, frozen=True):
    """What a repair found and did.

    Fields can be read by subscript as well, as the dictionaries could that earlier
    systems returned.

    Attributes:
        session_id: the session that was looked at, None for the whole store.
        dry_run: nothing was written; the fixes are those that would have been.
        issues_found: by the check before.
        repairs_attempted: operations submitted, in all rounds.
        repairs_successful: that mended something.
        repairs_refused: that a newer truth refused.
        repairs_failed: findings that cannot be repaired, and operations that failed.
        fixes_applied: what was done, a sentence each.
        remaining: findings of the check after.
        rounds: of check and repair.
        duration_s: in seconds.
    """

    session_id: str | None
    dry_run: bool
    issues_found: list[Inconsistency]
    repairs_attempted: int
    repairs_successful: int
    repairs_refused: int
    repairs_failed: int
    fixes_applied: list[str]
    remaining: list[Inconsistency]
    rounds: int
    duration_s: float

    @property
    def clean(self) -> bool:
        """Whether nothing is left to repair."""
        return not self.remaining

    def __getitem__(self, field: str) -> Any:
        if field not in self.__struct_fields__:
            raise KeyError(field)
        return getattr(self, field)


class _Tally:
    """Counts over the rounds."""

    def __init__(self) -> None:
        self.attempted = self.successful = self.refused = self.failed = 0
        self.fixes: list[str] = []

    def add(self, answers: Iterable[Any]) -> int:
        """Count a round's answers; return how many mended something."""
        mended = 0
        for answer in answers:
            self.attempted += 1
            if isinstance(answer, StaleRevision):
                self.refused += 1
            elif isinstance(answer, BaseException):
                self.failed += 1
            else:
                fixes = _fixes(answer)
                mended += bool(fixes)
                self.fixes += fixes
        self.successful += mended
        return mended


def repair(
    look: Callable[[], CheckReport],
    submit: Submit,
    *,
    session_id: str | None = None,
    dry_run: bool = False,
) -> RepairReport:
    """Check and mend until nothing is left that can be mended.

    Args:
        look: makes a check.
        submit: has operations applied, in order; on a dry run only tells what they
            would do.
        session_id: what the check is about, for the report.
        dry_run: make one round.
    """
    began_s = time.perf_counter()
    tally = _Tally()
    first = report = look()
    rounds = 0
    while rounds < (1 if dry_run else ROUNDS_MAX):
        operations = list(plan_repairs(report))
        if not operations:
            break
        rounds += 1
        mended = tally.add(submit(operations))
        if dry_run:
            break
        report = look()
        if not mended:
            break
    beyond = sum(not _is_repairable(finding) for finding in report.inconsistencies)
    return RepairReport(
        session_id,
        dry_run,
        first.inconsistencies,
        tally.attempted,
        tally.successful,
        tally.refused,
        tally.failed + beyond,
        tally.fixes,
        report.inconsistencies,
        rounds,
        time.perf_counter() - began_s,
    )


def plan_repairs(report: CheckReport) -> Iterator[Mend]:
    """Yield the operations that mend what a check found, in their order."""
    found = sorted(filter(_is_repairable, report.inconsistencies), key=_rank)
    counted = [finding for finding in found if finding.kind == "counter_mismatch"]
    if len(counted) == len(found):  # every other repair changes what there is to count
        if counted:
            yield _correction(counted, report.seq)
        return
    for finding in found:
        if finding.kind != "counter_mismatch":
            yield from _operations(finding, report.seq)


def drop_damaged_counters(engine: Engine) -> None:
    """Take damaged counters away: no store opens with them, and a repair counts anew.

    Args:
        engine: open, and nobody else's.
    """
    _, tree, key = COUNTERS_KEY
    with engine.read() as transaction:
        data = transaction.get(tree, key)
    if data is None:
        return
    try:
        decode(tree, key, data)
    except StoreCorrupt:
        with engine.write() as writing:
            writing.delete(tree, key)


def rehearse(snapshot: Snapshot, operations: Iterable[Mend]) -> list[Any]:
    """Return what operations would answer on a snapshot, each one for itself."""
    answers: list[Any] = []
    for operation in operations:
        try:
            decision = decide(operation, snapshot, snapshot.seq + 1)
        except SessionThreadException as error:
            answers.append(error)
            continue
        applied = isinstance(decision, Applied)
        answers.append(decision.result if applied else decision.error)  # type: ignore[union-attr]
    return answers


def _is_repairable(finding: Inconsistency) -> bool:
    if finding.kind == "damaged_record":
        tree, digits = finding.items[:2]
        return (tree, _tag(tree, bytes.fromhex(digits))) in _DERIVED
    return finding.kind in REPAIRABLE or finding.kind == "expired_association"


def _tag(tree: str, raw: bytes) -> int | None:
    """Return the byte that tells what lies under a key, None where there is none."""
    if tree == "O":
        return None
    if tree == "C" and raw.startswith(RUN_THREADS):  # the same, the other way round
        return _MARK
    try:
        return raw[0] if tree == "R" else raw[unpack_id(raw)[1]]
    except (ValueError, IndexError):
        return -1


def _rank(finding: Inconsistency) -> int:
    if finding.kind in _FIRST:
        return _FIRST.index(finding.kind)
    return len(_FIRST)


def _operations(finding: Inconsistency, seq: int) -> Iterator[Mend]:
    if finding.kind == "expired_association":
        version = int(finding.items[0])
        row = (finding.thread_id or "", finding.session_id or "", version)
        yield Expire(associations=(row,))
    else:
        for first in range(0, max(1, len(finding.items)), PARTS_MAX):
            yield Repair(
                fault=finding.kind,
                session_id=finding.session_id,
                thread_id=finding.thread_id,
                index=finding.index,
                items=finding.items[first : first + PARTS_MAX],
                rev=finding.rev,
                seen_seq=seq,
            )


def _correction(findings: Iterable[Inconsistency], seq: int) -> Repair:
    """Return the one operation that corrects all counters."""
    items = (item.rpartition("=") for finding in findings for item in finding.items)
    counts = {field: int(change) for field, _, change in items}
    return Repair(fault="counter_mismatch", counts=counts, seen_seq=seq)


def _fixes(answer: Any) -> list[str]:
    """Return what an answer says was done: a list, or the tally of an Expire."""
    if isinstance(answer, list):
        return answer
    total: int = answer.total
    return [f"removed {total} association past its retention"] if total else []
