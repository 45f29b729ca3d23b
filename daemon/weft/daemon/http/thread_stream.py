"""All runs of a thread as one stream, those that are still to come as well.

Guarantees: ids are those of the runs' own streams, and grow from run to run; a thread
that moves to another session goes on streaming, for whoever may see it there.
"""

from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, Final, Literal

import msgspec

from weft.daemon.http.call import Call
from weft.daemon.http.endpoint import Table
from weft.daemon.http.run_places import Place, Slot
from weft.daemon.http.run_reader import GONE, RunReader
from weft.daemon.http.run_requests import asked_of, modes_in
from weft.daemon.http.run_starting import reader_of
from weft.daemon.http.run_watch import ThreadWatch
from weft.daemon.http.streams import EventStream, ServerEvent
from weft.daemon.http.thread_states import find_thread
from weft.storage import Run, Snapshot, Store, ThreadNotFound

__all__ = ["ThreadReader", "thread_stream"]

thread_stream: Final = Table("threads")

Mode = Literal["run_modes", "lifecycle", "state_update"]

DONE: Final = Slot.GAP
"""The slot of the event that says that a run is done, behind its error if any."""


class ThreadStreamQuery(msgspec.Struct):
    """What is shown of the runs.

    ``run_modes``: what they were started to show; ``lifecycle``: their beginnings and
    ends only; ``state_update``: their states.
    """

    stream_mode: list[str] = []


@thread_stream.get("/threads/{thread_id}/stream")
async def stream_thread(call: Call[None, ThreadStreamQuery]) -> EventStream[Any]:
    """Stream all runs of a thread, from now on or from behind ``Last-Event-ID``."""
    thread_id = call.access.thread(call.path("thread_id"))
    with call.runtime.store.read() as snapshot:
        find_thread(snapshot, thread_id)
    modes = modes_in(call.query.stream_mode, Mode, ["run_modes"])
    call.runtime.events()  # a cluster has no feed to wait on and says so, here

    def read(run: Run, after: Place | None) -> RunReader:
        return reader_of(call, run, _modes_of(run, modes), after)

    reader = ThreadReader(
        call.runtime.store, thread_id, read, lambda: call.access.thread(thread_id)
    )
    after = Place.of(call.last_event_id) if call.last_event_id else None
    return call.stream(reader.events(call.site.watch, after))


class ThreadReader:
    """Reads the runs of one thread, one after the other.

    Args:
        store: where they are.
        thread_id: the thread.
        read: returns the reader of a run, behind a place or from now on.
        check: raises ThreadNotFound if the thread is not to be seen any more.
    """

    def __init__(
        self,
        store: Store,
        thread_id: str,
        read: Callable[[Run, Place | None], RunReader],
        check: Callable[[], object],
    ) -> None:
        self._store = store
        self._thread_id = thread_id
        self._read = read
        self._check = check

    async def events(
        self, watch: ThreadWatch, after: Place | None
    ) -> AsyncIterator[ServerEvent]:
        """Yield the events, until the thread is removed or the runtime closed."""
        place = after
        with watch.watching(self._thread_id) as changed:
            while not watch.closed:
                changed.clear()
                try:
                    self._check()
                    run, place, begins = self._next(place)
                except ThreadNotFound as error:
                    gone = {"error": "ThreadNotFound", "message": str(error)}
                    yield ServerEvent(gone, "error")
                    return
                if run is None:
                    await changed.wait()
                    continue
                reader = self._read(run, place if begins else None)
                async for event in reader.events():
                    if event.event != "end":
                        yield event
                    if event is GONE:  # what comes of the run is not for this reader
                        return
                done = self._done(run.run_id)
                if done is None:
                    return  # the runtime was closed, or the run is gone
                place, event = done
                yield event

    def _next(self, place: Place | None) -> tuple[Run | None, Place, bool]:
        """Return the next run behind a place, that place, and whether to go on there.

        Without a place, it is the run in progress from now on.
        """
        with self._store.read() as snapshot:
            find_thread(snapshot, self._thread_id)
            runs = self._begun(snapshot)
            if place is None:
                now = Place(snapshot.seq, DONE)
                running = (run for run in runs if run.finished_at_us is None)
                return next(running, None), now, False
        behind = [run for run in runs if (_end_of(run) or _NEVER) > place]
        first = min(behind, key=lambda run: run.began_seq, default=None)
        return first, place, True

    def _begun(self, snapshot: Snapshot) -> list[Run]:
        return [run for run in snapshot.runs(self._thread_id) if run.began_seq]

    def _done(self, run_id: str) -> tuple[Place, ServerEvent] | None:
        with self._store.read() as snapshot:
            run = snapshot.run(run_id)
        end = None if run is None else _end_of(run)
        if end is None:
            return None
        about = {"status": "run_done", "run_id": run_id}
        return end, ServerEvent(about, "metadata", str(end))


_NEVER: Final = Place(1 << 63, 0)


def _end_of(run: Run) -> Place | None:
    """Return the place of the event that says that a run is done."""
    return None if run.finished_at_us is None else Place(run.updated_seq, DONE)


def _modes_of(run: Run, modes: Iterable[str]) -> list[str]:
    shown: list[str] = []
    for mode in modes:
        if mode == "run_modes":
            shown += asked_of(run).stream_mode
        elif mode == "state_update":
            shown.append("values")
    return list(dict.fromkeys(shown))
