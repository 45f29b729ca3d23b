"""The numbers of events in the third version of the streaming protocol.

There an event has a ``seq``, one number that grows along a thread, and a client goes on
behind the ``seq`` that it has. It is made of the event's :class:`Place`, so it means
the same in every stream, after a crash, a restart or a move as well.

Guarantees:
    * a later event of a thread never has a smaller number;
    * whoever goes on behind a number misses nothing: of the few events that share one,
      because more follow an operation than there are numbers for, those are told again
      (their ``event_id`` says so).
"""

from typing import Final

from weft.daemon.http.run_places import Place, Slot

__all__ = ["PARTS_MAX", "place_before", "place_of", "seq_of"]

PARTS_MAX: Final = 4
"""Events that come of one place and have a number each: a state, three interrupts."""

_PART_BITS: Final = 2
_SLOT_BITS: Final = 16
"""65,536 events that are not durable, behind one operation. With the bits above,
34 thousand million operations have numbers that JavaScript reads exactly."""

_SLOT_MAX: Final = (1 << _SLOT_BITS) - 1


def seq_of(place: Place, part: int = 0) -> int:
    """Return the number of an event.

    Args:
        place: of what it tells.
        part: which of the events that tell it.
    """
    n = min(place.n, _SLOT_MAX)
    return (place.seq << _SLOT_BITS | n) << _PART_BITS | min(part, PARTS_MAX - 1)


def place_of(seq: int) -> Place:
    """Return the place that a number stands for."""
    above = seq >> _PART_BITS
    return Place(above >> _SLOT_BITS, above & _SLOT_MAX)


def place_before(seq: int) -> Place:
    """Return behind which place all is found that comes behind a number."""
    place = place_of(seq)
    if place.n in {Slot.VALUES, _SLOT_MAX}:  # there may be more of it
        return Place(place.seq, place.n - 1)
    return place


def is_behind(seq: int, since: int) -> bool:
    """Whether an event is behind a number, or may be."""
    part = since & (PARTS_MAX - 1)
    shares = part == PARTS_MAX - 1 or place_of(since).n == _SLOT_MAX
    return seq > since or (seq == since and shares)
