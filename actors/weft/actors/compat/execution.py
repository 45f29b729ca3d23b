"""Executing the workflows of threads, under the original's names.

What the original had one error for arrives as that error, with the cause:
:class:`~weft.storage.WorkflowExecutionError`.
"""

import time
from collections.abc import AsyncIterator, Generator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec

from weft.actors.compat.part import Part
from weft.actors.stream import Stream
from weft.storage import (
    RunInterrupted,
    SessionClosed,
    SessionNotFound,
    SessionThreadException,
    ThreadNotFound,
    WorkflowExecutionError,
    WorkflowNotRegistered,
)

__all__ = ["ExecutionResult", "WorkflowExecutor", "execution_errors", "states_of"]

_FAILED_EXECUTIONS = (
    RunInterrupted,
    SessionClosed,
    SessionNotFound,
    ThreadNotFound,
    WorkflowNotRegistered,
)
"""What the runtime tells apart and the original did not."""


class ExecutionResult(msgspec.Struct, frozen=True):
    """How an execution ended.

    Attributes:
        success: it returned.
        result: what it returned, or yielded last.
        error: why it failed; None otherwise.
        duration_s: in seconds, from the call to the answer.
    """

    success: bool
    result: Any = None
    error: SessionThreadException | None = None
    duration_s: float = 0.0


class WorkflowExecutor(Part):
    """Executes the workflows of threads, and answers failures, too."""

    async def execute(
        self, thread_id: str, config: Mapping[str, Any] | None = None
    ) -> ExecutionResult:
        """Execute the workflow of a thread; a failure is an answer like another."""
        began_s = time.perf_counter()
        try:
            with execution_errors(thread_id=thread_id):
                result = await self._runtime.thread(thread_id).run(config)
        except SessionThreadException as error:
            took_s = time.perf_counter() - began_s
            return ExecutionResult(success=False, error=error, duration_s=took_s)
        took_s = time.perf_counter() - began_s
        return ExecutionResult(success=True, result=result, duration_s=took_s)

    async def stream(
        self, thread_id: str, config: Mapping[str, Any] | None = None
    ) -> AsyncIterator[Any]:
        """Execute the workflow of a thread and return the stream of its states."""
        with execution_errors(thread_id=thread_id):
            stream = self._runtime.thread(thread_id).stream(config)
        return states_of(stream, thread_id=thread_id)


@contextmanager
def execution_errors(
    *,
    session_id: str | None = None,
    thread_id: str | None = None,
    thread_name: str | None = None,
) -> Generator[None]:
    """Raise what a ``with`` block cannot execute as a WorkflowExecutionError.

    Args:
        session_id: the session concerned.
        thread_id: the thread concerned.
        thread_name: its name.
    """
    try:
        yield
    except _FAILED_EXECUTIONS as error:
        raise WorkflowExecutionError(
            error.message,
            session_id=error.session_id or session_id,
            thread_id=error.thread_id or thread_id,
            op_id=error.op_id,
            cause=error,
            details=error.details | {"thread_name": thread_name},
        ) from error


async def states_of(stream: Stream[Any], **where: str | None) -> AsyncIterator[Any]:
    """Yield the states of a run; where it runs is told in its failure.

    Args:
        stream: of the run.
        where: as for :func:`execution_errors`.
    """
    with execution_errors(**where), stream:
        async for state in stream:
            yield state
