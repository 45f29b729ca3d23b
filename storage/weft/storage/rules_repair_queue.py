"""The rules of repair for what runs have besides their records: queue and steps."""

from weft.storage.ids import unpack_id
from weft.storage.keys import SEQ_SIZE_BYTES, Key, run_key
from weft.storage.records import Run
from weft.storage.rules_repair_context import Mending

__all__ = ["mend_queues"]

_STEP = 3


def mend_queues(mending: Mending) -> None:
    """Make entries agree with the record of their run: the finding has their keys."""
    for digits in mending.operation.items:
        raw = bytes.fromhex(digits)
        key: Key = ("queue", digits, "R", raw)
        (_step if raw[0] == _STEP else _queued)(mending, key)


def _queued(mending: Mending, key: Key) -> None:
    raw, draft = key[-1], mending.context.draft
    thread_id, end = unpack_id(raw, 1)
    seq = int.from_bytes(raw[end : end + SEQ_SIZE_BYTES])
    run_id, _ = unpack_id(raw, end + SEQ_SIZE_BYTES)
    run = draft.get(run_key(run_id))
    waits = isinstance(run, Run) and run.is_queued
    waits &= waits and (run.thread_id, run.created_seq) == (thread_id, seq)
    if bool(draft.get(key)) != waits:
        draft.put(key, True if waits else None)
        verb = "put into" if waits else "taken off"
        mending.did(f"run {run_id!r} was {verb} the queue")


def _step(mending: Mending, key: Key) -> None:
    draft = mending.context.draft
    run_id, _ = unpack_id(key[-1], 1)
    run = draft.get(run_key(run_id))
    goes_on = isinstance(run, Run) and run.is_in_progress
    if draft.get(key) is not None and not goes_on:
        draft.put(key, None)
        mending.did(f"removed a step of run {run_id!r}")
