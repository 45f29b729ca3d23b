"""Reports as the dictionaries that the original returned, with the typed ones in them.

Guarantees: a report and its issues can be written as JSON.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from weft.actors.health import HealthReport
from weft.storage import Association, Inconsistency, RepairReport, Thread

__all__ = ["Issue", "Report", "health", "issues", "repair", "sync"]


class Issue(str):
    """An inconsistency, in words.

    Attributes:
        finding: the typed form.
    """

    __slots__ = ("finding",)

    finding: Inconsistency

    @classmethod
    def of(cls, finding: Inconsistency) -> "Issue":
        """Return a finding in words."""
        issue = cls(f"{finding.kind}: {finding.detail}")
        issue.finding = finding
        return issue


class Report(dict[str, Any]):
    """A report by the original's keys.

    Attributes:
        typed: the same and more, as a value with attributes.
    """

    def __init__(self, typed: Any, fields: dict[str, Any]) -> None:
        super().__init__(fields)
        self.typed = typed


def issues(findings: Iterable[Inconsistency]) -> list[str]:
    """Return findings in words."""
    return [Issue.of(finding) for finding in findings]


def repair(report: RepairReport) -> Report:
    """Return what a repair found and did.

    A repair that a newer truth refused has not failed: nothing was left to mend.
    """
    fields = {
        "session_id": report.session_id,
        "issues_found": len(report.issues_found),
        "issues": issues(report.issues_found),
        "repairs_attempted": report.repairs_attempted,
        "repairs_successful": report.repairs_successful,
        "repairs_failed": report.repairs_failed,
        "fixes_applied": list(report.fixes_applied),
    }
    return Report(report, fields)


def sync(
    report: RepairReport, threads: Iterable[Thread], rows: Iterable[Association]
) -> Report:
    """Return what a session, its rows and its threads say, and what was done about it.

    Args:
        report: of the repair.
        threads: that the session owns, after it.
        rows: active ones of the session, after it.
    """
    names = {thread.thread_id: thread.thread_name for thread in threads}
    fields = {
        "recorded_threads": list(names),
        "associated_threads": [row.thread_id for row in rows],
        "actual_threads": list(names),
        "discrepancies": issues(report.issues_found),
        "sync_timestamp": datetime.now(UTC).isoformat(),
    }
    return Report(report, repair(report) | fields)


def health(report: HealthReport) -> Report:
    """Return how the runtime is."""
    fields = {
        "status": report.status,
        "issues": list(report.issues),
        "timestamp": report.timestamp.isoformat(),
    }
    return Report(report, fields)
