"""The numbers of events in the third version of the streaming protocol.

There an event has a ``seq``, one number that grows along a thread, and a client goes on
behind the ``seq`` that it has. It is made of what the store counts in the thread
itself: which of its runs that is, how many states the run has made, what comes behind
them. So it means the same in every stream, after a crash, a restart, a move to another
shard or another store as well.

Guarantees:
    * a later event of a thread never has a smaller number;
    * whoever goes on behind a number misses nothing: of the few events that share one,
      because more follow a state than there are numbers for, those are told again
      (their ``event_id`` says so).
"""

from typing import Final, NamedTuple, Self

from weft.daemon.http.run_places import Slot

__all__ = ["PARTS_MAX", "EventPlace", "is_behind", "slot_of"]

PARTS_MAX: Final = 4
"""Events that tell one state and have a number each: it, and three interrupts."""

_SLOT_BITS: Final = 14
_ATTEMPT_BITS: Final = 3
_STEP_BITS: Final = 16
_TURN_BITS: Final = 20
"""53 in all, so that JavaScript reads each number exactly: a million runs of a thread,
65,534 states of a run, seven attempts and 16,375 events that are not durable behind a
state. What is more shares a number."""

_SLOT_MAX: Final = (1 << _SLOT_BITS) - 1
_ATTEMPT_MAX: Final = (1 << _ATTEMPT_BITS) - 1
_END: Final = (1 << _STEP_BITS) - 1
_STEP_MAX: Final = _END - 1
_TURN_MAX: Final = (1 << _TURN_BITS) - 1

_LAST_PART: Final = Slot.VALUES + PARTS_MAX - 1


class EventPlace(NamedTuple):
    """The place of an event in its thread; places are ordered as their events are.

    Attributes:
        turn: of the event's run.
        step: how many states the run had made.
        attempt: how often it had been resumed since, 0 if not at all.
        slot: which event of those that come there (:func:`slot_of`).
    """

    turn: int
    step: int = 0
    attempt: int = 0
    slot: int = 0

    @classmethod
    def at(cls, turn: int, step: int = 0, attempt: int = 0, slot: int = 0) -> Self:
        """Return a place that has a number, the last one where there are no more."""
        if turn >= _TURN_MAX:
            return cls(_TURN_MAX, _END, _ATTEMPT_MAX, _SLOT_MAX)
        if step > _STEP_MAX:
            return cls(turn, _STEP_MAX, _ATTEMPT_MAX, _SLOT_MAX)
        if attempt > _ATTEMPT_MAX:
            return cls(turn, step, _ATTEMPT_MAX, _SLOT_MAX)
        return cls(turn, step, attempt, min(slot, _SLOT_MAX))

    @classmethod
    def end_of(cls, turn: int) -> Self:
        """Return the place of the event that tells a run's end."""
        return cls.at(turn) if turn >= _TURN_MAX else cls(turn, _END)

    @classmethod
    def of(cls, seq: int) -> Self:
        """Return the place that a number stands for."""
        above, slot = divmod(seq, 1 << _SLOT_BITS)
        above, attempt = divmod(above, 1 << _ATTEMPT_BITS)
        turn, step = divmod(above, 1 << _STEP_BITS)
        return cls(turn, step, attempt, slot)

    @property
    def is_end(self) -> bool:
        """Whether nothing of the run is behind it."""
        return self.step == _END and not self.is_shared

    @property
    def is_shared(self) -> bool:
        """Whether more than one event may stand there."""
        return self.slot in {_LAST_PART, _SLOT_MAX}

    @property
    def seq(self) -> int:
        """The number that stands for it."""
        above = (self.turn << _STEP_BITS | self.step) << _ATTEMPT_BITS | self.attempt
        return above << _SLOT_BITS | self.slot

    def part(self, part: int) -> Self:
        """Return the place of what is told besides a state: its first interrupt is 1.

        Args:
            part: which of what is told besides.
        """
        if self.slot != Slot.VALUES:
            return self
        return self._replace(slot=min(Slot.VALUES + part, _LAST_PART))

    @property
    def known(self) -> int:
        """Up to which ``n`` of a run's places there all is known (``Place.n``)."""
        if self.attempt or self.slot == _SLOT_MAX:  # there may be more of it
            return _n_of(_SLOT_MAX) - 1
        n = _n_of(self.slot)
        return n - 1 if n == Slot.VALUES else n


def slot_of(n: int) -> int:
    """Return the slot of an event by the ``n`` of its place in the run's stream."""
    return n if n <= Slot.VALUES else n + PARTS_MAX - 1


def _n_of(slot: int) -> int:
    if slot <= _LAST_PART:
        return min(slot, Slot.VALUES)
    return slot - PARTS_MAX + 1


def is_behind(seq: int, since: int) -> bool:
    """Whether an event is behind a number, or may be."""
    return seq > since or (seq == since and EventPlace.of(since).is_shared)
