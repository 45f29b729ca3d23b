"""The rules of associations: who changes a row changes what it is a copy of.

A row that said anything else than the session's list and the thread's record would be
an inconsistency. So what a caller saves is carried out by the rules of ownership
(:mod:`weft.storage.rules_threads`), and only then is the row itself written.

Guarantees:
    * a row that has changed since the caller read it is not overwritten;
    * a row is never made active while another session owns the thread.
"""

from msgspec.structs import replace

from weft.storage import operations_associations as op
from weft.storage.errors import (
    InvalidArgument,
    StaleRevision,
    ThreadExists,
    ThreadNotFound,
)
from weft.storage.keys import association_key, past_key, thread_key
from weft.storage.operations import CreateThreads, NewThread, RenameThread
from weft.storage.records import Association, Thread
from weft.storage.rules_context import Context, open_session, refuse_busy
from weft.storage.rules_threads import (
    associate,
    create_threads,
    remove_thread,
    rename_thread,
)

__all__ = ["delete_association", "save_association"]


def save_association(context: Context, operation: op.SaveAssociation) -> Association:
    """Write a row; its thread begins, ends or is renamed where the row says so.

    Raises:
        ThreadExists: the row is not new, or another session owns the thread.
        StaleRevision: the row is not as the caller knows it.
        InvalidArgument: a new row is inactive: what never began cannot have ended.
        NameTaken: the session has another thread of this name.
        ThreadBusy: a run is in progress on the thread that is to end.
    """
    open_session(context, operation.session_id)
    row = _row(context, operation)
    if row is not None or operation.seen_seq is not None:
        row = _unchanged(row, operation)
    was_active = row is not None and row.is_active
    if operation.is_active:
        _own(context, operation, was_active=was_active)
    elif row is None:
        raise InvalidArgument(
            "A new association is active.",
            session_id=operation.session_id,
            thread_id=operation.thread_id,
        )
    elif was_active:
        _end(context, operation)
    else:
        context.tell(operation.session_id, "session")
    return _write(context, operation, row)


def delete_association(context: Context, operation: op.DeleteAssociation) -> bool:
    """Remove a row, and its thread if the session owns it; the answer is True.

    Raises:
        ThreadNotFound: there is no such row.
        StaleRevision: the row is not as the caller knows it.
        ThreadBusy: a run is in progress on the thread.
    """
    open_session(context, operation.session_id)
    row = _row(context, operation)
    if row is None:
        raise ThreadNotFound(
            f"Session {operation.session_id!r} has no association with thread "
            f"{operation.thread_id!r}.",
            session_id=operation.session_id,
            thread_id=operation.thread_id,
        )
    if operation.seen_seq is not None:
        _unchanged(row, operation)
    if row.is_active:
        _end(context, operation)
    else:
        context.tell(operation.session_id, "session")
    context.draft.put(_key(operation), None)
    context.draft.put(past_key(operation.session_id, operation.thread_id), None)
    return True


def _key(operation: op.AssociationOperation) -> tuple[object, ...]:
    return association_key(operation.thread_id, operation.session_id)


def _row(context: Context, operation: op.AssociationOperation) -> Association | None:
    row: Association | None = context.draft.get(_key(operation))
    return row


def _unchanged(
    row: Association | None, operation: op.AssociationOperation
) -> Association:
    """Return a row that is as the caller knows it."""
    if row is not None and row.updated_seq == operation.seen_seq:
        return row
    if operation.seen_seq is None:
        raise ThreadExists(
            f"Session {operation.session_id!r} has an association with thread "
            f"{operation.thread_id!r} already.",
            session_id=operation.session_id,
            thread_id=operation.thread_id,
        )
    stored = None if row is None else row.updated_seq
    raise StaleRevision(
        f"The association of session {operation.session_id!r} and thread "
        f"{operation.thread_id!r} has changed since it was read.",
        session_id=operation.session_id,
        thread_id=operation.thread_id,
        details={"stored_seq": stored, "given_seq": operation.seen_seq},
    )


def _own(context: Context, operation: op.SaveAssociation, *, was_active: bool) -> None:
    """Let the session own the thread, under the row's name."""
    if not was_active:
        _begin(context, operation)
        context.draft.put(past_key(operation.session_id, operation.thread_id), None)
    rename = RenameThread(
        thread_id=operation.thread_id,
        session_id=operation.session_id,
        new_name=operation.thread_name,
    )
    rename_thread(context, rename)


def _begin(context: Context, operation: op.SaveAssociation) -> None:
    """Give the thread an active row: it lives here already, or begins to."""
    thread = context.draft.get(thread_key(operation.thread_id))
    if isinstance(thread, Thread) and thread.session_id == operation.session_id:
        associate(context, thread)  # the row was lost
        return
    new = NewThread(operation.thread_id, operation.thread_name)
    create_threads(
        context, CreateThreads(session_id=operation.session_id, threads=(new,))
    )


def _end(context: Context, operation: op.AssociationOperation) -> None:
    """Remove the thread, for no other session takes it."""
    thread = context.draft.get(thread_key(operation.thread_id))
    if not isinstance(thread, Thread) or thread.session_id != operation.session_id:
        raise ThreadNotFound(
            f"Session {operation.session_id!r} owns no thread "
            f"{operation.thread_id!r}, whatever its association says.",
            session_id=operation.session_id,
            thread_id=operation.thread_id,
        )
    refuse_busy(thread)
    remove_thread(context, thread)


def _write(
    context: Context, operation: op.SaveAssociation, before: Association | None
) -> Association:
    stored: Association = context.draft.get(_key(operation))
    first = before or stored
    row = replace(
        stored,
        thread_name=operation.thread_name,
        association_type=operation.association_type,
        metadata_raw=operation.metadata,
        version=1 if before is None else before.version + 1,
        created_at_us=first.created_at_us,
        created_seq=first.created_seq,
        updated_at_us=context.at_us,
        updated_seq=context.seq,
        given_id=operation.given_id,
    )
    context.draft.put(_key(operation), row)
    return row
