"""Places as one number each, and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from weft.daemon.http.event_places import EventPlace, is_behind, slot_of
from weft.daemon.http.run_places import Slot

TURNS = some.integers(1, 1 << 21)
STEPS = some.integers(0, 1 << 17)
ATTEMPTS = some.integers(0, 9)
SLOTS = some.integers(0, 1 << 15)
PLACES = some.tuples(TURNS, STEPS, ATTEMPTS, SLOTS)
NUMBERED = some.builds(
    EventPlace,
    some.integers(1, (1 << 20) - 2),
    some.integers(0, (1 << 16) - 2),
    some.integers(0, 7),
    some.integers(0, (1 << 14) - 2),
)


@given(PLACES, PLACES)
def test_a_later_event_never_has_a_smaller_number(
    one: tuple[int, int, int, int], other: tuple[int, int, int, int]
) -> None:
    first, last = sorted([one, other])
    assert EventPlace.at(*first).seq <= EventPlace.at(*last).seq


@given(PLACES)
def test_the_end_of_a_run_is_behind_it_and_before_the_next(
    place: tuple[int, int, int, int],
) -> None:
    turn = place[0]
    end = EventPlace.end_of(turn).seq
    assert EventPlace.at(*place).seq <= end <= EventPlace.at(turn + 1).seq


@given(NUMBERED)
def test_a_number_stands_for_its_place(place: EventPlace) -> None:
    assert place == EventPlace.at(*place) == EventPlace.of(place.seq)


@given(PLACES)
def test_javascript_reads_every_number_exactly(
    place: tuple[int, int, int, int],
) -> None:
    assert EventPlace.at(*place).seq < 1 << 53


@given(PLACES, PLACES)
def test_who_goes_on_behind_an_event_misses_no_later_one(
    one: tuple[int, int, int, int], other: tuple[int, int, int, int]
) -> None:
    known, later = sorted([one, other])
    if known != later:
        assert is_behind(EventPlace.at(*later).seq, EventPlace.at(*known).seq)


@given(NUMBERED.filter(lambda place: not place.is_shared))
def test_an_event_is_not_told_again_to_who_has_it(place: EventPlace) -> None:
    assert not is_behind(place.seq, place.seq)


def test_events_that_share_a_number_are_told_again() -> None:
    state = EventPlace.at(1, 1, 0, Slot.VALUES)
    for shared in (
        EventPlace.at(1, 1, 0, 1 << 14),
        EventPlace.at(1, 1 << 16),
        EventPlace.at(1, 1, 8),
        EventPlace.at(1 << 20),
        EventPlace.end_of(1 << 20),
        state.part(3),
    ):
        assert is_behind(shared.seq, shared.seq)
    assert state.part(3) == state.part(9)


@given(some.integers(0, 1 << 13))
def test_what_is_known_of_a_place_is_what_was_told_there(n: int) -> None:
    place = EventPlace.at(1, 1, 0, slot_of(n))
    expected = n - 1 if n == Slot.VALUES else n  # it may have told no interrupt yet
    assert expected == place.known


@pytest.mark.parametrize("part", [1, 2, 3])
def test_a_state_is_told_again_behind_its_interrupts(part: int) -> None:
    place = EventPlace.at(1, 1, 0, Slot.VALUES).part(part)
    assert Slot.VALUES - 1 == place.known
    assert place.seq < EventPlace.at(1, 1, 0, slot_of(Slot.UPDATES)).seq


def test_only_a_state_has_parts() -> None:
    place = EventPlace.at(1, 1, 0, slot_of(Slot.FIRST_TRANSIENT))
    assert place == place.part(1)


def test_the_end_of_a_run_is_known_as_such() -> None:
    assert EventPlace.of(EventPlace.end_of(7).seq).is_end
    assert not EventPlace.at(7, 1 << 17).is_end
