"""Entries as bytes: what the check's first pass reads without decoding.

Decoding a record takes 0.5 us, a comparison of two stretches of bytes a tenth. A
record begins with the ids and the name that other trees repeat, each a MessagePack
string, so the sweep cuts them out and compares what it has cut.

Here is what it needs for that: verified batches of a tree, where a string ends, an id
as it is packed in keys, and the names' MessagePack headers.

Guarantees: a batch is handed out only if every checksum in it is right.

Not here: naming what is wrong. Whatever looks unusual here is looked at again by the
second pass, decoded.
"""

import re
from binascii import hexlify, unhexlify
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, starmap
from operator import add
from struct import unpack
from typing import Final

from weft.storage.codec import CRC_RESIDUE, SEEDS, code_of
from weft.storage.ids import NAME_SIZE_BYTES_MAX
from weft.storage.records import Association, Thread
from weft.storage.snapshot import Snapshot

try:
    from zlib_ng.zlib_ng import crc32  # a batch in a tenth of the time
except ImportError:  # no wheel for this machine
    from zlib import crc32

__all__ = [
    "BATCH_ENTRIES",
    "STRING_HEADS",
    "are_same_ids",
    "batches",
    "end_of_string",
    "is_packed",
    "is_sound",
    "pack_text",
    "packed_uuids",
    "text_of",
    "threads_that_name",
]

BATCH_ENTRIES: Final = 256
"""Some 50 KB: what a processor keeps near itself. Measured: 128 and 4,096 take 5 %
longer."""

_Item = tuple[bytes, bytes]

_ASSOCIATION: Final = bytes([code_of(Association)])
_THREAD: Final = bytes([code_of(Thread)])

_BACK: Final = bytes.fromhex("81d59d4c")
"""``crc32(_BACK, CRC_RESIDUE)`` is 0, as before the first byte."""

_FIXSTR, _STR8 = 0xA0, 0xD9
_FIXSTR_MAX: Final = 0xBF
_UUID_HEAD: Final = b"\xd9$"
"""The header of a string of 36 bytes, as a UUID's text is."""

_UUID_SIZE_BYTES, _PACKED_UUID_SIZE_BYTES = 38, 17
_UUID_COLUMNS: Final = (
    (0, b"\xd9"),
    (1, b"$"),
    *((_UUID_SIZE_BYTES - 36 + at, b"-") for at in (8, 13, 18, 23)),
)
"""What is at the same place in every UUID's text."""
_HEAD_TO_TAG: Final = bytes.maketrans(_UUID_HEAD, b"01")
"""Makes of a UUID's header the digits that keys begin it with."""

_CANONICAL_UUID: Final = re.compile(
    rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
)


def _string_head(size_bytes: int) -> bytes:
    short = size_bytes <= _FIXSTR_MAX - _FIXSTR
    return bytes([_FIXSTR | size_bytes] if short else [_STR8, size_bytes])


STRING_HEADS: Final = tuple(map(_string_head, range(NAME_SIZE_BYTES_MAX + 1)))
"""By length in bytes: how MessagePack begins a string."""


def batches(
    snapshot: Snapshot, tree: str, prefix: bytes = b""
) -> Iterator[Sequence[_Item]]:
    """Yield the entries of a tree, a thousand at a time."""
    items = snapshot.entries(tree, prefix)
    while batch := list(islice(items, BATCH_ENTRIES)):
        yield batch


def is_sound(tree: str, batch: Sequence[_Item]) -> bool:
    """Return whether every value is what was written under its key of a tree.

    One checksum over them all, in 50 to 80 ns an entry, by its size, where two calls
    for each take 280 to 430. Over a key and its value it comes to the same number for
    every sound entry, and the bytes between two entries lead from that number back to
    the tree's seed. What one damaged entry leaves can be made up for by another one
    with a chance of 2**-32.
    """
    between = _BACK + tree.encode()
    return crc32(between.join(starmap(add, batch)), SEEDS[tree]) == CRC_RESIDUE


def threads_that_name(
    snapshot: Snapshot, session_ids: Iterable[str]
) -> Iterator[bytes]:
    """Yield keys that begin with the ids of threads that name one of these sessions.

    Every thread is looked at: a list is what leads from a session to its threads, and
    this is for those that a list leaves out. About a second per million threads.
    """
    wanted = {STRING_HEADS[len(text)] + text for text in map(str.encode, session_ids)}
    for batch in batches(snapshot, "T"):
        for key, value in batch:
            if value[:1] not in {_ASSOCIATION, _THREAD}:
                continue
            start = end_of_string(value, 2)
            if value[start : end_of_string(value, start)] in wanted:
                yield key


def end_of_string(data: bytes, at: int) -> int:
    """Return where the MessagePack string that begins at a place ends.

    A longer one than ids and names may be, or none at all, gives a place that makes
    what is cut out there differ from every right value.
    """
    head = data[at]
    if head == _STR8:
        return at + 2 + data[at + 1]
    return at + head - _FIXSTR + 1


def pack_text(text: bytes) -> bytes:
    """Return an id as keys hold it; :func:`weft.storage.ids.pack_id` of bytes.

    That one remembers what it packed, which over a million ids is memory and no help.
    """
    if _CANONICAL_UUID.fullmatch(text):
        return b"\x01" + unhexlify(text.replace(b"-", b""))
    return b"\x02" + text + b"\0"


def is_packed(packed: bytes, string: bytes) -> bool:
    """Return whether an id in a key is that of a MessagePack string."""
    if string[:2] == _UUID_HEAD and packed[0] == 1:
        return hexlify(packed[1:]) == string[2:].replace(b"-", b"")
    return pack_text(text_of(string)) == packed


def packed_uuids(strings: Sequence[bytes]) -> Sequence[bytes] | None:
    """Return UUIDs as keys hold them, all at once: in a third of the time.

    Args:
        strings: 38 bytes each.

    Returns:
        None if one of them is not a UUID's text in MessagePack.
    """
    number, joined = len(strings), b"".join(strings)
    digits = joined.translate(_HEAD_TO_TAG, b"-")
    try:
        packed = unhexlify(digits)
    except ValueError:
        return None
    is_canonical = (
        len(digits) == 2 * _PACKED_UUID_SIZE_BYTES * number
        and digits == hexlify(packed)
        # "$" in the place of a digit has become one as well
        and all(joined.count(byte) == number for byte in (b"\xd9", b"$"))
        and all(
            joined[at::_UUID_SIZE_BYTES] == byte * number for at, byte in _UUID_COLUMNS
        )
    )
    if not is_canonical:
        return None
    return unpack(f"{_PACKED_UUID_SIZE_BYTES}s" * number, packed)


def text_of(string: bytes) -> bytes:
    """Return what a MessagePack string holds."""
    return string[2 if string[0] == _STR8 else 1 :]


def are_same_ids(keys: Sequence[bytes], strings: Sequence[bytes]) -> bool:
    """Return whether records' own ids are those of the keys they lie under.

    UUIDs all at once, since one by one it takes three times as long: a key is 01, 16
    bytes, 00; a string is its header and 32 hexadecimal digits with hyphens. Between
    the digits of two keys is 0001, so that is put between those of two strings.

    Args:
        keys: of records, which end in 00.
        strings: the ids as the records hold them, in MessagePack.
    """
    digits = b"0001".join(strings).translate(None, b"-" + _UUID_HEAD)
    if digits == hexlify(b"".join(keys))[2:-2]:
        return True
    return all(
        is_packed(key[:-1], string) for key, string in zip(keys, strings, strict=True)
    )
