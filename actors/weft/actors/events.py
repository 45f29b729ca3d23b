"""The change feed: every applied operation, in the one order, from any place in it.

A feed has no buffer of its own: its readers pull from the operation log, a chunk at a
time, and are woken when the writer has committed more. So it can be resumed behind any
``seq`` that the log still has, a slow reader costs nothing but its own time, and there
is nothing to lose.

Guarantees:
    * entries come in the order of ``seq``, each once, none left out;
    * what the log has let go already is told (:class:`EventsExpired`), never skipped;
    * readers at the same place share one look at the store;
    * the writer never waits for a reader; readers of one event loop cost it one call.

How long the log is kept is in :mod:`weft.storage.retention`.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import Any, Final, NamedTuple, Self

from weft.actors.door import check_limit
from weft.actors.future import Future
from weft.storage import (
    OperationRecord,
    SessionThreadException,
    Snapshot,
    Store,
    StoreClosed,
)

__all__ = ["Chunk", "Events", "EventsExpired", "Feed"]

CHUNK_ENTRIES: Final = 256
"""Entries of the log read at once: under a millisecond, so that an event loop may."""


class EventsExpired(SessionThreadException):
    """The log does not reach back to the place that was asked for."""

    remedy = "Read the present state, then the events behind details['resume_after']."
    http_status = 410
    exit_code = 65

    @property
    def resume_after(self) -> Any:
        """Where the log still has everything behind: what ``events()`` takes."""
        return self.details.get("resume_after", 0)


class Chunk(NamedTuple):
    """What one look at the log behind a place found.

    Attributes:
        after: the place, as the feed has them: a ``seq`` here.
        generation: how often the writer had committed before.
        applied: operations.
        end: how far it looked.
    """

    after: Any
    generation: int
    applied: Sequence[OperationRecord]
    end: Any


class _Shared(NamedTuple):
    """One wake-up for all readers of an event loop.

    Attributes:
        loop: theirs.
        more: what they wait for.
        waiter: done on their loop when that is done.
    """

    loop: asyncio.AbstractEventLoop
    more: Future[None]
    waiter: asyncio.Future[None]

    def cross(self, _done: Future[None]) -> None:
        """Wake them; called on the OS thread that wakes."""
        with contextlib.suppress(RuntimeError):  # closed: nobody waits there any more
            self.loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        if not self.waiter.done():
            self.waiter.set_result(None)


class Feed:
    """Where the readers of one store's changes wait.

    Args:
        store: whose log is read.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._next: Future[None] = Future()
        self._generation = 0
        self._last: Chunk | None = None
        self._shared: _Shared | None = None
        self.closed = False

    def wake(self) -> None:
        """Tell the readers that there is more; on the writer's OS thread."""
        self._generation += 1
        # Replaced before it is set: who finds the new one reads what is new.
        done, self._next = self._next, Future()
        done.try_set(None)

    def close(self) -> None:
        """End all readers, once they have read what is there."""
        self.closed = True
        self.wake()

    @property
    def next(self) -> Future[None]:
        """Done when the writer has committed more than a look from now on finds."""
        return self._next

    def next_in(self, loop: asyncio.AbstractEventLoop) -> asyncio.Future[None]:
        """Return what `next` is for all readers of an event loop together.

        It is theirs together: shield it from the end of one of them.
        """
        shared, more = self._shared, self._next
        if shared is None or shared.loop is not loop or shared.more is not more:
            shared = self._shared = _Shared(loop, more, loop.create_future())
            more.add_done_callback(shared.cross)
        return shared.waiter

    @property
    def end_seq(self) -> int:
        """The last applied operation."""
        with self._store.read() as snapshot:
            return snapshot.seq

    def events(self, after: int | None, timeout_s: float | None) -> "Events":
        """Return the changes behind an operation, None for those from now on.

        Raises:
            InvalidArgument: that is no operation's number.
        """
        after_seq = self.end_seq if after is None else after
        return Events(self, check_limit(after_seq, "after_seq"), timeout_s)

    def look(self, after: Any) -> Chunk:
        """Return a chunk of what was applied behind a place.

        Raises:
            EventsExpired: something between has been forgotten.
        """
        last, generation = self._last, self._generation
        if last is not None and last[:2] == (after, generation):
            return last
        self._last = chunk = self._look(after, generation)
        return chunk

    def _look(self, after: Any, generation: int) -> Chunk:
        with self._store.read() as snapshot:
            return _chunk(snapshot, after, generation)


def _chunk(snapshot: Snapshot, after_seq: int, generation: int) -> Chunk:
    found = islice(snapshot.operations(after_seq), CHUNK_ENTRIES)
    # The refusals at the beginning of a log stand behind 0 and have no seq.
    applied = [record for record in found if record.seq is not None]
    end_seq = after_seq
    if applied:
        end_seq = applied[-1].seq or 0
        _check_whole(after_seq, applied[0].seq or 0)
    elif snapshot.seq > after_seq:
        applied, end_seq = _behind_refusals(snapshot, after_seq)
    return Chunk(after_seq, generation, applied, end_seq)


def _behind_refusals(
    snapshot: Snapshot, after_seq: int
) -> tuple[list[OperationRecord], int]:
    """Return the next applied operation, which more refusals precede than a chunk."""
    for record in snapshot.operations(after_seq):
        if record.seq is not None:
            _check_whole(after_seq, record.seq)
            return [record], record.seq
    _check_whole(after_seq, snapshot.seq + 1)
    return [], after_seq


def _check_whole(after_seq: int, first_seq: int) -> None:
    if first_seq > after_seq + 1:
        raise EventsExpired(
            f"The log begins behind operation {first_seq - 1}; "
            f"those behind {after_seq} have been forgotten.",
            details={"after_seq": after_seq, "resume_after": first_seq - 1},
        )


class Events:
    """The changes behind a place, in plain code (``for``) and asyncio (``async for``).

    It ends when the runtime is closed, or when it is closed itself; until then it waits
    for more.

    Args:
        feed: the runtime's.
        after_seq: begin behind this operation; 0 for the whole log.
        timeout_s: how long to wait for a change, in seconds; then `pykka.Timeout` is
            raised, or `TimeoutError` in asyncio. None waits for ever.

    Attributes:
        after_seq: the last operation that was handed out: where to resume.
    """

    def __init__(
        self, feed: Feed, after_seq: int = 0, timeout_s: float | None = None
    ) -> None:
        self._feed = feed
        self._timeout_s = timeout_s
        self._unread: deque[OperationRecord] = deque()
        self._looked: Any = after_seq
        self._closed: Future[None] = Future()
        self.after_seq = after_seq

    @property
    def cursor(self) -> int | str:
        """Behind what was handed out: what ``events()`` takes to go on."""
        return self.after_seq

    def close(self) -> None:
        """Read no more; a reader that waits sees the end."""
        if self._closed.try_set(None):
            self._feed.wake()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> OperationRecord:
        while True:
            more, ended = self._feed.next, self._ended
            if self._look():
                return self._take()
            if ended:
                raise StopIteration
            more.get(timeout=self._timeout_s)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> OperationRecord:
        loop = asyncio.get_running_loop()
        while True:
            more, ended = self._feed.next_in(loop), self._ended
            if await self._look_beside():
                return self._take()
            if ended:
                raise StopAsyncIteration
            async with asyncio.timeout(self._timeout_s):
                await asyncio.shield(more)

    async def _look_beside(self) -> bool:
        """Look from an event loop, which a look at a file may hold up."""
        return self._look()

    def _look(self) -> bool:
        """Return whether there is something to read; look at the log if not."""
        if self._closed.done():
            return False
        if not self._unread:
            try:
                chunk = self._feed.look(self._looked)
            except StoreClosed:  # the reader came too late for the last ones
                return False
            self._unread.extend(chunk.applied)
            self._looked = chunk.end
        return bool(self._unread)

    def _take(self) -> OperationRecord:
        record = self._unread.popleft()
        self.after_seq = record.seq or self.after_seq
        return record

    @property
    def _ended(self) -> bool:
        return self._feed.closed or self._closed.done()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self.close()
