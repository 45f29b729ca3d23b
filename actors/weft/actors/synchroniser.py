"""The synchroniser: where the copies of who owns what disagree, and making them agree.

The rules keep the copies equal, so there is nothing to do after normal work. What
damages a store is below them: a disk, a tool, a defect. A check tells
(:mod:`weft.storage.check`), a repair is ordinary operations
(:mod:`weft.storage.rules_repair` says which copy is right): each passes the session's
actor and the writer, so views follow, the log has it, and a newer truth refuses it.

Checks and repairs take as long as what they look at is large, so they run on an OS
thread of their own, one after the other; the futures are answered from there.

Guarantees:
    * a repair never overwrites what has changed since the check;
    * two repairs never run at once.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

from msgspec.structs import replace

from weft.actors.door import Door, House, at_the_door, find_session
from weft.actors.future import Future
from weft.actors.logs import follow_answer
from weft.storage import (
    InvalidArgument,
    SessionThreadException,
    SessionThreadInconsistencyError,
    StoreClosed,
)
from weft.storage.check import KINDS, CheckReport, Inconsistency, check
from weft.storage.ids import check_id
from weft.storage.repair import Mend, RepairReport, rehearse, repair

__all__ = ["Synchroniser"]

ANSWER_TIMEOUT_S: Final = 60.0
"""For one repair's answer: far beyond a group's commit, so what takes longer hangs."""

T = TypeVar("T")


class Synchroniser(Door):
    """The coordinator's part that checks and repairs."""

    def __init__(self, house: House) -> None:
        super().__init__(house)
        # Its OS thread begins with the first job and ends with the coordinator.
        self._worker = ThreadPoolExecutor(1, "weft-synchroniser")

    @at_the_door
    def validate_session_consistency(
        self, session_id: str
    ) -> Future[list[Inconsistency]]:
        """Return where the stored copies of what a session owns disagree.

        Looks where the session's own lists lead, so it costs what the session holds.

        Raises:
            SessionNotFound: there is no such session.
        """
        check_id(session_id, "session id")
        answer: Future[list[Inconsistency]] = Future()
        follow_answer(answer, "validate_session_consistency", session_id)
        try:
            answer.set(self._validate(session_id))
        except SessionThreadException as error:
            answer.fail(error)
        return answer

    @at_the_door
    def sync_session_data(self, session_id: str) -> Future[RepairReport]:
        """Make the copies of what a session owns agree.

        Every thread is looked at for those that name the session and that its list
        leaves out: about a second per million threads.

        Raises:
            SessionNotFound: there is no such session, and nothing names it.
            SessionThreadInconsistencyError: something cannot be repaired; it has the
                findings, and the rest is repaired.
        """
        check_id(session_id, "session id")
        return self._later(
            "sync_session_data", lambda: _complete(self._repair(session_id)), session_id
        )

    @at_the_door
    def batch_sync_sessions(
        self, session_ids: Iterable[str]
    ) -> Future[list[RepairReport | SessionThreadException]]:
        """Make the copies of what sessions own agree.

        Returns:
            for each session, in order, its report or what failed.

        Raises:
            InvalidArgument: an id is none.
        """
        if isinstance(session_ids, str):
            raise InvalidArgument("session_ids are several ids, not one string.")
        ids = [check_id(session_id, "session id") for session_id in session_ids]
        return self._later(
            "batch_sync_sessions",
            lambda: [self._attempt(session_id) for session_id in ids],
        )

    @at_the_door
    def repair_session_inconsistencies(
        self, session_id: str, *, dry_run: bool = False
    ) -> Future[RepairReport]:
        """Repair what is inconsistent about a session, and report what was done.

        Args:
            session_id: the session.
            dry_run: only tell what would be done.

        Raises:
            SessionNotFound: there is no such session, and nothing names it.
        """
        check_id(session_id, "session id")
        return self._later(
            "repair_session_inconsistencies",
            lambda: self._repair(session_id, dry_run=dry_run),
            session_id,
        )

    @at_the_door
    def repair_all(
        self, *, dry_run: bool = False, kinds: Collection[str] = KINDS
    ) -> Future[RepairReport]:
        """Check the whole store and repair what can be repaired.

        Args:
            dry_run: only tell what would be done.
            kinds: leave findings of other kinds alone, and out of the report.
        """

        def look() -> CheckReport:
            report = self._house.check()
            found = [one for one in report.inconsistencies if one.kind in kinds]
            return replace(report, inconsistencies=found)

        return self._later(
            "repair_all", lambda: self._mend(look, None, dry_run=dry_run)
        )

    def _validate(self, session_id: str) -> list[Inconsistency]:
        report = self._house.check(session_id)
        if report.clean:
            with self._house.store.read() as snapshot:
                find_session(snapshot, session_id)
        return report.inconsistencies

    def _attempt(self, session_id: str) -> RepairReport | SessionThreadException:
        try:
            return _complete(self._repair(session_id))
        except SessionThreadException as error:
            return error

    def _repair(self, session_id: str, *, dry_run: bool = False) -> RepairReport:
        report = self._mend(lambda: self._look(session_id), session_id, dry_run=dry_run)
        if not report.issues_found:
            with self._house.store.read() as snapshot:
                find_session(snapshot, session_id)
        return report

    def _look(self, session_id: str) -> CheckReport:
        with self._house.store.read() as snapshot:
            return check(snapshot, session_id=session_id, thorough=True)

    def _mend(
        self, look: Callable[[], CheckReport], session_id: str | None, *, dry_run: bool
    ) -> RepairReport:
        submit = self._rehearse if dry_run else self._submit
        return repair(look, submit, session_id=session_id, dry_run=dry_run)

    def _rehearse(self, operations: Sequence[Mend]) -> list[Any]:
        with self._house.store.read() as snapshot:
            return rehearse(snapshot, operations)

    def _submit(self, operations: Sequence[Mend]) -> list[Any]:
        """Send repairs through their sessions; return answers and errors."""
        return [_settled(future) for future in [self._send(one) for one in operations]]

    def _send(self, operation: Mend) -> Future[Any]:
        session_id = getattr(operation, "session_id", None)
        thread_id = getattr(operation, "thread_id", None)
        return self._apply(
            operation,
            None,
            ANSWER_TIMEOUT_S,
            session_id=session_id,
            thread_ids=() if thread_id is None else (thread_id,),
        )

    def _later(
        self, action: str, function: Callable[[], T], session_id: str | None = None
    ) -> Future[T]:
        """Have a function called on the synchroniser's OS thread, and log it."""
        if self._house.closed:
            raise StoreClosed("The runtime is closed.")
        future: Future[T] = Future()
        follow_answer(future, action, session_id)

        def run() -> None:
            try:
                future.try_set(function())
            except Exception as error:  # noqa: BLE001 - the caller is told
                future.try_fail(error)

        self._worker.submit(run)
        return future


def _settled(future: Future[Any]) -> Any:
    try:
        return future.get(timeout=ANSWER_TIMEOUT_S)
    except SessionThreadException as error:
        return error


def _complete(report: RepairReport) -> RepairReport:
    """Return a report that leaves nothing to repair.

    Raises:
        SessionThreadInconsistencyError: it does.
    """
    if report.remaining:
        raise SessionThreadInconsistencyError(
            f"{len(report.remaining)} inconsistencies of session {report.session_id!r} "
            "cannot be repaired.",
            session_id=report.session_id,
            details={"inconsistencies": report.remaining},
        )
    return report
