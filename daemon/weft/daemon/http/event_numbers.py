"""From places in a run's stream to the numbers of its events, and back.

A place in a run's stream (:class:`Place`) names an operation in one of the store's
logs. A thread that moves in a cluster goes from log to log, and a later operation may
have a smaller number there. So an event's number is made of what the thread itself
counts (:class:`EventPlace`); where that is in the logs, the run's states say.
"""

from typing import Any, Final

import msgspec

from weft.daemon.http.event_places import EventPlace, slot_of
from weft.daemon.http.run_history import RunHistory
from weft.daemon.http.run_places import ALL_BEFORE, Place
from weft.daemon.http.streams import ServerEvent
from weft.storage import Run, Snapshot, Store

__all__ = ["RunNumbers", "attempt_in", "place_in"]

_EVER: Final = 1 << 62
"""An ``n`` behind whatever comes behind an operation."""


class RunNumbers:
    """Numbers the events of one run, in the order in which they are told.

    Args:
        store: has the run.
        run: the run, which has begun.
        step: how many states it had made where the telling begins.
        place: behind which place that is.

    Attributes:
        run: the run.
    """

    def __init__(
        self, store: Store, run: Run, step: int = 0, place: Place = ALL_BEFORE
    ) -> None:
        self.run = run
        self._store = store
        self._seq = place.seq or run.began_seq
        self._step = step
        self._attempt = 0

    def next(self, event: ServerEvent) -> EventPlace:
        """Return the place of the next event."""
        place = Place.of(event.id)
        if place.seq == 0:  # something of the beginning is missing
            return EventPlace.end_of(self.run.turn - 1)
        if event.step:
            self._step, self._attempt = event.step - self.run.base_step, 0
        elif place.seq != self._seq:
            self._attempt = max(self._attempt + 1, self._resumed(event))
        self._seq = place.seq
        return self._at(place)

    def find(self, place: Place) -> EventPlace:
        """Return what any place in the run's stream is in the thread."""
        run = self.run
        if place.seq == 0:
            return EventPlace.end_of(run.turn - 1)
        if place.seq == self._seq:
            return self._at(place)
        with self._store.read() as snapshot:
            state = RunHistory(run).seek(snapshot, Place(place.seq, _EVER))
        is_own = state is not None and state.run_id == run.run_id
        step = state.step - run.base_step if state is not None and is_own else 0
        is_state = state is not None and state.created_seq == place.seq
        attempt = 0 if is_state else max(1, run.attempt - 1)
        return EventPlace.at(run.turn, step, attempt, slot_of(place.n))

    def _at(self, place: Place) -> EventPlace:
        return EventPlace.at(self.run.turn, self._step, self._attempt, slot_of(place.n))

    def _resumed(self, event: ServerEvent) -> int:
        is_told = event.event == "metadata"
        return (attempt_in(event.data) if is_told else self.run.attempt) - 1


def attempt_in(about: Any) -> int:
    """Return which attempt a run's ``metadata`` tell of."""
    if isinstance(about, msgspec.Raw):
        about = msgspec.json.decode(about)
    return int(about["attempt"])


def place_in(snapshot: Snapshot, run: Run, at: EventPlace) -> Place:
    """Return behind which place in a run's stream all is that is behind another.

    Args:
        snapshot: has the run.
        run: the run.
        at: a place within it.
    """
    if at.step == 0:
        return Place(run.began_seq, at.known)
    state = snapshot.state(run.thread_id, run.base_step + at.step)
    if state is None or state.run_id != run.run_id:  # retention was here
        return Place(run.began_seq, _EVER)
    return Place(state.created_seq, at.known)
