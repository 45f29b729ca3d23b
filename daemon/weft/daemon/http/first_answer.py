"""What a request was told first, where it would be made of other operations now.

A repeated operation is answered from the log. Here some requests become operations
that depend on what is stored, so a repetition would become others than the first:
a session that had to be created is there, a thread that was to go is gone. What was
answered first is looked up before that.
"""

from typing import Any, Final

import msgspec

from weft.daemon.http.call import Call
from weft.storage import Thread

__all__ = ["first_answers", "first_checkpoint", "first_removed", "first_thread"]

# Made at import: see the decoders of bodies.
_answers_of: Final = msgspec.msgpack.Decoder(list[msgspec.Raw]).decode
_THREADS: Final = msgspec.msgpack.Decoder(list[Thread])
_TEXT: Final = msgspec.msgpack.Decoder(str)
_TEXTS: Final = msgspec.msgpack.Decoder(list[str])


def first_answers(
    call: Call[Any, Any], op_id: str | None, *kinds: str
) -> list[msgspec.Raw]:
    """Return the encoded answers that were given under a key, none if it is new.

    Args:
        call: who asks.
        op_id: the idempotency key; None for none.
        kinds: of the operation, besides a batch; one of another kind is not looked at,
            for the writer will tell that the key was used for something else.
    """
    if op_id is None:
        return []
    with call.runtime.store.read() as snapshot:
        record = snapshot.operation(op_id)
    if record is None or record.outcome == "refused":
        return []
    if record.kind == "Batch":
        return _answers_of(record.result_raw)
    return [record.result_raw] if record.kind in kinds else []


def first_thread(call: Call[Any, Any], op_id: str | None) -> Thread | None:
    """Return the thread that was created under a key."""
    for answer in first_answers(call, op_id, "CreateThreads"):
        found = _decoded(_THREADS, answer)
        if found:
            thread: Thread = found[0]
            return thread
    return None


def first_checkpoint(call: Call[Any, Any], op_id: str | None) -> str | None:
    """Return the id of the last checkpoint that was written under a key."""
    for answer in reversed(first_answers(call, op_id)):
        found = _decoded(_TEXT, answer)
        if found is not None:
            checkpoint_id: str = found
            return checkpoint_id
    return None


def first_removed(call: Call[Any, Any], op_id: str | None) -> list[str] | None:
    """Return the threads that were removed under a key, None if none were."""
    for answer in first_answers(call, op_id):
        found = _decoded(_TEXTS, answer)
        if found is not None:
            ids: list[str] = found
            return ids
    return None


def _decoded(decoder: Any, answer: msgspec.Raw) -> Any:
    """Return an answer of one kind, None if it is one of another."""
    try:
        return decoder.decode(answer)
    except msgspec.ValidationError:
        return None
