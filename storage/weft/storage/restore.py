"""Restore: a data directory made anew from a backup.

Guarantees:
    * nothing that exists is overwritten: not even an empty directory;
    * the bytes are those the manifest tells (SHA-256), the store is examined record by
      record, and ends at the manifest's operation, before it gets its name.

To take the place of a damaged data directory, move that one away first: it may hold
operations that the backup does not.
"""

import os
from pathlib import Path

from weft.storage.backup import drafted, sound
from weft.storage.errors import StoreCorrupt, StoreFormatError
from weft.storage.manifest import Manifest, transcribe
from weft.storage.mark import Mark, flush
from weft.storage.progress import Progress, part
from weft.storage.store import FORMAT
from weft.storage.verify import examine

__all__ = ["restore"]


def restore(
    backup: Path, directory: Path, progress: Progress | None = None
) -> Manifest:
    """Make a data directory from a backup.

    Args:
        backup: the backup's directory.
        directory: the data directory; must not exist.
        progress: told per mille, done and of 1,000.

    Returns:
        the manifest of the backup.

    Raises:
        FileExistsError: there is something already.
        StoreCorrupt: it is not a whole backup; nothing was made.
        StoreFormatError: a newer version made it.
        OSError: it cannot be read or written; nothing was made.
    """
    manifest = Manifest.read(backup)
    if manifest.format > FORMAT:
        raise StoreFormatError(
            f"{backup} has format {manifest.format}; this version reads up to "
            f"{FORMAT}.",
            details={"format": manifest.format, "format_max": FORMAT},
        )
    with drafted(directory) as draft:
        place = draft / "store"
        place.mkdir(mode=0o700)
        _copy(backup, place, manifest, part(progress, 0, 250))
        found = sound(place, examine(place, part(progress, 250, 1000)))
        if found.seq != manifest.seq:
            raise _other(backup, f"it ends at operation {found.seq}", manifest.seq)
        Mark.of(place / "data.mdb", found.seq, found.txnid, clean=True).write(draft)
    return manifest


def _copy(backup: Path, place: Path, manifest: Manifest, progress: Progress) -> None:
    source, target = backup / "store" / "data.mdb", place / "data.mdb"
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "wb") as file:  # noqa: PTH123 (a descriptor, for its mode)
        sha256 = transcribe(source, file, progress)
        file.flush()
        os.fsync(file.fileno())
    flush(place)
    size_bytes = target.stat().st_size
    if size_bytes != manifest.size_bytes:
        raise _other(backup, f"it has {size_bytes} bytes", manifest.size_bytes)
    if sha256 != manifest.sha256:
        raise _other(backup, f"its SHA-256 is {sha256}", manifest.sha256)


def _other(backup: Path, found: str, expected: object) -> StoreCorrupt:
    return StoreCorrupt(
        f"{backup} is not what was backed up: {found}, the manifest says {expected}. "
        "Use another backup.",
        details={"path": str(backup)},
    )
