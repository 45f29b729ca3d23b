"""Operations: data that is sound before it reaches the writer."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from tests.storage.bad_values import BAD_MAPPING
from tests.storage.samples import SAMPLES
from weft.storage import operations as op
from weft.storage.errors import InvalidArgument
from weft.storage.operations_associations import SaveAssociation
from weft.storage.operations_items import PutItem
from weft.storage.records import NIL

STATE: dict[str, Any] = {"thread_id": "t", "state_id": "s"}
RUN: dict[str, Any] = {"thread_id": "t", "run_id": "r"}
DEED: dict[str, Any] = {
    "session_id": "s",
    "interaction_id": "i",
    "interaction_type": "x",
    "timestamp_us": 1,
}
ROW: dict[str, Any] = {"session_id": "s", "thread_id": "t", "thread_name": "n"}
MAPPING_FIELDS: dict[str, Callable[[Any], Any]] = {
    "CreateSession.metadata": lambda v: op.CreateSession(session_id="s", metadata=v),
    "UpdateSession.metadata": lambda v: op.UpdateSession(session_id="s", metadata=v),
    "NewThread.config": lambda v: op.NewThread("t", "n", config=v),
    "NewThread.metadata": lambda v: op.NewThread("t", "n", metadata=v),
    "UpdateThread.config": lambda v: op.UpdateThread(thread_id="t", config=v),
    "UpdateThread.metadata": lambda v: op.UpdateThread(thread_id="t", metadata=v),
    "StartRun.config": lambda v: op.StartRun(thread_id="t", run_id="r", config=v),
    "StartRun.metadata": lambda v: op.StartRun(thread_id="t", run_id="r", metadata=v),
    "AppendState.metadata": lambda v: op.AppendState(values=NIL, metadata=v, **STATE),
    "TrackInteraction.metadata": lambda v: op.TrackInteraction(metadata=v, **DEED),
    "SaveAssociation.metadata": lambda v: SaveAssociation(metadata=v, **ROW),
    "PutItem.value": lambda v: PutItem(namespace=("u",), key="k", value=v),
}
VALUE_FIELDS: dict[str, Callable[[Any], Any]] = {
    "AppendState.values": lambda v: op.AppendState(values=v, **STATE),
    "RecordStep.value": lambda v: op.RecordStep(
        thread_id="t", run_id="r", attempt=1, rev=1, name="n", value=v
    ),
    "FinishRun.values": lambda v: op.FinishRun(values=v, **RUN),
    "FinishRun.result": lambda v: op.FinishRun(result=v, **RUN),
    "TrackInteraction.content": lambda v: op.TrackInteraction(content=v, **DEED),
}
ENCODED_BY_THE_WRITER = {"PutCheckpoint.state"}
"""Of a graph, which encodes for its checkpoint and its state alike."""

FIELDS = pytest.mark.parametrize("field", [*MAPPING_FIELDS, *VALUE_FIELDS])


def build(field: str, value: Any) -> msgspec.Raw:
    """Return what a field holds when its operation was made with a value."""
    made = (MAPPING_FIELDS | VALUE_FIELDS)[field](value)
    held: msgspec.Raw = getattr(made, field.partition(".")[2])
    return held


def test_every_field_of_free_data_is_tried() -> None:
    kinds = [*op.Operation.__args__, op.NewThread]
    free = {
        f"{kind.__name__}.{field.name}"
        for kind in kinds
        for field in msgspec.structs.fields(kind)
        if field.type is msgspec.Raw
    }
    assert free == {*MAPPING_FIELDS, *VALUE_FIELDS, *ENCODED_BY_THE_WRITER}


@FIELDS
def test_free_data_is_held_encoded(field: str) -> None:
    held = build(field, {"k": [1]})
    assert isinstance(held, msgspec.Raw)
    assert {"k": [1]} == msgspec.msgpack.decode(held)
    assert held is build(field, held), "what is encoded is taken as it is"


@FIELDS
def test_free_data_that_cannot_be_encoded_is_refused_at_the_edge(field: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        build(field, {"k": object()})
    assert caught.value.message.startswith(field.partition(".")[2])


@pytest.mark.parametrize("field", MAPPING_FIELDS)
@BAD_MAPPING
def test_a_field_for_a_mapping_takes_nothing_else(field: str, value: Any) -> None:
    with pytest.raises(InvalidArgument):
        build(field, value)


@pytest.mark.parametrize("field", VALUE_FIELDS)
def test_a_field_for_a_value_takes_any(field: str) -> None:
    values: list[Any] = [None, 0, [], "x", {"1": 2}, {1: 2}]
    for value in values:
        assert value == msgspec.msgpack.decode(build(field, value))


@pytest.mark.parametrize("kind", SAMPLES)
def test_an_operation_is_the_same_after_a_trip_as_message_pack(kind: str) -> None:
    sent = replace(SAMPLES[kind].applied, op_id="o", at_us=7)
    data = msgspec.msgpack.encode(sent)
    assert sent == msgspec.msgpack.decode(data, type=op.Operation)
    assert kind == sent.kind == msgspec.msgpack.decode(data)["kind"]


def test_an_operation_takes_no_unknown_fields() -> None:
    data = {"kind": "CreateSession", "session_id": "s", "meta": {}}
    with pytest.raises(msgspec.ValidationError, match="meta"):
        msgspec.convert(data, op.Operation)


def test_an_operation_does_not_change() -> None:
    with pytest.raises(AttributeError):
        op.CloseSession(session_id="s").session_id = "t"  # type: ignore[misc]
