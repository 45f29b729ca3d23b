"""What a backup says of itself: ``manifest.json`` beside the copy of the store."""

import hashlib
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final, Self

import msgspec

from weft.storage.errors import StoreCorrupt
from weft.storage.mark import write_whole

__all__ = ["MANIFEST_NAME", "Manifest", "transcribe"]

MANIFEST_NAME: Final = "manifest.json"

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
        data = msgspec.json.format(msgspec.json.encode(self)) + b"\n"
        write_whole(backup / MANIFEST_NAME, data)


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
