"""Items on their way from a producer to one reader, in plain code or asyncio.

A stream is a linked list of futures: each holds an item and the future of the next.
The producer holds the last, the reader the first that is unread; so nothing is shared
but a future, and items that were read are gone.

Guarantees:
    - Items arrive once, in order; after them the end or the producer's failure.
    - The reader blocks only itself, asyncio loops never.
    - A reader that is too slow costs ``STREAM_ITEMS_MAX`` items, then it is cut off.
    - The producer hears, once, that nobody reads any more.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, Generic, Self, TypeAlias, TypeVar

import pykka

from weft.actors.future import Future

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

__all__ = ["STREAM_ITEMS_MAX", "Stream"]

T = TypeVar("T")
Node: TypeAlias = "Future[tuple[T, Node[T]] | None]"

STREAM_ITEMS_MAX: Final = 1024
"""Unread items before a reader is cut off: ten seconds of a fast model's tokens, and
1 MB at 1 KB an item, so that a thousand stuck readers fit into memory."""


def _ignore() -> None:
    """Nobody wants to know."""


class Stream(Generic[T]):
    """An iterable and asynchronously iterable sequence that is being made.

    For one producer and one reader. ``for item in stream``, ``async for item in
    stream`` and ``async for item in await stream`` are the same; use it as a context
    manager to close it when the reading stops half-way.
    """

    def __init__(
        self,
        overflow: Callable[[], BaseException],
        *,
        on_close: Callable[[], object] = _ignore,
        timeout_s: float | None = None,
    ) -> None:
        """Create an empty stream.

        Args:
            overflow: makes the exception for a reader that is too slow.
            on_close: called when nobody reads any more, before the producer ended the
                stream: on the reader's OS thread when it closes, on the producer's
                when the reader is cut off.
            timeout_s: seconds to wait for an item; None waits for ever.
        """
        self._head: Node[T] = Future()
        self._tail = self._head
        self._overflow = overflow
        self._on_close = on_close
        self._timeout_s = timeout_s
        self._pushed = 0  # written by the producer only
        self._read = 0  # written by the reader only
        self._closed = False

    # The producer's side

    def push(self, item: T) -> bool:
        """Add an item.

        Args:
            item: handed over as it is, not copied.

        Returns:
            Whether somebody may still read it; if not, the producer can stop.
        """
        if self._pushed - self._read >= STREAM_ITEMS_MAX:
            self._cut_off()
            return False
        node: Node[T] = Future()
        if not self._tail.try_set((item, node)):
            return False
        self._tail = node
        self._pushed += 1
        if self._closed and node.try_set(None):  # it ended the node before this one
            self._on_close()
        return not self._closed

    def finish(self) -> None:
        """End the stream; later pushes are ignored."""
        self._tail.try_set(None)

    def fail(self, exception: BaseException) -> None:
        """End the stream with a failure, raised after the items that are here.

        Args:
            exception: what the reader gets.
        """
        if not self._closed:
            self._tail.try_fail(exception)

    def _cut_off(self) -> None:
        if self._tail.try_fail(self._overflow()):
            self._on_close()

    # The reader's side

    def close(self) -> None:
        """Read no more; a reader that waits sees the end."""
        if self._closed:
            return
        self._closed = True
        if self._tail.try_set(None):
            self._on_close()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> T:
        item = self._take(self._head.get(timeout=self._timeout_s))
        if item is _END:
            raise StopIteration
        return item  # type: ignore[no-any-return]

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        item = self._take(await self._wait_for_head())
        if item is _END:
            raise StopAsyncIteration
        return item  # type: ignore[no-any-return]

    async def _wait_for_head(self) -> tuple[T, Node[T]] | None:
        if self._timeout_s is None:
            return await self._head
        limit = asyncio.timeout(self._timeout_s)
        try:
            async with limit:
                return await self._head
        except TimeoutError:
            if limit.expired():
                raise pykka.Timeout(f"{self._timeout_s} seconds") from None
            raise  # the producer's own

    def _take(self, content: tuple[T, Node[T]] | None) -> Any:
        if content is None or self._closed:
            return _END
        item, self._head = content
        self._read += 1
        return item

    def __await__(self) -> Generator[None, None, Self]:
        """Return itself: ``async for item in await stream`` reads well, too."""
        yield from ()
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc_info: object) -> None:
        self.close()


_END: Final = object()
