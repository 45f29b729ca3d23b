"""The rules of repair for what is only kept to find things: indexes, markers, runs.

An index entry can always be made again from what it leads to, so a wrong one goes and
a missing one is added.
"""

from typing import Any, Final

from msgspec.structs import replace

from weft.storage.errors import StoreCorrupt
from weft.storage.ids import unpack_id
from weft.storage.keys import (
    Key,
    association_key,
    live_run_key,
    log_key,
    operation_key,
    past_key,
    run_key,
    thread_run_key,
)
from weft.storage.records import Association, OperationRecord, Run, Thread
from weft.storage.rules_repair_context import Mending
from weft.storage.rules_repair_graph import mend_mark, mend_marks
from weft.storage.rules_repair_queue import mend_queues

__all__ = ["mend_damaged", "mend_dangling", "mend_missing_entry", "remove_runs"]


def mend_dangling(mending: Mending) -> None:
    """Remove an entry that leads to nothing, by the index it is in."""
    match mending.operation.index:
        case "names":
            _second_names(mending)
        case "past":
            _past(mending)
        case "runs":
            _runs(mending)
        case "checkpoints":
            mend_marks(mending)
        case "queue" | "steps":
            mend_queues(mending)
        case "operations":
            _dangling_operations(mending)


def mend_missing_entry(mending: Mending) -> None:
    """Add an entry that an index leaves out."""
    match mending.operation.index:
        case "past":
            _past(mending)
        case "runs":
            _runs(mending)
        case "checkpoints":
            mend_marks(mending)
        case "queue":
            mend_queues(mending)
        case "operations":
            _missing_operation(mending)


def _second_names(mending: Mending) -> None:
    thread = mending.thread
    if thread is None or not mending.is_owner:
        return
    for name in mending.listed():
        if name != thread.thread_name:
            mending.unlist(name, renamed=True)


def _past(mending: Mending) -> None:
    """Make an entry of the past index stand for an inactive association."""
    draft = mending.context.draft
    key = past_key(mending.session_id, mending.thread_id)
    row, entry = mending.row(), draft.get(key)
    if row is None or row.is_active:
        if entry is not None:
            draft.put(key, None)
            mending.did(f"took it off the past of {mending.session_id!r}")
    elif entry is None:
        draft.put(key, value=True)
        mending.did(f"added it to the past of {mending.session_id!r}")


def _runs(mending: Mending) -> None:
    for run_id in mending.operation.items:
        _run(mending, run_id)


def _run(mending: Mending, run_id: str) -> None:
    """Make a thread and the two indexes of runs agree with the run's record."""
    run: Run | None = mending.context.draft.get(run_key(run_id))
    if run is None or run.thread_id != mending.thread_id:
        _set(mending, thread_run_key(mending.thread_id, run_id), None, run_id)
        if run is None:
            _set(mending, live_run_key(run_id), None, run_id)
        _release(mending, run_id)
        return
    thread = mending.thread
    if thread is None:
        return
    is_current = thread.run_id == run_id
    if run.is_in_progress and not is_current:
        run = replace(
            run,
            status="interrupted",
            finished_at_us=mending.context.at_us,
            updated_seq=mending.context.seq,
        )
        mending.context.draft.put(run_key(run_id), run)
        mending.did(f"marked run {run_id!r} as interrupted")
        if thread.run_id is None and thread.status == "busy":
            _free(mending, thread)
    goes_on = run.is_in_progress
    live = thread.thread_id if goes_on else None
    _set(mending, thread_run_key(thread.thread_id, run_id), True, run_id)
    _set(mending, live_run_key(run_id), live, run_id)
    if not goes_on:
        _release(mending, run_id)


def _set(mending: Mending, key: Key, value: Any, run_id: str) -> None:
    draft = mending.context.draft
    if draft.get(key) != value:
        draft.put(key, value)
        verb = "removed" if value is None else "added"
        mending.did(f"{verb} run {run_id!r} in an index of runs")


def _release(mending: Mending, run_id: str) -> None:
    """Free a thread of a run that is not in progress."""
    thread = mending.thread
    if thread is not None and thread.run_id == run_id:
        _free(mending, thread)
        mending.did(f"freed it of run {run_id!r}")


def _free(mending: Mending, thread: Thread) -> None:
    thread = mending.context.put_thread(
        thread, status="interrupted", run_id=None, run_attempt=0
    )
    mending.thread = thread
    mending.context.tell(thread.session_id, "run", thread)


def remove_runs(mending: Mending) -> None:
    """Remove runs of a thread that is not there, wherever they are entered."""
    if mending.thread is not None:
        return
    draft = mending.context.draft
    for run_id in mending.operation.items:
        run: Run | None = draft.get(run_key(run_id))
        if run is not None and run.thread_id == mending.thread_id:
            draft.put(run_key(run_id), None)
            mending.did(f"removed its run {run_id!r}")
        _set(mending, thread_run_key(mending.thread_id, run_id), None, run_id)
        _set(mending, live_run_key(run_id), None, run_id)


def _dangling_operations(mending: Mending) -> None:
    draft = mending.context.draft
    for op_id in mending.operation.items:
        key = operation_key(op_id)
        where: bytes | None = draft.get(key)
        record = None if where is None else draft.get(log_key(where))
        if where is not None and (record is None or record.op_id != op_id):
            draft.put(key, None)
            mending.did(f"removed operation {op_id!r} from the index")


def _missing_operation(mending: Mending) -> None:
    op_id, where = mending.operation.items
    draft, place = mending.context.draft, bytes.fromhex(where)
    record: OperationRecord | None = draft.get(log_key(place))
    if record is None or record.op_id != op_id:
        return
    other: bytes | None = draft.get(operation_key(op_id))
    twin = None if other is None else draft.get(log_key(other))
    if twin is not None and twin.op_id == op_id:
        return  # the log has it twice, and an index can only have one of the two
    draft.put(operation_key(op_id), place)
    mending.did(f"added operation {op_id!r} to the index")


def mend_damaged(mending: Mending) -> None:
    """Remove a damaged value that can be made again."""
    tree, digits = mending.operation.items
    raw = bytes.fromhex(digits)
    if tree == "C":
        mend_mark(mending, raw)
        return
    key: Key = ("damaged", digits, tree, raw)
    try:
        value = mending.context.draft.get(key)
    except StoreCorrupt:
        value = _DAMAGED
    if value is not None and not _belongs(value, tree, raw):
        mending.context.draft.put(key, None)
        mending.did(f"removed a damaged value from tree {tree}")


_DAMAGED: Final = object()

_ENTRIES: Final = {
    ("S", 1): str,
    ("S", 2): bool,
    ("T", 2): bool,
    ("R", 0): str,
    ("R", 2): bool,
    ("O", None): bytes,
}
"""What may lie under the keys of a tree that are indexes, by the byte behind the id."""


def _belongs(value: Any, tree: str, raw: bytes) -> bool:
    """Return whether a value is what has to lie under its key."""
    if isinstance(value, Association):
        own = association_key(value.thread_id, value.session_id)
        return bool(own[-1] == raw)
    tag = None if tree == "O" else raw[0] if tree == "R" else raw[unpack_id(raw)[1]]
    return isinstance(value, _ENTRIES.get((tree, tag), ()))
