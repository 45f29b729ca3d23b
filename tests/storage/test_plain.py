"""MessagePack as JSON: readable where it can be, and nothing is ever lost."""

from base64 import b64encode
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.storage.plain import to_json, to_msgpack

NOON = datetime(2026, 1, 2, 12, 0, 0, 5, tzinfo=UTC)

PLAIN: list[tuple[Any, bytes]] = [
    (None, b"null"),
    ({"a": [1, -2.5, "x", True], "b": {}}, b'{"a":[1,-2.5,"x",true],"b":{}}'),
    (2**64 - 1, b"18446744073709551615"),
    (1.0, b"1.0"),
    ("$bytes", b'"$bytes"'),
    ({"$a": 1, "b": 2}, b'{"$a":1,"b":2}'),
]
TAGGED: list[tuple[Any, bytes]] = [
    (b"\x00\xff", b'{"$bytes":"AP8="}'),
    ({"a": [b"x"]}, b'{"a":[{"$bytes":"eA=="}]}'),
    (NOON, b'{"$time":"2026-01-02T12:00:00.000005+00:00"}'),
    ([float("inf")], b'[{"$float":"inf"}]'),
    ({1: "one"}, b'{"$map":[[1,"one"]]}'),
    ({"$bytes": "no"}, b'{"$map":[["$bytes","no"]]}'),
    (msgspec.msgpack.Ext(5, b"x"), b'{"$ext":[5,"eA=="]}'),
]

leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(),
    st.text(max_size=8),
    st.binary(max_size=8),
    st.datetimes(timezones=st.just(UTC)),
    st.just("$bytes"),
    st.builds(msgspec.msgpack.Ext, st.integers(0, 127), st.binary(max_size=4)),
)
keys = st.one_of(st.text(max_size=4), st.integers(), st.sampled_from(["$map", "$x"]))
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=4) | st.just("$map"), inner, max_size=4)
        | st.dictionaries(st.integers(-9, 9), inner, max_size=4)
    ),
    max_leaves=12,
)


@pytest.mark.parametrize(("value", "expected"), PLAIN + TAGGED)
def test_a_value_is_as_readable_as_it_can_be(value: Any, expected: bytes) -> None:
    data = msgspec.msgpack.encode(value)
    assert expected == to_json(data)
    assert data == to_msgpack(expected)


@given(values)
def test_every_value_comes_back_byte_for_byte(value: Any) -> None:
    data = msgspec.msgpack.encode(value)
    assert data == to_msgpack(to_json(data))


@given(st.binary(max_size=40))
def test_what_is_no_value_at_all_is_kept_as_it_is(data: bytes) -> None:
    plain = to_json(data)
    if msgspec.json.decode(plain) == {"$msgpack": b64encode(data).decode()}:
        return
    assert data == to_msgpack(plain)


def test_another_spelling_of_the_same_value_is_kept_as_it_is() -> None:
    long_one = b"\xcd\x00\x01"  # 1 in 16 bits, as other writers may spell it
    plain = to_json(long_one)
    assert b'{"$msgpack":"zQAB"}' == plain
    assert long_one == to_msgpack(plain)


def test_a_time_of_another_zone_is_the_same_moment() -> None:
    zone = timezone(timedelta(hours=2))
    data = msgspec.msgpack.encode(NOON.astimezone(zone))
    assert data == to_msgpack(to_json(data))


@pytest.mark.parametrize(
    "plain",
    [
        b"{",
        b'{"$what":1}',
        b'{"$bytes":1}',
        b'{"$bytes":"*"}',
        b'{"$time":"2026-01-02T12:00:00"}',
        b'{"$float":"1"}',
        b'{"$map":[1]}',
        b'{"$ext":[1]}',
        b'{"$ext":[900,"eA=="]}',
        b'{"$msgpack":"zQ=="}',
        b'{"a":{"$msgpack":"AQ=="}}',
    ],
)
def test_what_stands_for_no_value_is_refused(plain: bytes) -> None:
    with pytest.raises((ValueError, TypeError, OverflowError)):
        to_msgpack(plain)
