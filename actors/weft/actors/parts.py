"""The parts of a batch, checked at the door.

Callers make operations themselves for :meth:`Coordinator.transact`, and the rules trust
what an operation holds: an id that fits no key would fail the whole commit group. So
the types, ids and names of every part are checked here.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, cast, get_args, get_type_hints

import msgspec

from weft.storage import (
    Batch,
    CreateThreads,
    InvalidArgument,
    NewThread,
    Operation,
    RemoveThreads,
    TransferThreads,
)
from weft.storage.ids import check_id, check_name

__all__ = ["batch_of"]

_PARTS: Final = get_args(get_args(get_type_hints(Batch)["parts"])[0])
"""The operations that a batch may have, as its definition says."""

# Made here, on one OS thread: a type that msgspec sees for the first time on several at
# once crashes the interpreter (0.22).
_decode: Final = msgspec.msgpack.Decoder(Batch).decode

_WRONG: Final = (msgspec.MsgspecError, TypeError, ValueError, OverflowError)

_CHECKS: Final[Mapping[str, Callable[[object, str], str]]] = {
    "session_id": check_id,
    "user_id": check_id,
    "move_to": check_id,
    "from_session_id": check_id,
    "to_session_id": check_id,
    "thread_id": check_id,
    "state_id": check_id,
    "run_id": check_id,
    "interaction_id": check_id,
    "name": check_name,
    "new_name": check_name,
    "workflow": check_name,
    "interaction_type": check_name,
}


def batch_of(operations: Iterable[Operation]) -> Batch:
    """Return a batch of operations that may be in one.

    Raises:
        InvalidArgument: there are none, or one is no operation, a run's, or wrong.
    """
    try:
        parts = tuple(operations)
    except TypeError as error:
        raise InvalidArgument(f"A batch is made of operations: {error}.") from error
    wrong = [part for part in parts if not isinstance(part, _PARTS)]
    if wrong or not parts:
        found = type(wrong[0]).__name__ if wrong else "nothing"
        raise InvalidArgument(f"A batch is made of operations, not of {found}.")
    try:
        data = msgspec.msgpack.encode(Batch(parts=cast("Any", parts)))
        batch = _decode(data)
    except _WRONG as error:
        raise InvalidArgument(f"A part of the batch is wrong: {error}.") from error
    for part in batch.parts:
        _check_part(part)
    return batch


def _check_part(part: Operation) -> None:
    _check_fields(part)
    match part:
        case CreateThreads():
            for thread in part.threads:
                _check_fields(thread)
        case TransferThreads():
            for thread_id in part.thread_ids:
                check_id(thread_id, "thread id")
        case RemoveThreads():
            check = check_id if part.session_id is None else check_name
            for thread_name in part.threads:
                check(thread_name, "thread")


def _check_fields(record: Operation | NewThread) -> None:
    for field in record.__struct_fields__:
        check = _CHECKS.get(field)
        value = getattr(record, field)
        if check is not None and value is not None:
            check(value, field.replace("_", " "))
