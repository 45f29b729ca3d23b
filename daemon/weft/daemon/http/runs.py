"""Runs on a thread, as the LangGraph protocol has them."""

from collections.abc import AsyncIterator
from http import HTTPStatus
from itertools import islice
from typing import Annotated, Any, Final, Literal

import msgspec

from weft.daemon.http.call import Call, Reply
from weft.daemon.http.endpoint import Table
from weft.daemon.http.problems import RequestFault
from weft.daemon.http.protocol import ProtocolRun, RunStatus, selected
from weft.daemon.http.run_answers import LateAnswer, outcome_of
from weft.daemon.http.run_cancelling import Action, ManyRuns, cancel, named
from weft.daemon.http.run_places import ALL_BEFORE, Place
from weft.daemon.http.run_requests import NewRun, StreamMode, asked_of, modes_in
from weft.daemon.http.run_starting import (
    Started,
    headers_of,
    reader_of,
    start,
    view_of,
)
from weft.daemon.http.streams import EventStream, ServerEvent
from weft.daemon.http.thread_states import find_thread
from weft.storage import Run
from weft.storage.ids import check_id

__all__ = ["runs", "stream_of", "wait_for"]

runs: Final = Table("runs")

Limit = Annotated[int, msgspec.Meta(ge=1, le=1000)]
Offset = Annotated[int, msgspec.Meta(ge=0, le=1 << 60)]


Field = Literal[
    "run_id",
    "thread_id",
    "assistant_id",
    "created_at",
    "updated_at",
    "status",
    "metadata",
    "kwargs",
    "multitask_strategy",
]


class RunPage(msgspec.Struct):
    """Which runs of a thread are listed, and what is shown of them."""

    limit: Limit = 10
    offset: Offset = 0
    status: RunStatus | None = None
    select: list[str] = []


class Cancelling(msgspec.Struct):
    """What becomes of a run: it stops where it is, or is undone as well.

    With ``wait`` the answer comes when it has ended.
    """

    wait: bool = False
    action: Action = "interrupt"


class CancellingMany(msgspec.Struct):
    """What becomes of the runs."""

    action: Action = "interrupt"


class Joining(msgspec.Struct):
    """What a stream shows; by default what the run was started with."""

    stream_mode: list[str] = []
    cancel_on_disconnect: bool = False


@runs.post("/threads/{thread_id}/runs")
async def create_run(call: Call[NewRun, None]) -> Reply[ProtocolRun]:
    """Start a run in the background."""
    run = (await start(call, call.body, call.path("thread_id"))).run
    where = headers_of(run, "join")["Content-Location"]
    return Reply(view_of(run), headers={"Content-Location": where})


@runs.post("/threads/{thread_id}/runs/stream")
async def stream_run(call: Call[NewRun, None]) -> EventStream[Any]:
    """Start a run and stream what it shows."""
    started = await start(call, call.body, call.path("thread_id"), streams=True)
    return stream_of(call, started)


@runs.post("/threads/{thread_id}/runs/wait")
async def wait_run(call: Call[NewRun, None]) -> LateAnswer:
    """Start a run and wait for its last values."""
    return wait_for(call, await start(call, call.body, call.path("thread_id")))


@runs.get("/threads/{thread_id}/runs")
async def list_runs(call: Call[None, RunPage]) -> list[ProtocolRun]:
    """List a thread's runs, newest first."""
    thread_id, page = call.access.thread(call.path("thread_id")), call.query
    fields = modes_in(page.select, Field, [], "select")

    def find() -> list[Run]:
        with call.runtime.store.read() as snapshot:
            find_thread(snapshot, thread_id)
            matching = (
                run
                for run in snapshot.runs(thread_id)
                if page.status in {None, run.status}
            )
            return list(islice(matching, page.offset, page.offset + page.limit))

    return [selected(view_of(run), fields) for run in await call.beside(find)]


@runs.get("/threads/{thread_id}/runs/{run_id}")
async def get_run(call: Call[None, None]) -> ProtocolRun:
    """Return a run."""
    return view_of(find_run(call))


@runs.delete("/threads/{thread_id}/runs/{run_id}")
async def delete_run(call: Call[None, None]) -> None:
    """Forget a run that has ended; its states stay."""
    run = find_run(call)
    await call.coordinator.delete_run(run.thread_id, run.run_id, **call.change)


@runs.post("/threads/{thread_id}/runs/{run_id}/cancel")
async def cancel_run(call: Call[None, Cancelling]) -> None:
    """Ask a run to stop; one that has ended stays as it is.

    One that is rolled back leaves neither states nor a record of itself.
    """
    run = find_run(call)
    if run.finished_at_us is not None:
        return
    await cancel(call, [run], call.query.action, wait=call.query.wait)


@runs.post("/runs/cancel")
async def cancel_runs(call: Call[ManyRuns, CancellingMany]) -> None:
    """Ask several runs to stop."""
    found = await call.beside(lambda: named(call, call.body))
    await cancel(call, found, call.query.action, wait=False)


@runs.get("/threads/{thread_id}/runs/{run_id}/join")
async def join_run(call: Call[None, Joining]) -> LateAnswer:
    """Wait for a run's last values."""
    run = find_run(call)
    gone = call.query.cancel_on_disconnect
    return _answer_of(call, run, cancels=gone)


@runs.get("/threads/{thread_id}/runs/{run_id}/stream")
async def join_run_stream(call: Call[None, Joining]) -> EventStream[Any]:
    """Stream what a run shows from now on, or from behind ``Last-Event-ID``.

    What it says once the answer has begun is in it. A run that was started with
    ``stream_resumable`` is shown from its beginning.
    """
    run = find_run(call)
    asked = asked_of(run)
    modes = modes_in(call.query.stream_mode, StreamMode, asked.stream_mode)
    after: Place | None = ALL_BEFORE if asked.stream_resumable else None
    if call.last_event_id:
        after = Place.of(call.last_event_id)
    headers = headers_of(run, "stream")
    if modes != asked.stream_mode:
        query = "&".join(f"stream_mode={mode}" for mode in modes)
        headers["Location"] += f"?{query}"
    on_gone = None
    if call.query.cancel_on_disconnect:
        on_gone = _canceller(call, run)
    reader = reader_of(call, run, modes, after)
    await reader.joined()
    return call.stream(reader.events(), on_gone=on_gone, headers=headers)


def stream_of(call: Call[NewRun, Any], started: Started) -> EventStream[Any]:
    """Return the stream of a run that has been started for it."""
    run, new = started.run, call.body
    after = ALL_BEFORE if not call.last_event_id else Place.of(call.last_event_id)
    reader = reader_of(call, run, new.modes, after)
    source = _read(call, reader.events(), started)
    on_gone = _canceller(call, run) if new.on_disconnect == "cancel" else None
    return call.stream(source, on_gone=on_gone, headers=headers_of(run, "stream"))


async def _read(
    call: Call[Any, Any], events: AsyncIterator[ServerEvent], started: Started
) -> AsyncIterator[ServerEvent]:
    async for event in events:
        yield event
    if started.is_temporary and not call.runtime.closed:
        call.site.temporary.remove(started.run.thread_id)


def wait_for(call: Call[NewRun, Any], started: Started) -> LateAnswer:
    """Return the answer that a run's end is."""
    thread_id = started.run.thread_id
    return _answer_of(
        call,
        started.run,
        cancels=call.body.on_disconnect == "cancel",
        removes=thread_id if started.is_temporary else None,
    )


def _answer_of(
    call: Call[Any, Any], run: Run, *, cancels: bool, removes: str | None = None
) -> LateAnswer:
    runtime = call.runtime

    def done() -> None:
        if removes is not None:
            call.site.temporary.remove(removes)

    async def outcome() -> bytes:
        found = await outcome_of(runtime, run.run_id)
        call.access.thread(run.thread_id)  # it may have moved to somebody else
        return found

    return LateAnswer(
        outcome,
        headers_of(run, "join"),
        call.site.settings.heartbeat_s,
        on_gone=_canceller(call, run) if cancels else lambda: None,
        on_done=done,
    )


def _canceller(call: Call[Any, Any], run: Run) -> Any:
    return lambda: call.coordinator.cancel_run(run.run_id)


def find_run(call: Call[Any, Any]) -> Run:
    """Return the run that a path names.

    Raises:
        ThreadNotFound: its thread is not there, or not seen.
        RequestFault: 404, the thread has no such run.
    """
    thread_id = call.access.thread(call.path("thread_id"))
    run_id = check_id(call.path("run_id"), "run id")
    with call.runtime.store.read() as snapshot:
        find_thread(snapshot, thread_id)
        run = snapshot.run(run_id)
    if run is None or run.thread_id != thread_id:
        detail = f"Thread {thread_id!r} has no run {run_id!r}, or not any more."
        raise RequestFault(HTTPStatus.NOT_FOUND, detail)
    return run
