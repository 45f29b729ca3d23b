"""A run in the store: its states one after the other, and what became of it."""

from collections.abc import Iterator
from typing import Any, Final

from weft.daemon.http.run_places import Place, Slot, Turns
from weft.storage import Run, Snapshot, State
from weft.storage.keys import LOG_BITS

__all__ = ["RunHistory", "failure_of", "result_of"]

STATES_AT_ONCE: Final = 16
"""Of up to a megabyte each, read in one look at the store."""

GRAPH_WAITS: Final = "GraphWaits"
"""The error of a run whose graph waits for somebody: it did what it could."""


class RunHistory:
    """The states of one run, from a place in its stream on.

    Args:
        run: the run.

    Attributes:
        run: as it is now.
        turns: the order of its places.
        lost_seq: states up to this one are not there any more; 0 for none.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.turns = Turns(run.began_seq)
        self.lost_seq = 0
        self._step = 0

    @property
    def is_placed(self) -> bool:
        """Whether it is known which state is next."""
        return self._step > 0

    def seek(self, snapshot: Snapshot, place: Place) -> State | None:
        """Go to the first state behind a place; return the thread's one before it."""
        run, thread_id = self.run, self.run.thread_id
        head = snapshot.state(thread_id)
        low, high = run.base_step + 1, 1 if head is None else head.step + 1
        high = max(low, high)
        for seq in self._logs(snapshot, head):
            self.turns.of(Place(seq, 0))
        while low < high:
            middle = (low + high) // 2
            state = snapshot.state(thread_id, middle)
            if state is None or not self._is_behind(state, place):
                low = middle + 1
            else:
                high = middle
        self._step = low
        before = snapshot.state(thread_id, low - 1) if low > 1 else None
        if before is None and low > run.base_step + 1:  # retention was here
            first = snapshot.state(thread_id, low)
            if first is not None and first.run_id == run.run_id:
                self.lost_seq = first.created_seq - 1
        return before

    def next(self, snapshot: Snapshot, until: Place | None) -> tuple[list[State], bool]:
        """Return the next states, and whether there are more at once.

        Args:
            snapshot: the store.
            until: none behind this place; None for all there are.
        """
        run = self.run
        found: list[State] = []
        step = self._present_step(snapshot)
        while (state := snapshot.state(run.thread_id, step)) is not None:
            is_behind = until is not None and self._is_behind(state, until)
            if is_behind or state.run_id != run.run_id:
                break
            if len(found) == STATES_AT_ONCE:
                return found, True
            found.append(state)
            step += 1
        return found, False

    def has_come_to(self, snapshot: Snapshot, seq: int) -> bool:
        """Whether the run has made a state in the log that an operation is in."""
        head = snapshot.state(self.run.thread_id)
        logs = {made >> LOG_BITS for made in self._logs(snapshot, head)}
        return seq >> LOG_BITS in logs

    def _logs(self, snapshot: Snapshot, head: State | None) -> Iterator[int]:
        """Yield the number of a state in each log that the run came to, in order."""
        began = self.run.began_seq
        if head is not None and head.created_seq >> LOG_BITS != began >> LOG_BITS:
            yield from self._between(snapshot, self.run.base_step + 1, head.step)

    def _between(self, snapshot: Snapshot, low: int, high: int) -> Iterator[int]:
        ends = [snapshot.state(self.run.thread_id, step) for step in (low, high)]
        logs = {state.created_seq >> LOG_BITS for state in ends if state is not None}
        first, last = (
            [state.created_seq] if state and state.run_id == self.run.run_id else []
            for state in ends
        )
        yield from first
        if len(logs) > 1 and high - low > 1:
            middle = (low + high) // 2
            yield from self._between(snapshot, low, middle)
            yield from self._between(snapshot, middle, high)
        yield from last

    def _is_behind(self, state: State, place: Place) -> bool:
        turn = self.turns.of
        return turn(Place(state.created_seq, Slot.UPDATES)) > turn(place)

    def pass_(self, state: State) -> None:
        """Go on behind a state."""
        self._step = state.step + 1

    def _present_step(self, snapshot: Snapshot) -> int:
        """Return the next state's step; retention may have passed the reader."""
        run, step = self.run, self._step
        if snapshot.state(run.thread_id, step) is not None:
            return step
        head = snapshot.state(run.thread_id)
        if head is None or head.step < step:
            return step
        self.seek(snapshot, Place(run.began_seq, 0))
        return self._step


def failure_of(run: Run) -> dict[str, str] | None:
    """Return what the protocol says of a run that has failed, None for any other."""
    if run.status == "success" or run.finished_at_us is None:
        return None
    error = run.error or {"type": run.status, "message": ""}
    if error["type"] == GRAPH_WAITS:
        return None
    return {"error": error["type"], "message": error["message"]}


def result_of(snapshot: Snapshot, run: Run) -> Any:
    """Return what a run came to, encoded as MessagePack: its last values."""
    if run.status == "success":
        return run.result_raw
    state = snapshot.state(run.thread_id)
    return run.result_raw if state is None else state.values_raw
