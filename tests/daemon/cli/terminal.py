"""A pseudo-terminal in place of this process's standard files."""

import fcntl
import os
import pty
import struct
import sys
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

DEADLINE_S = 20


class Terminal:
    """What is at the other end.

    Attributes:
        shown: what was written to it; whole behind the with block.
    """

    def __init__(self, master: int) -> None:
        self.shown = ""
        self._master = master
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def lines(self) -> list[str]:
        """What was written, by lines."""
        return self.shown.replace("\r\n", "\n").splitlines()

    def type(self, text: str) -> None:
        """Type something."""
        os.write(self._master, text.encode())

    def wait(self) -> None:
        """Wait until all is read; nobody writes any more."""
        self._reader.join(DEADLINE_S)

    def _read(self) -> None:
        found = b""
        try:
            while chunk := os.read(self._master, 65536):
                found += chunk
        except OSError:  # what Linux says of a terminal that nobody holds any more
            found += b""
        self.shown = found.decode()


@contextmanager
def terminal(
    patch: pytest.MonkeyPatch, columns: int = 80, rows: int = 24
) -> Iterator[Terminal]:
    """Have stdin, stdout and stderr be a terminal for the time of a with block.

    Args:
        patch: undone by pytest in any case.
        columns: its width.
        rows: its height.
    """
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    far = Terminal(master)
    try:
        with (
            patch.context() as here,
            open(slave, encoding="utf-8", closefd=False) as given,
            open(slave, "w", encoding="utf-8") as shown,  # noqa: PTH123
        ):
            here.setattr(sys, "stdin", given)
            here.setattr(sys, "stdout", shown)
            here.setattr(sys, "stderr", shown)
            here.setenv("TERM", "xterm")
            for name in ("NO_COLOR", "COLUMNS"):
                here.delenv(name, raising=False)
            yield far
        far.wait()
    finally:
        os.close(master)
