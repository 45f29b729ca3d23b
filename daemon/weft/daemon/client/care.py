"""Checks, repairs and health through a daemon."""

from collections.abc import Collection, Iterable
from typing import Any

import msgspec

from weft.actors import Future, HealthReport
from weft.actors.door import at_the_door
from weft.daemon.client.asking import Asking
from weft.daemon.client.rebuild import findings_of
from weft.storage import (
    Inconsistency,
    InvalidArgument,
    RepairReport,
    SessionThreadException,
    SessionThreadInconsistencyError,
)
from weft.storage.check import KINDS
from weft.storage.ids import check_id

__all__ = ["CareRequests"]

# Made on one OS thread, at import: a type that msgspec sees for the first time on
# several at once crashes the interpreter (0.22).
msgspec.json.Decoder(RepairReport)
msgspec.json.Decoder(HealthReport)


class CareRequests(Asking):
    """Make the stored copies of who owns what agree; tell how the runtime is."""

    @at_the_door
    def validate_session_consistency(
        self, session_id: str
    ) -> Future[list[Inconsistency]]:
        """Return where the stored copies of what a session owns disagree."""
        body = {"session_id": check_id(session_id, "session id")}
        return self._ask("POST", "/check", _findings, body)

    @at_the_door
    def sync_session_data(self, session_id: str) -> Future[RepairReport]:
        """Make the copies of what a session owns agree.

        Raises:
            SessionThreadInconsistencyError: something cannot be repaired.
        """
        body = {"session_id": check_id(session_id, "session id")}
        return self._ask("POST", "/repair", lambda told: _complete(_report(told)), body)

    @at_the_door
    def batch_sync_sessions(
        self, session_ids: Iterable[str]
    ) -> Future[list[RepairReport | SessionThreadException]]:
        """Make the copies of what sessions own agree; what failed stands in its place.

        The daemon is asked for one session after the other.
        """
        if isinstance(session_ids, str):
            raise InvalidArgument("session_ids are several ids, not one string.")
        ids = [check_id(session_id, "session id") for session_id in session_ids]
        answer: Future[list[RepairReport | SessionThreadException]] = Future()
        self._connection.begin(self._sync_all(ids, answer), answer.try_fail)
        return answer

    async def _sync_all(self, ids: list[str], answer: Future[list[Any]]) -> None:
        found: list[RepairReport | SessionThreadException] = []
        for session_id in ids:
            try:
                found.append(await self.sync_session_data(session_id))
            except SessionThreadException as error:
                found.append(error)
        answer.try_set(found)

    @at_the_door
    def repair_session_inconsistencies(
        self, session_id: str, *, dry_run: bool = False
    ) -> Future[RepairReport]:
        """Repair what is inconsistent about a session, and report what was done."""
        body = {
            "session_id": check_id(session_id, "session id"),
            "dry_run": dry_run,
        }
        return self._ask("POST", "/repair", _report, body)

    def repair_all(
        self, *, dry_run: bool = False, kinds: Collection[str] = KINDS
    ) -> Future[RepairReport]:
        """Check the whole store and repair what can be; needs the scope admin."""
        body = {"dry_run": dry_run, "kinds": list(kinds)}
        return self._ask("POST", "/repair", _report, body)

    def health_check(self) -> Future[HealthReport]:
        """Return how the daemon's runtime is; needs the scope admin."""
        return self._ask("GET", "/health", _health)


def _findings(told: Any) -> list[Inconsistency]:
    return findings_of(told["inconsistencies"])


def _report(told: Any) -> RepairReport:
    return msgspec.convert(told, RepairReport)


def _health(told: Any) -> HealthReport:
    return msgspec.convert(told, HealthReport)


def _complete(report: RepairReport) -> RepairReport:
    if report.remaining:
        raise SessionThreadInconsistencyError(
            f"{len(report.remaining)} inconsistencies of session {report.session_id!r} "
            "cannot be repaired.",
            session_id=report.session_id,
            details={"inconsistencies": report.remaining},
        )
    return report
