"""The events of one thread for all subscriptions of one client, in one order.

Guarantees:
    * an event comes before those behind it, whichever subscriptions want them: a client
      that has heard of a run's end has heard of the run;
    * a new subscription hears what was before, though others have; nobody is told
      anything twice on account of somebody else's wish;
    * events are read as fast as the client takes them.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from weft.daemon.http.call import Call
from weft.daemon.http.event_filters import Subscription
from weft.daemon.http.event_places import is_behind
from weft.daemon.http.protocol_events import ProtocolEvent
from weft.daemon.http.thread_events import events_since, seen
from weft.storage import ThreadNotFound

__all__ = ["EventPump"]

TOGETHER_S: Final = 0.01
"""Subscriptions that come within this time begin together: clients send several at
once, and stop all of them when the first has told of a run's end."""


class EventPump:
    """Tells what happens on a thread; all on one event loop.

    Args:
        call: who asks.
        thread_id: the thread; it may be created later.
        send: tells an event; waits while the client is slow.
        on_end: called when nothing more comes, with the reason if that is a failure.
    """

    def __init__(
        self,
        call: Call[Any, Any],
        thread_id: str,
        send: Callable[[ProtocolEvent], Awaitable[None]],
        on_end: Callable[[BaseException | None], None],
    ) -> None:
        self._call = call
        self._thread_id = thread_id
        self._send = send
        self._on_end = on_end
        self._wanted: dict[str, Subscription] = {}
        self._task: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._wanted)

    def enter(self, subscription_id: str, wanted: Subscription) -> None:
        """Begin with a subscription; its ``since`` grows with what it is told."""
        self.close()
        self._wanted[subscription_id] = wanted
        self._task = asyncio.get_running_loop().create_task(self._tell())
        self._task.add_done_callback(self._told)

    def leave(self, subscription_id: str) -> bool:
        """End a subscription; return whether it was there."""
        return self._wanted.pop(subscription_id, None) is not None

    def close(self) -> None:
        """Tell nothing more."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _tell(self) -> None:
        await asyncio.sleep(TOGETHER_S)
        await self._until_there()
        numbers = [each.since for each in self._wanted.values()]
        known = [number for number in numbers if number is not None]
        since = min(known) if len(known) == len(numbers) and known else None
        async for event in events_since(self._call, self._thread_id, since):
            if event is None:
                return
            if any(_is_for(each, event) for each in self._wanted.values()):
                await self._send(event)
            for each in self._wanted.values():
                if each.since is None or each.since < event.seq:
                    each.since = event.seq

    async def _until_there(self) -> None:
        """Wait for the thread; one that is somebody else's never comes."""
        watch = self._call.site.watch
        with watch.watching(self._thread_id) as changed:
            while not watch.closed:
                changed.clear()
                try:
                    seen(self._call, self._thread_id)
                except ThreadNotFound:
                    await changed.wait()
                else:
                    return

    def _told(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            self._on_end(task.exception())


def _is_for(wanted: Subscription, event: ProtocolEvent) -> bool:
    params = event.params
    is_new = wanted.since is None or is_behind(event.seq, wanted.since)
    return is_new and wanted.wants(event.method, params.namespace, params.data)
