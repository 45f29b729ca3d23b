"""Checks of a runtime's store, and what they found.

Guarantees: a check of the whole store is counted and remembered, by whatever way it
was made; one of a session is neither, for it says nothing of the rest.

Not here: what a check compares (:mod:`weft.storage.check`), and repair
(:mod:`weft.actors.synchroniser`).
"""

from collections.abc import Callable

from weft.storage import Store
from weft.storage.check import (
    CheckReport,
    CheckStatistics,
    CheckStatisticsSnapshot,
    check,
)

__all__ = ["Checks"]


class Checks:
    """The checks of one store.

    Args:
        store: what is looked at.

    Attributes:
        last_report: of the last check of the whole store; None before the first.
    """

    def __init__(self, store: Store) -> None:
        self.last_report: CheckReport | None = None
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

    def statistics(self) -> CheckStatisticsSnapshot:
        """Return what was found so far; callable from any OS thread."""
        return self._counted.statistics()
