"""The events of one run, from any place in its stream.

What is durable comes from the store, however long ago it happened and whoever was
there: that the run began, its states (``values``, and ``updates`` of what changed in
them), its end. What is not comes from the run's tape, while there is one. Both are
merged in the order in which they happened.

Guarantees:
    * ids grow strictly; a reader that says which id it has last goes on behind it, with
      nothing durable lost or repeated, after a restart of the daemon as well;
    * what is missing is told with a ``gap`` event, at its place;
    * a reader that is slow costs nothing: it is behind in the store.
"""

from collections.abc import AsyncIterator, Callable, Collection, Iterator
from heapq import merge
from typing import Any, Final, NamedTuple

from weft.actors import Runtime
from weft.daemon.http.run_history import RunHistory, failure_of
from weft.daemon.http.run_places import ALL_BEFORE, Place, Slot
from weft.daemon.http.run_tape import Tape
from weft.daemon.http.streams import ServerEvent
from weft.daemon.http.tape_entries import Entry
from weft.daemon.http.views import json_of
from weft.storage import Run, Snapshot, State

__all__ = ["GONE", "RunReader"]

ENTRIES_AT_ONCE: Final = 256

_Event = tuple[Place, ServerEvent]

GONE: Final = ServerEvent(
    {"error": "ThreadNotFound", "message": "The run, or its thread, was removed."},
    "error",
)


class _Look(NamedTuple):
    """What one look came to.

    Attributes:
        events: in order.
        more: there may be more at once.
        over: the stream has ended.
    """

    events: list[ServerEvent]
    more: bool = False
    over: bool = False


class RunReader:
    """Reads one run.

    Args:
        runtime: where it is.
        run: the run.
        modes: the stream modes that are shown.
        tape: the run's, None if it has none.
        after: the place of the last event that the reader has; None to begin with
            what happens from now on.
        is_graph: its workflow tells its updates itself.
        sees: whether the reader may see a run's thread, wherever it is by now.

    Attributes:
        place: behind which it goes on.
    """

    def __init__(
        self,
        runtime: Runtime,
        run: Run,
        modes: Collection[str],
        tape: Tape | None,
        after: Place | None = ALL_BEFORE,
        *,
        is_graph: bool = False,
        sees: Callable[[Snapshot, str], bool] = lambda _snapshot, _thread_id: True,
    ) -> None:
        self._runtime = runtime
        self._run_id = run.run_id
        self._modes = frozenset(modes)
        self._tape = tape
        self._is_graph = is_graph
        self._sees = sees
        self._from_now = after is None
        self._told_lost = ALL_BEFORE
        self._history = RunHistory(run)
        self._turn = self._history.turns.of
        self._before: Any = None
        self.place = after or ALL_BEFORE

    async def joined(self) -> None:
        """Wait until nothing is missed that a run in progress says from then on."""
        if self._tape is not None and self._history.run.began_seq:
            await self._tape.joined()

    async def events(self) -> AsyncIterator[ServerEvent]:
        """Yield the events until the run's end, or the runtime's."""
        while True:
            changed = None if self._tape is None else self._tape.changed
            look = self._look()
            for event in look.events:
                yield event
            if look.over:
                return
            if not look.more and changed is not None:
                await changed.wait()

    def _look(self) -> _Look:
        tape = self._tape
        limit = None if tape is None or tape.ended else tape.place
        is_live = tape is not None and not tape.ended
        if is_live and limit is None:  # it has not begun
            return _Look([])
        if self._runtime.closed:
            return _Look([], over=True)
        with self._runtime.store.read() as snapshot:
            run = snapshot.run(self._run_id)
            if run is None or not self._sees(snapshot, run.thread_id):
                return _Look([GONE], over=True)
            begun = self._begin(run, limit)
            states, more = self._states(snapshot, run, limit)
        entries = self._entries()
        cut = self._cut(states, entries, more_states=more)
        made, told = self._made_of(run, states, cut), self._told(run, entries, cut)
        found = merge(made, told, key=lambda event: self._turn(event[0]))
        events = [event for place, event in found if self._goes_on(place)]
        if entries and not self._is_behind(entries[-1].place, cut):
            self.place = max(self.place, entries[-1].place, key=self._turn)
        over = not is_live and cut is None
        end = self._end(run) if over else []
        return _Look([*begun, *events, *end], cut is not None, over)

    def _goes_on(self, place: Place) -> bool:
        """Whether an event is behind what is known; it is known from here on."""
        is_next = self._is_behind(place, self.place)
        if is_next:
            self.place = place
        return is_next

    def _is_behind(self, place: Place, other: Place | None) -> bool:
        return other is not None and self._turn(place) > self._turn(other)

    def _begin(self, run: Run, limit: Place | None) -> list[ServerEvent]:
        """Skip what was before now, if that is where the reader begins."""
        if not self._from_now:
            return []
        self._from_now = False
        self.place = limit or Place(run.updated_seq, Slot.END - 1)
        self._told_lost = self.place
        return [event for _, event in self._beginning(run)]

    # What is durable

    def _states(
        self, snapshot: Snapshot, run: Run, limit: Place | None
    ) -> tuple[list[State], bool]:
        history = self._history
        history.run = run
        if not history.is_placed:
            before = history.seek(snapshot, self.place)
            self._before = None if before is None else before.values
        return history.next(snapshot, limit)

    def _beginning(self, run: Run) -> Iterator[_Event]:
        if run.began_seq:
            about = {"run_id": run.run_id, "attempt": 1}
            place = Place(run.began_seq, Slot.METADATA)
            yield _event(place, "metadata", about, run.started_at_us)

    def _made_of(
        self, run: Run, states: list[State], cut: Place | None
    ) -> Iterator[_Event]:
        """Yield what is told of the run's beginning and of its states."""
        yield from self._beginning(run)
        for state in states:
            seq, at_us = state.created_seq, state.created_at_us
            if self._is_behind(Place(seq, 0), cut):
                return
            self._history.pass_(state)
            if "values" in self._modes:
                values = json_of(state.values_raw)
                place = Place(seq, Slot.VALUES)
                yield _event(place, "values", values, at_us, state.step)
            if "updates" in self._modes and not self._is_graph:
                after = state.values
                change = {run.workflow: _change(self._before, after)}
                self._before = after
                place = Place(seq, Slot.UPDATES)
                yield _event(place, "updates", change, at_us, state.step)

    def _end(self, run: Run) -> list[ServerEvent]:
        if run.finished_at_us is None:  # but the runtime has
            return []
        failure = failure_of(run)
        place = Place(run.updated_seq, Slot.END)
        _, event = _event(place, "end" if failure is None else "error", failure)
        return [event] if self._goes_on(place) else []

    # What is not

    @property
    def _wants_transient(self) -> bool:
        made_of_states = {"values"} if self._is_graph else {"values", "updates"}
        return bool(self._modes - made_of_states)

    def _entries(self) -> list[Entry]:
        if self._tape is None:
            return []
        return self._tape.after(self.place, ENTRIES_AT_ONCE, self._turn)

    def _told(
        self, run: Run, entries: list[Entry], cut: Place | None
    ) -> Iterator[_Event]:
        lost = self._lost(run)
        if self._is_behind(lost, max(self.place, self._told_lost, key=self._turn)):
            self._told_lost = lost
            place = Place(self.place.seq, max(Slot.GAP, self.place.n + 1))
            about = {"after": str(self.place), "resume_after": str(lost)}
            yield _event(place, "gap", about)
        for entry in entries:
            if self._is_behind(entry.place, cut):
                return
            if self._is_shown(entry.event):
                yield _event(entry.place, entry.event, entry.data, entry.at_us)

    def _cut(
        self, states: list[State], entries: list[Entry], *, more_states: bool
    ) -> Place | None:
        """Return up to where both are complete, None for everywhere."""
        cuts = []
        if more_states:
            cuts.append(Place(states[-1].created_seq, Slot.UPDATES))
        if len(entries) == ENTRIES_AT_ONCE:
            cuts.append(entries[-1].place)
        return min(cuts, key=self._turn, default=None)

    def _lost(self, run: Run) -> Place:
        """Return up to where events may be missing."""
        seq = self._history.lost_seq
        lost = Place(seq, Slot.UPDATES) if seq else ALL_BEFORE
        if not self._wants_transient:
            return lost
        if self._tape is not None:
            return max(lost, self._tape.lost, key=self._turn)
        return max(lost, Place(run.updated_seq, Slot.END - 1), key=self._turn)

    def _is_shown(self, event: str) -> bool:
        name = event.partition("|")[0]
        if name == "metadata":
            return True
        if name == "messages":  # pieces
            shown = {"messages-tuple"} if self._is_graph else _MESSAGES
            return not self._modes.isdisjoint(shown)
        return name.partition("/")[0] in self._modes


_MESSAGES: Final = frozenset({"messages", "messages-tuple"})


def _event(place: Place, name: str, data: Any, at_us: int = 0, step: int = 0) -> _Event:
    return place, ServerEvent(data, name, str(place), at_us, step)


def _change(before: Any, after: Any) -> Any:
    """Return what is new in a state: of a mapping the entries that changed."""
    if not isinstance(before, dict) or not isinstance(after, dict):
        return after
    return {
        key: value
        for key, value in after.items()
        if key not in before or before[key] != value
    }
