"""The rules of runs: one at a time on a thread, every write fenced.

A run's write passes only if the thread still lives, still names this run and attempt,
and has the ``rev`` the writer knows. So a run that lost its process, its thread or its
session to a successor cannot write over it.
"""

from msgspec import Raw, msgpack
from msgspec.structs import replace

from weft.storage import operations as op
from weft.storage.errors import InvalidArgument, StaleRevision, ThreadBusy
from weft.storage.keys import (
    head_key,
    live_run_key,
    run_key,
    state_key,
    thread_run_key,
)
from weft.storage.records import EMPTY, NIL, Run, RunRef, State, StateRef, Thread
from weft.storage.rules_context import (
    Context,
    live_thread,
    refuse_busy,
    thread_of,
)

__all__ = [
    "append",
    "append_state",
    "check_fence",
    "finish_run",
    "resume_run",
    "start_run",
]


def start_run(context: Context, operation: op.StartRun) -> Run:
    """Begin a run on an idle thread."""
    thread = _named_thread(context, operation)
    refuse_busy(thread)
    if context.draft.get(run_key(operation.run_id)) is not None:
        raise ThreadBusy(
            f"Run {operation.run_id!r} exists already.",
            thread_id=thread.thread_id,
            details={"run_id": operation.run_id},
        )
    run = Run(
        run_id=operation.run_id,
        thread_id=thread.thread_id,
        workflow=operation.workflow or thread.workflow or op.DEFAULT_WORKFLOW,
        workflow_version=operation.workflow_version,
        config_raw=_updated(thread.config_raw, operation.config),
        status="running",
        attempt=1,
        error=None,
        result_raw=NIL,
        created_at_us=context.at_us,
        started_at_us=context.at_us,
        finished_at_us=None,
        rev=thread.rev,
        created_seq=context.seq,
        updated_seq=context.seq,
    )
    context.draft.put(thread_run_key(thread.thread_id, run.run_id), value=True)
    return _occupy(context, thread, run)


def resume_run(context: Context, operation: op.ResumeRun) -> Run:
    """Take over a run whose process died: the next attempt fences the last."""
    thread, run = _live_run(context, operation.thread_id, operation.run_id)
    run = replace(
        run,
        attempt=run.attempt + 1,
        workflow_version=operation.workflow_version or run.workflow_version,
        started_at_us=context.at_us,
        rev=thread.rev,
        updated_seq=context.seq,
    )
    return _occupy(context, thread, run)


def append_state(context: Context, operation: op.AppendState) -> StateRef:
    """Append a durable state, by a run or by hand."""
    thread = live_thread(context, operation.thread_id)
    if operation.run_id is None:
        refuse_busy(thread)
    else:
        check_fence(thread, operation.run_id, operation.attempt)
    if operation.rev is not None and operation.rev != thread.rev:
        raise StaleRevision(
            f"Thread {thread.thread_id!r} is at revision {thread.rev}, "
            f"the write is of {operation.rev}.",
            session_id=thread.session_id,
            thread_id=thread.thread_id,
            details={"stored_rev": thread.rev, "given_rev": operation.rev},
        )
    ref = append(
        context,
        thread,
        operation.state_id,
        operation.run_id,
        operation.values,
        operation.metadata,
    )
    context.tell(thread.session_id, "state", thread)
    return ref


def finish_run(context: Context, operation: op.FinishRun) -> RunRef:
    """End a run, with its last state if it has one; the thread is usable again."""
    thread, run = _live_run(context, operation.thread_id, operation.run_id)
    check_fence(thread, operation.run_id, operation.attempt)
    if operation.status in {"pending", "running"}:
        raise InvalidArgument(f"{operation.status!r} is no end of a run.")
    error = operation.error
    run = replace(
        run,
        status=operation.status,
        error=None if error is None else {"type": error.type, "message": error.message},
        result_raw=operation.result,
        finished_at_us=context.at_us,
        updated_seq=context.seq,
    )
    context.draft.put(run_key(run.run_id), run)
    context.draft.put(live_run_key(run.run_id), None)
    state = None
    if operation.state_id is not None:
        state = append(
            context, thread, operation.state_id, run.run_id, operation.values, EMPTY
        )
    status = _THREAD_STATUS.get(operation.status, "error")
    thread = context.put_thread(thread, status=status, run_id=None, run_attempt=0)
    context.tell(thread.session_id, "run", thread)
    return RunRef(run.run_id, thread.thread_id, run.status, state)


_THREAD_STATUS = {"success": "idle", "interrupted": "interrupted"}


def _named_thread(context: Context, operation: op.StartRun) -> Thread:
    if operation.thread_id is not None:
        return live_thread(context, operation.thread_id, operation.session_id)
    if operation.session_id is None or operation.thread_name is None:
        raise InvalidArgument("A run needs a thread id, or a session and a name.")
    return thread_of(context, operation.session_id, operation.thread_name)


def _updated(config: Raw, changes: Raw) -> Raw:
    """Return an encoded mapping updated with another."""
    if config == EMPTY:
        return changes
    if changes == EMPTY:
        return config
    return Raw(msgpack.encode(msgpack.decode(config) | msgpack.decode(changes)))


def _occupy(context: Context, thread: Thread, run: Run) -> Run:
    context.draft.put(run_key(run.run_id), run)
    context.draft.put(live_run_key(run.run_id), thread.thread_id)
    thread = context.put_thread(
        thread, status="busy", run_id=run.run_id, run_attempt=run.attempt
    )
    context.tell(thread.session_id, "run", thread)
    return run


def _live_run(context: Context, thread_id: str, run_id: str) -> tuple[Thread, Run]:
    thread = live_thread(context, thread_id)
    run: Run | None = context.draft.get(run_key(run_id))
    if run is None or thread.run_id != run_id:
        raise _stale_run(thread, run_id)
    return thread, run


def check_fence(thread: Thread, run_id: str, attempt: int) -> None:
    """Refuse the write of a run, or of an attempt, that is not the one in progress.

    Raises:
        StaleRevision: it is not.
    """
    if thread.run_id != run_id or thread.run_attempt != attempt:
        raise _stale_run(thread, run_id)


def _stale_run(thread: Thread, run_id: str) -> StaleRevision:
    return StaleRevision(
        f"Run {run_id} is no longer the one in progress on thread "
        f"{thread.thread_id!r}.",
        session_id=thread.session_id,
        thread_id=thread.thread_id,
        details={"run_id": run_id, "current_run_id": thread.run_id},
    )


def append(
    context: Context,
    thread: Thread,
    state_id: str,
    run_id: str | None,
    values: Raw,
    metadata: Raw,
) -> StateRef:
    """Append a state to a thread whose fence has been checked."""
    head: StateRef | None = context.draft.get(head_key(thread.thread_id))
    state = State(
        state_id=state_id,
        thread_id=thread.thread_id,
        run_id=run_id,
        step=1 if head is None else head.step + 1,
        values_raw=values,
        metadata_raw=metadata,
        parent_id=None if head is None else head.state_id,
        created_at_us=context.at_us,
        rev=thread.rev,
        created_seq=context.seq,
        updated_seq=context.seq,
    )
    context.draft.put(state_key(thread.thread_id, state.step), state)
    ref = state.ref
    context.draft.put(head_key(thread.thread_id), ref)
    return ref
