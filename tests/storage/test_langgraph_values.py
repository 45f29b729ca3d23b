"""LangGraph's values: known types become plain, none of them runs anything."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from weft.storage.langgraph_values import Undecodable, Values

encode: Callable[[Any], bytes] = msgspec.msgpack.encode


def ext(code: int, *parts: Any) -> msgspec.msgpack.Ext:
    """Return what LangGraph's serializer writes of a type."""
    return msgspec.msgpack.Ext(code, encode(parts))


def test_an_instruction_to_run_something_is_kept_and_not_obeyed() -> None:
    values = Values()
    danger = ext(0, "os", "system", "exit 1")
    found = values.decode("msgpack", encode({"x": [danger]}))
    assert {"x": [{"type": "os.system", "value": "exit 1"}]} == found
    assert {"os.system": 1} == values.kept


@pytest.mark.parametrize("code", [0, 1, 2, 3, 4, 5])
def test_every_way_to_build_an_unknown_type_keeps_its_arguments(code: int) -> None:
    value = encode(ext(code, "shop.orders", "Order", {"n": 1}, "model_validate"))
    expected = {"type": "shop.orders.Order", "value": {"n": 1}}
    assert expected == Values().decode("msgpack", value)


def test_unknown_types_inside_unknown_types_are_kept() -> None:
    inner = ext(5, "a", "B", {"raw": b"\x00"})
    found = Values().decode("msgpack", encode(ext(2, "c", "D", {"b": [inner]})))
    kept = {"type": "a.B", "value": {"raw": b"\x00"}}
    assert {"type": "c.D", "value": {"b": [kept]}} == found


def test_an_extension_of_somebody_else_is_kept_as_bytes() -> None:
    values = Values()
    data = encode([msgspec.msgpack.Ext(42, b"??")])
    assert [{"ext": 42, "data": b"??"}] == values.decode("msgpack", data)
    assert {"extension 42": 1} == values.kept


def test_an_array_keeps_its_shape_and_its_bytes() -> None:
    found = Values().decode("msgpack", encode(ext(6, "<i8", [2], "C", b"\x01" * 16)))
    array = {"dtype": "<i8", "shape": [2], "order": "C", "data": b"\x01" * 16}
    assert {"type": "numpy.ndarray", "value": array} == found


@pytest.mark.parametrize(
    ("kind", "data", "expected"),
    [
        ("json", b'{"a":1}', {"a": 1}),
        ("null", b"", None),
        ("bytes", b"\x00", b"\x00"),
        ("bytearray", b"\x01", b"\x01"),
    ],
)
def test_the_other_kinds_there_are(kind: str, data: bytes, expected: Any) -> None:
    assert expected == Values().decode(kind, data)


@pytest.mark.parametrize(
    ("kind", "data", "why"),
    [
        ("pickle", b"cos\nsystem\n(S'exit 1'\ntR.", "could run code"),
        ("msgpack+aes", b"", "not decoded"),
        (None, b"", "not decoded"),
        ("msgpack", b"\x81", "damaged"),
        ("msgpack", None, "damaged"),
        ("json", b"{", "damaged"),
        ("msgpack", encode(ext(0, "uuid", "UUID", "no hex")), "damaged"),
        ("msgpack", encode(ext(0, "uuid")), "damaged"),
        ("msgpack", encode(msgspec.msgpack.Ext(0, b"\xc1")), "damaged"),
        ("msgpack", encode(ext(6, "<i8")), "damaged"),
    ],
)
def test_what_cannot_be_decoded_is_told(kind: Any, data: Any, why: str) -> None:
    with pytest.raises(Undecodable, match=why):
        Values().decode(kind, data)


def test_a_value_that_is_nested_without_end_is_told() -> None:
    data = encode(1)
    for _ in range(3_000):
        data = encode(msgspec.msgpack.Ext(7, data))
    with pytest.raises(Undecodable):
        Values().decode("msgpack", data)
