"""Rounds: a loop that posts a lot wakes the dispatcher once per round of its own.

A wake-up gives the GIL away, and with it the rest of the loop's round: the dispatcher
takes the first message, wakes the writer for it, and both then fight the loop for the
GIL. Woken when the round has ended, they find all of its messages. Measured over HTTP
with 16 connections: 245 to 290 us of CPU a request in place of 320 to 350, in commit
groups of 11 in place of 8.

Guarantees:
    - What is posted in a round is seen to at its end at the latest.
    - It is for who asks for it: on other OS threads, and while the loop does not run, a
      wake-up is at once.

Whoever asks for it must not block the loop on what was posted in the same round:
awaiting is what rounds are for.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Generator

__all__ = ["Rounds", "in_rounds", "rounds_here"]


class Rounds:
    """Puts off what is best done once, at the end of a round of a loop.

    Args:
        loop: that runs on this OS thread.
    """

    __slots__ = ("_calls", "_loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._calls: dict[Callable[[], object], None] = {}

    def at_end(self, function: Callable[[], object]) -> None:
        """Have a function called when the round has ended, once.

        Args:
            function: such as one that wakes somebody; it does not raise.
        """
        if not self._loop.is_running():  # it has no rounds: it begins or has ended
            function()
            return
        calls = self._calls
        if not calls:
            self._loop.call_soon(self._end)
        calls[function] = None

    def _end(self) -> None:
        calls, self._calls = self._calls, {}
        for function in calls:
            function()


class _Local(threading.local):
    rounds: Rounds | None = None


_local = _Local()


@contextmanager
def in_rounds(loop: asyncio.AbstractEventLoop) -> Generator[Rounds]:
    """Wake dispatchers at the end of each round of a loop, in a with block.

    Args:
        loop: that runs on this OS thread, and on no other.

    Yields:
        its rounds, for who has something else to put off.
    """
    before, rounds = _local.rounds, Rounds(loop)
    _local.rounds = rounds
    try:
        yield rounds
    finally:
        _local.rounds = before


def rounds_here() -> Rounds | None:
    """Return the rounds of this OS thread, None if it has none."""
    return _local.rounds
