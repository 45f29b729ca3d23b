"""Who waits for something to happen on a thread, and one look at the changes for all.

Guarantees: whoever asks for a :class:`Watched` before looking at the store misses
nothing that happens after; while nobody waits, nothing is read.
"""

import asyncio
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager

from weft.actors import Events, EventsExpired, Runtime

__all__ = ["ThreadWatch"]


class ThreadWatch:
    """Tells of changes of threads; all on one event loop.

    Args:
        runtime: whose changes.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._waiting: dict[str, set[asyncio.Event]] = {}
        self._held: Counter[str] = Counter()
        self._task: asyncio.Task[None] | None = None

    @property
    def closed(self) -> bool:
        """Whether nothing happens any more."""
        return self._runtime.closed

    def is_watched(self, thread_id: str) -> bool:
        """Whether somebody waits for what happens on a thread."""
        return thread_id in self._waiting

    @contextmanager
    def watching(self, thread_id: str) -> Generator[asyncio.Event]:
        """Watch a thread for the time of a with block.

        The event is set when something has happened, or the runtime was closed; who
        waits for more clears it before looking.
        """
        event = asyncio.Event()
        self._waiting.setdefault(thread_id, set()).add(event)
        if self._task is None:
            feed = self._runtime.events(None)
            self._task = asyncio.get_running_loop().create_task(self._follow(feed))
        try:
            yield event
        finally:
            others = self._waiting[thread_id]
            others.discard(event)
            if not others:
                del self._waiting[thread_id]
            if not self._waiting:
                self._task.cancel()
                self._task = None

    @contextmanager
    def holding(self, thread_id: str) -> Generator[None]:
        """Have those who wait for a thread wait until the end of a with block.

        So long a run has begun, and what is to be known of it besides is not there.
        """
        self._held[thread_id] += 1
        try:
            yield
        finally:
            self._held[thread_id] -= 1
            if not self._held[thread_id]:
                del self._held[thread_id]
                self._tell(thread_id)

    def is_held(self, thread_id: str) -> bool:
        """Whether a thread is not to be looked at just now; who waits is told when."""
        return thread_id in self._held

    async def _follow(self, feed: Events) -> None:
        while True:
            try:
                async for record in feed:
                    for thread_id in record.thread_ids:
                        if thread_id not in self._held:
                            self._tell(thread_id)
                break
            except EventsExpired:  # too slow for the log: anything may have happened
                self._tell_all()
                feed = self._runtime.events(None)
        self._tell_all()

    def _tell(self, thread_id: str) -> None:
        for event in self._waiting.get(thread_id, ()):
            event.set()

    def _tell_all(self) -> None:
        for events in self._waiting.values():
            for event in events:
                event.set()
