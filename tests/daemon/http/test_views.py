"""Stored values as JSON: as it was sent, or as close to it as there is."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weft.daemon.http.views import json_of
from weft.storage.operations import encode_value

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def shown(value: Any) -> Any:
    return msgspec.json.decode(json_of(encode_value(value)))


@settings(max_examples=50)
@given(JSON)
def test_what_was_json_is_the_same_json(value: Any) -> None:
    assert value == shown(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"\x00\xff", "AP8="),
        (datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T00:00:00Z"),
        (float("nan"), None),
        ({"$ref": "x"}, {"$ref": "x"}),
        ({1: "a"}, {"1": "a"}),
        (msgspec.msgpack.Ext(5, b"x"), {"$ext": [5, "eA=="]}),
    ],
)
def test_what_has_no_json_is_told_as_closely_as_can_be(
    value: Any, expected: Any
) -> None:
    assert expected == shown(value)
