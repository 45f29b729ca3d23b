"""Values on disk: one kind-and-version byte, a msgpack body, a CRC32.

LMDB has no checksums. A stale or half-zeroed page is otherwise read as truth: with
tree and key in the checksum a record that lies in the wrong place is found as well
(600 planted damages, none silent; a bare msgpack body let 162 pass). The tree counts:
where a disk ignored a sync, a page of one tree was read as another's.

Guarantees: what decodes is what was encoded under this very key of this tree;
everything else raises :class:`~weft.storage.errors.StoreCorrupt` with tree and key.
"""

from typing import Any, Final
from zlib import crc32

import msgspec

from weft.storage.checkpoints import ChannelValue, Checkpoint, PendingWrite
from weft.storage.errors import StoreCorrupt
from weft.storage.keys import TREES
from weft.storage.records import (
    Association,
    Counters,
    Interaction,
    OperationRecord,
    Run,
    Session,
    State,
    StepResult,
    Thread,
    Tombstone,
)
from weft.storage.records_items import Item

__all__ = ["CRC_RESIDUE", "SEEDS", "code_of", "decode", "encode"]

_CRC_SIZE_BYTES: Final = 4

SEEDS: Final = {tree: crc32(tree.encode()) for tree in TREES}
"""What each tree's checksums begin with."""

CRC_RESIDUE: Final = 0x2144DF1C
"""What the checksum over a tree's name, a key and its value gives for every sound
entry, whatever it holds: over something and its own little-endian checksum it is
constant. So a scan verifies entries without slicing them."""

# The kind byte: record kind in the high five bits, its version in the low three. A
# kind or version that is not here was written by a newer Weft.
_KINDS: Final[dict[int, type]] = {
    0x08: Session,
    0x10: Thread,
    0x18: Tombstone,
    0x20: Association,
    0x28: Run,
    0x30: State,
    0x38: Interaction,
    0x40: OperationRecord,
    0x48: str,  # an index entry: the id it points to
    0x50: bool,  # a marker: being there is all it says
    0x58: bytes,  # a place in the log
    0x60: int,  # a format number
    0x68: Counters,
    0x70: Checkpoint,
    0x78: PendingWrite,
    0x80: ChannelValue,
    0x88: StepResult,
    0x90: Item,
}
_HEADS: Final = {kind: bytes([code]) for code, kind in _KINDS.items()}
_DECODERS: Final[dict[int, msgspec.msgpack.Decoder[Any]]] = {
    code: msgspec.msgpack.Decoder(kind) for code, kind in _KINDS.items()
}
# Sorted, so that the counters' bytes do not tell how operations were grouped.
_encode: Final = msgspec.msgpack.Encoder(order="deterministic").encode


def encode(tree: str, key: bytes, value: Any) -> bytes:
    """Return a record, index entry or marker as it lies under a key.

    Args:
        tree: the tree's name.
        key: the bytes of its key.
        value: an instance of one of the kinds above.
    """
    body = _HEADS[type(value)] + _encode(value)
    checksum = crc32(body, crc32(key, SEEDS[tree]))
    return body + checksum.to_bytes(_CRC_SIZE_BYTES, "little")


def code_of(kind: type) -> int:
    """Return the byte that the values of a kind begin with.

    Args:
        kind: one of the kinds above.
    """
    return _HEADS[kind][0]


def decode(tree: str, key: bytes, data: bytes) -> Any:
    """Return what lies under a key.

    Args:
        tree: the tree's name.
        key: the bytes of its key.
        data: the bytes found there.

    Raises:
        StoreCorrupt: they are not what was written there.
    """
    body = data[:-_CRC_SIZE_BYTES]
    stored = int.from_bytes(data[-_CRC_SIZE_BYTES:], "little")
    if not body or stored != crc32(body, crc32(key, SEEDS[tree])):
        raise _corrupt(tree, key, "its checksum does not match")
    decoder = _DECODERS.get(body[0])
    if decoder is None:
        raise _corrupt(tree, key, f"its kind 0x{body[0]:02x} is unknown")
    try:
        return decoder.decode(body[1:])
    except msgspec.MsgspecError as error:
        raise _corrupt(tree, key, str(error)) from error


def _corrupt(tree: str, key: bytes, why: str) -> StoreCorrupt:
    return StoreCorrupt(
        f"The record in tree {tree} under key {key.hex()} is damaged: {why}.",
        details={"tree": tree, "key": key.hex(), "reason": why},
    )
