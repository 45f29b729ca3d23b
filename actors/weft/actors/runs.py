"""Running workflows: the coordinator's half about runs."""

from collections.abc import Callable, Mapping
from typing import Any

from weft.actors.door import Door, at_the_door
from weft.actors.future import Future
from weft.actors.messages import RunCommand
from weft.actors.stream import STREAM_ITEMS_MAX, Stream
from weft.actors.waits import RunStream, bind, new_future
from weft.storage import Overloaded, SessionThreadException
from weft.storage.ids import check_id, check_name
from weft.storage.operations import encode_mapping

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
    ) -> Future[Any]:
        """Run the workflow of a thread.

        Args:
            session_id: the owner.
            thread_name: the thread's name there.
            config: updates the thread's own for this run.
            workflow: overrides the thread's own for this run.
            op_id: see the module; a repeated run joins or is answered, never run again.
            timeout_s: see the module; the run itself goes on.

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
    ) -> Stream[Any]:
        """Run the workflow of a thread and read its durable states as they come.

        Takes the same arguments and raises, in the iteration, the same errors as
        :meth:`execute_workflow_in_session`.

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
        )

    def stream(
        self, config: Mapping[str, Any] | None, **where_and_how: Any
    ) -> Stream[Any]:
        """Submit a run and return the stream of its states; arguments as ``run``."""
        stream = RunStream(_too_slow)
        self.run(config, stream=stream, **where_and_how)
        return stream

    def run(
        self,
        config: Mapping[str, Any] | None,
        *,
        session_id: str | None = None,
        thread_name: str | None = None,
        thread_id: str | None = None,
        owner_hint: str | None = None,
        workflow: str | None = None,
        stream: Stream[Any] | None = None,
        op_id: str | None = None,
        timeout_s: float | None = None,
    ) -> Future[Any]:
        """Submit a run, of a thread by id or by name in a session."""
        future = new_future()
        sources = self._house.sources
        try:
            command = RunCommand(
                op_id=sources.new_id() if op_id is None else check_id(op_id, "op id"),
                run_id=sources.new_id(),
                thread_id=None
                if thread_id is None
                else check_id(thread_id, "thread id"),
                session_id=None
                if session_id is None
                else check_id(session_id, "session id"),
                thread_name=None if thread_name is None else check_name(thread_name),
                workflow=None if workflow is None else check_name(workflow, "workflow"),
                config=encode_mapping(config, "config"),
                future=future,
                stream=stream,
            )
        except SessionThreadException as error:
            if stream is not None:
                stream.fail(error)
                return Future.completed(None)
            future.fail(error)
            return future
        bind(future, command, self._house.store)
        if isinstance(stream, RunStream):
            stream.future = future
        if stream is not None:
            future.add_done_callback(_pass_on(stream))
        return self._house.send(
            command,
            session_id=session_id or owner_hint,
            thread_id=thread_id,
            timeout_s=timeout_s,
        )

    @at_the_door
    def cancel_run(self, run_id: str) -> Future[bool]:
        """Ask a run to stop at its next yield, or when its code looks.

        Returns:
            whether it was in progress here.
        """
        return self._house.cancel(check_id(run_id, "run id"))


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
