"""The change feed of a cluster: the operation logs of all shards as one.

It is the feed of one process (:mod:`weft.actors.events`) over many logs. Its places are
cursors (:mod:`weft.cluster.cluster_cursor`); that there is more is learnt by looking
where the logs end, ten times a second for all readers together, while there are any.

Guarantees:
    * every applied operation comes once, none is left out, whatever becomes of shards,
      slots and readers in between;
    * those of one log come in its order, so what happens to a session does, as long as
      it stays on its shard; across logs they come by the time they were decided at;
    * what a log has let go already is told (:class:`EventsExpired`), never skipped.
"""

import asyncio
import heapq
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from threading import Event, Thread
from typing import Final, NoReturn
from weakref import WeakSet

from weft.actors.events import CHUNK_ENTRIES, Chunk, Events, EventsExpired, Feed
from weft.cluster.cluster_cursor import Cursor, LogEnd, log_of, seq_of
from weft.cluster.cluster_store import ClusterStore
from weft.storage import (
    InvalidArgument,
    OperationRecord,
    SessionThreadException,
    Snapshot,
)

__all__ = ["ClusterEvents", "ClusterFeed"]

logger = logging.getLogger("weft.cluster")

LOOK_S: Final = 0.1
"""Between two looks where the logs end; each is one row for each log."""

AWAY_S: Final = 1.0
"""The same while the database does not answer."""


class ClusterFeed(Feed):
    """Where the readers of a cluster's changes wait.

    Args:
        store: whose logs are read.
    """

    def __init__(self, store: ClusterStore) -> None:
        super().__init__(store)
        self._logs = store
        self._readers: WeakSet[ClusterEvents] = WeakSet()
        self._ended = Event()
        self._os_thread = Thread(target=self._watch, name="weft-feed", daemon=True)
        self._os_thread.start()

    def events(
        self, after: int | str | None, timeout_s: float | None
    ) -> "ClusterEvents":
        """Return the changes behind a cursor; 0: all of them, None: from now on.

        Raises:
            InvalidArgument: that is no cursor.
        """
        found = ClusterEvents(self, self._cursor(after), timeout_s)
        self._readers.add(found)
        return found

    def _cursor(self, after: int | str | None) -> Cursor:
        if isinstance(after, int) and after != 0:
            words = "A number is no place in a cluster's feed, which has many logs."
            raise InvalidArgument(words, details={"after_seq": after})
        cursor = Cursor.of(after) if isinstance(after, str) else Cursor()
        ends = self._logs.log_ends()
        return Cursor.at(ends) if after is None else cursor.known(ends)

    def _look(self, after: Cursor, generation: int) -> Chunk:
        with self._logs.read_logs() as (snapshot, ends):
            cursor = after.known(ends)
            found = {
                end.log: _behind(snapshot, end, cursor)
                for end in ends
                if end.n > cursor.places.get(end.log, end.n)
            }
        applied = merged(found)
        places = dict(log_of(record.seq or 0) for record in applied)
        return Chunk(after, generation, applied, Cursor({**cursor.places, **places}))

    def close(self, timeout_s: float = 5.0) -> None:
        """End all readers, once they have read what is there.

        Args:
            timeout_s: how long to wait for the OS thread, in seconds.
        """
        super().close()
        self._ended.set()
        self._os_thread.join(timeout_s)

    # The OS thread

    def _watch(self) -> None:
        before: list[LogEnd] = []
        pause_s = LOOK_S
        while not self._ended.wait(pause_s):
            if not self._readers:
                continue
            try:
                ends, pause_s = self._logs.log_ends(), LOOK_S
            except SessionThreadException as error:
                logger.warning("the ends of the logs cannot be read: %s", error)
                pause_s = AWAY_S
            else:
                if ends != before:
                    before = ends
                    self.wake()


class ClusterEvents(Events):
    """The changes behind a cursor, in plain code (``for``) and asyncio (``async for``).

    Args:
        feed: the cluster's.
        after: begin behind this place.
        timeout_s: as of :class:`Events`.

    Attributes:
        after_seq: the last operation that was handed out, the newest log's at first;
            no place to resume at.
    """

    def __init__(
        self, feed: ClusterFeed, after: Cursor, timeout_s: float | None = None
    ) -> None:
        newest = max(after.places.items(), default=(0, 0))
        super().__init__(feed, seq_of(*newest), timeout_s)
        self._looked = after
        self._places = dict(after.places)
        self._looking: asyncio.Future[bool] | None = None

    @property
    def cursor(self) -> str:
        """Behind what was handed out: what ``events()`` takes to go on."""
        return str(Cursor(self._places))

    def _look(self) -> bool:
        is_new = not self._unread
        found = super()._look()
        if is_new:
            self._places = _before(self._unread, self._looked.places)
        return found

    async def _look_beside(self) -> bool:
        """Look without holding the event loop up: it is a look at a database.

        One look at a time: that of a reader who was cancelled goes on beside the next.
        """
        if self._looking is not None:
            await asyncio.wait([self._looking])
        if self._unread:
            return True
        self._looking = asyncio.ensure_future(asyncio.to_thread(self._look))
        return await asyncio.shield(self._looking)

    def _take(self) -> OperationRecord:
        record = super()._take()
        log, n = log_of(record.seq or 0)
        self._places[log] = n
        return record


def _behind(snapshot: Snapshot, end: LogEnd, cursor: Cursor) -> list[OperationRecord]:
    """Return what was applied in a log behind a place, a chunk at the most.

    Raises:
        EventsExpired: something between has been forgotten.
    """
    after = cursor.places[end.log]
    found = list(islice(_applied(snapshot, end, after), CHUNK_ENTRIES))
    first = log_of(found[0].seq or 0)[1] if found else end.n + 1
    if first > after + 1:
        _expired(cursor, end.log, first - 1)
    return found


def _applied(snapshot: Snapshot, end: LogEnd, after: int) -> Iterator[OperationRecord]:
    last_seq = seq_of(*end[:2])
    for record in snapshot.operations(seq_of(end.log, after)):
        if record.seq is None:
            continue
        if record.seq > last_seq:
            return
        yield record


def _expired(cursor: Cursor, log: int, begins_behind: int) -> NoReturn:
    resume = Cursor({**cursor.places, log: begins_behind})
    raise EventsExpired(
        f"Log {log} begins behind its operation {begins_behind}; "
        f"those behind {cursor.places[log]} have been forgotten.",
        details={"after_seq": str(cursor), "resume_after": str(resume)},
    )


def merged(found: Mapping[int, Sequence[OperationRecord]]) -> list[OperationRecord]:
    """Return operations of several logs by the time they were decided at.

    It ends where a log ends of which a whole chunk was read: what comes next there may
    have been before what comes next in the others.

    Args:
        found: by log, its next operations.
    """
    heads = [(records[0].at_us, log, 0) for log, records in found.items()]
    heapq.heapify(heads)
    applied: list[OperationRecord] = []
    while heads:
        _, log, index = heapq.heappop(heads)
        records = found[log]
        applied.append(records[index])
        if index + 1 < len(records):
            heapq.heappush(heads, (records[index + 1].at_us, log, index + 1))
        elif len(records) == CHUNK_ENTRIES:
            break
    return applied


def _before(
    records: Iterable[OperationRecord], places: Mapping[int, int]
) -> dict[int, int]:
    """Return the places before some operations, of those behind them."""
    before = dict(places)
    for record in records:
        log, n = log_of(record.seq or 0)
        before[log] = min(before[log], n - 1)
    return before
