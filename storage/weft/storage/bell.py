"""The bell: wakes one OS thread that waits, from any other.

A pipe and not a lock: an OS thread that is woken by a lock is woken twice under the
GIL, once for the lock and once to take the GIL.

Guarantees: a ring before the wait is not lost; any number of rings wake once.
"""

import os
from select import POLLIN, poll
from typing import Final

__all__ = ["Bell"]

_RINGS_MAX: Final = 4096
"""Taken at one wake; a pipe holds 65,536."""


class Bell:
    """A pipe that one OS thread waits at."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._poll = poll()
        self._poll.register(self._read, POLLIN)

    def ring(self) -> None:
        """Wake who waits, or who will."""
        try:
            os.write(self._write, b"\0")
        except BlockingIOError:
            return  # the pipe is full of rings: the one who waits will wake

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait for a ring.

        Args:
            timeout_s: how long at the most, in seconds; None for as long as it takes.

        Returns:
            whether it rang.
        """
        if not self._poll.poll(None if timeout_s is None else timeout_s * 1000):
            return False
        os.read(self._read, _RINGS_MAX)
        return True

    def __del__(self) -> None:
        os.close(self._read)
        os.close(self._write)
