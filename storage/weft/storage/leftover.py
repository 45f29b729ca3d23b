"""Log entries on the pages of a file, whether or not a transaction refers to them.

When the newest meta page is lost, the transaction it stood for is unreachable, yet its
pages are still there. Its log entries tell which operations it held.

Guarantees: only entries whose checksum fits their key are told. What was written and
never acknowledged (the machine went down before) looks the same: an entry found here
may have been acknowledged, one not found was not in the file.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from weft.storage.codec import decode
from weft.storage.errors import StoreCorrupt
from weft.storage.keys import log_place
from weft.storage.meta_page import PAGE_SIZE_BYTES
from weft.storage.records import OperationRecord

__all__ = ["operations_after"]

_LEAF: Final = 0x02
_ELSEWHERE: Final = 0x01
"""F_BIGDATA: the value lies on pages of its own, whose number stands here."""
_HEADER_SIZE_BYTES: Final = 16
_NODE: Final = struct.Struct("=HHHH")
_KEY_SIZE_BYTES: Final = len(log_place(0))


def operations_after(path: Path, seq: int) -> list[OperationRecord]:
    """Return the applied operations in a file beyond a number, ordered.

    Args:
        path: the data file; read page by page, never handed to the engine.
        seq: the last operation that is known.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        found: dict[int, OperationRecord] = {}
        while len(data := file.read(PAGE_SIZE_BYTES)) == PAGE_SIZE_BYTES:
            for key, value in _entries(data, path):
                if int.from_bytes(key[:8]) <= seq:
                    continue
                try:
                    record = decode("L", key, value)
                except StoreCorrupt:  # not an entry of the log, or an unwritten one
                    continue
                if isinstance(record, OperationRecord) and record.seq is not None:
                    found[record.seq] = record
    return [found[number] for number in sorted(found)]


def _entries(page: bytes, path: Path) -> Iterator[tuple[bytes, bytes]]:
    """Yield what could be entries of the log on a page."""
    flags, lower = struct.unpack_from("=HH", page, 10)
    if flags != _LEAF or not _HEADER_SIZE_BYTES < lower <= PAGE_SIZE_BYTES:
        return
    count = (lower - _HEADER_SIZE_BYTES) // 2
    for at in struct.unpack_from(f"={count}H", page, _HEADER_SIZE_BYTES):
        if at + _NODE.size + _KEY_SIZE_BYTES > PAGE_SIZE_BYTES:
            continue
        low, high, node_flags, key_size = _NODE.unpack_from(page, at)
        if key_size != _KEY_SIZE_BYTES:
            continue
        begin = at + _NODE.size + key_size
        key, size = page[begin - key_size : begin], low | high << 16
        if node_flags & _ELSEWHERE:
            yield key, _far_value(path, page[begin : begin + 8], size)
        else:
            yield key, page[begin : begin + size]


def _far_value(path: Path, number: bytes, size: int) -> bytes:
    offset = struct.unpack("=Q", number.ljust(8, b"\xff"))[0] * PAGE_SIZE_BYTES
    if offset + size > path.stat().st_size:
        return b""
    with path.open("rb") as file:
        file.seek(offset + _HEADER_SIZE_BYTES)
        return file.read(size)
