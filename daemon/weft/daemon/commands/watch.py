"""``--watch``: look again and again, in place on a terminal."""

import io
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from itertools import count
from typing import TextIO

__all__ = ["watch"]

CLEAR = "\x1b[H\x1b[2J"


class _Frame(io.StringIO):
    """What one look prints on a terminal.

    Args:
        terminal: what it will be shown on.
    """

    def __init__(self, terminal: TextIO) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        """Say so, as what is printed goes there."""
        return True

    def fileno(self) -> int:
        """Return that of the terminal, for its width."""
        return self._terminal.fileno()


def watch(
    look: Callable[[], object],
    *,
    watch: bool,
    interval_s: float,
    times: int | None,
    in_place: bool = True,
) -> None:
    """Look once, or until Ctrl-C, which is how it ends.

    Args:
        look: prints what there is.
        watch: again and again.
        interval_s: seconds between two looks.
        times: how often; None for until Ctrl-C.
        in_place: each look replaces the one before, on a terminal.
    """
    if not watch:
        look()
        return
    try:
        for number in range(times) if times else count():
            if number:
                time.sleep(interval_s)
            _show(look, in_place=in_place and sys.stdout.isatty())
    except KeyboardInterrupt:
        sys.stderr.write("\n")


def _show(look: Callable[[], object], *, in_place: bool) -> None:
    if not in_place:
        look()
        return
    frame = _Frame(sys.stdout)
    with redirect_stdout(frame):
        look()
    sys.stdout.write(CLEAR + frame.getvalue())
    sys.stdout.flush()
