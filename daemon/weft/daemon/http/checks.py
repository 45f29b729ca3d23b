"""Checks and repairs over HTTP: of a session, or of the whole store.

The answer is the report. A client that accepts ``text/event-stream`` is told of the
progress meanwhile: ``progress`` events, then one ``report``, or an ``error``.

Guarantees: one check or repair of the whole store at a time; who comes in between is
told to come again.
"""

from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

import msgspec

from weft.daemon.http.call import Call
from weft.daemon.http.decoding import Id
from weft.daemon.http.endpoint import Table
from weft.daemon.http.long_work import Done, Work, begin, result_of
from weft.daemon.http.problems import RequestFault
from weft.daemon.http.streams import EventStream
from weft.daemon.http.views import CheckView, FindingView, RepairView
from weft.storage.check import KINDS, Kind
from weft.storage.records import datetime_from_us

__all__ = ["checks"]

checks: Final = Table("consistency")

FINDINGS_MAX: Final = 1000

RETRY_AFTER_S: Final = 5
"""A check takes about a second per million threads."""


class CheckRequest(msgspec.Struct, forbid_unknown_fields=True):
    """What to look at: a session, or the whole store."""

    session_id: Id | None = None


class RepairRequest(msgspec.Struct, forbid_unknown_fields=True):
    """What to mend: a session, or the whole store; a dry run changes nothing.

    Of the whole store, findings of other ``kinds`` are left alone; null for all.
    """

    session_id: Id | None = None
    dry_run: bool = False
    kinds: list[Kind] | None = None


class SummaryView(msgspec.Struct):
    """What a check of the whole store came to: findings by kind, none if clean."""

    finished_at: datetime
    seq: int
    sessions: int
    threads: int
    duration_s: float
    found: dict[str, int]


class CheckList(msgspec.Struct):
    """The last checks, oldest first, and the last one's findings.

    Of ``findings`` the first thousand are here; ``more`` says how many are left out.
    """

    checks: list[SummaryView]
    findings: list[FindingView]
    more: int


@checks.get("/checks", scope="admin")
async def list_checks(call: Call[None, None]) -> CheckList:
    """List what the last checks of the whole store came to, since the start."""
    held = call.runtime.checks
    report = held.last_report
    findings = [] if report is None else report.inconsistencies
    return CheckList(
        [
            SummaryView(
                datetime_from_us(one.finished_at_us),
                one.seq,
                one.sessions,
                one.threads,
                one.duration_s,
                one.found,
            )
            for one in list(held.recent)
        ],
        [FindingView.of(finding) for finding in findings[:FINDINGS_MAX]],
        max(0, len(findings) - FINDINGS_MAX),
    )


@checks.post("/check", scope="read")
async def check(call: Call[CheckRequest, None]) -> CheckView | EventStream[CheckView]:
    """Compare all stored copies of who owns what.

    Of the whole store it needs the scope "admin".
    """
    session_id = call.body.session_id
    _admit(call, session_id)
    if session_id is not None:
        await call.coordinator.get_session(session_id)
    answer: CheckView | EventStream[CheckView] = await _answer(
        call,
        session_id,
        lambda progress: CheckView.of(
            call.runtime.check(session_id, progress=progress.tell)
        ),
    )
    return answer


@checks.post("/repair")
async def repair(
    call: Call[RepairRequest, None],
) -> RepairView | EventStream[RepairView]:
    """Make all stored copies of who owns what the same.

    Of the whole store it needs the scope "admin".
    """
    session_id, dry_run = call.body.session_id, call.body.dry_run
    _admit(call, session_id)
    coordinator = call.coordinator

    def work(progress: Done) -> RepairView:
        if session_id is not None:
            mending = coordinator.repair_session_inconsistencies(
                session_id, dry_run=dry_run
            )
            return RepairView.of(mending.get())
        if call.wants_stream():  # a look of its own, which tells how far it is
            call.runtime.check(progress=progress.tell)
        kinds = call.body.kinds
        mending = coordinator.repair_all(
            dry_run=dry_run, kinds=KINDS if kinds is None else kinds
        )
        return RepairView.of(mending.get())

    answer: RepairView | EventStream[RepairView] = await _answer(call, session_id, work)
    return answer


def _admit(call: Call[Any, Any], session_id: str | None) -> None:
    if session_id is not None:
        call.access.session(session_id)
    elif not call.principal.may("admin"):
        detail = "The whole store is for the scope 'admin'. Name a session_id."
        raise RequestFault(HTTPStatus.FORBIDDEN, detail)


async def _answer(call: Call[Any, Any], session_id: str | None, work: Work) -> Any:
    """Have the work done on an OS thread; answer with its report, or with events."""
    site = call.site
    if session_id is None:
        if site.checking:
            retry = {"Retry-After": str(RETRY_AFTER_S)}
            detail = "A check of the whole store is in progress. Come again."
            raise RequestFault(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers=retry)
        site.checking = True
    task, done = begin(work)
    if session_id is None:
        task.add_done_callback(lambda _: setattr(site, "checking", False))
    return await result_of(call, task, done)
