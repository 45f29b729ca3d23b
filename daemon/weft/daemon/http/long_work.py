"""Work that takes its time, on an OS thread: its result, or how far it is meanwhile.

A client that accepts ``text/event-stream`` is told ``progress`` events, then one
``report``, or an ``error``. The work goes on when its client has gone.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

from weft.daemon.http.call import Call
from weft.daemon.http.streams import ServerEvent
from weft.storage import SessionThreadException

__all__ = ["Done", "Work", "begin", "result_of"]

PROGRESS_INTERVAL_S: Final = 0.25


class Done:
    """How far it is; written on the OS thread that works."""

    def __init__(self) -> None:
        self.done = self.total = 0
        self.began_s = time.monotonic()

    def tell(self, done: int, total: int) -> None:
        """Say how much is done, and of how much."""
        self.done, self.total = done, total

    def event(self) -> ServerEvent:
        """Return what a client is told of it."""
        elapsed_s = round(time.monotonic() - self.began_s, 3)
        data = {"done": self.done, "total": self.total, "elapsed_s": elapsed_s}
        return ServerEvent(data, "progress")


Work = Callable[[Done], Any]


def begin(work: Work) -> tuple[asyncio.Task[Any], Done]:
    """Have work begin on an OS thread; return its task, and how far it is."""
    done = Done()
    return asyncio.ensure_future(asyncio.to_thread(work, done)), done


async def result_of(call: Call[Any, Any], task: asyncio.Task[Any], done: Done) -> Any:
    """Return the answer: the result, or a stream of events if the client wants one."""
    if call.wants_stream():
        return call.stream(_told(task, done))
    return await asyncio.shield(task)


async def _told(task: asyncio.Task[Any], done: Done) -> AsyncIterator[ServerEvent]:
    while not task.done():
        yield done.event()
        await asyncio.wait({task}, timeout=PROGRESS_INTERVAL_S)
    try:
        yield ServerEvent(task.result(), "report")
    except SessionThreadException as error:
        yield ServerEvent({"detail": str(error), "code": type(error).__name__}, "error")
