"""The rule of states: each has its step, follows its parent, and is the head.

Guarantees: a thread's states have the steps 1, 2, 3 ..., in the order in which they
became durable.
"""

from msgspec import Raw

from weft.storage.errors import StaleRevision
from weft.storage.keys import head_key, state_key
from weft.storage.records import State, StateRef, Thread
from weft.storage.rules_context import Context

__all__ = ["append", "check_step"]


def check_step(context: Context, thread: Thread, after_step: int) -> None:
    """Refuse a state whose writer does not know the thread's last one.

    Raises:
        StaleRevision: the thread's last step is another.
    """
    head: StateRef | None = context.draft.get(head_key(thread.thread_id))
    last = 0 if head is None else head.step
    if after_step != last:
        raise StaleRevision(
            f"The last step of thread {thread.thread_id!r} is {last}, "
            f"the write comes after {after_step}.",
            session_id=thread.session_id,
            thread_id=thread.thread_id,
            details={"stored_step": last, "given_step": after_step},
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
