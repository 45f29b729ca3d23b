"""The two pages an LMDB file begins with: which commit is the newest, and is it so.

LMDB (engine 0.9, 64 bit, native byte order) keeps two meta pages and writes them in
turn: transaction N into page N % 2, so the other one still describes transaction N - 1,
whose pages no later transaction has touched yet. The engine takes the one with the
higher number and asks nothing more: one flipped bit in that number brings back the
transaction before, without an error. Here both are read as bytes and compared.

Guarantees: nothing here hands a byte to the engine, so nothing here can crash; a meta
page that is not what a commit writes is told, with the transaction it stands for.

Not here: the rest of the file (:mod:`weft.storage.verify`).
"""

import os
import struct
import sys
from pathlib import Path
from typing import BinaryIO, Final, Self

import msgspec

__all__ = ["PAGE_SIZE_BYTES", "MetaFault", "MetaPage", "MetaPages", "promoted"]

PAGE_SIZE_BYTES: Final = os.sysconf("SC_PAGESIZE")
"""LMDB takes the system's page size when it creates a file."""

_MAGIC: Final = 0xBEEFC0DE
_DATA_VERSION: Final = 1
_BRANCH, _LEAF, _META = 0x01, 0x02, 0x08
_NONE: Final = 2**64 - 1
"""The root of an empty tree."""
_DEPTH_MAX: Final = 32
"""CURSOR_STACK of mdb.c: no tree is deeper."""

# MDB_page's header, MDB_meta with its two MDB_db (free pages, main), as in mdb.c.
_LAYOUT: Final = struct.Struct("=QHHHH IIQQ IHHQQQQQ IHHQQQQQ QQ")
_HEADER: Final = struct.Struct("=QHHHH")
_NODE: Final = struct.Struct("=HHHH")
_U64: Final = struct.Struct("=Q")
_TXNID_OFFSET: Final = _LAYOUT.size - 8


class MetaPage(msgspec.Struct, frozen=True):
    """What one meta page says.

    Attributes:
        slot: which of the two it is, 0 or 1.
        number: the page's own number as it stands there.
        flags: what kind of page it says it is.
        magic: marks an LMDB file.
        version: of LMDB's format.
        page_size_bytes: of all pages.
        free_root: the page where the tree of free pages begins.
        main_root: the page where the tree of trees begins.
        last_page: the highest page in use.
        txnid: the transaction that wrote it.
        newest_freed_txnid: the last transaction in its tree of free pages: its own,
            as every commit frees the root it replaces; None where there is none.
    """

    slot: int
    number: int
    flags: int
    magic: int
    version: int
    page_size_bytes: int
    free_root: int
    main_root: int
    last_page: int
    txnid: int
    newest_freed_txnid: int | None

    @classmethod
    def read(cls, file: BinaryIO, slot: int) -> Self | None:
        """Return a meta page of a file, None where the file ends before it."""
        data = _page(file, slot)
        if data is None:
            return None
        (number, _, flags, _, _, magic, version, _, _, *rest) = _LAYOUT.unpack_from(
            data
        )
        free, main, (last_page, txnid) = rest[:8], rest[8:16], rest[16:]
        return cls(
            slot=slot,
            number=number,
            flags=flags,
            magic=magic,
            version=version,
            page_size_bytes=free[0],
            free_root=free[7],
            main_root=main[7],
            last_page=last_page,
            txnid=txnid,
            newest_freed_txnid=_newest_freed(file, free[7]),
        )

    def fault(self) -> str | None:
        """Return why no commit can have written this page, None if one can."""
        freed = self.newest_freed_txnid
        wrong = {
            "it does not begin as an LMDB file does": self.magic != _MAGIC,
            f"its data version is {self.version}, not {_DATA_VERSION}": (
                self.version != _DATA_VERSION
            ),
            f"it is marked as page {self.number} with flags {self.flags:#x}": (
                not self.flags & _META or self.number != self.slot
            ),
            f"its page size is {self.page_size_bytes}, not {PAGE_SIZE_BYTES}": (
                self.page_size_bytes != PAGE_SIZE_BYTES
            ),
            f"transaction {self.txnid} belongs into the other page": (
                self.txnid > 0 and self.txnid % 2 != self.slot
            ),
            f"a tree begins behind the last page, {self.last_page}": any(
                root != _NONE and not 1 < root <= self.last_page
                for root in (self.free_root, self.main_root)
            ),
            f"it says transaction {self.txnid}, its free pages say {freed}": (
                freed is not None and freed > self.txnid
            ),
        }
        return next((words for words, true in wrong.items() if true), None)


class MetaFault(msgspec.Struct, frozen=True):
    """A damaged meta page.

    Attributes:
        slot: which one.
        detail: why, a clause.
        twin: the other page, if it is sound.
    """

    slot: int
    detail: str
    twin: MetaPage | None

    def __str__(self) -> str:
        words = f"Meta page {self.slot} is damaged: {self.detail}."
        if self.twin is None:
            return words
        return f"{words} Its twin holds transaction {self.twin.txnid}."


class MetaPages(msgspec.Struct, frozen=True):
    """Both meta pages of a file.

    Attributes:
        pages: as they stand there; None where the file ends before one.
        size_bytes: of the file.
    """

    pages: tuple[MetaPage | None, MetaPage | None]
    size_bytes: int

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return the meta pages of a file.

        Raises:
            OSError: it cannot be read.
        """
        with path.open("rb") as file:
            size_bytes = file.seek(0, os.SEEK_END)
            pages = (MetaPage.read(file, 0), MetaPage.read(file, 1))
        return cls(pages, size_bytes)

    @property
    def current(self) -> MetaPage | None:
        """The page with the higher transaction, of those that a commit can have left.

        It is the one the engine takes, where both are sound.
        """
        found = [page for page in self.pages if page and not page.fault()]
        return max(found, key=lambda page: page.txnid, default=None)

    @property
    def txnid(self) -> int:
        """The last transaction of the file, 0 if it has none."""
        current = self.current
        return 0 if current is None else current.txnid

    @property
    def truncated(self) -> bool:
        """Whether the file ends before its last page.

        Legal only if all that is missing are free pages: a reason to look closely.
        """
        current = self.current
        last = 1 if current is None else current.last_page
        return self.size_bytes < (last + 1) * PAGE_SIZE_BYTES

    def faults(self) -> list[MetaFault]:
        """Return what is wrong with either page."""
        first, second = self.pages
        why = [_fault(first), _fault(second)]
        if first is not None and second is not None and why == [None, None]:
            why = _contradictions(first, second)
        return [
            MetaFault(slot, detail, None if why[1 - slot] else self.pages[1 - slot])
            for slot, detail in enumerate(why)
            if detail
        ]


def _fault(page: MetaPage | None) -> str | None:
    return "the file ends before it" if page is None else page.fault()


def _contradictions(first: MetaPage, second: MetaPage) -> list[str | None]:
    """Judge two pages that are plausible each by itself."""
    older, newer = sorted((first, second), key=lambda page: page.txnid)
    why: list[str | None] = [None, None]
    freed, before = newer.newest_freed_txnid or 0, older.newest_freed_txnid or 0
    if freed < before:
        why[newer.slot] = (
            f"it says transaction {newer.txnid}, its free pages say {freed}, "
            f"those of its twin {before}"
        )
    elif newer.txnid - older.txnid > 1:
        wrong = older if freed in {0, newer.txnid} else newer
        why[wrong.slot] = (
            f"transactions {older.txnid} and {newer.txnid} do not follow each other"
        )
    return why


def promoted(page: bytes) -> bytes:
    """Return the twin of a sound meta page: the same trees, one transaction later.

    One later and not one earlier, so that a tree of free pages never names a
    transaction that its meta page has not reached.

    Args:
        page: the sound one.
    """
    changed = bytearray(page)
    (slot,) = _U64.unpack_from(page)
    (txnid,) = _U64.unpack_from(page, _TXNID_OFFSET)
    _U64.pack_into(changed, 0, 1 - slot)
    _U64.pack_into(changed, _TXNID_OFFSET, txnid + 1)
    return bytes(changed)


def _page(file: BinaryIO, number: int) -> bytes | None:
    offset = number * PAGE_SIZE_BYTES
    if offset >= os.fstat(file.fileno()).st_size:
        return None  # a flipped bit may lead where no file system can seek
    file.seek(offset)
    data = file.read(PAGE_SIZE_BYTES)
    return data if len(data) == PAGE_SIZE_BYTES else None


def _newest_freed(file: BinaryIO, root: int) -> int | None:
    """Return the last key of a tree of free pages, None if it cannot be told."""
    number = root
    for _ in range(_DEPTH_MAX):
        data = _page(file, number)
        if data is None:
            return None
        _, _, flags, lower, _ = _HEADER.unpack_from(data)
        count = (lower - _HEADER.size) // 2
        if not 0 < count <= (PAGE_SIZE_BYTES - _HEADER.size) // 2:
            return None
        (at,) = struct.unpack_from("=H", data, _HEADER.size + 2 * (count - 1))
        if at + 2 * _NODE.size > PAGE_SIZE_BYTES:
            return None
        low, high, top, key_size = _NODE.unpack_from(data, at)
        if flags & _LEAF:
            key = data[at + _NODE.size :][:8]
            return int.from_bytes(key, sys.byteorder) if key_size == len(key) else None
        if not flags & _BRANCH:
            return None
        number = low | high << 16 | top << 32
    return None
