"""The rule of copies: a thread becomes two that share their past.

Guarantees: the copy is whole or not there; it has the states (of ``step`` and before,
the newest thousand) under their own numbers and ids, and nothing of the runs, the
owner or the ``rev`` of the original.
"""

from msgspec.structs import replace

from weft.storage import operations as op
from weft.storage.errors import InvalidArgument
from weft.storage.keys import head_key, state_key
from weft.storage.operations_checkpoints import CopyCheckpoints
from weft.storage.records import State, StateRef, Thread
from weft.storage.rules_checkpoints import copy_checkpoints
from weft.storage.rules_context import Context, live_thread
from weft.storage.rules_threads import create_threads

__all__ = ["fork_thread"]


def fork_thread(context: Context, operation: op.ForkThread) -> Thread:
    """Copy a thread with its states; the answer is the copy."""
    source = live_thread(context, operation.thread_id)
    states = _states(context, source, operation.step)
    new = op.NewThread(
        operation.new_thread_id,
        operation.name,
        source.workflow,
        source.config_raw,
        source.metadata_raw,
    )
    creation = op.CreateThreads(
        session_id=operation.session_id or source.session_id,
        threads=(new,),
        create_session=operation.create_session,
    )
    (copy,) = create_threads(context, creation)
    for state in states:
        _put(context, copy, state)
    if states:
        context.draft.put(
            head_key(copy.thread_id), replace(states[0].ref, thread_id=copy.thread_id)
        )
    if operation.step is None:
        copy_checkpoints(
            context,
            CopyCheckpoints(thread_id=source.thread_id, to_thread_id=copy.thread_id),
        )
    return copy


def _states(context: Context, source: Thread, step: int | None) -> list[State]:
    """Return the states that are copied, newest first."""
    head: StateRef | None = context.draft.get(head_key(source.thread_id))
    last = 0 if head is None else head.step
    if step is not None and not 0 < step <= last:
        raise InvalidArgument(
            f"Thread {source.thread_id!r} has no step {step}; its last is {last}.",
            thread_id=source.thread_id,
        )
    found: list[State] = []
    at = last if step is None else step
    while len(found) < op.PARTS_MAX:
        state = context.draft.get(state_key(source.thread_id, at))
        if state is None:
            break
        found.append(state)
        at -= 1
    if step is not None and not found:
        raise InvalidArgument(
            f"Step {step} of thread {source.thread_id!r} is kept no longer.",
            thread_id=source.thread_id,
        )
    return found


def _put(context: Context, copy: Thread, state: State) -> None:
    state = replace(
        state,
        thread_id=copy.thread_id,
        rev=copy.rev,
        created_seq=context.seq,
        updated_seq=context.seq,
    )
    context.draft.put(state_key(copy.thread_id, state.step), state)
