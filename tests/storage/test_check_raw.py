"""Entries read as bytes mean what they mean decoded."""

from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.storage.check_raw import is_sound, packed_uuids
from weft.storage.codec import encode
from weft.storage.ids import pack_id

UUID_SIZE_BYTES = 38


def in_msgpack(text: str) -> bytes:
    return msgspec.msgpack.encode(text)


@given(st.lists(st.uuids().map(str), min_size=1))
def test_uuids_are_packed_as_keys_hold_them(ids: list[str]) -> None:
    packed = packed_uuids([in_msgpack(text) for text in ids])
    assert [pack_id(text) for text in ids] == list(packed or ())


@given(
    st.lists(st.uuids().map(str), min_size=1),
    st.integers(0, UUID_SIZE_BYTES - 1),
    st.integers(0, 255),
    st.data(),
)
def test_a_text_that_is_no_canonical_uuid_is_told_from_one(
    ids: list[str], at: int, byte: int, data: st.DataObject
) -> None:
    strings = [in_msgpack(text) for text in ids]
    number = data.draw(st.integers(0, len(ids) - 1))
    spoilt = bytearray(strings[number])
    spoilt[at] = byte
    strings[number] = bytes(spoilt)
    packed = packed_uuids(strings)
    if packed is not None:
        restored = [str(UUID(bytes=one[1:])) for one in packed]
        assert strings == [in_msgpack(text) for text in restored]


@pytest.mark.parametrize("byte", ["$", "-", "A", "g"])
def test_an_id_that_is_one_byte_from_a_uuid_is_none(byte: str) -> None:
    uuid = "01890a5d-ac96-774b-bcce-b302099a8057"
    for at in range(len(uuid)):
        text = uuid[:at] + byte + uuid[at + 1 :]
        if text != uuid:
            assert None is packed_uuids([in_msgpack(text), in_msgpack(uuid)]), text


def test_ids_of_other_lengths_are_no_uuids() -> None:
    # The second begins with the bytes that a UUID's text ends with.
    uuid = "01890a5d-ac96-774b-bcce-b302099a8057"
    strings = [in_msgpack("short"), in_msgpack(uuid)[:UUID_SIZE_BYTES]]
    assert packed_uuids(strings) is None
    assert packed_uuids([in_msgpack(uuid.upper())]) is None


@given(st.lists(st.tuples(st.binary(min_size=1), st.text()), min_size=1), st.data())
def test_a_batch_is_sound_until_a_bit_of_it_flips(
    entries: list[tuple[bytes, str]], data: st.DataObject
) -> None:
    batch = [(key, encode("S", key, text)) for key, text in entries]
    assert is_sound("S", batch)
    number = data.draw(st.integers(0, len(batch) - 1))
    key, value = batch[number]
    bit = data.draw(st.integers(0, 8 * len(value) - 1))
    spoilt = bytearray(value)
    spoilt[bit // 8] ^= 1 << bit % 8
    batch[number] = (key, bytes(spoilt))
    assert not is_sound("S", batch)
