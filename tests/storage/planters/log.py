"""A log with gaps, and counters that count wrong."""

from msgspec.structs import replace

from tests.storage.planters.field import (
    Field,
    Planted,
    take,
)
from weft.storage import keys
from weft.storage.records import (
    OperationRecord,
)


def logged(field: Field) -> tuple[bytes, OperationRecord]:
    """Take an entry of the log, with its place."""
    return take(field.log, lambda _: True)


def removed_log_entry(field: Field) -> Planted:
    where, _ = logged(field)
    field.delete(keys.log_key(where))
    return Planted("log_gap", None, None)


def operation_index_of_nothing(field: Field) -> Planted:
    key = keys.operation_key(field.fresh("operation"))
    field.put(key, keys.log_place(field.view.seq + 1000))
    return Planted("dangling_index_entry", None, None)


def operation_index_elsewhere(field: Field) -> Planted:
    (where, _), (_, record) = logged(field), logged(field)
    field.put(keys.operation_key(record.op_id), where)
    return Planted("dangling_index_entry", None, None)


def removed_operation_index(field: Field) -> Planted:
    _, record = logged(field)
    field.delete(keys.operation_key(record.op_id))
    return Planted("missing_index_entry", None, None)


def wrong_counters(field: Field) -> Planted:
    # More than all findings of a test together could account for.
    changed = replace(field.view.counters, states=field.view.counters.states + 1000)
    field.put(keys.COUNTERS_KEY, changed)
    return Planted("counter_mismatch", None, None)
