"""Tapes: what runs show while they are in progress, for all who read along.

A run's states are in the store; what it says between them, pieces of messages and the
like, is not kept by anybody. While somebody reads a run, or may come back to, the
daemon has a tape of it: where the run stands, and the last of what it said. All readers
of a run share one tape, so its events have one numbering.

Guarantees:
    * a tape holds ``ENTRIES_MAX`` events and ``SIZE_BYTES_MAX`` of data; the oldest go
      first, and :attr:`Tape.lost` says up to where;
    * it is there until its run has ended, and for the next ``ENDED_MAX`` ends;
    * after :meth:`Tape.joined` it has whatever its run says from then on;
    * the run is never kept waiting; what it says while the event loop stalls is lost
      beyond ``ARRIVED_MAX``, too.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, Final, NamedTuple

import msgspec

from weft.actors import Runtime, Stream
from weft.actors.run_messages import Mark, Mode
from weft.daemon.http.run_places import ALL_BEFORE, Place, Slot
from weft.storage import Overloaded, Run

__all__ = ["Entry", "Tape", "Tapes"]

ENTRIES_MAX: Final = 4096
"""Forty seconds of a fast model's tokens: longer than a client takes to come back."""

SIZE_BYTES_MAX: Final = 1 << 20

ARRIVED_MAX: Final = 4096
"""Events that the event loop has not taken yet."""

ENDED_MAX: Final = 64
"""Tapes of ended runs that are kept, for clients that were cut off near the end."""

JOINED_S: Final = 5.0
"""How long a run is waited for until it has heard that there is a tape of it."""

REJOIN_S: Final = 0.05
"""How long a run that is between two processes, or two attempts, is left alone."""

ALWAYS: Final[tuple[Mode, ...]] = ("marks", "parts")


class Entry(NamedTuple):
    """An event that the store does not have."""

    place: Place
    event: str
    data: msgspec.Raw
    at_us: int


class Tape(Stream[Any]):
    """What one run shows; written by its thread's actor, read on the event loop.

    Attributes:
        run_id: the run; "" until it is durable.
        place: how far the run has come; None while it has not begun.
        lost: events up to here that the store does not have may be missing.
        ended: the run has ended, or the runtime has.
        stopped_early: nothing is shown any more, and it was not known of which run.
        modes: what the tape is told.
    """

    def __init__(self, tapes: "Tapes", modes: Sequence[Mode]) -> None:
        super().__init__(_never)
        self._tapes = tapes
        self._loop = asyncio.get_running_loop()
        self._arrived: deque[Any] = deque()
        self._is_called = self._overrun = False
        self._joining = 0  # joins that have not come to the run
        self._entries: deque[Entry] = deque()
        self._size_bytes = 0
        self._changed = asyncio.Event()
        self.run_id = ""
        self.place: Place | None = None
        self.lost = ALL_BEFORE
        self.ended = self.stopped_early = False
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

    def fail(self, exception: BaseException) -> None:  # noqa: ARG002 - the store has it
        """Take note that nothing more is shown, and why."""
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
            self._keep(_entry(self.place, name, data))

    def _pass(self, mark: Mark) -> None:
        if mark.joined:
            self._joining = max(0, self._joining - 1)
        if self.place is not None and mark.seq <= self.place.seq:
            return  # of another join: known, and numbered on from
        before, self.place = self.place, Place(mark.seq, Slot.FIRST_TRANSIENT - 1)
        if mark.begins and mark.attempt > 1:
            about = {"run_id": self.run_id, "attempt": mark.attempt}
            place = Place(mark.seq, Slot.METADATA)
            self._keep(_entry(place, "metadata", about))
        if before is None and not (mark.begins and mark.attempt == 1):
            self.lost = Place(mark.seq, Slot.GAP)

    def _keep(self, entry: Entry) -> None:
        self._entries.append(entry)
        self._size_bytes += len(bytes(entry.data))
        while len(self._entries) > ENTRIES_MAX or self._size_bytes > SIZE_BYTES_MAX:
            gone = self._entries.popleft()
            self._size_bytes -= len(bytes(gone.data))
            self.lost = max(self.lost, gone.place)

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
        entries = self._entries
        first = _first_behind(entries, place, turn)
        return list(islice(entries, first, first + limit))


class Tapes:
    """The tapes of one application.

    Args:
        runtime: whose runs.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._live: dict[str, Tape] = {}
        self._ended: dict[str, Tape] = {}

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
            with runtime.store.read() as snapshot:
                run = snapshot.run(tape.run_id)
            if run is not None and run.finished_at_us is None:
                loop = asyncio.get_running_loop()
                loop.call_later(REJOIN_S, self._join, tape, tape.modes)
                return
        tape.ended = True
        self._live.pop(tape.run_id, None)
        self._ended[tape.run_id] = tape
        while len(self._ended) > ENDED_MAX:
            del self._ended[next(iter(self._ended))]

    def _join(self, tape: Tape, modes: tuple[Mode, ...]) -> None:
        if not self._runtime.closed:
            tape.joining()
            self._runtime.coordinator.join_run(tape.run_id, stream=tape, mode=modes)
        else:
            tape.finish()


_END: Final = object()

_encode: Final = msgspec.json.Encoder(enc_hook=str).encode


def _never() -> Overloaded:
    return Overloaded("A tape does not overflow.")


def _entry(place: Place, event: str, data: Any) -> Entry:
    return Entry(place, event, _json(data), time.time_ns() // 1000)


def _json(data: Any) -> msgspec.Raw:
    try:
        return msgspec.Raw(_encode(data))
    except (TypeError, ValueError, OverflowError, RecursionError):
        return msgspec.Raw(_encode(repr(data)))


def _first_behind(
    entries: Sequence[Entry], place: Place, turn: Callable[[Place], Any]
) -> int:
    """Return the index of the first entry behind a place."""
    for back, entry in enumerate(reversed(entries)):
        if turn(entry.place) <= turn(place):
            return len(entries) - back
    return 0
