"""What a thread submits for its runs: start, resumption, states, end.

Pure functions of what the thread knows; ids and time are given here, because the rules
have neither.
"""

import msgspec

from weft.actors.messages import Failed, RunCommand, Yielded
from weft.actors.run_messages import Migrated, Stepped
from weft.actors.sources import Sources
from weft.actors.workflow import Workflow, Workflows
from weft.storage import (
    AppendState,
    FinishRun,
    ResumeRun,
    RetryRun,
    Run,
    RunInterrupted,
    StartRun,
    Store,
    Thread,
)
from weft.storage.operations import Failure, RecordStep
from weft.storage.records import NIL, RunStatus

__all__ = [
    "HeartbeatLost",
    "append_of",
    "check_registered",
    "end_of",
    "failed_end_of",
    "resumption_of",
    "retry_of",
    "start_of",
    "step_of",
    "unplaced_start_of",
]


class HeartbeatLost(TimeoutError):
    """The run's code was silent for longer than its policy allows."""


def check_registered(
    name: str, command: RunCommand, workflows: Workflows, store: Store
) -> None:
    """Refuse a start whose workflow is not registered, unless it is a repetition.

    A repeated start is answered from the log even if its workflow has gone.

    Raises:
        WorkflowNotRegistered: there is no such workflow, and the start is new.
    """
    if name in workflows:
        return
    with store.read() as snapshot:
        known = snapshot.operation(command.op_id)
    if known is None:
        workflows.get(name)


def start_of(
    sources: Sources,
    command: RunCommand,
    thread: Thread,
    workflow: Workflow | None,
    behind: str | None = None,
    instead_of: tuple[str, ...] = (),
) -> StartRun:
    """Return the start of a run on a thread.

    Args:
        sources: time and ids.
        command: who wants it.
        thread: where.
        workflow: what it will execute, if that is registered.
        behind: the run that is in front of it.
        instead_of: the runs whose place it takes.
    """
    timeout_us = command.timeout_us
    if not timeout_us and workflow is not None and workflow.timeout_s is not None:
        timeout_us = max(1, round(workflow.timeout_s * 1e6))
    return StartRun(
        op_id=command.op_id,
        at_us=sources.clock_us(),
        thread_id=thread.thread_id,
        run_id=command.run_id,
        workflow=command.workflow,
        workflow_version="" if workflow is None else workflow.version,
        config=command.config,
        if_busy=command.if_running,
        behind=behind,
        instead_of=instead_of,
        not_before_us=command.not_before_us,
        timeout_us=timeout_us,
        metadata=command.metadata,
    )


def unplaced_start_of(sources: Sources, command: RunCommand) -> StartRun:
    """Return the start of a run that has found no thread, for the writer to judge.

    One that was to be joined is refused in any case: it stands behind itself.
    """
    return StartRun(
        op_id=command.op_id,
        at_us=sources.clock_us(),
        session_id=command.session_id,
        thread_id=command.thread_id,
        thread_name=command.thread_name,
        run_id=command.run_id,
        workflow=command.workflow,
        config=command.config,
        if_busy="reject" if command.joins else command.if_running,
        behind=command.run_id if command.joins else None,
        not_before_us=command.not_before_us,
        timeout_us=command.timeout_us,
        metadata=command.metadata,
    )


def resumption_of(sources: Sources, run: Run, version: str = "") -> ResumeRun:
    """Return the next attempt of a run: a pending one, or one whose process died."""
    return ResumeRun(
        op_id=sources.new_id(),
        at_us=sources.clock_us(),
        thread_id=run.thread_id,
        run_id=run.run_id,
        workflow_version=version,
    )


def retry_of(sources: Sources, run: Run, failure: Failure, delay_s: float) -> RetryRun:
    """Return the end of an attempt that failed; the next comes after a while."""
    now_us = sources.clock_us()
    return RetryRun(
        op_id=sources.new_id(),
        at_us=now_us,
        thread_id=run.thread_id,
        run_id=run.run_id,
        attempt=run.attempt,
        error=failure,
        not_before_us=now_us + round(delay_s * 1e6),
    )


def step_of(sources: Sources, message: Stepped, thread_id: str, rev: int) -> RecordStep:
    """Return the record of a step, under a ``rev`` of its thread."""
    return RecordStep(
        op_id=sources.new_id(),
        at_us=sources.clock_us(),
        thread_id=thread_id,
        run_id=message.run_id,
        attempt=message.attempt,
        rev=rev,
        name=message.name,
        value=message.encoded,
    )


def append_of(
    sources: Sources, message: Yielded | Migrated, thread_id: str, rev: int
) -> AppendState:
    """Return the state that a run yielded, under a ``rev`` of its thread."""
    return AppendState(
        op_id=sources.new_id(),
        at_us=sources.clock_us(),
        thread_id=thread_id,
        state_id=sources.new_id(),
        run_id=message.run_id,
        attempt=message.attempt,
        rev=rev,
        values=message.encoded,
        workflow_version=getattr(message, "workflow_version", ""),
    )


def end_of(
    sources: Sources,
    run: Run,
    status: RunStatus,
    failure: Failure | None = None,
    *,
    result: msgspec.Raw = NIL,
    is_state: bool = False,
    undo: bool = False,
) -> FinishRun:
    """Return the end of a run.

    Args:
        sources: time and ids.
        run: the run, at its attempt.
        status: how it ended.
        failure: why, if not with success.
        result: what it returned, encoded.
        is_state: the result is the thread's next state.
        undo: take its states back.
    """
    return FinishRun(
        op_id=sources.new_id(),
        at_us=sources.clock_us(),
        thread_id=run.thread_id,
        run_id=run.run_id,
        attempt=run.attempt,
        status=status,
        error=failure,
        result=result,
        state_id=sources.new_id() if is_state else None,
        values=result if is_state else NIL,
        undo=undo,
    )


def failed_end_of(
    sources: Sources, run: Run, message: Failed, *, undo: bool = False
) -> FinishRun:
    """Return the end of a run that raised: interrupted if it was asked to stop."""
    cancelled = isinstance(message.error, RunInterrupted)
    status: RunStatus = "interrupted" if cancelled else "error"
    if isinstance(message.error, HeartbeatLost):
        status = "timeout"
    return end_of(sources, run, status, message.failure, undo=undo)
