"""Tapes: what runs show while they are in progress, for all who read along.

A run's states are in the store; what it says between them, pieces of messages and the
like, is not kept by anybody. While somebody reads a run, or may come back to, the
daemon has a tape of it: where the run stands, and the last of what it said. All readers
of a run share one tape, so its events have one numbering.

Guarantees:
    * a tape holds so much (:mod:`weft.daemon.http.tape_entries`); the oldest go first,
      and :attr:`Tape.lost` says up to where;
    * it is there until its run has ended, and for the next ``ENDED_MAX`` ends;
    * after :meth:`Tape.joined` it has whatever its run says from then on;
    * where it cannot know that it has heard all, because the run's process died or the
      run was joined on its way, :attr:`Tape.lost` says so;
    * the run is never kept waiting; what it says while the event loop stalls is lost
      beyond ``ARRIVED_MAX``, too.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final

from weft.actors import Runtime, Stream
from weft.actors.run_messages import Mark, Mode
from weft.daemon.http.run_places import ALL_BEFORE, Place, Slot, Turns
from weft.daemon.http.tape_entries import Entries, Entry
from weft.storage import Overloaded, Run, StoreUnavailable
from weft.storage.keys import LOG_BITS

__all__ = ["Tape", "Tapes"]

ARRIVED_MAX: Final = 4096
"""Events that the event loop has not taken yet."""

ENDED_MAX: Final = 64
"""Tapes of ended runs that are kept, for clients that were cut off near the end."""

JOINED_S: Final = 5.0
"""How long a run is waited for until it has heard that there is a tape of it."""

REJOIN_S: Final = 0.05
"""How long a run that is between two processes, or two attempts, is left alone."""

JOINED_LATER: Final = 1 << 13
"""From where on a tape numbers what comes behind an operation that it was not there at:
behind what others may have told of it meanwhile."""

ALWAYS: Final[tuple[Mode, ...]] = ("marks", "parts")


class Tape(Stream[Any]):
    """What one run shows; written by its thread's actor, read on the event loop.

    Attributes:
        run_id: the run; "" until it is durable.
        place: how far the run has come; None while it has not begun.
        lost: events up to here that the store does not have may be missing.
        ended: the run has ended, or the runtime has.
        stopped_early: nothing is shown any more, and it was not known of which run.
        is_apart: nothing is shown until the run has been joined again.
        modes: what the tape is told.
    """

    def __init__(self, tapes: "Tapes", modes: Sequence[Mode]) -> None:
        super().__init__(_never)
        self._tapes = tapes
        self._loop = asyncio.get_running_loop()
        self._arrived: deque[Any] = deque()
        self._is_called = self._overrun = False
        self._joining = 0  # joins that have not come to the run
        self._marked: dict[int, int] = {}  # by log, the last operation of the run
        self._turns = Turns(0)
        self._is_cut = False  # the last of what was shown may not have come
        self._entries = Entries()
        self._changed = asyncio.Event()
        self.run_id = ""
        self.place: Place | None = None
        self.lost = ALL_BEFORE
        self.ended = self.stopped_early = self.is_apart = False
        self.modes: tuple[Mode, ...] = tuple(modes)

    # The writer's side: the dispatcher's OS thread

    def push(self, item: Any) -> bool:
        """Take what the run shows."""
        if len(self._arrived) >= ARRIVED_MAX and item[0] != "marks":
            self._overrun = True
        else:
            self._arrived.append(item)
        self._call()
        return True

    def finish(self) -> None:
        """Take note that nothing more is shown."""
        self._arrived.append(_END)
        self._call()

    def fail(self, exception: BaseException) -> None:
        """Take note that nothing more is shown; of the run's failure the store knows.

        What a process that does not answer any more has shown last may be missing.
        """
        if isinstance(exception, Overloaded):
            self._arrived.append(_CUT)
        self.finish()

    def _call(self) -> None:
        if not self._is_called:
            self._is_called = True
            with contextlib.suppress(RuntimeError):  # the loop is closed
                self._loop.call_soon_threadsafe(self._drain)

    # The readers' side: the event loop

    def _drain(self) -> None:
        self._is_called = False
        while self._arrived:
            item = self._arrived.popleft()
            if item is _END:
                self._joining = 0
                self._tapes.stopped(self)
            elif item is _CUT:
                self._is_cut = self.is_apart = True
            else:
                self._enter(*item)
        if self._overrun and self.place is not None:
            self._overrun = False
            self.lost = self.place
        self.wake()

    def _enter(self, mode: Mode, data: Any) -> None:
        if mode == "marks":
            self._pass(data)
        elif self.place is not None:
            self.place = Place(self.place.seq, self.place.n + 1)
            name: str = mode
            if mode == "parts":
                name, data = data["event"], data["data"]
            self._keep(self.place, name, data)

    def _pass(self, mark: Mark) -> None:
        if mark.joined:
            self._joining = max(0, self._joining - 1)
        before, is_cut = self.place, self._is_cut
        is_late = mark.joined and not mark.begins and (before is None or self.is_apart)
        self._is_cut = self.is_apart = False
        log = mark.seq >> LOG_BITS
        if before is not None and mark.seq <= self._marked.get(log, 0):
            if is_late:  # the run went on meanwhile, behind the same operation
                self.place = self.lost = _later(before)
            return  # of another join: known, and numbered on from
        self._marked[log] = mark.seq
        self._turns.of(Place(mark.seq, 0))
        n = JOINED_LATER if is_late else Slot.FIRST_TRANSIENT - 1
        self.place = Place(mark.seq, n)
        if mark.begins and mark.attempt > 1:
            about = {"run_id": self.run_id, "attempt": mark.attempt}
            self._keep(Place(mark.seq, Slot.METADATA), "metadata", about)
        is_whole = mark.begins and mark.attempt == 1
        if is_late or is_cut or (before is None and not is_whole):
            self.lost = self.place

    def _keep(self, place: Place, event: str, data: Any) -> None:
        gone = self._entries.keep(Entry.now(place, event, data))
        if gone is not None:
            self.lost = max(self.lost, gone, key=self._turns.of)

    def wake(self) -> None:
        """Have readers look."""
        self._changed.set()
        self._changed = asyncio.Event()

    def joining(self) -> None:
        """Take note that a join is on its way to the run."""
        self._joining += 1

    async def joined(self) -> None:
        """Wait until the run tells the tape all that it is to tell."""
        with contextlib.suppress(TimeoutError):  # what is missed is told as a gap
            async with asyncio.timeout(JOINED_S):
                while self._joining:
                    await self._changed.wait()

    @property
    def changed(self) -> asyncio.Event:
        """Set when there is more than there is now."""
        return self._changed

    def after(
        self,
        place: Place,
        limit: int,
        turn: Callable[[Place], Any] = lambda place: place,
    ) -> list[Entry]:
        """Return the entries behind a place, oldest first.

        Args:
            place: of the last event that is known.
            limit: how many at the most.
            turn: what places are ordered by.
        """
        return self._entries.after(place, limit, turn)


class Tapes:
    """The tapes of one application.

    Args:
        runtime: whose runs.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._live: dict[str, Tape] = {}
        self._ended: dict[str, Tape] = {}
        self._due: set[str] = set()  # runs that are joined again in a moment

    def __len__(self) -> int:
        return len(self._live)

    def blank(self, modes: Sequence[Mode]) -> Tape:
        """Return the tape for a run that is being started; on the event loop."""
        return Tape(self, (*ALWAYS, *modes))

    def enter(self, tape: Tape, run: Run) -> Tape:
        """Take up the tape of a run that was started with it."""
        known = self._live.get(run.run_id)
        if known is not None:  # it was started before, under the same key
            return known
        tape.run_id = run.run_id
        self._live[run.run_id] = tape
        if tape.stopped_early:
            self.stopped(tape)
        return tape

    def find(self, run: Run, modes: Sequence[Mode]) -> Tape | None:
        """Return the tape of a run; a new one if it has none and has not ended.

        Args:
            run: the run.
            modes: what is to be on it from now on.
        """
        ended = self._ended.get(run.run_id)
        if ended is not None:
            return ended  # the record may be from before the run's end
        tape = self._live.get(run.run_id)
        if run.finished_at_us is not None:
            return tape  # its end is durable, and has not come here yet
        if tape is None:
            tape = self.enter(self.blank(modes), run)
            self._join(tape, tape.modes)
        missing: tuple[Mode, ...] = tuple(
            mode for mode in modes if mode not in tape.modes
        )
        if missing:
            tape.modes += missing
            self._join(tape, ("marks", *missing))
        return tape

    def stopped(self, tape: Tape) -> None:
        """Find out whether a run has ended that shows no more; on the event loop."""
        runtime = self._runtime
        if tape.ended:
            return
        if not tape.run_id:
            tape.stopped_early = True
            return
        if not runtime.closed:
            try:
                with runtime.store.read() as snapshot:
                    run = snapshot.run(tape.run_id)
            except StoreUnavailable:
                self._again(tape, self.stopped)
                return
            if run is not None and run.finished_at_us is None:
                self._again(tape, self._rejoin)
                return
            if run is not None and (tape.is_apart or tape.place is None):
                tape.lost = Place(run.updated_seq, Slot.END - 1)
        tape.ended = True
        self._live.pop(tape.run_id, None)
        self._ended[tape.run_id] = tape
        while len(self._ended) > ENDED_MAX:
            del self._ended[next(iter(self._ended))]

    def _again(self, tape: Tape, act: Callable[[Tape], None]) -> None:
        """Do something for a tape in a while, once for all its joins that ended."""

        def due() -> None:
            self._due.discard(tape.run_id)
            act(tape)

        tape.is_apart = True
        if tape.run_id not in self._due:
            self._due.add(tape.run_id)
            asyncio.get_running_loop().call_later(REJOIN_S, due)

    def _rejoin(self, tape: Tape) -> None:
        self._join(tape, tape.modes)

    def _join(self, tape: Tape, modes: tuple[Mode, ...]) -> None:
        if not self._runtime.closed:
            tape.joining()
            self._runtime.coordinator.join_run(tape.run_id, stream=tape, mode=modes)
        else:
            tape.finish()


_END: Final = object()
_CUT: Final = object()


def _never() -> Overloaded:
    return Overloaded("A tape does not overflow.")


def _later(place: Place) -> Place:
    return Place(place.seq, max(place.n + 1, JOINED_LATER))
