"""Values on disk: what decodes is what was encoded under this very key."""

from typing import Any
from zlib import crc32

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.storage.codec import decode, encode
from weft.storage.errors import StoreCorrupt
from weft.storage.operations import encode_value as raw
from weft.storage.records import (
    NIL,
    Association,
    Counters,
    Interaction,
    OperationRecord,
    Run,
    Session,
    State,
    Thread,
    Tombstone,
)

KEY = b"\x02key\x00\x00"
META = raw({"k": [1, 2.5, None, "é"]})
FAILURE = {"type": "E", "message": "m"}

VALUES: list[Any] = [
    Session("s", "u", "open", META, 1, 2, 3, 4, 5),
    Session("s", None, "closed", META, 1, 2, 3, 4, 5),
    Thread("t", "s", "n", "busy", "w", META, META, 1, 2, 3, 4, 5, "r", 2),
    Thread("t", "s", "n", "idle", None, META, META, 1, 2, 3, 4, 5),
    Tombstone("t", 3, 1, 2),
    Association("t", "s", "n", True, "session_thread", META, 1, 2, 3, 4, 5, 6),
    Association("t", "s", "n", False, "x", META, 1, 2, 3, 4, 5, 6, "given"),
    Run("r", "t", "w", "1", META, "error", 2, FAILURE, NIL, 1, 2, 3, 4, 5, 6),
    Run("r", "t", "w", "", META, "running", 1, None, NIL, 1, 2, None, 4, 5, 6),
    State("x", "t", "r", 1, META, META, "p", 1, 2, 3, 4),
    State("x", "t", None, 2**63, NIL, META, None, 1, 2, 3, 4),
    Interaction("i", "s", None, "say", META, META, 1, 2, 3, 4),
    OperationRecord("o", 7, "Batch", ("a", "b"), (), "applied", NIL, 1, 2, META),
    OperationRecord("o", None, "Batch", (), ("t",), "refused", META, 1, 2, NIL),
    "an id",
    True,
    bytes(16),
    1,
    Counters({"open": 1}, {"idle": 2}, {}, 3, 4, 5, 6),
]
BY_VALUE = pytest.mark.parametrize("value", VALUES, ids=lambda v: type(v).__name__)


@BY_VALUE
def test_a_value_comes_back_as_it_was(value: Any) -> None:
    found = decode("T", KEY, encode("T", KEY, value))
    assert type(value) is type(found)
    assert value == found


@BY_VALUE
def test_no_change_of_a_single_byte_goes_unnoticed(value: Any) -> None:
    data = encode("T", KEY, value)
    for place in range(len(data)):
        for flip in (0x01, 0x10, 0x80, 0xFF):
            changed = bytearray(data)
            changed[place] ^= flip
            with pytest.raises(StoreCorrupt):
                decode("T", KEY, bytes(changed))


@BY_VALUE
def test_neither_a_shorter_nor_a_longer_value_is_taken(value: Any) -> None:
    data = encode("T", KEY, value)
    for size in range(len(data)):
        with pytest.raises(StoreCorrupt):
            decode("T", KEY, data[:size])
    for more in (b"\0", b"\xff", data):
        with pytest.raises(StoreCorrupt):
            decode("T", KEY, data + more)


@BY_VALUE
def test_a_half_zeroed_value_is_not_taken(value: Any) -> None:
    data = encode("T", KEY, value)
    for size in range(len(data)):
        with pytest.raises(StoreCorrupt):
            decode("T", KEY, data[:size].ljust(len(data), b"\0"))


@BY_VALUE
@pytest.mark.parametrize(
    "other", [b"\x02key\x00\x01", b"\x02kez\x00\x00", b"", KEY * 2]
)
def test_a_value_under_another_key_is_not_taken(value: Any, other: bytes) -> None:
    with pytest.raises(StoreCorrupt):
        decode("T", other, encode("T", KEY, value))


@given(st.binary(max_size=80), st.binary(min_size=1, max_size=20))
def test_bytes_from_elsewhere_are_not_taken(data: bytes, key: bytes) -> None:
    with pytest.raises(StoreCorrupt):
        decode("T", key, data)


def test_an_error_names_tree_key_and_reason() -> None:
    with pytest.raises(StoreCorrupt) as caught:
        decode("T", KEY, b"xxxxxxxx")
    expected = {"tree": "T", "key": KEY.hex(), "reason": "its checksum does not match"}
    assert expected == caught.value.details
    assert KEY.hex() in str(caught.value)


def sealed(body: bytes) -> bytes:
    return body + crc32(body, crc32(KEY, crc32(b"T"))).to_bytes(4, "little")


@pytest.mark.parametrize("head", [0x00, 0x07, 0x09, 0x98, 0xFF])
def test_a_kind_of_a_newer_version_is_refused_by_its_number(head: int) -> None:
    with pytest.raises(StoreCorrupt, match=f"kind 0x{head:02x} is unknown"):
        decode("T", KEY, sealed(bytes([head]) + msgspec.msgpack.encode([])))


def test_a_whole_value_of_the_wrong_shape_is_refused() -> None:
    for body in (b"", b"\xc1", msgspec.msgpack.encode(["s", 7]), b"\xc0"):
        with pytest.raises(StoreCorrupt):
            decode("T", KEY, sealed(b"\x08" + body))


def test_counters_have_one_form_whatever_was_counted_first() -> None:
    one = Counters(threads={"idle": 1, "busy": 2})
    other = Counters(threads={"busy": 2, "idle": 1})
    assert encode("T", KEY, one) == encode("T", KEY, other)
