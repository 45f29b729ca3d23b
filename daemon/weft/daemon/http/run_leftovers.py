"""Threads that exist for one run only, and their end.

A run that names no thread gets one of its own. Unless it is to be kept, that is removed
with all it has when the run has ended and its answer was read; if nobody has read it to
the end, after ``GRACE_S``, so that a client that was cut off finds its answer.

Guarantees: a thread stays until its run's end was told to whoever is to be; such
threads stand in sessions of their own, so that those which a crash has
left behind are found, and removed, by the next process.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from weft.actors import Runtime
from weft.daemon.http.run_answers import ended
from weft.storage import SessionThreadException

__all__ = ["STATELESS_SESSION", "Temporary"]

STATELESS_SESSION: Final = "stateless"
"""The session of threads that exist for one run; a principal bound to a user has its
own, whose name begins so."""

GRACE_S: Final = 60.0
"""As long as clients try to come back: five times, with up to five seconds between."""


class Temporary:
    """The threads of one application that exist for one run.

    Args:
        runtime: where they are.
        grace_s: how long they stay after their run, if nobody has read its answer.
        told: waits until all is told of a thread's runs; None if nobody is told.
    """

    def __init__(
        self,
        runtime: Runtime,
        grace_s: float = GRACE_S,
        told: Callable[[str], Awaitable[None]] | None = None,
    ) -> None:
        self._runtime = runtime
        self._told = told
        self._grace_s = grace_s
        self._tasks: set[asyncio.Task[None]] = set()
        self._swept = False

    async def settled(self) -> None:
        """Wait until all is done that has been begun."""
        await asyncio.gather(*self._tasks)

    def follow(self, thread_id: str, run_id: str) -> None:
        """Remove a thread some time after its run; on the event loop."""
        if not self._swept:
            self._swept = True
            self.begin(self._sweep(thread_id))
        self.begin(self._remove_later(thread_id, run_id))

    def remove(self, thread_id: str) -> None:
        """Remove a thread whose run has ended, now; on the event loop."""
        self.begin(self._remove(thread_id))

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Have work done beside requests; on the event loop."""
        task = asyncio.get_running_loop().create_task(_quietly(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _remove_later(self, thread_id: str, run_id: str | None) -> None:
        if run_id is not None:
            await ended(self._runtime, run_id)
        await asyncio.sleep(self._grace_s)
        await self._remove(thread_id)

    async def _remove(self, thread_id: str) -> None:
        if self._told is not None:
            await self._told(thread_id)
        await self._runtime.coordinator.remove_thread(thread_id)

    async def _sweep(self, new_thread_id: str) -> None:
        """Follow what an earlier process has left behind."""
        for thread_id, run_id in await asyncio.to_thread(self._left):
            if thread_id != new_thread_id:
                self.begin(self._remove_later(thread_id, run_id))

    def _left(self) -> list[tuple[str, str | None]]:
        found: list[tuple[str, str | None]] = []
        with self._runtime.store.read() as snapshot:
            for session in snapshot.sessions():
                if session.session_id.startswith(STATELESS_SESSION):
                    for thread in snapshot.threads(session.session_id):
                        run = next(snapshot.runs(thread.thread_id), None)
                        run_id = None if run is None else run.run_id
                        found.append((thread.thread_id, run_id))
        return found


async def _quietly(work: Coroutine[Any, Any, None]) -> None:
    """Do work whose subject may have gone, be in use again, or be closed by now."""
    with contextlib.suppress(SessionThreadException):
        await work
