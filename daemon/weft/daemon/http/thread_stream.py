"""All runs of a thread as one stream, those that are still to come as well.

Guarantees: ids are those of the runs' own streams, and grow from run to run; a thread
that moves to another session goes on streaming, for whoever may see it there.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from itertools import islice
from typing import Any, Final, Literal

import msgspec

from weft.daemon.http.call import Call
from weft.daemon.http.endpoint import Table
from weft.daemon.http.run_history import RunHistory
from weft.daemon.http.run_places import ALL_BEFORE, Place, Slot
from weft.daemon.http.run_reader import GONE, RunReader
from weft.daemon.http.run_requests import asked_of, modes_in
from weft.daemon.http.run_starting import reader_of
from weft.daemon.http.run_watch import ThreadWatch
from weft.daemon.http.streams import EventStream, ServerEvent
from weft.daemon.http.thread_states import asked_thread, find_thread
from weft.storage import Run, Snapshot, Store, ThreadNotFound
from weft.storage.keys import LOG_BITS

__all__ = ["RUN_DONE", "ThreadReader", "thread_stream"]

thread_stream: Final = Table("threads")

Mode = Literal["run_modes", "lifecycle", "state_update"]

DONE: Final = Slot.GAP
"""The slot of the event that says that a run is done, behind its error if any."""

RUN_DONE: Final = "run_done"
"""The status in that event."""


class ThreadStreamQuery(msgspec.Struct):
    """What is shown of the runs.

    ``run_modes``: what they were started to show; ``lifecycle``: their beginnings and
    ends only; ``state_update``: their states.
    """

    stream_mode: list[str] = []


@thread_stream.get("/threads/{thread_id}/stream")
async def stream_thread(call: Call[None, ThreadStreamQuery]) -> EventStream[Any]:
    """Stream all runs of a thread, from now on or from behind ``Last-Event-ID``."""
    thread_id = asked_thread(call).thread_id
    modes = modes_in(call.query.stream_mode, Mode, ["run_modes"])

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
        self, watch: ThreadWatch, last: Place | None
    ) -> AsyncIterator[ServerEvent]:
        """Yield the events, until the thread is removed or the runtime closed."""
        place = last
        with watch.watching(self._thread_id) as changed:
            while not watch.closed:
                changed.clear()
                if watch.is_held(self._thread_id):
                    await changed.wait()
                    continue
                try:
                    self._check()
                    run, place, after = self._next(place)
                except ThreadNotFound as error:
                    gone = {"error": "ThreadNotFound", "message": str(error)}
                    yield ServerEvent(gone, "error")
                    return
                if run is None:
                    await changed.wait()
                    continue
                reader = self._read(run, after)
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

    def _next(self, place: Place | None) -> tuple[Run | None, Place, Place | None]:
        """Return the next run behind a place, that place, and where to read it from.

        Without a place, it is the run in progress from now on.
        """
        with self._store.read() as snapshot:
            find_thread(snapshot, self._thread_id)
            runs = sorted(self._begun(snapshot), key=_turn_of)
            if place is None:
                ends = [end for end in map(_end_of, runs) if end is not None]
                running = (run for run in runs if run.finished_at_us is None)
                return next(running, None), ends[-1] if ends else ALL_BEFORE, None
            passed, is_inside = _find(runs, place)
            if not is_inside:
                passed, is_inside = _moved_through(snapshot, runs, passed, place)
        first = next(islice(runs, passed, None), None)
        return first, place, place if is_inside or not first else _before(first, place)

    def _begun(self, snapshot: Snapshot) -> list[Run]:
        return [run for run in snapshot.runs(self._thread_id) if run.began_seq]

    def _done(self, run_id: str) -> tuple[Place, ServerEvent] | None:
        with self._store.read() as snapshot:
            run = snapshot.run(run_id)
        end = None if run is None else _end_of(run)
        if end is None:
            return None
        about = {"status": RUN_DONE, "run_id": run_id}
        return end, ServerEvent(about, "metadata", str(end))


def _turn_of(run: Run) -> tuple[bool, int, int]:
    """Return what the runs of a thread are ordered by, as they had their turns.

    A ``seq`` alone is no order where a thread has been on several shards: each has a
    log of its own. The revision grows whenever a thread moves.
    """
    return run.finished_at_us is None, run.rev, run.updated_seq


def _find(runs: Sequence[Run], place: Place) -> tuple[int, bool]:
    """Find a place among the runs of a thread, which are in their order.

    Returns:
        how many of them are before it, and whether the next has begun there.
    """
    passed, is_inside = 0, False
    if place == ALL_BEFORE:
        return passed, is_inside
    for number, run in enumerate(runs):
        end = _end_of(run)
        is_near = _in_one_log(run.began_seq, place.seq)
        if end is None or _in_one_log(end.seq, place.seq):
            if end == place:
                return number + 1, False
            if end is None or end > place:
                return number, not is_near or run.began_seq <= place.seq
            passed, is_inside = number + 1, False
        elif is_near and run.began_seq <= place.seq:  # it ended elsewhere
            passed, is_inside = number, True
    return passed, is_inside


def _moved_through(
    snapshot: Snapshot, runs: Sequence[Run], passed: int, place: Place
) -> tuple[int, bool]:
    """Find a place in a log that a run was moved into and out of again.

    Args:
        snapshot: has the runs.
        runs: of the thread, in their order.
        passed: how many are known to be before the place.
        place: any.

    Returns:
        as :func:`_find` does.
    """
    if passed and _end_of(runs[passed - 1]) == place:
        return passed, False
    for number, run in enumerate(runs[passed:], passed):
        if _in_one_log(run.began_seq, place.seq):
            break  # it begins behind the place
        is_moved = not _in_one_log(run.began_seq, run.updated_seq)
        if is_moved and RunHistory(run).has_come_to(snapshot, place.seq):
            return number, True
    return passed, False


def _before(run: Run, place: Place) -> Place:
    """Return the place to read a whole run from, in its log, behind one before it."""
    if _in_one_log(run.began_seq, place.seq):
        return place
    return Place(run.began_seq - 1, Slot.FIRST_TRANSIENT)


def _in_one_log(one_seq: int, other_seq: int) -> bool:
    return one_seq >> LOG_BITS == other_seq >> LOG_BITS


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
