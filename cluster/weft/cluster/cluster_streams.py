"""What runs on shards show, brought to readers here.

One event loop for all of them. What was shown is gone when
a shard's process dies: its reader is told, and may read on from the run's successor,
which goes on from the last durable state.
"""

import pickle
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

from weft.actors.future import Future
from weft.actors.loop_thread import LoopThread
from weft.actors.stream import Stream
from weft.cluster.errors import ShardUnavailable
from weft.cluster.shard_mail import (
    Order,
    RunOrder,
    Shown,
    decode_shown,
    encode,
    failure_of,
    run_result_of,
)

if TYPE_CHECKING:
    import asyncio

__all__ = ["Streams"]

Open = Callable[[str | None, bytes], AsyncIterator[bytes]]
"""Begins to stream from the shard of a session."""


class Streams:
    """Reads what runs show.

    Args:
        begin: begins to stream.
        loop: where they are read.
    """

    def __init__(self, begin: Open, loop: LoopThread) -> None:
        self._begin = begin
        self._loop = loop
        self._tasks: set[asyncio.Task[None]] = set()  # else a collection ends them

    def read(
        self,
        address: Callable[[], tuple[str | None, Order]],
        stream: Stream[Any],
        future: Future[Any],
    ) -> None:
        """Fill a stream from a run, and a future with what it came to.

        Args:
            address: finds where the run goes.
            stream: is filled.
            future: is answered.
        """

        def start() -> None:
            task = self._loop.loop.create_task(self._read(address, stream, future))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        self._loop.tell(start)

    async def _read(
        self,
        address: Callable[[], tuple[str | None, Order]],
        stream: Stream[Any],
        future: Future[Any],
    ) -> None:
        try:
            session_id, order = address()
            assert isinstance(order, RunOrder)  # noqa: S101 - runs only are streamed
            async for payload in self._begin(session_id, encode(order)):
                shown = decode_shown(payload)
                if shown.item is not None:
                    stream.push(pickle.loads(shown.item))  # noqa: S301 - a shard's
                elif not _settle(order, shown, stream, future):
                    return
            stream.finish()
        except Exception as error:  # noqa: BLE001 - whoever reads is told
            words = f"The shard that ran it does not answer any more: {error}"
            failure = (
                error
                if isinstance(error, ShardUnavailable)
                else ShardUnavailable(words, cause=error)
            )
            stream.fail(failure)
            future.try_fail(failure)


def _settle(
    order: RunOrder, shown: Shown, stream: Stream[Any], future: Future[Any]
) -> bool:
    """Answer whoever asked; return whether there may be more to be shown."""
    error = failure_of(shown.answer)
    if error is None:
        future.try_set(run_result_of(order, shown.answer))
        return True
    stream.fail(error)
    future.try_fail(error)
    return False
