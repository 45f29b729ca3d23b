"""The bridge: how replies from other OS threads reach an asyncio loop.

Waking a loop from another OS thread costs a system call, so replies that come close
together cross in one batch.

Guarantees:
    - A batch of replies costs one ``call_soon_threadsafe``.
    - A reply that comes while a batch ends crosses, too: none is lost.
    - A reply for a loop that is closed is dropped; nobody waits there any more.
    - Each OS thread that runs a loop has one bridge; a new loop gets a new one.

Who waits, and for what, is known in :mod:`weft.actors.future`.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio


__all__ = ["Bridge", "bridge_of"]


class Bridge:
    """Takes replies from other OS threads into one asyncio loop, in batches."""

    __slots__ = ("_armed", "_replies", "loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._replies: deque[asyncio.Future[None]] = deque()
        self._armed = False

    def reply(self, waiter: asyncio.Future[None], _future: object) -> None:
        """Wake a waiter of the loop; called on the OS thread that sets."""
        self._replies.append(waiter)
        if self._armed:  # the drain to come sees it: it disarms before it looks
            return
        self._armed = True
        try:
            self.loop.call_soon_threadsafe(self._drain)
        except RuntimeError:  # the loop is closed: nobody waits there any more
            self._armed = False
            self._replies.clear()

    def _drain(self) -> None:
        self._armed = False
        replies = self._replies
        while replies:
            waiter = replies.popleft()
            if not waiter.done():
                waiter.set_result(None)


class _Local(threading.local):
    bridge: Bridge | None = None


_local = _Local()


def bridge_of(loop: asyncio.AbstractEventLoop) -> Bridge:
    """The bridge of the loop that runs on this OS thread."""
    # By OS thread, not by an attribute of the loop: uvloop's loops take none.
    bridge = _local.bridge
    if bridge is None or bridge.loop is not loop:
        bridge = _local.bridge = Bridge(loop)
    return bridge
