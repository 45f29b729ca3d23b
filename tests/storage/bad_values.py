"""What is no free data, and how to try it."""

import enum
from typing import Any

import pytest

from weft.storage.encoding import VALUE_DEPTH_MAX, VALUE_SIZE_BYTES_MAX


def nested(depth: int) -> list[Any]:
    """Return a value from which so many steps lead to its innermost part."""
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


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
    "too many levels": nested(VALUE_DEPTH_MAX + 1),
    "more levels than any Python can encode": nested(100_000),
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
