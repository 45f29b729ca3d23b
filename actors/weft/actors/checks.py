"""Checks of a runtime's store, and what they found.

Guarantees: a check of the whole store is counted and remembered, by whatever way it
was made; one of a session is neither, for it says nothing of the rest.

Not here: what a check compares (:mod:`weft.storage.check`), and repair
(:mod:`weft.actors.synchroniser`).
"""

from collections import Counter, deque
from collections.abc import Callable
from typing import Final

import msgspec

from weft.storage import Store
from weft.storage.check import (
    CheckReport,
    CheckStatistics,
    CheckStatisticsSnapshot,
    check,
)

__all__ = ["CheckSummary", "Checks"]

RECENT_MAX: Final = 60
"""Two and a half days of the daemon's hourly checks; a summary takes 500 bytes."""


class CheckSummary(msgspec.Struct, frozen=True):
    """What a check of the whole store came to, without its findings.

    Attributes:
        finished_at_us: microseconds since the Unix epoch.
        seq: the moment checked: the last applied operation.
        sessions: looked at.
        threads: looked at.
        duration_s: in seconds.
        found: findings by kind, of the kinds there are.
    """

    finished_at_us: int
    seq: int
    sessions: int
    threads: int
    duration_s: float
    found: dict[str, int]


class Checks:
    """The checks of one store.

    Args:
        store: what is looked at.

    Attributes:
        last_report: of the last check of the whole store; None before the first.
        recent: what the last ``RECENT_MAX`` of them came to, in their order.
    """

    def __init__(self, store: Store) -> None:
        self.last_report: CheckReport | None = None
        self.recent: deque[CheckSummary] = deque(maxlen=RECENT_MAX)
        self._store = store
        self._counted = CheckStatistics()

    def check(
        self,
        session_id: str | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> CheckReport:
        """Check the whole store, or a session; takes a read snapshot.

        Args:
            session_id: look at one session only.
            progress: told (done, total) entries.
        """
        with self._store.read() as snapshot:
            report = check(snapshot, session_id=session_id, progress=progress)
        if session_id is None:
            self.record(report)
        return report

    def record(self, report: CheckReport) -> None:
        """Count a check of the whole store that was made elsewhere, and remember it.

        Args:
            report: such as that of a :class:`weft.storage.check_live.LiveCheck`.
        """
        self._counted.record(report)
        self.last_report = report
        found = Counter[str](one.kind for one in report.inconsistencies)
        self.recent.append(
            CheckSummary(
                report.finished_at_us,
                report.seq,
                report.sessions,
                report.threads,
                report.duration_s,
                dict(found),
            )
        )

    def statistics(self) -> CheckStatisticsSnapshot:
        """Return what was found so far; callable from any OS thread."""
        return self._counted.statistics()
