"""Makes the disk fail under LMDB: at the n-th call, in one way, once or from then on.

Built on the recorder: the same slots of the same extension, for one file only.
"""

import ctypes
import errno
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from tests.storage.iorecorder import IoRecorder

__all__ = ["FAILURES", "Failure", "FaultyIo"]


META_END_BYTES: Final = 2 * 4096


class Failure(NamedTuple):
    """How a call fails.

    Attributes:
        number: of the error; 0 for a short write, which is none.
        done: the call does its work all the same, and fails then.
        lasting: all calls after it fail as well.
        stuck: the next call fails without its work: LMDB cannot undo what this did.
    """

    number: int
    done: bool = False
    lasting: bool = False
    stuck: bool = False


FAILURES: Final = {
    "I/O error": Failure(errno.EIO),
    "I/O error after the work": Failure(errno.EIO, done=True),
    "I/O error from now on": Failure(errno.EIO, lasting=True),
    "I/O error after the work from now on": Failure(errno.EIO, done=True, lasting=True),
    "I/O error after work that cannot be undone": Failure(
        errno.EIO, done=True, stuck=True
    ),
    "disk full": Failure(errno.ENOSPC),
    "disk full from now on": Failure(errno.ENOSPC, lasting=True),
    "short write": Failure(0),
    "read-only file system from now on": Failure(errno.EROFS, lasting=True),
}


class FaultyIo(IoRecorder):
    """Lets a call of LMDB on one file fail while entered.

    Attributes:
        calls: how many there were since it was armed.
        failed: how many of them failed.
    """

    def __init__(self, name: str = "store/data.mdb") -> None:
        super().__init__(name)
        self.calls = 0
        self.failed = 0
        self._failure: Failure | None = None
        self._at: int | None = 0

    def arm(self, failure: Failure, at: int | None) -> None:
        """Let the n-th call from now fail; None for the next write of a meta page."""
        self.calls = self.failed = 0
        self._failure, self._at = failure, at

    def heal(self) -> None:
        """Let all calls succeed again."""
        self._failure = None

    def _watched(self, symbol: str, plain: str) -> Callable[..., int]:
        succeed = super()._watched(symbol, plain)
        write: Any = getattr(self._libc, symbol)

        def watch(descriptor: int, *arguments: int) -> int:
            failure = self._due(plain, descriptor, arguments)
            if failure is None:
                return succeed(descriptor, *arguments)
            if failure.number == 0:
                return self._shorten(plain, write, descriptor, arguments, succeed)
            if failure.done:
                succeed(descriptor, *arguments)
            self.failed += 1
            ctypes.set_errno(failure.number)
            return -1

        return watch

    def _due(
        self, plain: str, descriptor: int, arguments: tuple[int, ...]
    ) -> Failure | None:
        if self._failure is None or not self._is_watched(descriptor):
            return None
        self.calls += 1
        if self._at is None and plain == "pwrite" and arguments[-1] < META_END_BYTES:
            self._at = self.calls
        if self._at is None:
            return None
        late = self.calls - self._at
        if late == 1 and self._failure.stuck:
            return self._failure._replace(done=False)
        due = late == 0 or (late > 0 and self._failure.lasting)
        return self._failure if due else None

    def _shorten(
        self,
        plain: str,
        write: Callable[..., int],
        descriptor: int,
        arguments: tuple[int, ...],
        succeed: Callable[..., int],
    ) -> int:
        """Write the first half, where half a call is possible."""
        if plain not in {"pwrite", "write"}:
            return succeed(descriptor, *arguments)
        self.failed += 1
        data, size_bytes, *rest = arguments
        return write(descriptor, data, max(1, size_bytes // 2), *rest)
