"""What came of a replay: read back from the store, and shown.

Guarantees: the counts are of records in the store, of the replayed logs and nothing
else, whoever wrote them; the operations, groups and seconds are of this invocation.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

import msgspec

from weft.actors import RuntimeStatistics
from weft.daemon.plan import LogPlan, ThreadPlan
from weft.storage import Snapshot
from weft.storage.check import CheckReport

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Counts", "Report", "count", "show_report"]

FINDINGS_SHOWN_MAX: Final = 10
"""More of them help nobody; the number of all is shown, too."""


class Counts(msgspec.Struct, frozen=True):
    """What the store holds of the replayed logs.

    Attributes:
        sessions: of logs and users together.
        log_sessions: that stand for a log.
        user_sessions: of those who started a conversation.
        threads: one for each conversation.
        states: one for each of their lines.
        transfers: threads owned by their starter's session, with the association of
            the log's session kept as a past one.
    """

    sessions: int
    log_sessions: int
    user_sessions: int
    threads: int
    states: int
    transfers: int


class Report(msgspec.Struct, frozen=True):
    """What came of a replay.

    Attributes:
        counts: what the store holds.
        operations: applied by this invocation.
        seconds: that took.
        commit_groups: transactions, each with one flush.
        mean_group_size: operations that shared one, on average.
        inconsistencies: found by a full check at the end.
    """

    counts: Counts
    operations: int
    seconds: float
    commit_groups: int
    mean_group_size: float
    inconsistencies: int

    @classmethod
    def of(
        cls,
        counts: Counts,
        statistics: RuntimeStatistics,
        seconds: float,
        check: CheckReport,
    ) -> "Report":
        """Put a report together.

        Args:
            counts: read back after the replay.
            statistics: of a runtime that did nothing but the replay.
            seconds: that the replay took, without reading, opening and checking.
            check: of the whole store, after the replay.
        """
        writer = statistics.writer
        groups = writer.group_operations
        return cls(
            counts=counts,
            operations=sum(
                number
                for (_, outcome), number in writer.operations.items()
                if outcome == "applied"
            ),
            seconds=round(seconds, 3),
            commit_groups=groups.count,
            mean_group_size=round(groups.total / max(1, groups.count), 1),
            inconsistencies=len(check.inconsistencies),
        )

    @property
    def operations_per_second(self) -> float:
        """Durable operations in a second of this invocation."""
        return round(self.operations / self.seconds, 1) if self.seconds else 0.0

    def to_json(self) -> bytes:
        """Return the report as one flat JSON object."""
        own = msgspec.structs.asdict(self)
        counts = msgspec.structs.asdict(own.pop("counts"))
        rate = {"operations_per_second": self.operations_per_second}
        return msgspec.json.encode(counts | own | rate)


def count(snapshot: Snapshot, logs: Sequence[LogPlan]) -> Counts:
    """Count what the store holds of some logs.

    Args:
        snapshot: the store.
        logs: their plans.
    """
    pairs = [(log, thread) for log in logs for thread in log.threads]
    log_ids = {log.session_id for log in logs}
    user_ids = {thread.to_session_id for _, thread in pairs}
    log_sessions = sum(snapshot.session(found) is not None for found in log_ids)
    user_sessions = sum(snapshot.session(found) is not None for found in user_ids)
    states = [snapshot.state(thread.thread_id) for _, thread in pairs]
    return Counts(
        sessions=log_sessions + user_sessions,
        log_sessions=log_sessions,
        user_sessions=user_sessions,
        threads=sum(snapshot.thread(t.thread_id) is not None for _, t in pairs),
        # Steps count from 1 without a gap: the last one is the number of states.
        states=sum(state.step for state in states if state is not None),
        transfers=sum(_is_transferred(snapshot, log, t) for log, t in pairs),
    )


def _is_transferred(snapshot: Snapshot, log: LogPlan, thread: ThreadPlan) -> bool:
    found = snapshot.thread(thread.thread_id)
    past = snapshot.association(log.session_id, thread.thread_id)
    present = snapshot.association(thread.to_session_id, thread.thread_id)
    return (
        found is not None
        and found.session_id == thread.to_session_id
        and past is not None
        and not past.is_active
        and present is not None
        and present.is_active
    )


def show_report(
    report: Report, check: CheckReport, data: Path, file: TextIO | None = None
) -> None:
    """Print a report for people: a table, what was found, where to look next.

    Args:
        report: what to show.
        check: its findings.
        data: the data directory.
        file: where to; stdout if omitted. Colour only on a terminal, and not if
            NO_COLOR is set.
    """
    from rich.console import Console

    to: TextIO = file or sys.stdout
    console = Console(file=to, highlight=False, soft_wrap=True)
    with console.capture() as page:  # rich itself would exit when a pipe breaks
        _print(console, report, check, data)
    to.write(page.get())


def _print(console: "Console", report: Report, check: CheckReport, data: Path) -> None:
    from rich.text import Text

    rows = _rows(report)
    width = max(len(number) for _, number, _ in rows)
    for name, number, remark in rows:
        line = Text.assemble(
            (f"{name:<16}", "cyan"), (f"{number:>{width}}", "bold"), f"  {remark}"
        )
        line.rstrip()
        console.print(line)
    if not report.operations:
        console.print("Everything was there already: nothing was applied.")
    for finding in check.inconsistencies[:FINDINGS_SHOWN_MAX]:
        console.print(f"{finding.kind}: {finding.detail}", style="red", markup=False)
    console.print("Where to look next:", style="bold")
    console.print(f"  weft serve --data {data}", markup=False)
    console.print("  curl http://127.0.0.1:8123/metrics", markup=False)


def _rows(report: Report) -> list[tuple[str, str, str]]:
    counts = report.counts
    found = report.inconsistencies
    return [
        (
            "sessions",
            f"{counts.sessions:,}",
            f"{counts.log_sessions:,} logs and {counts.user_sessions:,} users",
        ),
        ("threads", f"{counts.threads:,}", "one for each conversation"),
        ("states", f"{counts.states:,}", "one for each chat line"),
        ("transfers", f"{counts.transfers:,}", "to the user who started the thread"),
        (
            "operations",
            f"{report.operations:,}",
            f"{report.operations_per_second:,.0f} a second, each durable"
            if report.operations
            else "",
        ),
        (
            "commit groups",
            f"{report.commit_groups:,}",
            f"{report.mean_group_size:,} operations to a flush"
            if report.commit_groups
            else "",
        ),
        ("inconsistencies", f"{found:,}", "clean" if not found else "NOT CLEAN"),
    ]
