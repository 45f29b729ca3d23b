"""All runs of a thread in the third version of the protocol, one after the other.

Guarantees: runs come by their turns, so in the order in which they began, wherever the
thread was then; of the run in which a reader goes on comes what is behind its place.
"""

from collections.abc import Callable, Iterator

from weft.daemon.http.event_numbers import RunNumbers, place_in
from weft.daemon.http.event_places import EventPlace
from weft.daemon.http.protocol_events import ProtocolEvent, end_of, events_of
from weft.daemon.http.run_places import ALL_BEFORE, Place
from weft.daemon.http.run_reader import RunReader
from weft.daemon.http.streams import ServerEvent
from weft.daemon.http.thread_states import find_thread
from weft.daemon.http.thread_stream import RUN_DONE, ThreadReader
from weft.storage import Run, Store

__all__ = ["TurnReader"]


class TurnReader(ThreadReader):
    """Reads the runs of one thread.

    Args:
        store: where they are.
        thread_id: the thread.
        read: returns the reader of a run, behind a place.
        check: raises ThreadNotFound if the thread is not to be seen any more.
        at: behind which place it begins.

    Attributes:
        numbers: of the run that it reads; None before the first.
    """

    def __init__(
        self,
        store: Store,
        thread_id: str,
        read: Callable[[Run, Place | None], RunReader],
        check: Callable[[], object],
        at: EventPlace,
    ) -> None:
        super().__init__(store, thread_id, read, check)
        self._at = at
        self._passed = at.turn if at.is_end else max(0, at.turn - 1)
        self.numbers: RunNumbers | None = None

    def made_of(self, told: ServerEvent) -> Iterator[ProtocolEvent]:
        """Yield what an event of the stream is in this protocol."""
        numbers = self.numbers
        assert numbers is not None  # noqa: S101 - what is told is of a run
        if not isinstance(told.data, dict) or told.data.get("status") != RUN_DONE:
            yield from events_of(numbers, told)
            return
        with self._store.read() as snapshot:
            ended = snapshot.run(numbers.run.run_id)
        yield end_of(ended or numbers.run)

    def _next(self, place: Place | None) -> tuple[Run | None, Place, Place | None]:
        at, ends = self._at, place or ALL_BEFORE
        with self._store.read() as snapshot:
            find_thread(snapshot, self._thread_id)
            coming = (run for run in self._begun(snapshot) if run.turn > self._passed)
            run = min(coming, key=lambda run: run.turn, default=None)
            if run is None:
                return None, ends, None
            is_inside = run.turn == at.turn and not at.is_end
            after = place_in(snapshot, run, at) if is_inside else ALL_BEFORE
        self._passed = run.turn
        self.numbers = RunNumbers(self._store, run, at.step if is_inside else 0, after)
        return run, ends, after
