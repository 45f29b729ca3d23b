"""Ids: what is accepted, what is generated, and that packing loses nothing."""

import os
import subprocess
import sys
import time
import uuid

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.storage.strategies import given_ids
from weft.storage.errors import InvalidArgument
from weft.storage.ids import (
    ID_SIZE_BYTES_MAX,
    NAME_SIZE_BYTES_MAX,
    check_id,
    check_name,
    new_id,
    pack_id,
    unpack_id,
)

CANONICAL = "01890a5d-ac96-774b-bcce-b302099a8057"


def test_a_generated_id_is_a_uuid_of_version_7_that_tells_its_time() -> None:
    before_ms = time.time_ns() // 1_000_000
    found = uuid.UUID(new_id())
    after_ms = time.time_ns() // 1_000_000
    assert (7, uuid.RFC_4122) == (found.version, found.variant)
    assert before_ms <= found.int >> 80 <= after_ms


def test_generated_ids_are_canonical_and_all_different() -> None:
    ids = [new_id() for _ in range(10_000)]
    assert len(ids) == len(set(ids))
    assert all(str(uuid.UUID(value)) == value for value in ids)


def test_every_random_bit_of_a_generated_id_takes_both_values() -> None:
    ones = zeros = 0
    for _ in range(200):
        value = uuid.UUID(new_id()).int
        ones |= value
        zeros |= ~value
    random_bits = (1 << 48) - 1
    assert random_bits == ones & random_bits == zeros & random_bits


def test_ids_sort_in_the_order_they_were_generated() -> None:
    ids = [new_id() for _ in range(10_000)]
    assert sorted(ids) == ids


def test_a_forked_child_does_not_repeat_its_parents_ids() -> None:
    script = (
        "import os\n"
        "from weft.storage import new_id\n"
        "new_id()\n"
        "child = os.fork() == 0\n"
        "ids = [new_id()[14:] for _ in range(100)]\n"
        "os.write(1, '\\n'.join(ids + ['']).encode())\n"
        "child or os.wait()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        check=True,
        timeout=30,
    )
    random_parts = done.stdout.split()
    assert 200 == len(random_parts) == len(set(random_parts))


# -- what is accepted ----------------------------------------------------------------


@given(given_ids)
def test_a_good_id_is_returned_as_it_is(value: str) -> None:
    assert value == check_id(value)


@pytest.mark.parametrize(
    ("check", "size_bytes_max"),
    [(check_id, ID_SIZE_BYTES_MAX), (check_name, NAME_SIZE_BYTES_MAX)],
)
def test_the_limit_counts_utf_8_bytes(check: "type[str]", size_bytes_max: int) -> None:
    letters, signs = "x" * size_bytes_max, "é" * (size_bytes_max // 2)
    assert letters == check(letters)
    assert signs == check(signs)
    for too_long in (letters + "x", signs + "é"):
        with pytest.raises(InvalidArgument, match="UTF-8 bytes"):
            check(too_long)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("", "empty"),
        (None, "must be a string, not NoneType"),
        (b"x", "must be a string, not bytes"),
        (7, "must be a string, not int"),
        ("a\0b", "control characters"),
        ("a\nb", "control characters"),
        ("a\x7fb", "control characters"),
        ("a\x9fb", "control characters"),
        ("a\ud800b", "not valid Unicode"),
    ],
)
def test_a_bad_id_is_refused_by_the_name_it_was_given_under(
    value: object, why: str
) -> None:
    with pytest.raises(InvalidArgument, match=why) as caught:
        check_id(value, "session_id")
    assert caught.value.message.startswith("session_id ")


# -- packing -------------------------------------------------------------------------


@given(given_ids, st.binary(max_size=3), st.binary(max_size=3))
@example(CANONICAL, b"", b"")
def test_what_is_packed_is_unpacked_from_the_midst_of_a_key(
    value: str, before: bytes, after: bytes
) -> None:
    packed = pack_id(value)
    end = len(before) + len(packed)
    assert (value, end) == unpack_id(before + packed + after, len(before))


@given(given_ids, given_ids)
@example(CANONICAL, CANONICAL.upper())
@example("a", "ab")
@example("\x01", "\x02")
def test_no_packed_id_is_the_beginning_of_another(one: str, other: str) -> None:
    assert (one == other) == pack_id(other).startswith(pack_id(one))


def test_only_the_canonical_spelling_of_a_uuid_is_packed_as_one() -> None:
    spellings = [
        CANONICAL,
        CANONICAL.upper(),
        CANONICAL.replace("-", ""),
        "{" + CANONICAL + "}",
        "urn:uuid:" + CANONICAL,
        CANONICAL[:-1] + "F",
        CANONICAL.replace("-", "_"),
        CANONICAL.replace("0", "\N{FULLWIDTH DIGIT ZERO}", 1),
        CANONICAL + " ",
    ]
    packed = [pack_id(spelling) for spelling in spellings]
    assert 17 == len(packed[0])
    assert len(spellings) == len(set(packed))
    assert spellings == [unpack_id(data)[0] for data in packed]


def test_generated_ids_of_later_milliseconds_sort_behind() -> None:
    earlier = "01890a5d-ac96-7fff-bfff-ffffffffffff"
    later = "01890a5d-ac97-7000-8000-000000000000"
    assert pack_id(earlier) < pack_id(later)


@pytest.mark.parametrize(
    "key", [b"", b"\x00", b"\x03abc\0", b"\x01short", b"\x02no end", b"\x02\xff\0"]
)
def test_what_is_no_packed_id_is_refused(key: bytes) -> None:
    with pytest.raises(ValueError):
        unpack_id(key)
