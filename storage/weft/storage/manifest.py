"""What a backup says of itself: ``manifest.json`` beside the copy of the store.

The store keeps a copy of the last one beside it, as ``last-backup.json``: so that who
looks at the store sees when it was last backed up. It is a note, not a promise: nobody
knows whether that backup still exists, and a note that cannot be written fails nothing.
"""

import contextlib
import hashlib
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final, Self

import msgspec

from weft.storage.errors import StoreCorrupt
from weft.storage.mark import write_whole

__all__ = ["LAST_BACKUP_NAME", "MANIFEST_NAME", "Manifest", "transcribe"]

MANIFEST_NAME: Final = "manifest.json"
LAST_BACKUP_NAME: Final = "last-backup.json"

_CHUNK_SIZE_BYTES: Final = 1 << 20


class Manifest(msgspec.Struct, frozen=True):
    """What a backup holds.

    Attributes:
        format: of the store.
        seq: the last applied operation in it: the backup holds all up to this one and
            nothing after it.
        created_at: when it was made, UTC.
        size_bytes: of the data file.
        sha256: of the data file, hexadecimal.
        version: of the manifest itself.
    """

    format: int
    seq: int
    created_at: datetime
    size_bytes: int
    sha256: str
    version: int = 1

    @classmethod
    def read(cls, backup: Path) -> Self:
        """Return the manifest of a backup.

        Raises:
            StoreCorrupt: there is none, or it cannot be read.
        """
        path = backup / MANIFEST_NAME
        try:
            return msgspec.json.decode(path.read_bytes(), type=cls)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise StoreCorrupt(
                f"{backup} is not a whole backup: it has no {MANIFEST_NAME}.",
                cause=error,
                details={"path": str(path)},
            ) from error
        except msgspec.MsgspecError as error:
            raise StoreCorrupt(
                f"{path} is damaged: {error}.",
                cause=error,
                details={"path": str(path)},
            ) from error

    def write(self, backup: Path) -> None:
        """Write it into a backup, durably."""
        write_whole(backup / MANIFEST_NAME, self._encoded())

    def note(self, directory: Path) -> None:
        """Leave a copy beside the store that was backed up, if that can be written."""
        with contextlib.suppress(OSError):
            write_whole(directory / LAST_BACKUP_NAME, self._encoded())

    @classmethod
    def last_of(cls, directory: Path) -> Self | None:
        """Return the manifest of a data directory's last backup; None if unknown."""
        try:
            data = (directory / LAST_BACKUP_NAME).read_bytes()
            return msgspec.json.decode(data, type=cls)
        except (OSError, msgspec.MsgspecError):
            return None

    def _encoded(self) -> bytes:
        return msgspec.json.format(msgspec.json.encode(self)) + b"\n"


def transcribe(
    source: Path, to: BinaryIO | None, progress: Callable[[int, int], None]
) -> str:
    """Read a file, copy it if asked to, and return its SHA-256.

    Args:
        source: what to read.
        to: where to write it; None to read only.
        progress: told bytes, done and of all.
    """
    digest, size, done = hashlib.sha256(), source.stat().st_size, 0
    with source.open("rb") as file:
        while data := file.read(_CHUNK_SIZE_BYTES):
            digest.update(data)
            if to is not None:
                to.write(data)
            done += len(data)
            progress(done, size)
    return digest.hexdigest()
