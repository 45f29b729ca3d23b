"""The synchroniser under the original's name: where the copies disagree, and mending.

What is compared, and which copy is right, is in :mod:`weft.storage.check` and
:mod:`weft.storage.rules_repair`.
"""

from collections.abc import Iterable

from weft.actors.compat import reports
from weft.actors.compat.part import Part, apart
from weft.actors.compat.reports import Report
from weft.storage import RepairReport, SessionThreadException

__all__ = ["SessionThreadSynchronizer"]


class SessionThreadSynchronizer(Part):
    """Checks and repairs sessions, their threads and their associations."""

    async def sync_session_threads(self, session_id: str) -> Report:
        """Make the copies of what a session owns agree, and report.

        Returns:
            the keys of a repair, and ``recorded_threads``, ``associated_threads`` and
            ``actual_threads`` as they are now, ``discrepancies`` as they were, and
            ``sync_timestamp``.

        Raises:
            SessionThreadInconsistencyError: something cannot be repaired.
        """
        return await self._told(await self._operations.sync_session_data(session_id))

    async def batch_sync_sessions(
        self, session_ids: Iterable[str]
    ) -> list[Report | SessionThreadException]:
        """Do so for several sessions; one that fails does not stop the others.

        Returns:
            for each session, in order, its report or what failed.
        """
        outcomes = await self._operations.batch_sync_sessions(session_ids)
        return [
            await self._told(outcome) if isinstance(outcome, RepairReport) else outcome
            for outcome in outcomes
        ]

    async def validate_consistency(self, session_id: str) -> list[str]:
        """Return what is inconsistent about a session, a sentence each."""
        operations = self._operations
        found = await apart(lambda: operations.validate_session_consistency(session_id))
        return reports.issues(found)

    async def batch_validate(self, session_ids: Iterable[str]) -> dict[str, list[str]]:
        """Return what is inconsistent, by session; only sessions where something is."""
        found = {one: await self.validate_consistency(one) for one in session_ids}
        return {session_id: told for session_id, told in found.items() if told}

    async def repair_inconsistencies(self, session_id: str) -> Report:
        """Repair what is inconsistent about a session, and report."""
        report = await self._operations.repair_session_inconsistencies(session_id)
        return reports.repair(report)

    async def cleanup_inactive_associations(self, max_age_days: float = 30) -> int:
        """Forget associations that have been inactive for some days."""
        return await self._operations.cleanup_inactive_associations(max_age_days)

    async def _told(self, report: RepairReport) -> Report:
        session_id, operations = report.session_id or "", self._operations
        threads = await apart(lambda: operations.list_threads(session_id))
        rows = await apart(lambda: operations.list_associations(session_id))
        return reports.sync(report, threads, rows)
