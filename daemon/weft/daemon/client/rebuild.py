"""From JSON to records: what the daemon shows of one, as the record it was.

Guarantees: a record that was read through a daemon equals the one that the runtime
has, as far as its free-form data is JSON; of an entry of the log the stored answer is
left out, for the daemon does not show it.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

import msgspec

from weft.storage import Association, Inconsistency, OperationRecord
from weft.storage.operations import encode_value
from weft.storage.records import NIL, Record

__all__ = ["association_of", "findings_of", "operation_of", "record_of"]

R = TypeVar("R", bound=Record)

View = Mapping[str, Any]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def record_of(kind: type[R], view: View) -> R:
    """Return the record of a view.

    Args:
        kind: of the record.
        view: decoded JSON.
    """
    return kind(*[_value(field, view) for field in msgspec.structs.fields(kind)])


def association_of(view: View) -> Association:
    """Return the row of a view."""
    made_up = f"{view['session_id']}/{view['thread_id']}"
    own = view["association_id"]
    given = None if own == made_up else own
    return record_of(Association, {**view, "given_id": given})


def operation_of(view: View) -> OperationRecord:
    """Return the log's entry of a view."""
    error = encode_value(view["error"])
    return record_of(OperationRecord, {**view, "error": error, "result_raw": NIL})


def findings_of(views: list[View]) -> list[Inconsistency]:
    """Return what a check found."""
    return msgspec.convert(views, list[Inconsistency])


def _value(field: msgspec.structs.FieldInfo, view: View) -> Any:
    name = field.name
    if name in view:
        value = view[name]
        return tuple(value) if isinstance(value, list) else value
    if name.endswith("_raw"):
        return encode_value(view[name.removesuffix("_raw")])
    if name.removesuffix("_us") not in view:  # not shown, such as a run's fence
        return field.default
    when = view[name.removesuffix("_us")]
    return None if when is None else _microseconds(when)


def _microseconds(text: str) -> int:
    return (datetime.fromisoformat(text) - _EPOCH) // timedelta(microseconds=1)
