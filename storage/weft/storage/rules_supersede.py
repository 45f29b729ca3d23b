"""The rules of runs that make room for others: interrupted, or undone.

Guarantees: a run that was rolled back leaves its thread's states and checkpoints as
they were before it began, in the transaction that ends it, whatever it came to itself.
"""

from typing import Final

from msgspec import Raw
from msgspec.structs import replace

from weft.storage.keys import Key, head_key, queued_run_key, run_key, state_key
from weft.storage.operations_runs import StartRun
from weft.storage.records import (
    NIL,
    Run,
    RunStatus,
    State,
    StateRef,
    Superseding,
    Thread,
)
from weft.storage.rules_checkpoints import drop_checkpoints_of
from weft.storage.rules_context import Context

__all__ = [
    "ROLLED_BACK",
    "end_queued",
    "ended",
    "queued_key_of",
    "supersede",
    "undo_run",
]

ROLLED_BACK: Final = {
    "type": "RolledBack",
    "message": "A later run took its place and undid it.",
}
"""The error of a run that left no state behind."""


def ended(
    context: Context,
    run: Run,
    status: RunStatus,
    error: dict[str, str] | None,
    result: Raw = NIL,
) -> Run:
    """Write a run's end and return it."""
    run = replace(
        run,
        status=status,
        error=error,
        result_raw=result,
        finished_at_us=context.at_us,
        updated_seq=context.seq,
    )
    context.draft.put(run_key(run.run_id), run)
    return run


def queued_key_of(run: Run) -> Key:
    """Return the key that says that a run waits for its turn."""
    return queued_run_key(run.thread_id, run.created_seq, run.run_id)


def end_queued(
    context: Context,
    thread: Thread,
    run: Run,
    status: RunStatus,
    error: dict[str, str] | None,
) -> None:
    """End a run that has not begun; its thread does not notice."""
    ended(context, run, status, error)
    context.draft.put(queued_key_of(run), None)
    context.tell(thread.session_id, "run", thread)


def supersede(context: Context, thread: Thread, operation: StartRun) -> None:
    """Tell the run in progress to make room, and end those that wait."""
    words = f"Run {operation.run_id} took its place."
    for run_id in operation.instead_of:
        queued: Run | None = context.draft.get(run_key(run_id))
        if queued is not None and queued.is_queued:
            error = {"type": "RunInterrupted", "message": words}
            end_queued(context, thread, queued, "interrupted", error)
    if thread.run_id is None:
        return
    run: Run = context.draft.get(run_key(thread.run_id))
    if run.superseding != "rollback":
        undo = operation.if_busy == "rollback"
        how: Superseding = "rollback" if undo else "interrupt"
        run = replace(run, superseding=how, updated_seq=context.seq)
        context.draft.put(run_key(run.run_id), run)


def undo_run(context: Context, thread: Thread, run: Run) -> None:
    """Take back the states and checkpoints of a run in progress."""
    draft, thread_id = context.draft, thread.thread_id
    head: StateRef | None = draft.get(head_key(thread_id))
    if head is not None and head.step > run.base_step:
        draft.trimmed = True
        for step in range(run.base_step + 1, head.step + 1):
            draft.put(state_key(thread_id, step), None)
        before: State | None = draft.get(state_key(thread_id, run.base_step))
        draft.put(head_key(thread_id), None if before is None else before.ref)
    drop_checkpoints_of(context, thread_id, run.run_id)
    context.tell(thread.session_id, "state", thread)
