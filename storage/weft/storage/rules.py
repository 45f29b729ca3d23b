"""The rules: what an operation does to the store, or why it may not.

``decide`` is a pure function of the operation and a view. It has no clock, no
randomness and no I/O (all arrive in the operation), so LMDB, memory, a server's rows
and the simulator decide alike. It drafts everything before anything is written: a
refusal leaves no trace.

Guarantees (the store's invariants, in the terms of the keys):
    * a live thread has one owner, and its record, its active association and the
      session's name index say the same;
    * a name is unique among a session's live threads;
    * ``rev`` grows with every change of a thread's owner or life, also across removal;
    * a transfer to the same session is a recorded no-op.

Not here: ``op_id`` lookup and ``seq``; the store has both.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from weft.storage import operations as op
from weft.storage import operations_associations as op_row
from weft.storage import operations_checkpoints as op_graph
from weft.storage import operations_items as op_item
from weft.storage import rules_associations as rows
from weft.storage import rules_checkpoints as graphs
from weft.storage import rules_fork as forks
from weft.storage import rules_items as items
from weft.storage import rules_repair as repairs
from weft.storage import rules_retention as retention
from weft.storage import rules_runs as runs
from weft.storage import rules_threads as threads
from weft.storage.errors import InvalidArgument, SessionThreadException
from weft.storage.keys import (
    Key,
    head_key,
    interaction_key,
    name_key,
    run_key,
    session_key,
    thread_key,
)
from weft.storage.records import (
    NIL,
    Association,
    Interaction,
    Run,
    RunRef,
    Session,
    StateRef,
    Thread,
)
from weft.storage.rules_context import Context, Event, open_session
from weft.storage.rules_threads import close_session
from weft.storage.view import Draft, View

__all__ = ["RESULTS", "Applied", "Event", "Refused", "decide", "reads", "subjects"]


class Applied(msgspec.Struct, frozen=True):
    """An operation that takes effect.

    Attributes:
        draft: what it writes.
        events: what the sessions concerned are told, in order.
        result: the answer.
    """

    draft: Draft
    events: list[Event]
    result: Any


class Refused(msgspec.Struct, frozen=True):
    """An operation that changes nothing, and why."""

    error: SessionThreadException


def decide(operation: op.Operation, view: View, seq: int) -> Applied | Refused:
    """Return what an operation does to a view of the store.

    Args:
        operation: complete, with ids and time.
        view: the store as the operations before it left it.
        seq: the number it takes if it is applied.
    """
    context = Context(Draft(view), seq, operation.at_us)
    try:
        result = _RULES[type(operation)](context, operation)
    except SessionThreadException as error:
        error.op_id = operation.op_id
        # Its frames hold the whole group, and what holds the error: a circle.
        return Refused(error.with_traceback(None))
    return Applied(context.draft, context.events, result)


def reads(operation: op.Operation) -> list[Key]:
    """Return the keys that an operation is known to need before it is looked at.

    A store whose reads cost a round trip fetches these for a whole group at once;
    what follows from their values ``decide`` asks for as it goes.
    """
    if isinstance(operation, op.Batch):
        return [key for part in operation.parts for key in reads(part)]
    if isinstance(operation, op_item.ItemOperation):
        return items.reads(operation)
    session_ids, thread_ids = subjects(operation)
    match operation:
        case op.RenameThread() | op.UpdateThread():
            session_ids = []  # the thread's record tells its owner
        case op.StartRun() if operation.thread_id is not None:
            session_ids = []  # the thread's record tells its owner
        case op.TrackInteraction():
            thread_ids = []  # named, not looked up
        case op.Repair():
            session_ids = []  # some repairs look at it, most do not
    keys = [session_key(session_id) for session_id in session_ids]
    keys += [thread_key(thread_id) for thread_id in thread_ids]
    match operation:
        case op.CreateThreads():
            keys += [name_key(operation.session_id, t.name) for t in operation.threads]
        case op.AppendState():
            keys.append(head_key(operation.thread_id))
        case op.FinishRun() | op.ResumeRun() | op.RetryRun():
            keys.append(run_key(operation.run_id))
    return keys


def subjects(operation: op.Operation) -> tuple[list[str], list[str]]:
    """Return the ids of the sessions and threads that an operation names."""
    if isinstance(operation, op.Batch):
        pairs = [subjects(part) for part in operation.parts]
        return (
            list(dict.fromkeys(s for pair in pairs for s in pair[0])),
            list(dict.fromkeys(t for pair in pairs for t in pair[1])),
        )
    names = ("session_id", "from_session_id", "to_session_id", "move_to")
    found = [getattr(operation, name, None) for name in names]
    thread_ids: list[str | None] = [getattr(operation, "thread_id", None)]
    match operation:
        case op.CreateThreads():
            thread_ids += [thread.thread_id for thread in operation.threads]
        case op.TransferThreads():
            thread_ids += operation.thread_ids
        case op.RemoveThreads() if operation.session_id is None:
            thread_ids += operation.threads
    return [s for s in found if s], [t for t in thread_ids if t]


def _create_session(context: Context, operation: op.CreateSession) -> Session:
    return threads.create_session(
        context,
        operation.session_id,
        operation.user_id,
        operation.metadata,
        open_existing=operation.open_existing,
    )


def _update_session(context: Context, operation: op.UpdateSession) -> Session:
    session = open_session(context, operation.session_id)
    changes: dict[str, Any] = {}
    if operation.user_id is not None:
        changes["user_id"] = operation.user_id
    if operation.metadata != NIL:
        changes["metadata_raw"] = operation.metadata
    return context.put_session(session, **changes)


def _track(context: Context, operation: op.TrackInteraction) -> Interaction:
    session = open_session(context, operation.session_id)
    interaction = Interaction(
        interaction_id=operation.interaction_id,
        session_id=session.session_id,
        thread_id=operation.thread_id,
        interaction_type=operation.interaction_type,
        content_raw=operation.content,
        metadata_raw=operation.metadata,
        timestamp_us=operation.timestamp_us,
        rev=session.rev,
        created_seq=context.seq,
        updated_seq=context.seq,
    )
    position = len(context.events)
    context.draft.put(
        interaction_key(session.session_id, context.seq, position), interaction
    )
    context.tell(session.session_id, "interaction")
    return interaction


def _batch(context: Context, operation: op.Batch) -> list[Any]:
    if len(operation.parts) > op.PARTS_MAX:
        raise InvalidArgument(
            f"A batch has {len(operation.parts)} parts; "
            f"at most {op.PARTS_MAX} are allowed."
        )
    return [_RULES[type(part)](context, part) for part in operation.parts]


_RULES: Final[dict[type, Callable[[Context, Any], Any]]] = {
    op.CreateSession: _create_session,
    op.UpdateSession: _update_session,
    op.CloseSession: close_session,
    op.CreateThreads: threads.create_threads,
    op.RemoveThreads: threads.remove_threads,
    op.TransferThreads: threads.transfer_threads,
    op.RenameThread: threads.rename_thread,
    op.UpdateThread: threads.update_thread,
    op.StartRun: runs.start_run,
    op.ResumeRun: runs.resume_run,
    op.AppendState: runs.append_state,
    op.FinishRun: runs.finish_run,
    op.RetryRun: runs.retry_run,
    op.RecordStep: runs.record_step,
    op.ForkThread: forks.fork_thread,
    op.TrackInteraction: _track,
    op.Expire: retention.expire,
    op.Repair: repairs.repair,
    op.Batch: _batch,
    op_graph.PutCheckpoint: graphs.put_checkpoint,
    op_graph.PutWrites: graphs.put_writes,
    op_graph.DeleteCheckpoints: graphs.delete_checkpoints,
    op_graph.CopyCheckpoints: graphs.copy_checkpoints,
    op_row.SaveAssociation: rows.save_association,
    op_row.DeleteAssociation: rows.delete_association,
    op_item.PutItem: items.put_item,
    op_item.RemoveItem: items.remove_item,
    op_item.TouchItems: items.touch_items,
}

RESULTS: Final[dict[str, Any]] = {
    "CreateSession": Session,
    "UpdateSession": Session,
    "CloseSession": Session,
    "CreateThreads": list[Thread],
    "RemoveThreads": list[str],
    "TransferThreads": list[Thread],
    "RenameThread": Thread,
    "UpdateThread": Thread,
    "StartRun": Run,
    "ResumeRun": Run,
    "AppendState": StateRef,
    "FinishRun": RunRef,
    "RetryRun": Run,
    "RecordStep": bool,
    "ForkThread": Thread,
    "TrackInteraction": Interaction,
    "Expire": retention.Forgotten,
    "Repair": list[str],
    "Batch": list[Any],
    "PutCheckpoint": str,
    "PutWrites": int,
    "DeleteCheckpoints": int,
    "CopyCheckpoints": int,
    "SaveAssociation": Association,
    "DeleteAssociation": bool,
    "PutItem": bool,
    "RemoveItem": bool,
    "TouchItems": int,
}
"""The type of each kind of operation's answer, to decode a stored one."""
