"""What runs on shards show, brought to readers here.

One event loop for all of them. What was shown is gone when
a shard's process dies: its reader is told, and may read on from the run's successor,
which goes on from the last durable state.

Guarantees:
    * a shard that is away, or has given the session away, before anything was shown
      costs a detour, as it does a command (:mod:`weft.cluster.router`);
    * whoever reads when the connection is closed is told.
"""

import asyncio
import logging
import pickle
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

from weft.actors.future import Future
from weft.actors.loop_thread import LoopThread
from weft.actors.stream import Stream
from weft.cluster.errors import ShardUnavailable
from weft.cluster.router import BACKOFF_S, PASSING, PATIENCE_S
from weft.cluster.shard_mail import (
    Order,
    RunOrder,
    decode_shown,
    encode,
    failure_of,
    run_result_of,
)
from weft.storage import StoreClosed

__all__ = ["Streams"]

logger: Final = logging.getLogger("weft.cluster")

Open = Callable[[str | None, bytes], AsyncIterator[bytes]]
"""Begins to stream from the shard of a session."""

Address = Callable[[], tuple[str | None, Order]]
"""Finds where a run goes."""


class Streams:
    """Reads what runs show.

    Args:
        begin: begins to stream.
        loop: where they are read.
        reload: reads again which shard has what; it may block.
    """

    def __init__(
        self, begin: Open, loop: LoopThread, reload: Callable[[], object]
    ) -> None:
        self._begin = begin
        self._loop = loop
        self._reload = reload
        self._tasks: set[asyncio.Task[None]] = set()  # else a collection ends them

    def read(
        self,
        address: Address,
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
            task.add_done_callback(end)

        def end(task: asyncio.Task[None]) -> None:
            if task.cancelled():  # the loop has ended
                error = StoreClosed("The connection to the cluster was closed.")
                stream.fail(error)
                future.try_fail(error)

        self._loop.tell(start)

    async def _read(
        self, address: Address, stream: Stream[Any], future: Future[Any]
    ) -> None:
        give_up_s = time.monotonic() + PATIENCE_S
        tries = 0
        while (error := await self._try(address, stream, future)) is not None:
            if future.done() or time.monotonic() >= give_up_s:
                stream.fail(error)
                future.try_fail(error)
                return
            await asyncio.sleep(BACKOFF_S[min(tries, len(BACKOFF_S) - 1)])
            tries += 1
            await asyncio.to_thread(self._look)

    def _look(self) -> None:
        try:
            self._reload()
        except Exception as error:  # noqa: BLE001 - the old map does meanwhile
            logger.warning("the map of slots could not be read: %s", error)

    async def _try(
        self, address: Address, stream: Stream[Any], future: Future[Any]
    ) -> BaseException | None:
        """Read a run; return why nothing came if it may be asked for again."""
        is_told = False
        try:
            session_id, order = address()
            assert isinstance(order, RunOrder)  # noqa: S101 - runs only are streamed
            async for payload in self._begin(session_id, encode(order)):
                shown = decode_shown(payload)
                error = None if shown.item else failure_of(shown.answer)
                if isinstance(error, PASSING) and not is_told:
                    return error
                is_told = True
                if shown.item is not None:
                    stream.push(pickle.loads(shown.item))  # noqa: S301 - a shard's
                elif error is None:
                    future.try_set(run_result_of(order, shown.answer))
                else:
                    stream.fail(error)
                    future.try_fail(error)
                    return None
            stream.finish()
        except Exception as error:  # noqa: BLE001 - whoever reads is told
            failure = _unavailable(error)
            if not is_told:
                return failure
            stream.fail(failure)
            future.try_fail(failure)
        return None


def _unavailable(error: Exception) -> ShardUnavailable:
    if isinstance(error, ShardUnavailable):
        return error
    words = f"The shard that ran it does not answer any more: {error}"
    return ShardUnavailable(words, cause=error)
