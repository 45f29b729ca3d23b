"""The lock of a data directory: one owner, told by name.

LMDB does not stop a second daemon from writing. This does: an ``flock`` on a file of
our own (closing any descriptor of LMDB's own files would drop its locks), held for the
life of the owner and gone with its process, however that ends.
"""

import fcntl
import os
from pathlib import Path
from typing import Self

from weft.storage.errors import StoreLocked

__all__ = ["OwnerLock"]


class OwnerLock:
    """A held lock."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor
        self._pid = os.getpid()

    @classmethod
    def acquire(cls, path: Path) -> Self:
        """Take the lock and write this process's id into it.

        Args:
            path: the lock's file; created if it is missing, never deleted.

        Raises:
            StoreLocked: somebody holds it; the error has the holder's pid.
            OSError: the file cannot be written; the lock is not held.
        """
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _take(descriptor, path)
        except BaseException:
            os.close(descriptor)
            raise
        return cls(descriptor)

    def release(self) -> None:
        """Give the lock back. Releasing twice is no error."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None:
            return
        # A child forked meanwhile shares the lock: closing alone would leave it held,
        # and unlocking there would take it from the parent.
        if os.getpid() == self._pid:
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


def _take(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        pid = _holder(descriptor)
        raise StoreLocked(
            f"{path.parent} is open in process {pid or 'unknown'}.",
            details={"directory": str(path.parent), "pid": pid},
        ) from error
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)


def _holder(descriptor: int) -> int | None:
    text = os.pread(descriptor, 32, 0).decode("ascii", errors="replace").strip()
    return int(text) if text.isdigit() else None
