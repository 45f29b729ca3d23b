"""Batches over HTTP: several operations as one, over any sessions.

The parts are the operations of :mod:`weft.storage.operations` themselves. What differs
is made of their definitions: free-form data is plain JSON here, ids and times that the
runtime can generate may be left out, and what only runs may say is not there.
"""

from types import UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin, get_type_hints

import msgspec

from weft.daemon.http.call import Call
from weft.daemon.http.decoding import Id, Name
from weft.daemon.http.endpoint import Table
from weft.daemon.http.views import plain
from weft.storage import Batch, NewThread, Operation, new_id
from weft.storage.operations import PARTS_MAX
from weft.storage.operations_checkpoints import GraphWrite
from weft.storage.store import clock_us

__all__ = ["to_operation", "transactions"]

transactions: Final = Table("transactions")

_PARTS: Final = [
    part
    for part in get_args(get_args(get_type_hints(Batch)["parts"])[0])
    if not issubclass(part, GraphWrite)  # serialized by a library, not by hand
]

_OMITTED: Final = frozenset(
    {"op_id", "at_us", "run_id", "attempt", "rev", "workflow_version"}
)
"""Of the batch as a whole, or of runs."""

_GENERATED: Final = {
    "thread_id": new_id,
    "state_id": new_id,
    "interaction_id": new_id,
    "timestamp_us": clock_us,
}
"""What is generated where an operation brings it along as something new."""

_FREE: Final = {"content": Any, "values": Any}
"""Data that may be any JSON; ``metadata`` and ``config`` are objects."""

_NAMES: Final = frozenset({"name", "new_name", "workflow", "interaction_type"})

TIME_US_MAX: Final = 253_402_300_799_999_999
"""The last microsecond of the year 9999: later ones have no date."""


def _wire(kind: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """Return an operation's type as JSON has it."""
    fields = [
        _wire_field(kind, field)
        for field in msgspec.structs.fields(kind)
        if field.name not in _OMITTED
    ]
    tagged = kind.__struct_config__.tag is not None
    made = msgspec.defstruct(
        kind.__name__,
        fields,
        tag_field="kind" if tagged else None,
        tag=kind.__name__ if tagged else None,
        kw_only=True,
        forbid_unknown_fields=True,
        module=__name__,
    )
    made.__doc__ = (kind.__doc__ or "").split("\n", 1)[0]
    return made


def _wire_field(
    kind: type[msgspec.Struct], field: msgspec.structs.FieldInfo
) -> tuple[str, Any] | tuple[str, Any, Any]:
    wire = _wire_type(field.name, field.type)
    if _is_generated(kind, field.name):
        return field.name, wire | None, None
    if field.type is msgspec.Raw and field.required:
        return field.name, wire
    if field.type is msgspec.Raw:
        return field.name, wire | None, None
    if field.required:
        return field.name, wire
    return field.name, wire, field.default


def _wire_type(name: str, kind: Any) -> Any:
    if kind is msgspec.Raw:
        return _FREE.get(name, dict[str, Any])
    if kind is str:
        return Name if name in _NAMES else Id
    if kind is int:
        return Annotated[int, msgspec.Meta(ge=0, le=TIME_US_MAX)]
    if get_origin(kind) in {Union, UnionType}:
        first, *_ = get_args(kind)
        return _wire_type(name, first) | None
    if get_origin(kind) is tuple:
        (item, _) = get_args(kind)
        made = _NEW_THREAD if item is NewThread else Name if name == "threads" else Id
        return Annotated[list[made], msgspec.Meta(max_length=PARTS_MAX)]  # type: ignore[valid-type]
    return kind


def _is_generated(kind: type[msgspec.Struct], name: str) -> bool:
    """Whether a field may be left out because the runtime can fill it in."""
    if name == "thread_id":
        return kind is NewThread
    return name in _GENERATED


_NEW_THREAD: Final = _wire(NewThread)
_BY_NAME: Final = {part.__name__: (part, _wire(part)) for part in _PARTS}

Part = Union[tuple(wire for _, wire in _BY_NAME.values())]  # type: ignore[valid-type] # noqa: UP007


class Transaction(msgspec.Struct, forbid_unknown_fields=True):
    """Operations to be applied as one: all or none."""

    operations: Annotated[
        list[Part],  # type: ignore[valid-type]
        msgspec.Meta(min_length=1, max_length=PARTS_MAX),
    ]


class Answers(msgspec.Struct):
    """The operations' answers, in their order."""

    answers: list[Any]


def to_operation(part: Any) -> Operation:
    """Return the operation that a part stands for.

    Raises:
        InvalidArgument: its free-form data cannot be stored.
    """
    kind, _ = _BY_NAME[type(part).__name__]
    operation: Operation = kind(**_fields(kind, part))
    return operation


def _fields(kind: type[msgspec.Struct], part: msgspec.Struct) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in msgspec.structs.asdict(part).items():
        if value is None and _is_generated(kind, name):
            found[name] = _GENERATED[name]()
        elif isinstance(value, list) and name in {"threads", "thread_ids"}:
            found[name] = tuple(map(_item, value))
        else:
            found[name] = value
    return found


def _item(value: Any) -> Any:
    if isinstance(value, _NEW_THREAD):
        return NewThread(**_fields(NewThread, value))
    return value


@transactions.post("/transactions")
async def transact(call: Call[Transaction, None]) -> Answers:
    """Apply several operations as one: all or none, over any sessions.

    At most 1,000 parts; each has its answer, in their order.
    """
    groups = call.access.parts(map(to_operation, call.body.operations))
    operations = [operation for group in groups for operation in group]
    answers = iter(await call.coordinator.transact(operations, **call.change))
    return Answers([plain([next(answers) for _ in group][-1]) for group in groups])
