"""The mark beside a store: how far it had come when this directory was last used.

A file cannot tell that it is an old copy of itself, nor that the machine went down
since it was written, nor that it was copied while somebody wrote to it. The mark can:
it lies beside the store, in ``mark.json``, and is written when the store is opened and
when it is closed.

Guarantees:
    * it is replaced whole or not at all;
    * it never runs ahead of the store, so a store behind its mark has lost something;
      a mark that lags (the process was killed) is no finding.
"""

import os
from pathlib import Path
from typing import Final, Self, TypeVar

import msgspec

from weft.storage.errors import StoreCorrupt

__all__ = [
    "COPIED",
    "MARK_NAME",
    "Mark",
    "boot_id",
    "flush",
    "read_whole",
    "write_whole",
]

MARK_NAME: Final = "mark.json"

COPIED: Final = "it is a copy of the file that was open here"

T = TypeVar("T")

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
"""A UUID that the kernel makes at each boot (random(4))."""


def boot_id() -> str | None:
    """Return what tells this run of the machine from others, None if nothing does."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return None


class Mark(msgspec.Struct, frozen=True):
    """How far a store had come.

    Attributes:
        seq: the last applied operation.
        txnid: the last transaction of the file.
        boot_id: of the machine then; None if it has none.
        clean: the store was closed, nothing came after this.
        file: device and inode of the data file; a copy of it has others. None if the
            mark does not say.
        accepted: details of damages that the store was opened with to be repaired:
            they keep it closed no more.
    """

    seq: int
    txnid: int
    boot_id: str | None
    clean: bool
    file: tuple[int, int] | None = None
    accepted: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        data: Path,
        seq: int,
        txnid: int,
        *,
        clean: bool,
        accepted: tuple[str, ...] = (),
    ) -> Self:
        """Return the mark of a data file in this run of the machine.

        Raises:
            OSError: the file cannot be looked at.
        """
        return cls(seq, txnid, boot_id(), clean, _identity(data), accepted)

    @classmethod
    def read(cls, directory: Path) -> Self | None:
        """Return the mark of a data directory, None if it has none.

        Raises:
            StoreCorrupt: there is one and it cannot be read.
        """
        remedy = (
            "`weft fsck --repair` writes a new one after it has looked at the store."
        )
        return read_whole(directory / MARK_NAME, cls, remedy)

    def write(self, directory: Path) -> None:
        """Make this the mark of a data directory.

        Raises:
            OSError: it could not be written; the mark before it stays.
        """
        write_whole(directory / MARK_NAME, msgspec.json.encode(self) + b"\n")

    def doubt(self, data: Path) -> str | None:
        """Return why the data file may not be what was written; None if it is.

        Args:
            data: the data file.

        Raises:
            OSError: the file cannot be looked at.
        """
        if self.boot_id is None or self.boot_id != boot_id():
            return "the machine was started since"
        if self.file != _identity(data):
            return COPIED
        return None

    def lost(self, seq: int, txnid: int) -> str | None:
        """Return what a store at this point lacks, a clause; None if it lacks nothing.

        A restored or compacted file begins its transactions anew and gets a new mark,
        so both numbers are compared.
        """
        if seq < self.seq:
            return f"it ends at operation {seq}; the mark says {self.seq}"
        if txnid < self.txnid:
            return f"it ends at transaction {txnid}; the mark says {self.txnid}"
        return None


def _identity(data: Path) -> tuple[int, int]:
    found = data.stat()
    return found.st_dev, found.st_ino


def read_whole(path: Path, kind: type[T], words: str) -> T | None:
    """Return what a file says that was written whole, None if there is none.

    Args:
        path: of the file, JSON.
        kind: what it is to be.
        words: behind the refusal of a damaged one.

    Raises:
        StoreCorrupt: it is something else.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError as error:
        raise StoreCorrupt(
            f"{path} is damaged: {error}. {words}",
            cause=error,
            details={"path": str(path)},
        ) from error


def write_whole(path: Path, data: bytes) -> None:
    """Replace a file so that a crash leaves the old or the new one, durably."""
    draft = path.with_name(path.name + ".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    draft.rename(path)
    flush(path.parent)


def flush(path: Path) -> None:
    """Make a file's bytes, or a directory's entries, durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
