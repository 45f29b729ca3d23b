"""The rules of repair: how each finding of a check is mended, and which copy is right.

The thread's own record says who owns it and what it is called; session lists,
associations and indexes are made to agree with it. Where the record is gone, so is
the thread. What can be made again is made again; what cannot is left as it is.

====================== ===============================================================
kind                   repair
====================== ===============================================================
orphan_thread          taken off the session's list; its association, states and runs
                       go with it
missing_thread         listed by the session that its record names
name_collision         the thread that the list has not keeps its place under a name
                       made of its own and its id
owner_mismatch         moved to the session that its record names; if there is none,
                       or a closed one, the session that lists it becomes the owner
duplicate_owner        taken off the list of the other session, whose association
                       becomes inactive
missing_association    made again, or made active
orphan_association     made inactive; removed if the thread never was
name_mismatch          list and association take the name in the record
dangling_index_entry   removed; a thread that is busy with nothing is interrupted
missing_index_entry    added; a run in progress that its thread does not know of is
                       marked interrupted
run_without_thread     removed
state_without_thread   removed
checkpoint_without_thread  removed
value_without_checkpoint   removed
thread_without_session the session's record is made again, or opened again
counter_mismatch       corrected by the difference that was found
damaged_record         an index entry or association is removed, and made again by the
                       next round; records themselves are not repaired. Counters go
                       when the store is opened to be repaired, and are counted anew
expired_association    removed, by :class:`~weft.storage.operations.Expire`
log_gap                not repaired: history cannot be made again
broken_checkpoint      not repaired: nor can this
====================== ===============================================================

Guarantees:
    * a finding is judged again inside the transaction: what has changed since the
      check is passed over, and a thread at another ``rev`` refuses the repair;
    * sessions are told, so a resident actor's view follows; a session that asks about
      its own thread is told how it is, even if nothing was wrong;
    * what the finding is not about is not touched.
"""

from collections.abc import Callable
from typing import Any, Final

from msgspec.structs import replace

from weft.storage import operations as op
from weft.storage.errors import InvalidArgument, StaleRevision
from weft.storage.keys import (
    COUNTERS_KEY,
    Key,
    association_key,
    name_key,
    past_key,
    session_key,
)
from weft.storage.records import EMPTY, Association, Session, Thread
from weft.storage.rules_context import Context
from weft.storage.rules_repair_context import Mending
from weft.storage.rules_repair_graph import remove_graph, remove_unused
from weft.storage.rules_repair_index import (
    mend_damaged,
    mend_dangling,
    mend_missing_entry,
    remove_runs,
)
from weft.storage.rules_threads import associate, dissociate

__all__ = ["REPAIRABLE", "repair"]

_RECOUNTED_KEY: Final[Key] = ("recounted", "M", b"recounted")
"""The last operation that corrected counters: a difference found before it counts no
more."""


def repair(context: Context, operation: op.Repair) -> list[str]:
    """Mend a finding; the answer says what was done, nothing if nothing is wrong.

    Raises:
        StaleRevision: the thread has changed owner or life since the check.
        InvalidArgument: there is no repair of this kind.
    """
    mend = _MENDERS.get(operation.fault)
    if mend is None:
        raise InvalidArgument(f"There is no repair of a {operation.fault}.")
    mending = Mending(context, operation)
    if operation.rev != mending.rev and operation.thread_id is not None:
        raise StaleRevision(
            f"Thread {operation.thread_id!r} is at revision {mending.rev}, "
            f"the finding is of {operation.rev}.",
            session_id=operation.session_id,
            thread_id=operation.thread_id,
            details={"stored_rev": mending.rev, "given_rev": operation.rev},
        )
    mend(mending)
    if not mending.fixes and mending.thread is not None and mending.is_owner:
        # Nothing is wrong in the store; is it in the view of who asked?
        name = mending.thread.thread_name
        context.tell(mending.session_id, "renamed", mending.thread, name)
    return mending.fixes


def _orphan(mending: Mending) -> None:
    if mending.thread is not None:
        return
    for name in mending.listed():
        mending.unlist(name)
    _association_of_nobody(mending)
    mending.context.draft.erase(mending.thread_id)


def _association_of_nobody(mending: Mending) -> None:
    """Make the row of a removed thread inactive, remove one of none."""
    session_id, thread_id = mending.session_id, mending.thread_id
    row = mending.row()
    if row is None:
        return
    draft = mending.context.draft
    if mending.stone is None:
        draft.put(association_key(thread_id, session_id), None)
        draft.get(past_key(session_id, thread_id))
        draft.put(past_key(session_id, thread_id), None)
        mending.did(f"removed its association with {session_id!r}")
    elif row.is_active:
        _deactivate(mending, session_id)


def _deactivate(mending: Mending, session_id: str) -> None:
    thread = mending.thread or mending.ghost(session_id)
    dissociate(mending.context, replace(thread, session_id=session_id))
    mending.did(f"made its association with {session_id!r} inactive")


def _orphan_association(mending: Mending) -> None:
    row = mending.row()
    if mending.thread is None:
        _association_of_nobody(mending)
    elif row is not None and row.is_active and not mending.is_owner:
        _deactivate(mending, mending.session_id)


def _missing_thread(mending: Mending) -> None:
    thread, draft = mending.thread, mending.context.draft
    if thread is None:
        return
    key = name_key(thread.session_id, thread.thread_name)
    held_by = draft.get(key)
    if held_by == thread.thread_id:
        return
    if held_by is not None:
        _collision(mending)
        return
    draft.put(key, thread.thread_id)
    mending.context.tell(thread.session_id, "adopted", thread)
    mending.did(f"put {thread.thread_name!r} on the list of {thread.session_id!r}")


def _collision(mending: Mending) -> None:
    thread, draft = mending.thread, mending.context.draft
    if thread is None:
        return
    key = name_key(thread.session_id, thread.thread_name)
    if draft.get(key) in {None, thread.thread_id}:
        _missing_thread(mending)
        return
    name = mending.free_name(thread)
    thread = mending.context.put_thread(thread, thread_name=name)
    draft.put(name_key(thread.session_id, name), thread.thread_id)
    _rename_row(mending, thread)
    mending.context.tell(thread.session_id, "adopted", thread)
    mending.did(f"renamed it to {name!r}: its name was taken")


def _rename_row(mending: Mending, thread: Thread) -> None:
    key = association_key(thread.thread_id, thread.session_id)
    row: Association | None = mending.context.draft.get(key)
    if row is not None and row.is_active and row.thread_name != thread.thread_name:
        row = replace(
            row,
            thread_name=thread.thread_name,
            updated_at_us=mending.context.at_us,
            updated_seq=mending.context.seq,
        )
        mending.context.draft.put(key, row)
        mending.did(f"put {thread.thread_name!r} into its association")


def _owner_mismatch(mending: Mending) -> None:
    thread, draft = mending.thread, mending.context.draft
    names = mending.listed()
    if thread is None or mending.is_owner or not names:
        return
    owner: Session | None = draft.get(session_key(thread.session_id))
    if owner is None or owner.status != "open":
        _follow_list(mending, thread, names)
        return
    for name in names:
        mending.unlist(name)
    row = mending.row()
    if row is not None and row.is_active:
        _deactivate(mending, mending.session_id)
    _missing_thread(mending)
    _associate_owner(mending)


def _follow_list(mending: Mending, thread: Thread, names: list[str]) -> None:
    """Let the session that lists a thread own it: the one it names is no more."""
    old = thread.session_id
    dissociate(mending.context, thread)
    for name in names[1:]:
        mending.unlist(name)
    thread = mending.context.put_thread(
        thread,
        session_id=mending.session_id,
        thread_name=names[0],
        rev=thread.rev + 1,
    )
    mending.thread = thread
    _associate_owner(mending)
    _rename_row(mending, thread)
    mending.context.tell(mending.session_id, "adopted", thread, old)
    mending.did(f"put {mending.session_id!r} into its record: {old!r} is no owner")


def _associate_owner(mending: Mending) -> None:
    thread = mending.thread
    if thread is None:
        return
    key = association_key(thread.thread_id, thread.session_id)
    row: Association | None = mending.context.draft.get(key)
    if row is not None and row.is_active:
        return
    mending.context.draft.get(past_key(thread.session_id, thread.thread_id))
    associate(mending.context, thread)
    mending.did(f"made its association with {thread.session_id!r} active")


def _missing_association(mending: Mending) -> None:
    thread = mending.thread
    if thread is not None:
        _associate_owner(mending)
        if mending.fixes:
            mending.context.tell(
                thread.session_id, "renamed", thread, thread.thread_name
            )


def _duplicate(mending: Mending) -> None:
    if mending.thread is None or mending.is_owner:
        return
    for name in mending.listed():
        mending.unlist(name)
    row = mending.row()
    if row is not None and row.is_active:
        _deactivate(mending, mending.session_id)


def _name_mismatch(mending: Mending) -> None:
    thread = mending.thread
    if thread is None or not mending.is_owner:
        return
    wrong = [name for name in mending.listed() if name != thread.thread_name]
    for name in wrong:
        mending.unlist(name, renamed=True)
    _missing_thread(mending)
    if mending.thread is not None:
        _rename_row(mending, mending.current())


def _session(mending: Mending) -> None:
    context, session_id = mending.context, mending.session_id
    session: Session | None = context.draft.get(session_key(session_id))
    if session is None:
        session = Session(
            session_id, None, "open", EMPTY, context.at_us, context.at_us,
            1, context.seq, context.seq,
        )  # fmt: skip
        context.put_session(session)
        mending.did("made its record again")
    elif session.status != "open" and any(context.draft.names(session_id)):
        context.put_session(session, status="open", rev=session.rev + 1)
        mending.did("opened it again: it lists threads")


def _states(mending: Mending) -> None:
    if mending.thread is None:
        mending.context.draft.erase(mending.thread_id)
        mending.did("removed its states")


def _counters(mending: Mending) -> None:
    draft, operation = mending.context.draft, mending.operation
    if (draft.get(_RECOUNTED_KEY) or 0) > operation.seen_seq:
        raise StaleRevision("The counters were corrected since they were compared.")
    changes: dict[tuple[str, str | None], int] = {}
    for field, change in operation.counts.items():
        name, _, status = field.partition(".")
        changes[name, status or None] = change
    draft.put(COUNTERS_KEY, changes)
    draft.put(_RECOUNTED_KEY, mending.context.seq)
    mending.did(f"corrected the counters by {operation.counts}")


_MENDERS: Final[dict[str, Callable[[Mending], Any]]] = {
    "orphan_thread": _orphan,
    "missing_thread": _missing_thread,
    "name_collision": _collision,
    "owner_mismatch": _owner_mismatch,
    "duplicate_owner": _duplicate,
    "missing_association": _missing_association,
    "orphan_association": _orphan_association,
    "name_mismatch": _name_mismatch,
    "dangling_index_entry": mend_dangling,
    "missing_index_entry": mend_missing_entry,
    "run_without_thread": remove_runs,
    "state_without_thread": _states,
    "checkpoint_without_thread": remove_graph,
    "value_without_checkpoint": remove_unused,
    "thread_without_session": _session,
    "counter_mismatch": _counters,
    "damaged_record": mend_damaged,
}

REPAIRABLE: Final = frozenset(_MENDERS)
"""The kinds that a :class:`~weft.storage.operations.Repair` may be about."""
