"""Records as lines of JSON: what an export is made of.

A row is an object that begins with ``record``, its kind, and has the record's fields
under their own names. Times stay integers of microseconds; encoded data becomes JSON
that loses nothing (:mod:`weft.storage.plain`), under its name without ``_raw``. What
has its place in an order of its own, interactions and log entries, says it: ``place``.
A header opens an export and an end row closes it, so that one that was cut short is
known as such.

Guarantees: ``read_row(write_row(...))`` gives the record back, equal in every field; a
line that is not one of these rows is refused with the reason.
"""

from typing import Any, Final, NamedTuple, Union

import msgspec
from msgspec.structs import fields

from weft.storage.encoding import check_readable
from weft.storage.ids import check_id, check_name
from weft.storage.plain import to_json, to_msgpack
from weft.storage.records import (
    Association,
    Interaction,
    OperationRecord,
    Record,
    Run,
    Session,
    State,
    StepResult,
    Thread,
    Tombstone,
)
from weft.storage.records_items import Item

__all__ = [
    "EXPORT_FORMAT",
    "KINDS",
    "BadRow",
    "End",
    "GraphEntry",
    "Header",
    "Row",
    "read_row",
    "write_row",
]

EXPORT_FORMAT: Final = 1
"""The number of this layout; a file of a higher one is refused."""

_PLACED: Final = (Interaction, OperationRecord)


class BadRow(Exception):
    """A line is no row; the argument says why."""


class Header(msgspec.Struct, frozen=True, tag="weft", tag_field="record", kw_only=True):
    """The first line.

    Attributes:
        format: of the rows.
        seq: of the snapshot.
        exported_at_us: when, microseconds since the Unix epoch.
        sessions: which ones; None for the whole store, with its log.
    """

    format: int
    seq: int
    exported_at_us: int
    sessions: list[str] | None = None


class End(msgspec.Struct, frozen=True, tag="end", tag_field="record"):
    """The last line: how many rows are between the header and this."""

    rows: int


class GraphEntry(Record, frozen=True, array_like=True, gc=False):
    """An entry of the tree of checkpoints, as it lies there, its checksum included.

    What graphs leave is bytes of a serializer of the caller's: in JSON it would be no
    more readable, and like this nothing of it can change.

    Attributes:
        thread_id: whose it is.
        key: the bytes of its key.
        data: the bytes under it.
    """

    thread_id: str
    key: bytes
    data: bytes


KINDS: Final[dict[type[Record], str]] = {
    Session: "session",
    Thread: "thread",
    Tombstone: "tombstone",
    Association: "association",
    Run: "run",
    StepResult: "step",
    State: "state",
    Interaction: "interaction",
    GraphEntry: "graph",
    Item: "item",
    OperationRecord: "operation",
}


class Row(NamedTuple):
    """A record and, where its key has one, its place: a number and a position."""

    record: Record
    place: tuple[int, int] | None = None


def _define(record: type[Record]) -> type[msgspec.Struct]:
    """Return the row's definition: the record's, with JSON for what is encoded."""
    columns: list[Any] = []
    for field in fields(record):
        name, kind = field.name.removesuffix("_raw"), field.type
        columns.append((name, kind) if field.required else (name, kind, field.default))
    if record in _PLACED:
        columns.insert(0, ("place", tuple[int, int]))
    return msgspec.defstruct(
        f"{record.__name__}Row",
        columns,
        frozen=True,
        tag=KINDS[record],
        tag_field="record",
        forbid_unknown_fields=True,
    )


_ROWS: Final = {record: _define(record) for record in KINDS}
_RECORDS: Final = {row: record for record, row in _ROWS.items()}
_COLUMNS: Final = {
    record: [
        (field.name, field.name.removesuffix("_raw"), field.type is msgspec.Raw)
        for field in fields(record)
    ]
    for record in KINDS
}
_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(Union[(Header, End, *_ROWS.values())]).decode


def write_row(row: Row) -> bytes:
    """Return a record's line, without its end."""
    record = row.record
    values = [
        msgspec.Raw(to_json(bytes(getattr(record, name))))
        if encoded
        else getattr(record, name)
        for name, _, encoded in _COLUMNS[type(record)]
    ]
    if row.place is not None:
        values.insert(0, row.place)
    return _encode(_ROWS[type(record)](*values))


def read_row(line: bytes) -> Row | Header | End:
    """Return what a line stands for.

    Raises:
        BadRow: it is none of the rows there are.
    """
    try:
        found = _decode(line)
        if isinstance(found, Header | End):
            return found
        return _record_of(found)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        # ValueError: of msgspec, of base64, of ids and names that cannot be used.
        raise BadRow(getattr(error, "message", None) or str(error)) from error


def _record_of(found: Any) -> Row:
    kind = _RECORDS[type(found)]
    values: list[Any] = []
    for _, name, encoded in _COLUMNS[kind]:
        value = getattr(found, name)
        if encoded:
            value = _stored(value, name, kind)
        elif name in _IDS and value is not None:
            check_id(value, name)
        elif name in _NAMES:
            check_name(value)
        values.append(value)
    place = found.place if kind in _PLACED else None
    if place is not None and not all(0 <= number < 1 << 63 for number in place):
        raise BadRow(f"{place} is no place")
    return Row(kind(*values), place)


def _stored(plain: msgspec.Raw, name: str, kind: type[Record]) -> msgspec.Raw:
    data = to_msgpack(bytes(plain))
    if kind is not OperationRecord:  # its result wraps records that hold values
        check_readable(data, name)
    return msgspec.Raw(data)


_NAMES: Final = frozenset(("thread_name", "name"))
_IDS: Final = frozenset(
    ("session_id", "thread_id", "run_id", "state_id", "interaction_id", "op_id")
)
