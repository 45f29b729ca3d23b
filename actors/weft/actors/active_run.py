"""The run in progress on a thread, and who waits for it."""

from typing import Any, Final

import msgspec

from weft.actors.context import ExecutionContext
from weft.actors.executor import Execution
from weft.actors.messages import RunCommand
from weft.actors.run_messages import Mark, Mode
from weft.storage import (
    FinishRun,
    Run,
    RunInterrupted,
    Store,
    Thread,
    ThreadNotFound,
    WorkflowExecutionError,
)
from weft.storage.keys import LOG_BITS
from weft.storage.operations import Failure

__all__ = [
    "ActiveRun",
    "answer",
    "answer_repeated",
    "context_of",
    "execution_error",
    "superseded_error",
]

_decode: Final = msgspec.msgpack.decode

_MADE_OF_STATES: Final = frozenset({"states", "updates", "debug"})


class ActiveRun:
    """A run, its execution, and the callers it will answer.

    What callers and streams are given is decoded from what was stored: a workflow that
    goes on changing the value it yielded changes nobody else's.

    Attributes:
        run: the run, at its present attempt.
        execution: its way through the workflow.
        commands: who waits; more than one if its start was repeated meanwhile.
        ending: its end is on its way to the store, by the clock.
        undo: its states are to be taken back at its end.
    """

    __slots__ = ("commands", "ending", "execution", "run", "undo")

    def __init__(
        self, run: Run, execution: Execution, commands: list[RunCommand]
    ) -> None:
        self.run = run
        self.execution = execution
        self.commands: list[RunCommand] = []
        self.ending = self.undo = False
        for command in commands:
            self.join(command, begins=True)
        self.tell("debug", self._event("began"))

    def join(self, command: RunCommand, *, begins: bool = False) -> None:
        """Have one more to answer; it reads along from here.

        Args:
            command: who asks.
            begins: the attempt has not done anything yet.
        """
        self.commands.append(command)
        if command.stream is not None:
            self.execution.context.wanted |= frozenset(command.modes)
        if "marks" in command.modes:
            mark = self._mark(begins=begins, joined=command.joins)
            _push(command, "marks", mark)

    def show(self, encoded: msgspec.Raw) -> None:
        """Give a durable state to whoever reads along."""
        if not self.execution.context.wanted & _MADE_OF_STATES:
            return
        before = self.execution.context.state
        for command in self.commands:
            if "states" in command.modes:
                _push(command, "states", _decode(encoded))
            if "updates" in command.modes:
                _push(command, "updates", _change(before, _decode(encoded)))
        self.tell("debug", self._event("state", state=_decode(encoded)))

    def tell(self, mode: Mode, data: Any) -> None:
        """Give something to those who read along and want it."""
        if mode in self.execution.context.wanted:
            for command in self.commands:
                if mode in command.modes:
                    _push(command, mode, data)

    def _event(self, kind: str, **data: Any) -> dict[str, Any]:
        run = self.run
        return {"type": kind, "run_id": run.run_id, "attempt": run.attempt, **data}

    def keep(self, encoded: msgspec.Raw) -> None:
        """Take note of a state that is durable now, and show it."""
        self.show(encoded)
        self.execution.context.state_raw = encoded
        if "marks" in self.execution.context.wanted:
            self.tell("marks", self._mark())

    def _mark(self, *, begins: bool = False, joined: bool = False) -> Mark:
        """Return where the run stands; the code waits, so it is its last state."""
        run, store = self.run, self.execution.context.store
        seq = run.updated_seq
        if store is not None:
            with store.read() as snapshot:
                state = snapshot.state(run.thread_id)
            if state is not None and state.run_id == run.run_id:
                made = state.created_seq
                if made >> LOG_BITS == seq >> LOG_BITS:  # else before it was moved
                    seq = max(seq, made)
        return Mark(seq, run.attempt, begins, joined)

    def answer(
        self, finish: FinishRun, error: BaseException | None, thread: Thread
    ) -> None:
        """Answer everybody with the run's end.

        Args:
            finish: the end, as it was stored.
            error: what ended the run, if it was not success.
            thread: the thread as it is now.
        """
        if finish.status == "success" and finish.state_id is not None:
            self.show(finish.values)
        self.tell("debug", self._event("ended", status=finish.status))
        if finish.status != "success":
            self.fail(execution_error(self.run, thread, error, finish.error))
            return
        for command in self.commands:
            answer(command, finish.result)

    def failed_once(self, failure: Failure, delay_s: float) -> None:
        """Tell that the attempt failed and another will follow."""
        words = f"{failure.type}: {failure.message}"
        self.tell("debug", self._event("failed", error=words, delay_s=delay_s))

    def fail(self, error: BaseException) -> None:
        """Answer everybody with an error."""
        for command in self.commands:
            command.fail(error)


def _push(command: RunCommand, mode: Mode, data: Any) -> None:
    if command.stream is not None:
        command.stream.push((mode, data) if command.tagged else data)


def _change(before: Any, after: Any) -> Any:
    """Return what is new in a state: of a mapping the entries that changed."""
    if not isinstance(before, dict) or not isinstance(after, dict):
        return after
    return {
        key: value
        for key, value in after.items()
        if key not in before or before[key] != value
    }


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
    command: RunCommand, run_id: str, thread: Thread, store: Store
) -> None:
    """Answer a repeated start whose run is not in progress here, from the store."""
    with store.read() as snapshot:
        stored = snapshot.run(run_id)
    if stored is None:
        command.fail(
            ThreadNotFound(
                f"Thread {thread.thread_id!r} was removed after run {run_id} began.",
                thread_id=thread.thread_id,
                op_id=command.op_id,
            )
        )
    elif command.background:
        command.future.try_set(stored)
        if command.stream is not None:
            command.stream.finish()
    elif stored.finished_at_us is None:
        command.fail(
            RunInterrupted(
                f"Run {run_id} is being taken over after a crash.",
                thread_id=stored.thread_id,
                op_id=command.op_id,
            )
        )
    elif stored.status == "success":
        answer(command, stored.result_raw)
    else:
        command.fail(execution_error(stored, thread, _interruption(stored)))


def _interruption(run: Run) -> RunInterrupted | None:
    """Return the cause of the end of a run that was asked to stop."""
    if run.status != "interrupted" or run.error is None:
        return None
    return RunInterrupted(run.error["message"], thread_id=run.thread_id)


def superseded_error(run: Run, thread: Thread, by: str) -> WorkflowExecutionError:
    """Return the error of a run whose place another took before it began."""
    words = f"Run {by} took its place."
    cause = RunInterrupted(words, thread_id=run.thread_id)
    return execution_error(run, thread, cause, Failure("RunInterrupted", words))


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
        f"failed with {words.rstrip('.')}.",
        session_id=thread.session_id,
        thread_id=run.thread_id,
        cause=cause,
        details={"thread_name": thread.thread_name, "run_id": run.run_id},
    )
