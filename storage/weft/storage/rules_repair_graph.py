"""The rules of repair for what graphs left, and for the index of their runs.

A mark in the thread says which run has written there, and fences it; whether the index
has the run says the mark's value. Of the two the thread's checkpoints are the judge.
"""

from contextlib import suppress

from weft.storage.errors import StoreCorrupt
from weft.storage.ids import unpack_id
from weft.storage.keys_checkpoints import (
    RUN_THREADS,
    entry_key,
    run_thread_key,
    writer_run_key,
)
from weft.storage.rules_checkpoints import graph_of
from weft.storage.rules_repair_context import Mending

__all__ = ["mend_mark", "mend_marks", "remove_graph", "remove_unused"]


def remove_graph(mending: Mending) -> None:
    """Remove what graphs left in a thread that is not there."""
    if mending.thread is None:
        mending.context.draft.erase(mending.thread_id)
        mending.did("removed its checkpoints")


def remove_unused(mending: Mending) -> None:
    """Remove the values of channels that no checkpoint has."""
    thread_id, draft = mending.thread_id, mending.context.draft
    if mending.thread is None:
        return
    unused = graph_of(mending.context, thread_id).unused()
    for raw in unused:
        draft.put(entry_key(thread_id, raw), None)
    if unused:
        mending.did(f"removed {len(unused)} values of no checkpoint")


def mend_marks(mending: Mending) -> None:
    """Make marks and the index of runs agree with who wrote what is there."""
    thread_id, draft = mending.thread_id, mending.context.draft
    if mending.thread is None:
        for run_id in mending.operation.items:
            if draft.get(writer_run_key(thread_id, run_id)) is None:
                _index(mending, run_id, wrote=False)
        return
    graph = graph_of(mending.context, thread_id)
    for run_id in mending.operation.items:
        is_marked = graph.marks.get(run_id)
        wrote = bool(is_marked) or run_id in graph.unmarked()
        if wrote and not is_marked:
            draft.put(writer_run_key(thread_id, run_id), value=True)
            mending.did(f"marked run {run_id!r} as one that wrote here")
        _index(mending, run_id, wrote=wrote)


def mend_mark(mending: Mending, raw: bytes) -> None:
    """Write a damaged mark, or entry of the index of runs, again.

    Each of the two is there if the other one is.
    """
    is_index = raw.startswith(RUN_THREADS)
    one, end = unpack_id(raw, int(is_index))
    if not is_index and raw[end : end + 1] != b"\x04":
        return
    other, _ = unpack_id(raw, end + (not is_index))
    run_id, thread_id = (one, other) if is_index else (other, one)
    mark, entry = writer_run_key(thread_id, run_id), run_thread_key(run_id, thread_id)
    draft = mending.context.draft
    damaged, twin = (entry, mark) if is_index else (mark, entry)
    with suppress(StoreCorrupt):
        if isinstance(draft.get(damaged), bool | None):
            return
    stands = bool(draft.get(twin))
    draft.put(damaged, None if is_index and not stands else stands)
    mending.did(f"wrote the mark of run {run_id!r} in {thread_id!r} again")


def _index(mending: Mending, run_id: str, *, wrote: bool) -> None:
    draft, key = mending.context.draft, run_thread_key(run_id, mending.thread_id)
    if bool(draft.get(key)) != wrote:
        draft.put(key, True if wrote else None)
        verb = "added" if wrote else "removed"
        mending.did(f"{verb} run {run_id!r} in the index of checkpoints")
