"""The rules of import: a row goes in where its place is free and what it leans on is.

Pure, as all rules: a row and a draft in, a verdict out. A row is judged for itself: a
bad one is said to be so and leaves its neighbours alone.

Guarantees:
    * nothing that is there is overwritten or changed;
    * a row that is there already, equal in every field but its store's numbers, is no
      news: an import can be repeated;
    * what goes in keeps the store's invariants: it has its session or thread, its name
      is free, its indexes are made, a history has no gap.
"""

from collections.abc import Callable
from typing import Any, Final, Literal

from msgspec.structs import replace

from weft.storage.codec import decode
from weft.storage.errors import InvalidArgument, StoreCorrupt
from weft.storage.ids import pack_id
from weft.storage.keys import (
    Key,
    association_key,
    head_key,
    interaction_key,
    live_run_key,
    log_key,
    log_place,
    name_key,
    operation_key,
    past_key,
    queued_run_key,
    run_key,
    session_key,
    state_key,
    step_key,
    thread_key,
    thread_run_key,
)
from weft.storage.keys_checkpoints import RUN_THREADS, belongs, run_of, run_thread_key
from weft.storage.keys_items import check_item_key
from weft.storage.records import (
    Association,
    Interaction,
    OperationRecord,
    Run,
    Session,
    State,
    StateRef,
    StepResult,
    Thread,
    Tombstone,
)
from weft.storage.records_items import Item
from weft.storage.rows import GraphEntry, Row
from weft.storage.view import Draft

__all__ = ["Unfit", "Verdict", "take"]

Verdict = Literal["imported", "unchanged", "skipped"]
"""Skipped is the log of another store: its numbers are not ours."""

_STAMPS: Final = ("created_seq", "updated_seq", "began_seq")

_POSITION_BITS: Final = 16
"""Of a place that an imported interaction gets in a store with a log of its own: ahead
of all that happened there, in its former order."""


class Unfit(Exception):
    """A row cannot go in; the argument says why."""


def take(draft: Draft, row: Row, seq: int | None) -> Verdict:
    """Draft a row.

    Args:
        draft: over the store as the rows before left it.
        row: what is to go in.
        seq: the number of the import in a store that has a log of its own, which the
            records get for theirs; None where the store becomes what was exported,
            its log and its numbers as well.

    Raises:
        Unfit: it contradicts what is there, or what it leans on is not there.
    """
    record = row.record
    if seq is not None:
        record = _stamped(record, seq)
    return _RULES[type(record)](draft, Row(record, row.place), seq is None)


def _stamped(record: Any, seq: int) -> Any:
    names = getattr(record, "__struct_fields__", ())
    stamps = [name for name in _STAMPS if name in names]
    return replace(record, **dict.fromkeys(stamps, seq)) if stamps else record


def _put(draft: Draft, key: Key, record: Any, what: str) -> bool:
    """Draft a record where its place is free; whether it was."""
    found = draft.get(key)
    if found is None:
        draft.put(key, record)
        return True
    if _same(found, record):
        return False
    raise Unfit(f"{what} is there already and differs")


def _same(found: Any, record: Any) -> bool:
    """Whether two records differ in their store's numbers at the most."""
    return type(found) is type(record) and _stamped(found, 0) == _stamped(record, 0)


def _session(draft: Draft, row: Row, _verbatim: bool) -> Verdict:
    session: Any = row.record
    key = session_key(session.session_id)
    new = _put(draft, key, session, f"session {session.session_id!r}")
    return "imported" if new else "unchanged"


def _thread(draft: Draft, row: Row, _verbatim: bool) -> Verdict:
    thread: Any = row.record
    what = f"thread {thread.thread_id!r}"
    if not _put(draft, thread_key(thread.thread_id), thread, what):
        return "unchanged"
    session = draft.get(session_key(thread.session_id))
    if session is None or session.status != "open":
        gone = "is not there" if session is None else "is closed"
        raise Unfit(f"{what} is owned by session {thread.session_id!r}, which {gone}")
    name = name_key(thread.session_id, thread.thread_name)
    if draft.get(name) is not None:
        raise Unfit(
            f"{what} is {thread.thread_name!r} in session {thread.session_id!r}, "
            "which has another thread of this name"
        )
    draft.put(name, thread.thread_id)
    return "imported"


def _tombstone(draft: Draft, row: Row, _verbatim: bool) -> Verdict:
    stone: Any = row.record
    key = thread_key(stone.thread_id)
    new = _put(draft, key, stone, f"thread {stone.thread_id!r}")
    return "imported" if new else "unchanged"


def _association(draft: Draft, row: Row, _verbatim: bool) -> Verdict:
    association: Any = row.record
    thread_id, session_id = association.thread_id, association.session_id
    what = f"the association of session {session_id!r} and thread {thread_id!r}"
    if not _put(draft, association_key(thread_id, session_id), association, what):
        return "unchanged"
    head = draft.get(thread_key(thread_id))
    if head is None or draft.get(session_key(session_id)) is None:
        raise Unfit(f"{what} leans on one that is not there")
    owns = isinstance(head, Thread) and head.session_id == session_id
    if owns != association.is_active or (
        owns and head.thread_name != association.thread_name
    ):
        raise Unfit(f"{what} contradicts the thread's own record")
    if not association.is_active:
        draft.put(past_key(session_id, thread_id), value=True)
    return "imported"


def _run(draft: Draft, row: Row, _verbatim: bool) -> Verdict:
    run: Any = row.record
    what = f"run {run.run_id!r}"
    if not _put(draft, run_key(run.run_id), run, what):
        return "unchanged"
    thread = _live(draft, run.thread_id, what)
    goes_on = run.is_in_progress
    if goes_on != (thread.run_id == run.run_id):
        raise Unfit(f"{what} contradicts its thread: is it in progress or not?")
    draft.put(thread_run_key(run.thread_id, run.run_id), value=True)
    if goes_on:
        draft.put(live_run_key(run.run_id), run.thread_id)
    elif run.is_queued:
        waits = queued_run_key(run.thread_id, run.created_seq, run.run_id)
        draft.put(waits, value=True)
    return "imported"


def _step(draft: Draft, row: Row, _verbatim: bool) -> Verdict:
    step: Any = row.record
    what = f"step {step.name!r} of run {step.run_id!r}"
    if not _put(draft, step_key(step.run_id, step.name), step, what):
        return "unchanged"
    run: Run | None = draft.get(run_key(step.run_id))
    if run is None or not run.is_in_progress:
        raise Unfit(f"{what} leans on a run that is not in progress")
    return "imported"


def _state(draft: Draft, row: Row, _verbatim: bool) -> Verdict:
    state: Any = row.record
    what = f"state {state.state_id!r}, step {state.step} of {state.thread_id!r},"
    if state.step < 1:
        raise Unfit(f"{what} has no place: steps count from 1")
    if not _put(draft, state_key(state.thread_id, state.step), state, what):
        return "unchanged"
    _live(draft, state.thread_id, what)
    head: StateRef | None = draft.get(head_key(state.thread_id))
    if head is None:
        fits = (state.step == 1) == (state.parent_id is None)
    else:
        fits = (head.step + 1, head.state_id) == (state.step, state.parent_id)
    if not fits:
        raise Unfit(f"{what} does not follow the one before it")
    draft.put(head_key(state.thread_id), state.ref)
    return "imported"


def _live(draft: Draft, thread_id: str, what: str) -> Thread:
    thread = draft.get(thread_key(thread_id))
    if not isinstance(thread, Thread):
        raise Unfit(f"{what} leans on thread {thread_id!r}, which is not there")
    return thread


def _graph(draft: Draft, row: Row, _verbatim: bool) -> Verdict:
    entry: Any = row.record
    what = f"a checkpoint's entry of thread {entry.thread_id!r}"
    if pack_id(entry.thread_id) not in entry.key:
        raise Unfit(f"{what} lies under the key of another thread")
    try:
        value = decode("C", entry.key, entry.data)
    except StoreCorrupt as error:
        raise Unfit(f"{what} is damaged: {error.details['reason']}") from error
    if not belongs(entry.key, value):
        raise Unfit(f"{what} lies under the key of another one")
    _live(draft, entry.thread_id, what)
    key = _graph_key(entry.key)
    if entry.key.startswith(RUN_THREADS):  # it comes with the thread's own mark
        return "imported" if draft.get(key) is None else "unchanged"
    new = _put(draft, key, value, what)
    run_id = run_of(entry.thread_id, entry.key)
    if new and run_id is not None and value is True:
        index = run_thread_key(run_id, entry.thread_id)[-1]
        draft.put(_graph_key(index), value=True)
    return "imported" if new else "unchanged"


def _graph_key(raw: bytes) -> Key:
    return ("graph", raw, "C", raw)


def _interaction(draft: Draft, row: Row, verbatim: bool) -> Verdict:
    interaction: Any = row.record
    session_id, (seq, position) = interaction.session_id, row.place or (0, 0)
    what = f"interaction {interaction.interaction_id!r}"
    key = interaction_key(session_id, seq, position)
    if not verbatim and not _same(draft.get(key), interaction):
        key = interaction_key(session_id, 0, (seq << _POSITION_BITS) + position)
    if draft.get(session_key(session_id)) is None:
        raise Unfit(f"{what} leans on session {session_id!r}, which is not there")
    return "imported" if _put(draft, key, interaction, what) else "unchanged"


def _item(draft: Draft, row: Row, _verbatim: bool) -> Verdict:
    item: Any = row.record
    what = f"item {item.key!r} of namespace {item.namespace}"
    try:
        key = check_item_key(item.namespace, item.key)
    except InvalidArgument as error:
        raise Unfit(f"{what} has no place: {error.message}") from error
    return "imported" if _put(draft, key, item, what) else "unchanged"


def _operation(draft: Draft, row: Row, verbatim: bool) -> Verdict:
    record: Any = row.record
    seq, position = row.place or (0, 0)
    place = log_place(seq, position)
    if (position == 0) != (record.seq == seq) or (position > 0) != (record.seq is None):
        raise Unfit(f"operation {record.op_id!r} is not number {record.seq}")
    if draft.get(log_key(place)) == record:
        return "unchanged"
    if not verbatim:
        return "skipped"
    _put(draft, log_key(place), record, f"operation number {seq}")
    _put(draft, operation_key(record.op_id), place, f"operation {record.op_id!r}")
    return "imported"


_RULES: Final[dict[type, Callable[[Draft, Row, bool], Verdict]]] = {
    Session: _session,
    Thread: _thread,
    Tombstone: _tombstone,
    Association: _association,
    Run: _run,
    StepResult: _step,
    State: _state,
    GraphEntry: _graph,
    Interaction: _interaction,
    Item: _item,
    OperationRecord: _operation,
}
