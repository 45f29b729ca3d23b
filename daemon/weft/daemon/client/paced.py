"""A stream that makes its producer wait: nothing is lost, nothing piles up.

A local stream cuts off a reader that is too slow. Here the producer is a connection,
and one that is not read makes the daemon wait.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, TypeVar

from weft.actors import Stream
from weft.storage import Overloaded

__all__ = ["PacedStream"]

UNREAD_MAX: Final = 256
"""A quarter of what makes a stream cut off its reader, and some 256 KB of states."""

T = TypeVar("T")


class PacedStream(Stream[T]):
    """Items from a coroutine on the client's loop to a reader anywhere.

    Args:
        loop: the client's.
        on_close: called when nobody reads any more.
        timeout_s: seconds to wait for an item; None waits for ever.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        on_close: Callable[[], object],
        timeout_s: float | None = None,
    ) -> None:
        super().__init__(_unread, on_close=on_close, timeout_s=timeout_s)
        self._loop = loop
        self._room = asyncio.Semaphore(UNREAD_MAX)

    async def put(self, item: T) -> None:
        """Add an item as soon as there is room; on the client's loop."""
        await self._room.acquire()
        self.push(item)

    def _take(self, content: Any) -> Any:
        item = super()._take(content)
        with suppress(RuntimeError):  # the client has been closed
            self._loop.call_soon_threadsafe(self._room.release)
        return item


def _unread() -> Overloaded:
    return Overloaded("The stream is not read.")
