"""Operations: data that is sound before it reaches the writer."""

import enum
from collections import OrderedDict
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from tests.storage.samples import SAMPLES
from weft.storage import operations as op
from weft.storage.errors import InvalidArgument
from weft.storage.operations import (
    VALUE_SIZE_BYTES_MAX,
    encode_mapping,
    encode_value,
)
from weft.storage.operations_associations import SaveAssociation
from weft.storage.records import EMPTY, NIL


class Colour(enum.Enum):
    RED = object()


def endless() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


UNENCODABLE: dict[str, Any] = {
    "an object": object(),
    "a function": endless,
    "a lone surrogate": "\ud800",
    "a lone surrogate as a key": {"\ud800": 1},
    "an integer beyond 64 bits": 2**64,
    "an integer below 64 bits": -(2**63) - 1,
    "a value in itself": endless(),
    "an object deep inside": {"a": [{"b": {1, 2}, "c": [object()]}]},
    "a member without a plain value": Colour.RED,
    "more than 16 MiB": bytes(VALUE_SIZE_BYTES_MAX),
}
NO_MAPPINGS: dict[str, Any] = {
    "a list": [1],
    "an empty list": [],
    "a string": "x",
    "an empty string": "",
    "a number": 7,
    "zero": 0,
    "a key that is no string": {1: 2},
    "a key of bytes": {b"k": 1},
    "pairs": [("a", 1)],
}
BAD = pytest.mark.parametrize(
    "value", [pytest.param(v, id=k) for k, v in UNENCODABLE.items()]
)
BAD_MAPPING = pytest.mark.parametrize(
    "value", [pytest.param(v, id=k) for k, v in NO_MAPPINGS.items()]
)


def test_a_value_is_stored_as_message_pack() -> None:
    value = {"a": [1, 2.5, None, True, "é", b"\0"], "b": {"c": {}}}
    assert value == msgspec.msgpack.decode(encode_value(value))
    assert NIL == encode_value(None)


@BAD
def test_what_cannot_be_encoded_is_refused_by_name(value: Any) -> None:
    with pytest.raises(InvalidArgument) as caught:
        encode_value(value, "values")
    assert caught.value.message.startswith("values ")


def test_the_cause_of_a_refused_value_is_kept() -> None:
    with pytest.raises(InvalidArgument) as caught:
        encode_value(object())
    assert isinstance(caught.value.cause, TypeError)


def test_a_value_may_have_sixteen_mebibytes_and_no_byte_more() -> None:
    head = len(msgspec.msgpack.encode(bytes(1 << 20))) - (1 << 20)
    largest = bytes(VALUE_SIZE_BYTES_MAX - head)
    assert VALUE_SIZE_BYTES_MAX == len(bytes(encode_value(largest)))
    with pytest.raises(InvalidArgument, match=str(VALUE_SIZE_BYTES_MAX)):
        encode_value(largest + b"\0")


@pytest.mark.parametrize(
    "value", [{"a": 1}, OrderedDict(a=1), MappingProxyType({"a": 1})]
)
def test_any_mapping_with_string_keys_will_do(value: Any) -> None:
    assert {"a": 1} == msgspec.msgpack.decode(encode_mapping(value, "metadata"))


def test_no_mapping_is_an_empty_one() -> None:
    values: list[Any] = [None, {}, MappingProxyType({})]
    assert [EMPTY] * 3 == [encode_mapping(value, "metadata") for value in values]


@BAD_MAPPING
def test_what_is_no_mapping_of_strings_is_refused(value: Any) -> None:
    with pytest.raises(InvalidArgument, match=r"^metadata must "):
        encode_mapping(value, "metadata")


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
