"""Backup: one moment of a store, copied while it is written to, and verified.

A process of its own reads the store beside its owner and writes a compacted copy; the
copy is examined like a file after a restart before it gets its name. So a backup that
exists is a whole one, and a damaged store kills the copying process, not its owner.

Guarantees:
    * the copy is one moment: all operations up to the manifest's ``seq``, none after;
    * it gets its name last, after everything in it was flushed; nothing that exists is
      overwritten, and of two who make one of the same name the second is refused;
    * what is in it was read record by record and compared;
    * the data directory says when the last one was made, where it can be written.

The copy holds a read transaction while it is made (0.2 s for 500 MB, measured), in
which the store cannot reuse pages.

Layout of a backup: ``manifest.json``, ``store/data.mdb``.
"""

import errno
import fcntl
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from weft.storage.child import Poll, io_bytes, run_child
from weft.storage.errors import StoreCorrupt
from weft.storage.manifest import Manifest, transcribe
from weft.storage.mark import flush
from weft.storage.moved import refuse_moved
from weft.storage.progress import Progress, part
from weft.storage.verify import Examination, refusal

__all__ = ["backup", "drafted", "sound"]


def backup(directory: Path, to: Path, progress: Progress | None = None) -> Manifest:
    """Copy a store, open or not, into a new directory.

    Args:
        directory: the data directory.
        to: the backup; must not exist.
        progress: told per mille, done and of 1,000.

    Returns:
        the manifest of the backup.

    Raises:
        FileExistsError: there is something already.
        StoreMoved: the store has moved; back up what it is in now.
        StoreCorrupt: the store is damaged; no backup was made.
        OSError: it cannot be read or written; no backup was made.
    """
    refuse_moved(directory)
    place = directory / "store"
    if not (place / "data.mdb").is_file():
        raise FileNotFoundError(errno.ENOENT, "No store here", str(directory))
    with drafted(to) as draft:
        copy = draft / "store"
        copy.mkdir(mode=0o700)
        found = _copied(place, copy, part(progress, 0, 750))
        tell = part(progress, 750, 1000)
        manifest = Manifest(
            format=found.format or 0,
            seq=found.seq,
            created_at=datetime.now(UTC),
            size_bytes=(copy / "data.mdb").stat().st_size,
            sha256=transcribe(copy / "data.mdb", None, tell),
        )
        manifest.write(draft)
    manifest.note(directory)
    return manifest


def _copied(place: Path, copy: Path, progress: Progress) -> Examination:
    """Copy a store and examine the copy, in a child process."""
    ended = run_child(
        ["copy", str(place), str(copy)],
        Examination,
        progress=progress,
        poll=_written_and_read((place / "data.mdb").stat().st_size),
    )
    if ended.result is not None:
        return sound(copy, ended.result)
    words = f"The process that copied {place} {ended.words}"
    if ended.crashed:
        raise StoreCorrupt(
            f"{words}: the store is damaged. "
            f"`weft fsck --data {place.parent}` tells more, once it is closed.",
            details={"path": str(place / "data.mdb")},
        )
    raise OSError(errno.EIO, words, str(copy))


def _written_and_read(size: int) -> Poll:
    """Return how far the child is: it writes the copy once and reads it once.

    Args:
        size: of the store, in bytes; the copy may be smaller.
    """

    def poll(pid: int) -> tuple[int, int] | None:
        done = io_bytes(pid)
        if done is None:
            return None
        return min(size, done[1]) + min(size, done[0]), 2 * size

    return poll


@contextmanager
def drafted(to: Path) -> Generator[Path]:
    """Make a new directory that gets its name when it is whole, or not at all.

    Args:
        to: its name; must not exist.

    Yields:
        the directory under another name, beside its own.

    Raises:
        FileExistsError: there is something already, or somebody else is making it.
    """
    if to.exists() or to.is_symlink():
        raise FileExistsError(
            errno.EEXIST, "It exists, and nothing is overwritten", str(to)
        )
    to.parent.mkdir(parents=True, exist_ok=True)
    draft = to.with_name(to.name + ".partial")
    with _claimed(draft):
        try:
            yield draft
            flush(draft)
            draft.rename(to)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
    flush(to.parent)


@contextmanager
def _claimed(draft: Path) -> Generator[None]:
    """Make a directory for oneself, or take over what somebody who died has left.

    Raises:
        FileExistsError: somebody else is at it.
    """
    draft.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(draft, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if not _lock(descriptor) or not _is(draft, descriptor):
            raise FileExistsError(errno.EEXIST, "Somebody is making it", str(draft))
        os.fchmod(descriptor, 0o700)
        for path in draft.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:  # NFS locks no directory: there nobody is kept out
        return not isinstance(error, BlockingIOError)
    return True


def _is(path: Path, descriptor: int) -> bool:
    """Return whether a directory still has the name it was opened by."""
    try:
        return os.path.samestat(path.lstat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def sound(place: Path, found: Examination) -> Examination:
    """Return an examination that found nothing.

    Raises:
        StoreCorrupt: it found something.
    """
    if not found.clean:
        raise refusal(place, found.damages, found.found)
    return found
