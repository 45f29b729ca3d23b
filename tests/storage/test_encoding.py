"""Encoding: what is stored can be read back, wherever the store is taken."""

from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import msgspec
import pytest

from tests.storage.bad_values import BAD, BAD_MAPPING, nested
from weft.storage.encoding import (
    VALUE_DEPTH_MAX,
    VALUE_SIZE_BYTES_MAX,
    check_readable,
    encode_mapping,
    encode_value,
)
from weft.storage.errors import InvalidArgument
from weft.storage.records import EMPTY, NIL


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


def mappings(depth: int) -> Any:
    value: Any = "innermost"
    for _ in range(depth):
        value = {"within": value}
    return value


def pairs_as_keys(depth: int) -> Any:
    key: Any = "innermost"
    for _ in range(depth - 1):
        key = (key,)
    return {key: None}


@pytest.mark.parametrize("deep", [nested, mappings, pairs_as_keys])
def test_a_value_may_have_so_many_levels_and_none_more(
    deep: Callable[[int], Any],
) -> None:
    deepest = deep(VALUE_DEPTH_MAX)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(deepest)) == (
        msgspec.msgpack.decode(encode_value(deepest))
    )
    for depth in (VALUE_DEPTH_MAX + 1, 500, 10_000):
        with pytest.raises(InvalidArgument) as caught:
            encode_value(deep(depth), "metadata")
        assert caught.value.message == (
            "metadata nests deeper than the 128 levels that are allowed."
        ), depth


def test_a_value_is_as_deep_as_its_deepest_part() -> None:
    beside = [nested(1)] * 1000 + [{"x": nested(VALUE_DEPTH_MAX - 2)}]
    assert beside == msgspec.msgpack.decode(encode_value(beside))
    with pytest.raises(InvalidArgument, match="128 levels"):
        encode_value([beside])


def test_what_is_no_container_is_no_level() -> None:
    """Nor are the classes of such values, which Python can reach from them."""
    values = [
        msgspec.msgpack.Ext(5, b"x" * VALUE_DEPTH_MAX),
        datetime(2026, 1, 1, tzinfo=UTC),
        b"bytes",
        1.5,
        True,
    ]
    assert values == msgspec.msgpack.decode(encode_value(values))


def test_an_encoded_value_that_is_too_deep_is_refused_as_well() -> None:
    check_readable(bytes(encode_value(nested(VALUE_DEPTH_MAX))), "metadata")
    for depth in (VALUE_DEPTH_MAX + 1, 100_000):
        with pytest.raises(InvalidArgument, match=r"^metadata nests deeper"):
            check_readable(b"\x91" * depth + b"\xc0", "metadata")
    with pytest.raises(InvalidArgument, match=r"^metadata cannot be read back"):
        check_readable(b"\x91", "metadata")
