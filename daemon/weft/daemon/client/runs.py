"""Runs through a daemon: the remote coordinator's part about workflows.

A run is followed as a stream of events whatever is wanted of it, for its heartbeats
tell a daemon that works from one that has gone, however long the run takes.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from weft.actors import Future, Stream
from weft.actors.door import at_the_door, check_limit, check_timeout
from weft.actors.run_messages import Mode
from weft.daemon.client.asking import Asking, mapping_of
from weft.daemon.client.connection import Request, in_time
from weft.daemon.client.errors import DaemonFault, DaemonUnreachable
from weft.daemon.client.missing import found_or, is_missing
from weft.daemon.client.paced import PacedStream
from weft.daemon.client.problems import error_of
from weft.daemon.client.rebuild import record_of
from weft.daemon.wire import path_of
from weft.storage import (
    InvalidArgument,
    Run,
    SessionThreadException,
    ThreadNotFound,
    new_id,
)
from weft.storage.ids import check_id, check_name

__all__ = ["RunRequests", "until"]

LIST_LIMIT = 100


class RunRequests(Asking):
    """Execute, stream, join, look at and cancel runs."""

    def execute_workflow_in_session(
        self,
        session_id: str,
        thread_name: str,
        config: Mapping[str, Any] | None = None,
        **how: Any,
    ) -> Future[Any]:
        """Run the workflow of a thread; ``how`` is as of :meth:`run`."""
        return self.run(config, session_id=session_id, thread_name=thread_name, **how)

    def stream_workflow_in_session(
        self,
        session_id: str,
        thread_name: str,
        config: Mapping[str, Any] | None = None,
        **how: Any,
    ) -> Stream[Any]:
        """Run the workflow of a thread and read its durable states as they come."""
        return self.stream(
            config, session_id=session_id, thread_name=thread_name, **how
        )

    @at_the_door
    def run(self, config: Mapping[str, Any] | None, **how: Any) -> Future[Any]:
        """Submit a run; as :meth:`weft.actors.Coordinator.run`.

        Args:
            config: updates the thread's own for this run.
            how: ``thread_id``, or ``session_id`` and ``thread_name``; ``workflow``,
                ``if_running``, ``after_seconds``, ``deadline_s``, ``metadata``,
                ``background``, ``op_id``, ``timeout_s``.
        """
        if how.pop("background", False):
            return self.start_run(config, **how)
        request = _request(config, **how)
        limit_s = request.timeout_s
        if limit_s is not None:  # the daemon itself says when it has passed
            limit_s += self._connection.grace_s
        future: Future[Any] = Future()
        future.op_id = request.op_id
        following = self._follow(request, future, limit_s)
        self._connection.begin(following, future.try_fail)
        return future

    @at_the_door
    def start_run(
        self, config: Mapping[str, Any] | None = None, **how: Any
    ) -> Future[Run]:
        """Start a run in the background; the answer is the run, durable."""
        return self._connection.ask(_request(config, background=True, **how), _run)

    def stream(
        self,
        config: Mapping[str, Any] | None,
        *,
        mode: Mode | Sequence[Mode] = "states",
        **how: Any,
    ) -> Stream[Any]:
        """Submit a run and return the stream of what it shows."""
        return self._stream(mode, lambda modes: _request(config, modes=modes, **how))

    @at_the_door
    def join_run(self, run_id: str, *, timeout_s: float | None = None) -> Future[Any]:
        """Wait for a run's end, whoever started it."""
        limit_s = None if timeout_s is None else check_timeout(timeout_s)
        future: Future[Any] = Future()
        joining = self._follow(_joining(run_id, []), future, limit_s)
        self._connection.begin(joining, lambda error: future.try_fail(_gone(error)))
        return future

    def join_stream(
        self, run_id: str, *, mode: Mode | Sequence[Mode] = "states"
    ) -> Stream[Any]:
        """Read what a run shows from now on, whoever started it.

        That is from when the daemon has the request: a run that ended before shows
        nothing, but how it failed if it did. Its result is of :meth:`join_run`.
        """
        return self._stream(mode, lambda modes: _joining(run_id, modes))

    @at_the_door
    def get_run(self, run_id: str) -> Future[Run | None]:
        """Return a run, None if there is none of this id."""
        path = path_of("executions", check_id(run_id, "run id"))
        return found_or(None, self._ask("GET", path, _run))

    @at_the_door
    def list_runs(
        self, thread_id: str, *, limit: int = LIST_LIMIT
    ) -> Future[list[Run]]:
        """Return a thread's runs, newest first."""
        return self._ask(
            "GET",
            path_of("threads", check_id(thread_id, "thread id"), "executions"),
            lambda told: [_run(view) for view in told["runs"]],
            query={"limit": check_limit(limit)},
        )

    @at_the_door
    def cancel_run(self, run_id: str, *, undo: bool = False) -> Future[bool]:
        """Ask a run to stop; the answer is whether it had not ended."""
        path = path_of("executions", check_id(run_id, "run id"), "cancel")
        body = {"undo": undo}
        return self._ask("POST", path, lambda told: bool(told["cancelled"]), body)

    @at_the_door
    def delete_run(
        self,
        thread_id: str,
        run_id: str,
        *,
        op_id: str | None = None,
        timeout_s: float | None = None,
    ) -> Future[bool]:
        """Forget a run that has ended; the answer is whether it was there."""
        thread = check_id(thread_id, "thread id")
        path = path_of("threads", thread, "runs", check_id(run_id, "run id"))
        asked = self._change(
            "DELETE", path, lambda _: True, op_id=op_id, timeout_s=timeout_s
        )
        return found_or(missing=False, asked=asked)

    def _stream(
        self, mode: Mode | Sequence[Mode], make: Callable[[list[str]], Request]
    ) -> Stream[Any]:
        modes = [mode] if isinstance(mode, str) else list(mode)
        tagged = not isinstance(mode, str)
        closed: Future[None] = Future()
        stream: PacedStream[Any] = PacedStream(
            self._connection.loop, on_close=lambda: closed.try_set(None)
        )
        try:
            if not modes:
                raise InvalidArgument("mode is one of the modes, or several.")
            request = make(list(map(str, modes)))
        except SessionThreadException as error:
            stream.fail(error)
            return stream
        work = until(closed, self._pump(request, stream, tagged=tagged))
        self._connection.begin(work, lambda error: stream.fail(_gone(error)))
        return stream

    async def _pump(
        self, request: Request, stream: PacedStream[Any], *, tagged: bool
    ) -> None:
        async with self._connection.follow(request) as events:
            async for event in events:
                if event.event == "result":
                    stream.finish()
                    return
                _check(event.event, event.data, request.op_id)
                await stream.put((event.event, event.data) if tagged else event.data)
        raise _cut_off(request.op_id)

    async def _follow(
        self, request: Request, future: Future[Any], timeout_s: float | None = None
    ) -> None:
        with in_time(request.op_id):
            async with (
                asyncio.timeout(timeout_s),
                self._connection.follow(request) as events,
            ):
                async for event in events:
                    if event.event == "result":
                        future.try_set(event.data)
                        return
                    _check(event.event, event.data, request.op_id)
        raise _cut_off(request.op_id)


def _request(
    config: Mapping[str, Any] | None,
    *,
    session_id: str | None = None,
    thread_name: str | None = None,
    thread_id: str | None = None,
    owner_hint: str | None = None,
    op_id: str | None = None,
    timeout_s: float | None = None,
    metadata: Mapping[str, Any] | None = None,
    **how: Any,
) -> Request:
    """Return the request of a run.

    Raises:
        InvalidArgument: nothing says where it is to run, or an argument is wrong.
    """
    del owner_hint  # the daemon knows
    if thread_id is not None:
        path = path_of("threads", check_id(thread_id, "thread id"), "executions")
    elif session_id is not None and thread_name is not None:
        session = check_id(session_id, "session id")
        thread = check_name(thread_name, "thread")
        path = path_of("sessions", session, "threads", thread, "executions")
    else:
        raise InvalidArgument("Give a thread_id, or session_id and thread_name.")
    for span in ("after_seconds", "deadline_s"):
        if how.get(span) is not None:
            how[span] = check_timeout(how[span], span)
    return Request(
        method="POST",
        path=path,
        body={
            "config": mapping_of(config, "config"),
            "metadata": mapping_of(metadata, "metadata"),
            **how,
        },
        op_id=new_id() if op_id is None else check_id(op_id, "op id"),
        timeout_s=None if timeout_s is None else check_timeout(timeout_s),
    )


def _joining(run_id: str, modes: list[str]) -> Request:
    path = path_of("executions", check_id(run_id, "run id"), "result")
    return Request(method="GET", path=path, query={"modes": modes})


async def until(closed: Future[None], work: Any) -> None:
    """Do work until it is done, or nobody wants it any more."""
    task, end = asyncio.ensure_future(work), asyncio.ensure_future(_wait(closed))
    try:
        await asyncio.wait({task, end}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
    finally:
        task.cancel()
        end.cancel()


async def _wait(future: Future[None]) -> None:
    await future


def _check(name: str, data: Any, op_id: str | None) -> None:
    """Raise what an event says went wrong."""
    if name == "error":
        raise error_of(data, op_id)
    if name == "goodbye":
        raise _cut_off(op_id)


def _cut_off(op_id: str | None) -> DaemonUnreachable:
    words = "The daemon stopped before the run's end; a run goes on at its next start."
    return DaemonUnreachable(words, op_id=op_id)


def _gone(error: BaseException) -> BaseException:
    """Return the error that a local runtime has for a run that is not there."""
    if isinstance(error, DaemonFault) and is_missing(error):
        return ThreadNotFound(error.message, cause=error)
    return error


def _run(view: Any) -> Run:
    return record_of(Run, view)
