"""Events of a thread in the third version of the streaming protocol, over HTTP.

Guarantees: those of the thread's own stream (:mod:`weft.daemon.http.thread_stream`),
which this is in other words: a client that is cut off goes on exactly behind the
``seq`` that it has.
"""

from collections.abc import AsyncIterator, Callable
from typing import Any, Final

from msgspec.structs import replace

from weft.daemon.http.call import Call
from weft.daemon.http.endpoint import Table
from weft.daemon.http.event_filters import Subscription
from weft.daemon.http.event_numbers import RunNumbers
from weft.daemon.http.event_places import EventPlace, is_behind
from weft.daemon.http.protocol_events import ProtocolEvent, end_of
from weft.daemon.http.run_places import ALL_BEFORE, Place, Slot
from weft.daemon.http.run_reader import GONE, RunReader
from weft.daemon.http.run_requests import EVENTS
from weft.daemon.http.run_starting import reader_of
from weft.daemon.http.streams import EventStream, ServerEvent
from weft.daemon.http.thread_states import find_thread
from weft.daemon.http.turn_reader import TurnReader
from weft.storage import Run, Store, ThreadNotFound

__all__ = [
    "MODES",
    "event_frames",
    "events_since",
    "place_now",
    "seen",
    "thread_events",
]

thread_events: Final = Table("threads")

MODES: Final = ("values", "updates", "custom", "messages", EVENTS)
"""What the events are made of: the first four of a workflow that is no graph."""

RUNS_AGAIN: Final = 16
"""Runs that a stream begins with: a client knows what was before from the state, and
a thread may have thousands."""


_REMOVED: Final = {
    "type": "error",
    "id": None,
    "error": "no_such_run",
    "message": GONE.data["message"],
}


@thread_events.post("/threads/{thread_id}/stream/events", scope="read")
async def stream_thread_events(call: Call[Subscription, None]) -> EventStream[Any]:
    """Stream the events of a thread in the third version of the protocol.

    Without ``since`` the thread's last runs are told from their beginning, then what
    comes.
    """
    thread_id = seen(call, call.path("thread_id"))
    given = call.last_event_id or ""
    if call.body.since is None and given.isascii() and given.isdigit():
        call.body.since = int(given)
    return call.stream(event_frames(call, thread_id, call.body))


async def event_frames(
    call: Call[Any, Any], thread_id: str, wanted: Subscription
) -> AsyncIterator[ServerEvent]:
    """Yield the events that a client subscribes to, until the thread is removed.

    Args:
        call: who asks.
        thread_id: the thread; it is there.
        wanted: which.
    """
    async for event in events_since(call, thread_id, wanted.since):
        if event is None:
            yield ServerEvent(_REMOVED, "error")
            return
        params = event.params
        if wanted.wants(event.method, params.namespace, params.data):
            yield ServerEvent(event, event.method, str(event.seq))


async def events_since(
    call: Call[Any, Any], thread_id: str, since: int | None
) -> AsyncIterator[ProtocolEvent | None]:
    """Yield all events behind a number, None when the thread is there no more.

    Args:
        call: who asks.
        thread_id: the thread; it is there.
        since: the number; None to begin with the last runs.
    """
    store, watch = call.runtime.store, call.site.watch

    def read(run: Run, after: Place | None) -> RunReader:
        return reader_of(call, run, list(MODES), after)

    def check() -> str:
        return seen(call, thread_id)

    at = _beginning(store, thread_id) if since is None else EventPlace.of(since)
    reader = TurnReader(store, thread_id, read, check, at)
    cursor = _Cursor(since)
    while not watch.closed:
        async for told in reader.events(watch, ALL_BEFORE):
            if told.event != "error":  # of which the run's end tells, too
                for event in filter(None, map(cursor.passed, reader.made_of(told))):
                    yield event
        if not _is_there(check):
            yield None
            return
        if reader.numbers is not None and not watch.closed:
            yield end_of(reader.numbers.run)  # it was undone, and its record is gone


class _Cursor:
    """How far a reader has come.

    Args:
        since: behind which number it begins.
    """

    def __init__(self, since: int | None) -> None:
        self._since = since
        self._seq = since or 0

    def passed(self, event: ProtocolEvent) -> ProtocolEvent | None:
        """Return an event as it is told, None if it is known."""
        if event.method == "gap":  # it stands before what comes, wherever that is
            return replace(event, seq=max(event.seq, self._seq))
        if self._since is not None and not is_behind(event.seq, self._since):
            return None
        self._seq = event.seq
        return event


def seen(call: Call[Any, Any], thread_id: str) -> str:
    """Return the id of a thread that is there.

    Raises:
        ThreadNotFound: it is not, or is somebody else's.
    """
    with call.runtime.store.read() as snapshot:
        find_thread(snapshot, call.access.thread(thread_id))
    return thread_id


def _is_there(check: Callable[[], object]) -> bool:
    try:
        check()
    except ThreadNotFound:
        return False
    return True


def _beginning(store: Store, thread_id: str) -> EventPlace:
    """Return behind which place the thread's last runs are."""
    with store.read() as snapshot:
        turns = find_thread(snapshot, thread_id).turns
    return EventPlace.end_of(max(0, turns - RUNS_AGAIN))


def place_now(call: Call[Any, Any], thread_id: str) -> int:
    """Return the number that the events of a thread have come to.

    Raises:
        ThreadNotFound: it is not there, or is somebody else's.
    """
    store = call.runtime.store
    with store.read() as snapshot:
        thread = find_thread(snapshot, call.access.thread(thread_id))
        run = None if thread.run_id is None else snapshot.run(thread.run_id)
    if run is None:
        return EventPlace.end_of(thread.turns).seq
    tape = call.site.tapes.find(run, ())
    place = None if tape is None else tape.place
    place = place or Place(run.updated_seq, Slot.END - 1)
    return RunNumbers(store, run).find(place).seq
