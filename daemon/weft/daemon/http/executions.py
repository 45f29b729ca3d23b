"""Runs as Weft has them over HTTP: any config in, exactly the result or the error out.

The answer to an execution is its result. A client that accepts ``text/event-stream``
is told of the run meanwhile: an event for each thing that one of the ``modes`` shows,
named after the mode, then one ``result``, or an ``error`` that holds the problem. So it
may wait for hours, and heartbeats tell it that the daemon lives. Whoever is cut off
asks again with the same Idempotency-Key, and joins the run.
"""

from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal

import msgspec
from starlette.requests import Request

from weft.actors import Future, Stream
from weft.actors.errors import causes_of
from weft.daemon.http.call import Call
from weft.daemon.http.decoding import Name
from weft.daemon.http.endpoint import Table
from weft.daemon.http.problems import RequestFault, answer_failure
from weft.daemon.http.record_views import RunView
from weft.daemon.http.records import Limit
from weft.daemon.http.streams import EventStream, ServerEvent
from weft.daemon.http.views import Free, json_of
from weft.storage import InvalidArgument, Overloaded, Run, SessionThreadException
from weft.storage.operations import encode_value

__all__ = ["executions"]

executions: Final = Table("executions")

SECONDS_MAX: Final = 1e9

Seconds = Annotated[float, msgspec.Meta(ge=0, le=SECONDS_MAX)]
Modes = list[Literal["states", "updates", "custom", "messages", "debug"]]


class NewExecution(msgspec.Struct, forbid_unknown_fields=True):
    """A run to be executed.

    ``config`` updates the thread's own; ``background`` answers with the run as soon as
    it is durable; ``modes`` is what a stream shows of it.
    """

    config: dict[str, Any] = {}
    workflow: Name | None = None
    if_running: Literal["enqueue", "reject", "interrupt", "rollback"] = "enqueue"
    after_seconds: Seconds = 0.0
    deadline_s: Seconds | None = None
    metadata: dict[str, Any] = {}
    modes: Modes = []
    background: bool = False


class Result(msgspec.Struct):
    """What a run came to: what it returned, or yielded last."""

    result: Free


class Showing(msgspec.Struct, forbid_unknown_fields=True):
    """What a stream shows of a run from now on."""

    modes: Modes = []


class Cancelling(msgspec.Struct, forbid_unknown_fields=True):
    """Whether the run's states are taken back when it has stopped."""

    undo: bool = False


class Cancelled(msgspec.Struct):
    """Whether the run had not ended."""

    cancelled: bool


class HowMany(msgspec.Struct, forbid_unknown_fields=True):
    """How many at the most."""

    limit: Limit = 100


class RunList(msgspec.Struct):
    """Runs, newest first."""

    runs: list[RunView]


@executions.post("/threads/{thread_id}/executions")
async def execute_thread(
    call: Call[NewExecution, None],
) -> Result | RunView | EventStream[Any]:
    """Run a thread's workflow, and answer with its result."""
    thread_id = call.access.thread(call.path("thread_id"))
    return await _execute(call, thread_id=thread_id)


@executions.post("/sessions/{session_id}/threads/{thread}/executions")
async def execute_session_thread(
    call: Call[NewExecution, None],
) -> Result | RunView | EventStream[Any]:
    """Run the workflow of a session's thread, found by its name."""
    session_id = call.access.session(call.path("session_id"))
    return await _execute(call, session_id=session_id, thread_name=call.path("thread"))


@executions.get("/threads/{thread_id}/executions")
async def list_executions(call: Call[None, HowMany]) -> RunList:
    """List a thread's runs as they are kept, newest first."""
    thread_id = call.access.thread(call.path("thread_id"))
    found = await call.aside(
        lambda: call.coordinator.list_runs(thread_id, limit=call.query.limit)
    )
    return RunList([RunView.of(run) for run in found])


@executions.get("/executions/{run_id}")
async def get_execution(call: Call[None, None]) -> RunView:
    """Return a run as it is kept."""
    return RunView.of(await _find(call))


@executions.get("/executions/{run_id}/result")
async def join_execution(
    call: Call[None, Showing],
) -> Result | EventStream[Any]:
    """Wait for a run's end, whoever started it."""
    run_id, modes = (await _find(call)).run_id, call.query.modes
    if not call.wants_stream():
        timeout_s = call.site.settings.timeout_s
        joined = call.coordinator.join_run(run_id, timeout_s=timeout_s)
        return Result(_free(await joined))
    stream = _stream_of(modes)
    future = call.coordinator.join_run(run_id, stream=stream, mode=modes or ("states",))
    return call.stream(_told(call, future, stream))


@executions.post("/executions/{run_id}/cancel")
async def cancel_execution(call: Call[Cancelling, None]) -> Cancelled:
    """Ask a run to stop at its next yield, or when its code looks."""
    run_id = call.access.run(call.path("run_id"))
    undo = call.body.undo
    return Cancelled(await call.coordinator.cancel_run(run_id, undo=undo))


async def _execute(
    call: Call[NewExecution, None], **where: str
) -> Result | RunView | EventStream[Any]:
    new = call.body
    how: dict[str, Any] = {
        "workflow": new.workflow,
        "if_running": new.if_running,
        "after_seconds": new.after_seconds,
        "deadline_s": new.deadline_s,
        "metadata": new.metadata,
        "op_id": call.op_id,
        **where,
    }
    coordinator = call.coordinator
    if new.background:
        started = coordinator.start_run(new.config, **how, timeout_s=call.timeout_s)
        return RunView.of(await started)
    if not call.wants_stream():
        running = coordinator.run(new.config, **how, timeout_s=call.timeout_s)
        return Result(_free(await running))
    # Only what the client says: heartbeats keep the connection, so it may wait.
    given = call.headers.get("weft-timeout")
    timeout_s = None if given is None else min(float(given), SECONDS_MAX)
    stream = _stream_of(new.modes)
    future = coordinator.run(
        new.config,
        **how,
        stream=stream,
        mode=new.modes or ("states",),
        timeout_s=timeout_s,
    )
    return call.stream(_told(call, future, stream))


def _stream_of(modes: Modes) -> Stream[Any] | None:
    return Stream(_too_slow) if modes else None


async def _told(
    call: Call[Any, Any], future: Future[Any], stream: Stream[Any] | None
) -> AsyncIterator[ServerEvent]:
    try:
        if stream is not None:
            with stream:
                async for mode, data in stream:
                    yield ServerEvent(_free(data), mode)
        yield ServerEvent(_free(await future), "result")
    except SessionThreadException as error:
        yield ServerEvent(await _problem(call, error), "error")


async def _problem(
    call: Call[Any, Any], error: SessionThreadException
) -> dict[str, Any]:
    """Return the problem that an error is, with what is behind it."""
    answer = await answer_failure(Request(call.scope), error)
    problem: dict[str, Any] = msgspec.json.decode(answer.body)
    causes = [f"{type(one).__name__}: {one}" for one in causes_of(error)]
    return problem | {"causes": causes}


def _free(value: Any) -> msgspec.Raw:
    """Return as JSON what a workflow came to."""
    try:
        return json_of(encode_value(value))
    except InvalidArgument:  # a run may return what cannot be stored
        return msgspec.Raw(msgspec.json.encode(str(value)))


async def _find(call: Call[Any, Any]) -> Run:
    run_id = call.access.run(call.path("run_id"))
    run = await call.coordinator.get_run(run_id)
    if run is None:
        detail = f"There is no run {run_id!r}, or not any more."
        raise RequestFault(HTTPStatus.NOT_FOUND, detail)
    return run


def _too_slow() -> Overloaded:
    return Overloaded(
        "The client reads too slowly and was cut off; the run goes on.",
        details={"retry_after_s": 0.0},
    )
