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

from collections.abc import Collection
from typing import Final

from msgspec.structs import replace

from weft.storage.checkpoints import ChannelValue, Checkpoint, PendingWrite
from weft.storage.errors import InvalidArgument, StaleRevision
from weft.storage.graph import Graph, Place
from weft.storage.keys import session_key, thread_key
from weft.storage.keys_checkpoints import (
    WRITER,
    WRITER_RUN,
    channel_key,
    checkpoint_key,
    entry_key,
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
    "graph_of",
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
    before = draft.get(checkpoint_key(thread_id, namespace, operation.checkpoint_id))
    for value in operation.values:
        if operation.versions.get(value.channel) != value.version:
            continue  # nobody could read it
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
    if before is not None and before.versions != operation.versions:
        graph = graph_of(context, thread_id)
        _drop(context, graph, set(graph.checkpoints))
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
    graph = graph_of(context, thread.thread_id)
    kept = _kept(graph, operation)
    _drop(context, graph, kept)
    for run_id in operation.run_ids or ():
        _retire(context, graph, run_id, kept)
    context.tell(thread.session_id, "state", thread)
    return len(graph.checkpoints) - len(kept)


def drop_checkpoints_of(context: Context, thread_id: str, run_id: str) -> None:
    """Delete what a run wrote, with all that is its alone."""
    graph = graph_of(context, thread_id)
    kept = _of_others(graph, {run_id})
    _drop(context, graph, kept)
    _retire(context, graph, run_id, kept)


def graph_of(context: Context, thread_id: str) -> Graph:
    """Return all that graphs left in a thread.

    Raises:
        StoreCorrupt: an entry is damaged.
    """
    graph = Graph(thread_id)
    for key, value in context.draft.graph_entries(thread_id):
        graph.add(key[-1], value)
    return graph


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
        elif key[0] == WRITER_RUN and value:
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


def _kept(graph: Graph, operation: DeleteCheckpoints) -> set[Place]:
    """Return the checkpoints that stay, with all that they are made of."""
    if operation.run_ids is not None:
        return _of_others(graph, operation.run_ids)
    return graph.with_sources(graph.newest()) if operation.keep_latest else set()


def _of_others(graph: Graph, run_ids: Collection[str]) -> set[Place]:
    return graph.with_sources(
        place
        for place, checkpoint in graph.checkpoints.items()
        if checkpoint.run_id not in run_ids
    )


def _drop(context: Context, graph: Graph, kept: set[Place]) -> None:
    """Delete all but some checkpoints, and what only the deleted ones have."""
    for raw in graph.leftovers(graph.checkpoints.keys() - kept):
        context.draft.put(entry_key(graph.thread_id, raw), None)


def _retire(context: Context, graph: Graph, run_id: str, kept: set[Place]) -> None:
    """Take a run whose checkpoints are deleted off the index.

    It stays marked as one that wrote here: what it writes late is refused.
    """
    if any(graph.checkpoints[place].run_id == run_id for place in kept):
        return  # others are made of them
    draft, thread_id = context.draft, graph.thread_id
    draft.put(run_thread_key(run_id, thread_id), None)
    if run_id in graph.marks:
        draft.put(writer_run_key(thread_id, run_id), value=False)
    if graph.writer == run_id:
        draft.put(writer_key(thread_id), None)
