"""Running workflows: the coordinator's half about runs."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args

from weft.actors.door import Door, at_the_door, check_timeout
from weft.actors.future import Future
from weft.actors.messages import RunCommand
from weft.actors.run_messages import MODES, Mode
from weft.actors.stream import STREAM_ITEMS_MAX, Stream
from weft.actors.waits import RunFuture, RunStream, bind, new_future
from weft.storage import (
    InvalidArgument,
    Overloaded,
    Run,
    SessionThreadException,
    ThreadBusy,
    ThreadNotFound,
)
from weft.storage.ids import check_id, check_name
from weft.storage.operations import Expire, IfBusy, encode_mapping
from weft.storage.records import EMPTY

__all__ = ["Runs"]


class Runs(Door):
    """Execute and stream workflows, cancel runs."""

    def execute_workflow_in_session(
        self,
        session_id: str,
        thread_name: str,
        config: Mapping[str, Any] | None = None,
        *,
        workflow: str | None = None,
        op_id: str | None = None,
        timeout_s: float | None = None,
        **options: Any,
    ) -> Future[Any]:
        """Run the workflow of a thread.

        Args:
            session_id: the owner.
            thread_name: the thread's name there.
            config: updates the thread's own for this run.
            workflow: overrides the thread's own for this run.
            op_id: see the module; a repeated run joins or is answered, never run again.
            timeout_s: see the module; the run itself goes on.
            options: ``if_running``, ``after_seconds``, ``deadline_s`` of :meth:`run`.

        Returns:
            what it returned, or yielded last.

        Raises:
            WorkflowExecutionError: it failed; the cause is its own error.
            WorkflowNotRegistered: there is no workflow of this name.
            SessionNotFound, ThreadNotFound: it has nowhere to run.
        """
        return self.run(
            config,
            session_id=session_id,
            thread_name=thread_name,
            workflow=workflow,
            op_id=op_id,
            timeout_s=timeout_s,
            **options,
        )

    def stream_workflow_in_session(
        self,
        session_id: str,
        thread_name: str,
        config: Mapping[str, Any] | None = None,
        *,
        workflow: str | None = None,
        op_id: str | None = None,
        timeout_s: float | None = None,
        **options: Any,
    ) -> Stream[Any]:
        """Run the workflow of a thread and read its durable states as they come.

        Takes the same arguments and raises, in the iteration, the same errors as
        :meth:`execute_workflow_in_session`; ``mode`` is that of :meth:`stream`.

        Returns:
            the states: iterable, async iterable, awaitable to itself; ``close()``
            stops the reading, not the run.
        """
        return self.stream(
            config,
            session_id=session_id,
            thread_name=thread_name,
            workflow=workflow,
            op_id=op_id,
            timeout_s=timeout_s,
            **options,
        )

    def stream(
        self,
        config: Mapping[str, Any] | None,
        *,
        mode: Mode | Sequence[Mode] = "states",
        **where_and_how: Any,
    ) -> Stream[Any]:
        """Submit a run and return the stream of what it shows; arguments as ``run``.

        Args:
            config: updates the thread's own for this run.
            mode: what is shown: "states", "updates", "custom", "messages", "debug".
                Of one mode the stream has the data, of several ``(mode, data)``.
            where_and_how: as of :meth:`run`.
        """
        stream = RunStream(_too_slow)
        self.run(config, stream=stream, mode=mode, **where_and_how)
        return stream

    def start_run(
        self, config: Mapping[str, Any] | None = None, **where_and_how: Any
    ) -> Future[Run]:
        """Start a run in the background; arguments as :meth:`run`.

        Returns:
            the run, running or pending, as soon as it is durable; it goes on, or begins
            when it is its turn, whoever crashes meanwhile. :meth:`join_run` waits for
            its end.
        """
        return self.run(config, background=True, **where_and_how)

    def run(
        self,
        config: Mapping[str, Any] | None,
        *,
        session_id: str | None = None,
        thread_name: str | None = None,
        thread_id: str | None = None,
        owner_hint: str | None = None,
        workflow: str | None = None,
        if_running: IfBusy = "enqueue",
        after_seconds: float = 0.0,
        deadline_s: float | None = None,
        mode: Mode | Sequence[Mode] = "states",
        background: bool = False,
        stream: Stream[Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        op_id: str | None = None,
        timeout_s: float | None = None,
    ) -> Future[Any]:
        """Submit a run, of a thread by id or by name in a session.

        Args:
            config: updates the thread's own for this run.
            session_id: the owner.
            thread_name: the thread's name there.
            thread_id: or the thread's id.
            owner_hint: whom to ask; where the owner is known, this saves a look-up.
            workflow: overrides the thread's own for this run.
            if_running: "enqueue" waits for the runs before it; "reject" fails with
                ThreadBusy, which names the run in the way; "interrupt" has the run in
                progress end where it is, and those that wait not begin; "rollback" has
                the one in progress undone, too.
            after_seconds: begin after so long, and let others go first until then.
            deadline_s: how long the run may take, from its beginning, in seconds; then
                it ends with status "timeout". Its workflow's own if omitted.
            mode: what the stream shows.
            background: answer with the run as soon as it is durable.
            stream: gets what the run shows.
            metadata: the caller's data about the run; its workflow is not told.
            op_id: see the module; a repeated run joins or is answered, never run again.
            timeout_s: see the module; the run itself goes on.
        """
        future: Future[Any] = Future() if background else new_future()
        sources = self._house.sources
        try:
            modes = _modes(mode)
            wait_s = check_timeout(after_seconds, "after_seconds")
            command = RunCommand(
                op_id=sources.new_id() if op_id is None else check_id(op_id, "op id"),
                run_id=sources.new_id(),
                thread_id=_checked(thread_id, "thread id"),
                session_id=_checked(session_id, "session id"),
                thread_name=None if thread_name is None else check_name(thread_name),
                workflow=None if workflow is None else check_name(workflow, "workflow"),
                config=encode_mapping(config, "config"),
                future=future,
                stream=stream,
                if_running=_strategy(if_running),
                not_before_us=sources.clock_us() + round(wait_s * 1e6) if wait_s else 0,
                timeout_us=_timeout_us(deadline_s),
                modes=modes,
                tagged=not isinstance(mode, str),
                background=background,
                is_lasting=not isinstance(future, RunFuture),
                metadata=encode_mapping(metadata, "metadata"),
            )
        except SessionThreadException as error:
            return _refused(error, future, stream)
        return self._send_run(command, session_id or owner_hint, thread_id, timeout_s)

    def _send_run(
        self,
        command: RunCommand,
        session_id: str | None,
        thread_id: str | None,
        timeout_s: float | None,
    ) -> Future[Any]:
        future, stream = command.future, command.stream
        bind(future, command, self._house.store)
        if isinstance(stream, RunStream):
            stream.future = future
        if stream is not None:
            future.add_done_callback(_pass_on(stream))
        return self._house.send(
            command, session_id=session_id, thread_id=thread_id, timeout_s=timeout_s
        )

    def join_run(
        self,
        run_id: str,
        *,
        stream: Stream[Any] | None = None,
        mode: Mode | Sequence[Mode] = "states",
        timeout_s: float | None = None,
    ) -> Future[Any]:
        """Wait for a run's end, whoever started it.

        Args:
            run_id: the run.
            stream: gets what the run shows from now on.
            mode: what that is.
            timeout_s: see the module; the run goes on.

        Returns:
            what it returned, or yielded last.

        Raises:
            ThreadNotFound: there is no such run, or its thread was removed.
            WorkflowExecutionError: it failed; also if it was cancelled or timed out.
        """
        future = new_future()
        try:
            with self._house.store.read() as snapshot:
                run = snapshot.run(check_id(run_id, "run id"))
            if run is None:
                raise ThreadNotFound(f"There is no run {run_id!r}.")
            command = RunCommand(
                op_id=self._house.sources.new_id(),
                run_id=run_id,
                thread_id=run.thread_id,
                session_id=None,
                thread_name=None,
                workflow=None,
                config=EMPTY,
                future=future,
                stream=stream,
                modes=_modes(mode),
                tagged=not isinstance(mode, str),
                joins=True,
            )
        except SessionThreadException as error:
            return _refused(error, future, stream)
        return self._send_run(command, None, run.thread_id, timeout_s)

    def join_stream(
        self, run_id: str, *, mode: Mode | Sequence[Mode] = "states"
    ) -> Stream[Any]:
        """Read what a run shows from now on, whoever started it."""
        stream = RunStream(_too_slow)
        self.join_run(run_id, stream=stream, mode=mode)
        return stream

    @at_the_door
    def cancel_run(self, run_id: str, *, undo: bool = False) -> Future[bool]:
        """Ask a run to stop at its next yield, or when its code looks.

        One that has not begun does not begin.

        Args:
            run_id: the run.
            undo: take its states back when it has stopped.

        Returns:
            whether it had not ended.
        """
        return self._house.cancel(check_id(run_id, "run id"), undo=undo)

    @at_the_door
    def delete_run(
        self,
        thread_id: str,
        run_id: str,
        *,
        op_id: str | None = None,
        timeout_s: float | None = None,
    ) -> Future[bool]:
        """Forget a run that has ended; its states stay.

        Args:
            thread_id: its thread.
            run_id: the run.
            op_id: see the module.
            timeout_s: see the module.

        Returns:
            whether it was there.

        Raises:
            ThreadBusy: it has not ended; cancel it first.
        """
        with self._house.store.read() as snapshot:
            run = snapshot.run(check_id(run_id, "run id"))
        if run is not None and run.finished_at_us is None:
            raise ThreadBusy(
                f"Run {run_id!r} has not ended. Cancel it first.",
                thread_id=thread_id,
                details={"run_id": run_id},
            )
        operation = Expire(runs=((check_id(thread_id, "thread id"), run_id),))
        forgotten = self._apply(
            operation, op_id, timeout_s, thread_ids=(thread_id,), answer=_was_there
        )
        result: Future[bool] = forgotten
        return result


def _was_there(forgotten: Any) -> bool:
    return bool(forgotten.runs)


def _checked(value: str | None, what: str) -> str | None:
    return None if value is None else check_id(value, what)


def _modes(mode: Mode | Sequence[Mode]) -> tuple[Mode, ...]:
    modes: tuple[Any, ...] = (mode,) if isinstance(mode, str) else tuple(mode)
    if not modes or not set(modes) <= set(MODES):
        raise InvalidArgument(f"mode is one of {MODES}, or several, not {mode!r}.")
    return modes


def _strategy(if_running: IfBusy) -> IfBusy:
    if if_running not in get_args(IfBusy):
        raise InvalidArgument(
            f"if_running is one of {get_args(IfBusy)}, not {if_running!r}."
        )
    return if_running


def _timeout_us(deadline_s: float | None) -> int:
    if deadline_s is None:
        return 0
    return max(1, round(check_timeout(deadline_s, "deadline_s") * 1e6))


def _refused(
    error: BaseException, future: Future[Any], stream: Stream[Any] | None
) -> Future[Any]:
    """Answer who asked for what is wrong; a stream tells it in the iteration."""
    if stream is not None:
        stream.fail(error)
        return Future.completed(None)
    future.fail(error)
    return future


def _too_slow() -> Overloaded:
    return Overloaded(
        f"The reader is {STREAM_ITEMS_MAX} states behind and was cut off; "
        "the run goes on.",
        details={"retry_after_s": 0.0},
    )


def _pass_on(stream: Stream[Any]) -> Callable[[Future[Any]], None]:
    """Return a callback that gives a run's failure to its stream."""

    def tell(future: Future[Any]) -> None:
        try:
            future.get()
        except Exception as error:  # noqa: BLE001 - it goes to whoever reads
            stream.fail(error)

    return tell
