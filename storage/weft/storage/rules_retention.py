"""The rules of forgetting: what retention names goes, unless it has changed since.

Retention is planned on a snapshot (:mod:`weft.storage.retention`) and applied a moment
later. Each item therefore carries what its plan was based on; one that is not so any
more is passed over, which is no refusal.

Guarantees:
    * what is in use stays: a live thread that did anything since, a run in progress,
      an active association, the last state of a thread whose run may be resumed;
    * a history loses its oldest states only, and has no gap;
    * a graph keeps its newest checkpoint with all that it is made of, and loses
      checkpoints with what belongs to them alone;
    * no index entry is left behind.
"""

import msgspec

from weft.storage import operations as op
from weft.storage.errors import InvalidArgument, StoreCorrupt
from weft.storage.keys import (
    association_key,
    head_key,
    log_key,
    operation_key,
    past_key,
    run_key,
    state_key,
    thread_key,
    thread_run_key,
)
from weft.storage.keys_checkpoints import entry_key
from weft.storage.records import Association, Run, StateRef, Thread, Tombstone
from weft.storage.rules_checkpoints import graph_of
from weft.storage.rules_context import Context
from weft.storage.rules_items import forget_item
from weft.storage.rules_threads import remove_thread

__all__ = ["Forgotten", "expire"]


class Forgotten(msgspec.Struct, frozen=True):
    """How much was forgotten, by kind of record.

    Attributes:
        operations: log entries, and with them the answers to repeated operations.
        threads: idle threads, removed with all they had.
    """

    operations: int = 0
    threads: int = 0
    tombstones: int = 0
    associations: int = 0
    runs: int = 0
    states: int = 0
    checkpoints: int = 0
    items: int = 0

    @property
    def total(self) -> int:
        """How many records that are."""
        return sum(msgspec.structs.astuple(self))


def expire(context: Context, operation: op.Expire) -> Forgotten:
    """Forget what an operation names.

    Raises:
        InvalidArgument: it names more than 1,000 records.
    """
    named = sum(max(0, last - first + 1) for _, first, last in operation.states)
    named += len(operation.log) + len(operation.threads) + len(operation.tombstones)
    named += len(operation.associations) + len(operation.runs)
    named += len(operation.checkpoints) + len(operation.items)
    if named > op.PARTS_MAX:
        raise InvalidArgument(
            f"One operation forgets at most {op.PARTS_MAX} records, not {named}."
        )
    return Forgotten(
        operations=sum(_entry(context, *item) for item in operation.log),
        threads=sum(_thread(context, *item) for item in operation.threads),
        associations=sum(_association(context, *i) for i in operation.associations),
        tombstones=sum(_tombstone(context, *item) for item in operation.tombstones),
        runs=sum(_run(context, *item) for item in operation.runs),
        states=sum(_states(context, *item) for item in operation.states),
        checkpoints=sum(_checkpoints(context, *i) for i in operation.checkpoints),
        items=sum(forget_item(context, *item) for item in operation.items),
    )


def _entry(context: Context, place: bytes, op_id: str) -> bool:
    draft, index = context.draft, operation_key(op_id)
    if draft.get(index) == place:
        draft.put(index, None)
    draft.put(log_key(place), None)
    return True


def _thread(context: Context, thread_id: str, updated_seq: int, step: int) -> bool:
    thread = context.draft.get(thread_key(thread_id))
    head: StateRef | None = context.draft.get(head_key(thread_id))
    if (
        not isinstance(thread, Thread)
        or thread.run_id is not None
        or thread.updated_seq != updated_seq
        or (0 if head is None else head.step) != step
    ):
        return False
    remove_thread(context, thread)
    return True


def _association(
    context: Context, thread_id: str, session_id: str, version: int
) -> bool:
    key = association_key(thread_id, session_id)
    row: Association | None = context.draft.get(key)
    if row is None or row.is_active or row.version != version:
        return False
    context.draft.put(key, None)
    context.draft.put(past_key(session_id, thread_id), None)
    return True


def _tombstone(context: Context, thread_id: str, rev: int) -> bool:
    stone = context.draft.get(thread_key(thread_id))
    if not isinstance(stone, Tombstone) or stone.rev != rev:
        return False
    context.draft.put(thread_key(thread_id), None)
    return True


def _run(context: Context, thread_id: str, run_id: str) -> bool:
    run: Run | None = context.draft.get(run_key(run_id))
    if run is None or run.finished_at_us is None or run.thread_id != thread_id:
        return False
    context.draft.put(run_key(run_id), None)
    context.draft.put(thread_run_key(thread_id, run_id), None)
    return True


def _states(context: Context, thread_id: str, first: int, last: int) -> int:
    thread = context.draft.get(thread_key(thread_id))
    head: StateRef | None = context.draft.get(head_key(thread_id))
    if not isinstance(thread, Thread) or head is None:
        return 0
    if context.draft.get(state_key(thread_id, first - 1)) is not None:
        return 0  # what is left has to be the end of the history, without a gap
    if thread.run_id is not None:
        last = min(last, head.step - 1)
    context.draft.trimmed = True
    gone = 0
    for step in range(first, last + 1):
        key = state_key(thread_id, step)
        if context.draft.get(key) is not None:
            context.draft.put(key, None)
            gone += 1
    if gone and last >= head.step:
        context.draft.put(head_key(thread_id), None)
    return gone


def _checkpoints(context: Context, thread_id: str, keep: int, before_us: int) -> int:
    """Forget a thread's old checkpoints, all at once: a part may not stand alone."""
    thread = context.draft.get(thread_key(thread_id))
    if not isinstance(thread, Thread) or thread.run_id is not None:
        return 0  # a run in progress may have begun from any of them
    try:
        graph = graph_of(context, thread_id)
    except StoreCorrupt:  # for the check to name: what it needs is not known
        return 0
    old = graph.old(keep, before_us)
    for raw in graph.leftovers(old) if old else ():
        context.draft.put(entry_key(thread_id, raw), None)
    return len(old)
