"""The run in progress on a thread, and who waits for it."""

from typing import Any, Final

import msgspec

from weft.actors.context import ExecutionContext
from weft.actors.executor import Execution
from weft.actors.messages import RunCommand
from weft.storage import (
    FinishRun,
    Run,
    RunInterrupted,
    Store,
    Thread,
    ThreadNotFound,
    WorkflowExecutionError,
)
from weft.storage.operations import Failure

__all__ = [
    "ActiveRun",
    "answer",
    "answer_repeated",
    "context_of",
    "execution_error",
]

_decode: Final = msgspec.msgpack.decode


class ActiveRun:
    """A run, its execution, and the callers it will answer.

    What callers and streams are given is decoded from what was stored: a workflow that
    goes on changing the value it yielded changes nobody else's.

    Attributes:
        run: the run, at its present attempt.
        execution: its way through the workflow.
        commands: who waits; more than one if its start was repeated meanwhile.
    """

    __slots__ = ("commands", "execution", "run")

    def __init__(
        self, run: Run, execution: Execution, commands: list[RunCommand]
    ) -> None:
        self.run = run
        self.execution = execution
        self.commands = commands

    def show(self, encoded: msgspec.Raw) -> None:
        """Give a durable state to whoever reads along."""
        for command in self.commands:
            if command.stream is not None:
                command.stream.push(_decode(encoded))

    def keep(self, encoded: msgspec.Raw) -> None:
        """Take note of a state that is durable now, and show it."""
        self.execution.context.state_raw = encoded
        self.show(encoded)

    def answer(
        self, finish: FinishRun, error: BaseException | None, thread: Thread
    ) -> None:
        """Answer everybody with the run's end.

        Args:
            finish: the end, as it was stored.
            error: what ended the run, if it was not success.
            thread: the thread as it is now.
        """
        if finish.status != "success":
            self.fail(execution_error(self.run, thread, error, finish.error))
            return
        if finish.state_id is not None:
            self.show(finish.values)
        for command in self.commands:
            answer(command, finish.result)

    def fail(self, error: BaseException) -> None:
        """Answer everybody with an error."""
        for command in self.commands:
            command.fail(error)


def answer(command: RunCommand, result: msgspec.Raw) -> None:
    """Answer a caller with a result as it was stored."""
    command.future.try_set(_decode(result))
    if command.stream is not None:
        command.stream.finish()


def context_of(run: Run, thread: Thread) -> ExecutionContext:
    """Return what a run will see of the world it runs in."""
    return ExecutionContext(
        thread.session_id,
        thread.thread_id,
        thread.thread_name,
        run.run_id,
        run.attempt,
    )


def answer_repeated(
    command: RunCommand, run: Run, thread: Thread, store: Store
) -> None:
    """Answer a repeated start whose run is not in progress here, from the store."""
    with store.read() as snapshot:
        stored = snapshot.run(run.run_id)
    if stored is None:
        command.fail(
            ThreadNotFound(
                f"Thread {run.thread_id!r} was removed after run {run.run_id} began.",
                thread_id=run.thread_id,
                op_id=command.op_id,
            )
        )
    elif stored.status == "running":
        command.fail(
            RunInterrupted(
                f"Run {run.run_id} is being taken over after a crash.",
                thread_id=run.thread_id,
                op_id=command.op_id,
            )
        )
    elif stored.status == "success":
        answer(command, stored.result_raw)
    else:
        command.fail(execution_error(stored, thread))


def execution_error(
    run: Run,
    thread: Thread,
    cause: BaseException | None = None,
    failure: Failure | None = None,
) -> WorkflowExecutionError:
    """Return the error of a run that failed.

    Args:
        run: the run.
        thread: its thread as it is now.
        cause: what the workflow raised, in the process where it did.
        failure: what is stored of it; the run's own error where that is omitted.
    """
    if failure is not None:
        words = f"{failure.type}: {failure.message}"
    else:
        stored: dict[str, Any] = dict(run.error or {"type": run.status, "message": ""})
        words = f"{stored['type']}: {stored['message']}"
    return WorkflowExecutionError(
        f"Workflow {run.workflow!r} on thread {thread.thread_name!r} "
        f"failed with {words}.",
        session_id=thread.session_id,
        thread_id=run.thread_id,
        cause=cause,
        details={"thread_name": thread.thread_name, "run_id": run.run_id},
    )
