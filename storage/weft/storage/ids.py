"""Identifiers: what callers may use, how they are generated, how they pack into keys.

A caller's id is any string of 1-100 UTF-8 bytes without control characters; a
generated one is a UUIDv7 (RFC 9562, section 5.7), so that generated ids nearly
append to the trees they key. In a key, a UUID takes a tag and 16 bytes, any other id
a tag, its bytes and a NUL: packed ids are prefix-free, hence ranges by id are exact.
"""

import os
import re
import time
from functools import lru_cache
from itertools import count
from random import Random
from typing import Final

from weft.storage.errors import InvalidArgument

__all__ = [
    "ID_SIZE_BYTES_MAX",
    "NAME_SIZE_BYTES_MAX",
    "check_id",
    "check_name",
    "new_id",
    "pack_id",
    "pack_once",
    "unpack_id",
]

ID_SIZE_BYTES_MAX: Final = 100
"""Two ids and a name must fit LMDB's 511-byte key; asserted in weft.storage.keys."""

NAME_SIZE_BYTES_MAX: Final = 255

PACKED_MAX: Final = 8192
"""Packed ids that are known: 2 MB. Eight times as many were evicted from cold memory,
and freed into it what all OS threads then allocated (:mod:`weft.storage.recent`)."""

_UUID: Final = b"\x01"
_TEXT: Final = b"\x02"
_UUID_CHARACTERS: Final = 36
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_CANONICAL_UUID: Final = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
)

# Ids need to be unique, not unguessable: a seeded Mersenne twister costs 60 ns where
# os.urandom costs 450. A forked child must not repeat its parent's sequence.
_random = Random(os.urandom(32))  # noqa: S311
os.register_at_fork(after_in_child=lambda: _random.seed(os.urandom(32)))


def new_id() -> str:
    """Return a fresh UUIDv7: Unix milliseconds, a 26-bit counter, 48 random bits.

    The counter (RFC 9562, section 6.2) keeps ids of one millisecond in the order they
    were made, so that what was generated later sorts later within a process.
    """
    ms = time.time_ns() // 1_000_000
    known_ms, prefix = _prefix
    if ms != known_ms:
        prefix = _set_prefix(ms)
    number = next(_count)
    return (
        f"{prefix}{number >> 14 & 0xFFF:03x}-{0x8000 | number & 0x3FFF:04x}"
        f"-{_random.getrandbits(48):012x}"
    )


_count = count(_random.getrandbits(20))
_prefix: tuple[int, str] = (0, "")


def _set_prefix(ms: int) -> str:
    """Return and remember what the ids of one millisecond begin with."""
    global _prefix  # noqa: PLW0603 - one tuple, replaced whole
    text = f"{ms:012x}"
    _prefix = (ms, f"{text[:8]}-{text[8:]}-7")
    return _prefix[1]


def check_id(value: object, what: str = "id") -> str:
    """Return the id if it is acceptable.

    Args:
        value: what the caller gave.
        what: how to call it in the error ("session_id").

    Raises:
        InvalidArgument: not a string, empty, over 100 UTF-8 bytes, or with control
            characters.
    """
    return _check_text(value, what, ID_SIZE_BYTES_MAX)


def check_name(value: object, what: str = "thread name") -> str:
    """Return the name if it is acceptable: 1-255 UTF-8 bytes, no control characters.

    Raises:
        InvalidArgument: it is not.
    """
    return _check_text(value, what, NAME_SIZE_BYTES_MAX)


def _check_text(value: object, what: str, size_bytes_max: int) -> str:
    if (
        type(value) is str
        and 0 < len(value) <= size_bytes_max
        and value.isascii()
        and value.isprintable()
    ):  # nearly always; half the time of what follows
        return value
    if not isinstance(value, str):
        raise InvalidArgument(f"{what} must be a string, not {type(value).__name__}.")
    if not value:
        raise InvalidArgument(f"{what} is empty.")
    try:
        size_bytes = len(value.encode())
    except UnicodeEncodeError as error:
        raise InvalidArgument(f"{what} is not valid Unicode text.") from error
    if size_bytes > size_bytes_max:
        raise InvalidArgument(
            f"{what} has {size_bytes} UTF-8 bytes; {size_bytes_max} are allowed."
        )
    if _CONTROL.search(value):
        raise InvalidArgument(f"{what} contains control characters.")
    return value


@lru_cache(maxsize=PACKED_MAX)
def pack_id(value: str) -> bytes:
    """Return the prefix-free bytes of an id in a key; of recent ones they are known.

    Only the canonical lower-case form of a UUID packs to 16 bytes: any other
    spelling is another id, and must stay one.
    """
    return pack_once(value)


def pack_once(value: str) -> bytes:
    """Pack an id that hardly comes again, such as an operation's: it displaces none."""
    if len(value) == _UUID_CHARACTERS and _CANONICAL_UUID.fullmatch(value):
        return _UUID + bytes.fromhex(value.replace("-", ""))
    return _TEXT + value.encode() + b"\0"


def unpack_id(key: bytes, offset: int = 0) -> tuple[str, int]:
    """Return the id that starts at ``offset`` of a key, and where it ends.

    Raises:
        ValueError: there is no packed id at that place.
    """
    tag = key[offset : offset + 1]
    if tag == _UUID:
        end = offset + 17
        text = key[offset + 1 : end].hex()
        if len(text) != 32:  # noqa: PLR2004 - 16 bytes in hexadecimal
            raise ValueError("a packed UUID is cut short")
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}", end
    if tag == _TEXT:
        end = key.index(b"\0", offset)
        return key[offset + 1 : end].decode(), end + 1
    raise ValueError(f"no packed id at offset {offset}")
