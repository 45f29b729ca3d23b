"""Stopping runs: one or many, as they are or undone.

Guarantees: one that was undone leaves neither states nor, a moment after its end, a
record of itself; those of somebody else are not there.
"""

import asyncio
from http import HTTPStatus
from typing import Annotated, Any, Literal

import msgspec

from weft.daemon.http.call import Call
from weft.daemon.http.decoding import Id
from weft.daemon.http.problems import RequestFault
from weft.daemon.http.run_answers import ended
from weft.storage import Run, Snapshot
from weft.storage.operations import PARTS_MAX

__all__ = ["Action", "ManyRuns", "cancel", "named"]

Action = Literal["interrupt", "rollback"]


class ManyRuns(msgspec.Struct):
    """Runs by id, or all of a thread, or of all threads, that have a status."""

    thread_id: Id | None = None
    run_ids: Annotated[list[Id], msgspec.Meta(max_length=PARTS_MAX)] | None = None
    status: Literal["pending", "running", "all"] | None = None


async def cancel(
    call: Call[Any, Any], found: list[Run], action: Action, *, wait: bool
) -> None:
    """Ask runs to stop.

    Args:
        call: who asks.
        found: the runs.
        action: what becomes of them.
        wait: until they have ended.
    """
    undo = action == "rollback"
    for run in found:
        await call.coordinator.cancel_run(run.run_id, undo=undo)
    if wait:
        await asyncio.gather(*(_follow(call, run, undo=undo) for run in found))
    elif undo:
        for run in found:
            call.site.temporary.begin(_follow(call, run, undo=undo))


async def _follow(call: Call[Any, Any], run: Run, *, undo: bool) -> None:
    """Wait for a run's end; one that was undone leaves no record."""
    await ended(call.runtime, run.run_id)
    if undo:
        await call.coordinator.delete_run(run.thread_id, run.run_id)


def named(call: Call[Any, Any], many: ManyRuns) -> list[Run]:
    """Return the runs that a client names, those that have not ended.

    Raises:
        RequestFault: 422, it names none.
    """
    if (many.thread_id is None) == (many.status is None) and many.run_ids is None:
        detail = "Name a thread_id with run_ids, or a status."
        raise RequestFault(HTTPStatus.UNPROCESSABLE_ENTITY, detail)
    wanted = many.status or "all"
    with call.runtime.store.read() as snapshot:
        candidates = map(snapshot.run, _ids(snapshot, many))
        return [
            run
            for run in candidates
            if run is not None
            and run.finished_at_us is None
            and wanted in {"all", run.status}
            and many.thread_id in {None, run.thread_id}
            and _sees(call, snapshot, run)
        ]


def _ids(snapshot: Snapshot, many: ManyRuns) -> list[str]:
    if many.run_ids is not None:
        return many.run_ids
    if many.thread_id is not None:
        return [run.run_id for run in snapshot.runs(many.thread_id)]
    return [run_id for run_id, _ in (*snapshot.live_runs(), *snapshot.queued_runs())]


def _sees(call: Call[Any, Any], snapshot: Snapshot, run: Run) -> bool:
    thread = snapshot.thread(run.thread_id)
    return thread is not None and call.access.sees(snapshot, thread)
