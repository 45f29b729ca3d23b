"""The rules of runs: one at a time on a thread, every write fenced.

A run's write passes only if the thread still lives, still names this run and attempt,
and has the ``rev`` the writer knows. So a run that lost its process, its thread or its
session to a successor cannot write over it.
"""

from msgspec.structs import replace

from weft.storage import operations as op
from weft.storage.errors import InvalidArgument, ThreadBusy
from weft.storage.keys import (
    head_key,
    live_run_key,
    run_key,
    step_key,
    thread_run_key,
)
from weft.storage.records import (
    EMPTY,
    NIL,
    Run,
    RunRef,
    StateRef,
    StepResult,
    Thread,
)
from weft.storage.rules_context import (
    Context,
    live_thread,
    refuse_busy,
    thread_of,
    updated,
)
from weft.storage.rules_fence import check_fence, check_rev, stale_run
from weft.storage.rules_states import append, check_step
from weft.storage.rules_supersede import (
    ROLLED_BACK,
    end_queued,
    ended,
    queued_key_of,
    supersede,
    undo_run,
)

__all__ = [
    "append_state",
    "finish_run",
    "record_step",
    "resume_run",
    "retry_run",
    "start_run",
]


def start_run(context: Context, operation: op.StartRun) -> Run:
    """Begin a run on an idle thread, or queue it."""
    thread = _named_thread(context, operation)
    in_front = thread.run_id or operation.behind
    if operation.if_busy == "reject" and in_front is not None:
        refuse_busy(thread)
        raise _busy(thread, in_front, f"Run {in_front} is before it")
    if context.draft.get(run_key(operation.run_id)) is not None:
        words = f"Run {operation.run_id!r} exists already"
        raise _busy(thread, operation.run_id, words)
    if operation.if_busy in {"interrupt", "rollback"}:
        supersede(context, thread, operation)
    run = Run(
        run_id=operation.run_id,
        thread_id=thread.thread_id,
        workflow=operation.workflow or thread.workflow or op.DEFAULT_WORKFLOW,
        workflow_version=operation.workflow_version,
        config_raw=updated(thread.config_raw, operation.config),
        status="pending",
        attempt=0,
        error=None,
        result_raw=NIL,
        created_at_us=context.at_us,
        started_at_us=context.at_us,
        finished_at_us=None,
        rev=thread.rev,
        created_seq=context.seq,
        updated_seq=context.seq,
        not_before_us=operation.not_before_us,
        timeout_us=operation.timeout_us,
        metadata_raw=operation.metadata,
    )
    context.draft.put(thread_run_key(thread.thread_id, run.run_id), value=True)
    if in_front is None and operation.not_before_us <= context.at_us:
        return _begin(context, thread, run)
    context.draft.put(run_key(run.run_id), run)
    context.draft.put(queued_key_of(run), value=True)
    context.tell(thread.session_id, "run", thread)
    return run


def resume_run(context: Context, operation: op.ResumeRun) -> Run:
    """Begin a pending run, or take one over: the next attempt fences the last."""
    run: Run | None = context.draft.get(run_key(operation.run_id))
    thread = live_thread(context, operation.thread_id)
    if run is not None and run.is_queued and run.thread_id == thread.thread_id:
        refuse_busy(thread)
        context.draft.put(queued_key_of(run), None)
    else:
        thread, run = _live_run(context, operation.thread_id, operation.run_id)
    version = operation.workflow_version or run.workflow_version
    return _begin(context, thread, replace(run, workflow_version=version))


def retry_run(context: Context, operation: op.RetryRun) -> Run:
    """End an attempt that failed; the run keeps its thread until the next."""
    thread, run = _live_run(context, operation.thread_id, operation.run_id)
    check_fence(thread, operation.run_id, operation.attempt)
    run = replace(
        run,
        status="pending",
        attempt=run.attempt + 1,
        failures=run.failures + 1,
        error=_words(operation.error),
        not_before_us=operation.not_before_us,
        updated_seq=context.seq,
    )
    return _occupy(context, thread, run)


def record_step(context: Context, operation: op.RecordStep) -> bool:
    """Record what a step came to; the answer is whether it was the first record."""
    thread = live_thread(context, operation.thread_id)
    check_fence(thread, operation.run_id, operation.attempt)
    check_rev(thread, operation.rev)
    key = step_key(operation.run_id, operation.name)
    if context.draft.get(key) is not None:
        context.tell(thread.session_id, "run", thread)
        return False
    step = StepResult(
        run_id=operation.run_id,
        name=operation.name,
        value_raw=operation.value,
        attempt=operation.attempt,
        created_at_us=context.at_us,
        rev=thread.rev,
        created_seq=context.seq,
        updated_seq=context.seq,
    )
    context.draft.put(key, step)
    context.tell(thread.session_id, "run", thread)
    return True


def append_state(context: Context, operation: op.AppendState) -> StateRef:
    """Append a durable state, by a run or by hand."""
    thread = live_thread(context, operation.thread_id)
    if operation.run_id is None:
        refuse_busy(thread)
    else:
        check_fence(thread, operation.run_id, operation.attempt)
    if operation.rev is not None:
        check_rev(thread, operation.rev)
    if operation.after_step is not None:
        check_step(context, thread, operation.after_step)
    ref = append(
        context,
        thread,
        operation.state_id,
        operation.run_id,
        operation.values,
        operation.metadata,
    )
    if operation.workflow_version and operation.run_id is not None:
        run: Run = context.draft.get(run_key(operation.run_id))
        run = replace(run, workflow_version=operation.workflow_version)
        context.draft.put(run_key(run.run_id), replace(run, updated_seq=context.seq))
    context.tell(thread.session_id, "state", thread)
    return ref


def finish_run(context: Context, operation: op.FinishRun) -> RunRef:
    """End a run, with its last state if it has one; the thread is usable again."""
    queued: Run | None = context.draft.get(run_key(operation.run_id))
    if queued is not None and queued.is_queued and operation.attempt == 0:
        thread = live_thread(context, operation.thread_id)
        end_queued(context, thread, queued, operation.status, _words(operation.error))
        return RunRef(queued.run_id, thread.thread_id, operation.status, None)
    thread, run = _live_run(context, operation.thread_id, operation.run_id)
    check_fence(thread, operation.run_id, operation.attempt)
    if operation.status in {"pending", "running"}:
        raise InvalidArgument(f"{operation.status!r} is no end of a run.")
    state = None
    if operation.undo or run.superseding == "rollback":
        undo_run(context, thread, run)
        run = ended(context, run, "interrupted", ROLLED_BACK)
    else:
        error = _words(operation.error)
        run = ended(context, run, operation.status, error, operation.result)
        if operation.state_id is not None:
            state = append(
                context, thread, operation.state_id, run.run_id, operation.values, EMPTY
            )
    context.draft.put(live_run_key(run.run_id), None)
    for key, _ in list(context.draft.steps(run.run_id)):
        context.draft.put(key, None)
    status = _THREAD_STATUS.get(run.status, "error")
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


def _begin(context: Context, thread: Thread, run: Run) -> Run:
    """Begin the next attempt; the one that a failure left pending has its number."""
    first = run.attempt == 0
    if first:
        head: StateRef | None = context.draft.get(head_key(thread.thread_id))
        ends_us = context.at_us + run.timeout_us if run.timeout_us else 0
        run = replace(
            run,
            base_step=0 if head is None else head.step,
            deadline_us=ends_us,
            began_seq=context.seq,
            turn=thread.turns + 1,
        )
    run = replace(
        run,
        status="running",
        attempt=run.attempt + (first or run.status == "running"),
        started_at_us=context.at_us,
        rev=thread.rev,
        updated_seq=context.seq,
    )
    return _occupy(context, thread, run)


def _occupy(context: Context, thread: Thread, run: Run) -> Run:
    context.draft.put(run_key(run.run_id), run)
    context.draft.put(live_run_key(run.run_id), thread.thread_id)
    thread = context.put_thread(
        thread,
        status="busy",
        run_id=run.run_id,
        run_attempt=run.attempt,
        turns=max(thread.turns, run.turn),
    )
    context.tell(thread.session_id, "run", thread)
    return run


def _words(failure: op.Failure | None) -> dict[str, str] | None:
    if failure is None:
        return None
    return {"type": failure.type, "message": failure.message}


def _busy(thread: Thread, run_id: str, words: str) -> ThreadBusy:
    return ThreadBusy(
        f"{words} on thread {thread.thread_name!r}.",
        session_id=thread.session_id,
        thread_id=thread.thread_id,
        details={"run_id": run_id},
    )


def _live_run(context: Context, thread_id: str, run_id: str) -> tuple[Thread, Run]:
    thread = live_thread(context, thread_id)
    run: Run | None = context.draft.get(run_key(run_id))
    if run is None or thread.run_id != run_id:
        raise stale_run(thread, run_id)
    return thread, run
