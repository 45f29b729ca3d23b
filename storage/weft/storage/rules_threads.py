"""The rules of ownership: sessions, and the threads that come, go and move.

Every function here reads and drafts through its :class:`Context`; see
:mod:`weft.storage.rules` for what they hold together.
"""

from msgspec import Raw
from msgspec.structs import replace

from weft.storage import operations as op
from weft.storage.errors import (
    InvalidArgument,
    NameTaken,
    SessionExists,
    ThreadExists,
)
from weft.storage.keys import (
    association_key,
    name_key,
    past_key,
    session_key,
    thread_key,
)
from weft.storage.records import EMPTY, Association, Session, Thread, Tombstone
from weft.storage.rules_context import (
    Context,
    live_thread,
    open_session,
    refuse_busy,
    thread_of,
    updated,
)

__all__ = [
    "associate",
    "close_session",
    "create_session",
    "create_threads",
    "dissociate",
    "remove_thread",
    "remove_threads",
    "rename_thread",
    "transfer_threads",
    "update_thread",
]


def create_session(
    context: Context,
    session_id: str,
    user_id: str | None = None,
    metadata: Raw = EMPTY,
    *,
    open_existing: bool = False,
) -> Session:
    """Create a session, or return the open one of this id.

    Raises:
        SessionExists: there is one and ``open_existing`` is false.
        SessionClosed: there is one, closed.
    """
    if context.draft.get(session_key(session_id)) is not None:
        if not open_existing:
            raise SessionExists(
                f"Session {session_id!r} exists already.", session_id=session_id
            )
        session = open_session(context, session_id)
        context.tell(session_id, "session")
        return session
    session = Session(
        session_id=session_id,
        user_id=user_id,
        status="open",
        metadata_raw=metadata,
        created_at_us=context.at_us,
        updated_at_us=context.at_us,
        rev=1,
        created_seq=context.seq,
        updated_seq=context.seq,
    )
    return context.put_session(session)


def close_session(context: Context, operation: op.CloseSession) -> Session:
    """Close a session; its threads are removed or moved in the same transaction."""
    session = open_session(context, operation.session_id)
    if operation.move_to == session.session_id:
        raise InvalidArgument(
            f"Session {session.session_id!r} cannot move its threads to itself.",
            session_id=session.session_id,
        )
    target = None
    if operation.move_to is not None:
        target = open_session(context, operation.move_to)
    for _, thread_id in list(context.draft.names(session.session_id)):
        thread = live_thread(context, thread_id, session.session_id)
        refuse_busy(thread)
        if target is None:
            remove_thread(context, thread)
        else:
            _move(context, thread, target, thread.thread_name)
    return context.put_session(session, status="closed", rev=session.rev + 1)


def create_threads(context: Context, operation: op.CreateThreads) -> list[Thread]:
    """Create threads in one session, all or none."""
    _check_count(len(operation.threads))
    session = _owner(context, operation.session_id, create=operation.create_session)
    return [_create(context, session, new) for new in operation.threads]


def remove_threads(context: Context, operation: op.RemoveThreads) -> list[str]:
    """Remove threads, all or none; the answer is their ids."""
    _check_count(len(operation.threads))
    removed: list[str] = []
    for name_or_id in operation.threads:
        if operation.session_id is None:
            thread = live_thread(context, name_or_id)
        else:
            thread = thread_of(context, operation.session_id, name_or_id)
        if not operation.even_busy:
            refuse_busy(thread)
        remove_thread(context, thread)
        removed.append(thread.thread_id)
    return removed


def transfer_threads(context: Context, operation: op.TransferThreads) -> list[Thread]:
    """Move threads to another session, all or none."""
    _check_count(len(operation.thread_ids))
    if operation.new_name is not None and len(operation.thread_ids) != 1:
        raise InvalidArgument("A new name can be given to a single thread only.")
    if operation.from_session_id is not None:
        open_session(context, operation.from_session_id)
    target = _owner(context, operation.to_session_id, create=operation.create_session)
    moved: list[Thread] = []
    for thread_id in operation.thread_ids:
        thread = live_thread(context, thread_id, operation.from_session_id)
        if not operation.even_busy:
            refuse_busy(thread)
        name = operation.new_name or thread.thread_name
        if thread.session_id == target.session_id:
            moved.append(_rename(context, thread, name))
        else:
            moved.append(_move(context, thread, target, name))
    return moved


def rename_thread(context: Context, operation: op.RenameThread) -> Thread:
    """Give a thread another name within its session."""
    thread = live_thread(context, operation.thread_id, operation.session_id)
    return _rename(context, thread, operation.new_name)


def update_thread(context: Context, operation: op.UpdateThread) -> Thread:
    """Update a thread's metadata and config, key by key.

    Raises:
        ThreadBusy: its status is its run's.
    """
    thread = live_thread(context, operation.thread_id, operation.session_id)
    if operation.status is not None:
        refuse_busy(thread)
    thread = context.put_thread(
        thread,
        metadata_raw=updated(thread.metadata_raw, operation.metadata),
        config_raw=updated(thread.config_raw, operation.config),
        status=operation.status or thread.status,
    )
    # A session follows a renamed thread's record, and this name is the same.
    context.tell(thread.session_id, "renamed", thread, thread.thread_name)
    return thread


def _check_count(count: int) -> None:
    if not 1 <= count <= op.PARTS_MAX:
        raise InvalidArgument(
            f"One operation takes 1 to {op.PARTS_MAX} threads, not {count}."
        )


def _owner(context: Context, session_id: str, *, create: bool) -> Session:
    if create and context.draft.get(session_key(session_id)) is None:
        return create_session(context, session_id)
    return open_session(context, session_id)


def _create(context: Context, session: Session, new: op.NewThread) -> Thread:
    before = context.draft.get(thread_key(new.thread_id))
    if isinstance(before, Thread):
        raise ThreadExists(
            f"Thread {new.thread_id!r} exists already.",
            session_id=session.session_id,
            thread_id=new.thread_id,
        )
    thread = Thread(
        thread_id=new.thread_id,
        session_id=session.session_id,
        thread_name=new.name,
        workflow=new.workflow,
        config_raw=new.config,
        status="idle",
        metadata_raw=new.metadata,
        created_at_us=context.at_us,
        updated_at_us=context.at_us,
        rev=before.rev + 1 if isinstance(before, Tombstone) else 1,
        created_seq=context.seq,
        updated_seq=context.seq,
        turns=before.turns if isinstance(before, Tombstone) else 0,
    )
    _take_name(context, thread)
    context.draft.put(thread_key(thread.thread_id), thread)
    # A thread that never lived has no row; looking would cost a read per create.
    associate(context, thread, known=before is not None)
    context.tell(session.session_id, "adopted", thread)
    return thread


def remove_thread(context: Context, thread: Thread) -> None:
    """Remove a thread with its states and runs; a tombstone keeps its rev."""
    draft = context.draft
    draft.erase(thread.thread_id)
    stone = Tombstone(
        thread.thread_id, thread.rev, context.at_us, context.seq, thread.turns
    )
    draft.put(thread_key(thread.thread_id), stone)
    draft.put(name_key(thread.session_id, thread.thread_name), None)
    dissociate(context, thread)
    context.tell(thread.session_id, "released", thread)


def _move(context: Context, thread: Thread, target: Session, name: str) -> Thread:
    moved = replace(
        thread, session_id=target.session_id, thread_name=name, rev=thread.rev + 1
    )
    _take_name(context, moved)
    moved = context.put_thread(moved)
    context.draft.put(name_key(thread.session_id, thread.thread_name), None)
    dissociate(context, thread)
    associate(context, moved)
    context.tell(thread.session_id, "released", thread, target.session_id)
    context.tell(target.session_id, "adopted", moved, thread.session_id)
    return moved


def _rename(context: Context, thread: Thread, name: str) -> Thread:
    old = thread.thread_name
    if name != old:
        thread = replace(thread, thread_name=name)
        _take_name(context, thread)
        thread = context.put_thread(thread)
        context.draft.put(name_key(thread.session_id, old), None)
        key = association_key(thread.thread_id, thread.session_id)
        row: Association | None = context.draft.get(key)
        if row is not None:
            row = replace(
                row,
                thread_name=name,
                updated_at_us=context.at_us,
                updated_seq=context.seq,
            )
            context.draft.put(key, row)
    context.tell(thread.session_id, "renamed", thread, old)
    return thread


def _take_name(context: Context, thread: Thread) -> None:
    key = name_key(thread.session_id, thread.thread_name)
    holder = context.draft.get(key)
    if holder is not None:
        raise NameTaken(
            f"Session {thread.session_id!r} has a thread {thread.thread_name!r}.",
            session_id=thread.session_id,
            thread_id=thread.thread_id,
            details={"thread_name": thread.thread_name, "held_by": holder},
        )
    context.draft.put(key, thread.thread_id)


def associate(context: Context, thread: Thread, *, known: bool = True) -> None:
    """Make the thread's row with its session active: a new one, or its first again."""
    key = association_key(thread.thread_id, thread.session_id)
    row: Association | None = context.draft.get(key) if known else None
    if row is None:
        row = Association(
            session_id=thread.session_id,
            thread_id=thread.thread_id,
            thread_name=thread.thread_name,
            is_active=True,
            association_type="session_thread",
            metadata_raw=EMPTY,
            version=1,
            created_at_us=context.at_us,
            updated_at_us=context.at_us,
            rev=thread.rev,
            created_seq=context.seq,
            updated_seq=context.seq,
        )
    else:
        context.draft.put(past_key(thread.session_id, thread.thread_id), None)
        row = replace(
            row,
            thread_name=thread.thread_name,
            is_active=True,
            version=row.version + 1,
            updated_at_us=context.at_us,
            rev=thread.rev,
            updated_seq=context.seq,
        )
    context.draft.put(key, row)


def dissociate(context: Context, thread: Thread) -> None:
    """Make the thread's row with its session inactive, a thing of the past."""
    key = association_key(thread.thread_id, thread.session_id)
    row: Association | None = context.draft.get(key)
    if row is not None:
        row = replace(
            row,
            is_active=False,
            updated_at_us=context.at_us,
            updated_seq=context.seq,
        )
        context.draft.put(key, row)
        context.draft.put(past_key(thread.session_id, thread.thread_id), value=True)
