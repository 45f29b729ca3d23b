"""The rules of checkpoints: who may write them, and what goes together.

LangGraph's own savers take every write. Here a write is fenced four ways, each in the
transaction that makes it: the thread lives (a removed one does not come back by a late
write), its ``rev`` is the one the writer names, Weft's run is the one in progress at
its present attempt, and a run that only LangGraph knows has been followed by no other.
Two writes upon one checkpoint are a fork and legal.

Guarantees: a write of a run that was superseded is refused for as long as the thread
lives; what is deleted takes its pending writes and its channels' values along, and no
value that a remaining checkpoint has.
"""

from typing import Final, NamedTuple

from msgspec.structs import replace

from weft.storage.checkpoints import ChannelValue, Checkpoint, PendingWrite
from weft.storage.errors import InvalidArgument, StaleRevision
from weft.storage.keys import Key, session_key, thread_key
from weft.storage.keys_checkpoints import (
    WRITER,
    WRITER_RUN,
    channel_key,
    checkpoint_key,
    moved,
    pending_write_key,
    run_of,
    run_thread_key,
    writer_key,
    writer_run_key,
)
from weft.storage.operations import CreateThreads, NewThread
from weft.storage.operations_checkpoints import (
    CopyCheckpoints,
    DeleteCheckpoints,
    GraphWrite,
    PutCheckpoint,
    PutWrites,
)
from weft.storage.records import EMPTY, Thread
from weft.storage.rules_context import Context, live_thread, refuse_busy
from weft.storage.rules_fence import check_fence
from weft.storage.rules_states import append
from weft.storage.rules_threads import create_threads

__all__ = [
    "copy_checkpoints",
    "delete_checkpoints",
    "drop_checkpoints_of",
    "put_checkpoint",
    "put_writes",
]

TOUCH_US: Final = 1_000_000
"""How old a thread's ``updated_at`` may grow under writes: renewing it each time would
write one more page at random, and whoever asks for idle threads counts in hours."""


def put_checkpoint(context: Context, operation: PutCheckpoint) -> str:
    """Write a checkpoint with what is new in it; the answer is its id."""
    thread = _writable(context, operation)
    _check_parent(context, operation, thread)
    draft, thread_id = context.draft, operation.thread_id
    namespace, checkpoint_id = operation.checkpoint_ns, operation.checkpoint_id
    for value in operation.values:
        draft.put(
            channel_key(thread_id, namespace, value.channel, value.version),
            ChannelValue(
                thread_id,
                namespace,
                value.channel,
                value.version,
                value.data,
                context.seq,
            ),
        )
    checkpoint = Checkpoint(
        thread_id=thread_id,
        checkpoint_ns=namespace,
        checkpoint_id=checkpoint_id,
        parent_id=operation.parent_id,
        versions=operation.versions,
        data=operation.data,
        metadata=operation.metadata,
        run_id=operation.run_id,
        deltas=operation.deltas,
        created_at_us=context.at_us,
        rev=thread.rev,
        created_seq=context.seq,
        updated_seq=context.seq,
    )
    draft.put(checkpoint_key(thread_id, namespace, checkpoint_id), checkpoint)
    if operation.state_id is not None:
        run_id = None if operation.attempt is None else operation.run_id
        append(context, thread, operation.state_id, run_id, operation.state, EMPTY)
    context.tell(thread.session_id, "state", thread)
    return checkpoint_id


def put_writes(context: Context, operation: PutWrites) -> int:
    """Write what a task has done; the answer is how many writes were new."""
    thread = _writable(context, operation)
    place = (operation.thread_id, operation.checkpoint_ns, operation.checkpoint_id)
    written = 0
    for write in operation.writes:
        key = pending_write_key(*place, operation.task_id, write.index)
        if write.index >= 0 and context.draft.get(key) is not None:
            continue
        context.draft.put(
            key,
            PendingWrite(
                *place,
                operation.task_id,
                write.index,
                write.channel,
                write.data,
                operation.task_path,
                context.seq,
            ),
        )
        written += 1
    context.tell(thread.session_id, "state", thread)
    return written


def delete_checkpoints(context: Context, operation: DeleteCheckpoints) -> int:
    """Delete checkpoints with all that is theirs alone; the answer is how many."""
    thread = live_thread(context, operation.thread_id)
    refuse_busy(thread)
    held = _Held.of(context, thread.thread_id)
    kept = _kept(held, operation)
    _drop(context, held, kept)
    for run_id in operation.run_ids or ():
        # Not the mark that it wrote here: what it writes late is refused still.
        context.draft.put(run_thread_key(run_id, thread.thread_id), None)
    context.tell(thread.session_id, "state", thread)
    return len(held.checkpoints) - len(kept)


def drop_checkpoints_of(context: Context, thread_id: str, run_id: str) -> None:
    """Delete what a run wrote, with all that is its alone."""
    held = _Held.of(context, thread_id)
    _drop(context, held, {p for p, c in held.checkpoints.items() if c.run_id != run_id})
    context.draft.put(run_thread_key(run_id, thread_id), None)


def copy_checkpoints(context: Context, operation: CopyCheckpoints) -> int:
    """Copy a thread's checkpoints; the answer is how many entries that were."""
    source, target_id = operation.thread_id, operation.to_thread_id
    if source == target_id:
        raise InvalidArgument(
            f"Thread {source!r} cannot be copied to itself.", thread_id=source
        )
    live_thread(context, source)
    target = _thread(context, target_id, operation.session_id)
    refuse_busy(target)
    copied = 0
    for key, value in list(context.draft.graph_entries(source)):
        if key[0] == WRITER:
            continue  # nobody writes to the copy yet
        if isinstance(value, Checkpoint):
            value = replace(  # noqa: PLW2901 - the same record in its new place
                value, thread_id=target_id, rev=target.rev, updated_seq=context.seq
            )
        elif isinstance(value, PendingWrite | ChannelValue):
            value = replace(value, thread_id=target_id)  # noqa: PLW2901 - as above
        elif key[0] == WRITER_RUN:
            run_id = run_of(source, key[-1]) or ""
            context.draft.put(run_thread_key(run_id, target_id), value=True)
        context.draft.put(moved(key, target_id), value)
        copied += 1
    context.tell(target.session_id, "state", target)
    return copied


def _writable(context: Context, operation: GraphWrite) -> Thread:
    """Return the thread of a write, if it may be made.

    Raises:
        ThreadNotFound: the thread was removed, or is not to be created.
        StaleRevision: the writer has been superseded.
        ThreadBusy: a run of Weft's is in progress, and the writer is not that one.
    """
    thread = _thread(context, operation.thread_id, operation.session_id)
    if operation.rev is not None and operation.rev != thread.rev:
        raise StaleRevision(
            f"Thread {thread.thread_id!r} is at revision {thread.rev}, "
            f"the write is of {operation.rev}.",
            session_id=thread.session_id,
            thread_id=thread.thread_id,
            details={"stored_rev": thread.rev, "given_rev": operation.rev},
        )
    if operation.attempt is None:
        refuse_busy(thread)
    else:
        check_fence(thread, operation.run_id or "", operation.attempt)
    if operation.run_id is not None:
        _follow(context, thread, operation.run_id)
    if context.at_us - thread.updated_at_us >= TOUCH_US:
        thread = context.put_thread(thread)
    return thread


def _thread(context: Context, thread_id: str, session_id: str | None) -> Thread:
    """Return a live thread, created if it never lived and may be."""
    if session_id is not None and context.draft.get(thread_key(thread_id)) is None:
        creation = CreateThreads(
            session_id=session_id,
            threads=(NewThread(thread_id, thread_id),),
            create_session=context.draft.get(session_key(session_id)) is None,
        )
        return create_threads(context, creation)[0]
    return live_thread(context, thread_id)


def _follow(context: Context, thread: Thread, run_id: str) -> None:
    """Make a run the thread's writer, unless another one has followed it already."""
    draft, thread_id = context.draft, thread.thread_id
    current = draft.get(writer_key(thread_id))
    if current == run_id:
        return
    mark = writer_run_key(thread_id, run_id)
    if draft.get(mark) is not None:
        raise StaleRevision(
            f"Run {run_id!r} was superseded on thread {thread_id!r} by {current!r}.",
            session_id=thread.session_id,
            thread_id=thread_id,
            details={"run_id": run_id, "current_run_id": current},
        )
    draft.put(mark, value=True)
    draft.put(run_thread_key(run_id, thread_id), value=True)
    draft.put(writer_key(thread_id), run_id)


def _check_parent(context: Context, operation: PutCheckpoint, thread: Thread) -> None:
    """Refuse a write from a former life by somebody who does not say who it is.

    In a thread's first life a parent that is missing was pruned.
    """
    parent_id = operation.parent_id
    if parent_id is None or thread.rev == 1:
        return
    if operation.run_id is not None or operation.rev is not None:
        return
    place = (thread.thread_id, operation.checkpoint_ns, parent_id)
    if context.draft.get(checkpoint_key(*place)) is None:
        raise StaleRevision(
            f"Checkpoint {parent_id!r} is not of the present life of thread "
            f"{thread.thread_id!r}.",
            session_id=thread.session_id,
            thread_id=thread.thread_id,
            details={"checkpoint_id": parent_id, "stored_rev": thread.rev},
        )


_Place = tuple[str, str]
"""Namespace and id of a checkpoint."""


class _Held(NamedTuple):
    """All that graphs left in a thread."""

    checkpoints: dict[_Place, Checkpoint]
    writes: list[tuple[Key, PendingWrite]]
    values: dict[Key, ChannelValue]

    @classmethod
    def of(cls, context: Context, thread_id: str) -> "_Held":
        held = cls({}, [], {})
        for key, value in context.draft.graph_entries(thread_id):
            if isinstance(value, Checkpoint):
                held.checkpoints[value.checkpoint_ns, value.checkpoint_id] = value
            elif isinstance(value, PendingWrite):
                held.writes.append((key, value))
            elif isinstance(value, ChannelValue):
                held.values[key] = value
        return held


def _kept(held: _Held, operation: DeleteCheckpoints) -> set[_Place]:
    if operation.run_ids is not None:
        gone = frozenset(operation.run_ids)
        return {place for place, c in held.checkpoints.items() if c.run_id not in gone}
    if not operation.keep_latest:
        return set()
    latest: dict[str, str] = {}
    for namespace, checkpoint_id in held.checkpoints:
        latest[namespace] = max(checkpoint_id, latest.get(namespace, ""))
    kept: set[_Place] = set()
    for place in latest.items():
        kept |= _made_of(held, place)
    return kept


def _made_of(held: _Held, place: _Place) -> set[_Place]:
    """Return a checkpoint, and those before it that its value is a sum of.

    The value of a delta channel is what the last ancestor has that stored one, and
    the writes since then.
    """
    checkpoint = held.checkpoints[place]
    open_channels = _without_value(held, checkpoint, frozenset(checkpoint.deltas))
    found = {place}
    while open_channels and checkpoint.parent_id is not None:
        place = (checkpoint.checkpoint_ns, checkpoint.parent_id)
        if place in found or place not in held.checkpoints:
            break
        found.add(place)
        checkpoint = held.checkpoints[place]
        open_channels = _without_value(held, checkpoint, open_channels)
    return found


def _without_value(
    held: _Held, checkpoint: Checkpoint, channels: frozenset[str]
) -> frozenset[str]:
    keys = {channel: _value_key(checkpoint, channel) for channel in channels}
    return frozenset(name for name, key in keys.items() if key not in held.values)


def _value_key(checkpoint: Checkpoint, channel: str) -> Key | None:
    version = checkpoint.versions.get(channel)
    if version is None:
        return None
    thread_id, namespace = checkpoint.thread_id, checkpoint.checkpoint_ns
    return channel_key(thread_id, namespace, channel, version)


def _drop(context: Context, held: _Held, kept: set[_Place]) -> None:
    """Delete all but some checkpoints, and what only the deleted ones have."""
    draft = context.draft
    gone = held.checkpoints.keys() - kept
    needed = {
        _value_key(held.checkpoints[place], channel)
        for place in kept
        for channel in held.checkpoints[place].versions
    }
    for place in gone:
        draft.put(checkpoint_key(held.checkpoints[place].thread_id, *place), None)
    for key, write in held.writes:
        if (write.checkpoint_ns, write.checkpoint_id) in gone:
            draft.put(key, None)
    for key in held.values.keys() - needed:
        draft.put(key, None)
