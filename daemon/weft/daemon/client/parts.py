"""The parts of a batch as a daemon reads them, and their answers as records."""

from typing import Any, Final

import msgspec

from weft.daemon.client.rebuild import record_of
from weft.storage import (
    AppendState,
    CloseSession,
    CreateSession,
    CreateThreads,
    Interaction,
    InvalidArgument,
    Operation,
    RenameThread,
    Session,
    Thread,
    TrackInteraction,
    TransferThreads,
    UpdateSession,
    UpdateThread,
)
from weft.storage.operations_checkpoints import GraphWrite
from weft.storage.records import NIL, Record, StateRef

__all__ = ["answer_of", "part_of"]

_ANSWERS: Final[dict[type, type[Record]]] = {
    CreateSession: Session,
    UpdateSession: Session,
    CloseSession: Session,
    CreateThreads: Thread,
    TransferThreads: Thread,
    RenameThread: Thread,
    UpdateThread: Thread,
    AppendState: StateRef,
    TrackInteraction: Interaction,
}


def part_of(operation: Operation) -> dict[str, Any]:
    """Return an operation as a part of a batch in JSON.

    Raises:
        InvalidArgument: it is one that is not sent.
    """
    if isinstance(operation, GraphWrite):
        raise InvalidArgument("Checkpoints of graphs are not sent to a daemon.")
    return {"kind": type(operation).__name__, **_fields(operation)}


def answer_of(operation: Operation, value: Any) -> Any:
    """Return what a daemon answers to an operation as the runtime does.

    Args:
        operation: the part.
        value: decoded JSON.
    """
    kind = _ANSWERS.get(type(operation))
    if kind is None:
        return value
    if isinstance(value, list):
        return [record_of(kind, each) for each in value]
    return record_of(kind, value)


def _fields(record: msgspec.Struct) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field in msgspec.structs.fields(type(record)):
        value = getattr(record, field.name)
        if value != field.default:
            found[field.name] = _plain(value)
    return {name: value for name, value in found.items() if name != "op_id"}


def _plain(value: Any) -> Any:
    if isinstance(value, msgspec.Raw):
        return None if value == NIL else msgspec.msgpack.decode(value)
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return _fields(value) if isinstance(value, msgspec.Struct) else value
