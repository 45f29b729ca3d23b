"""Places as one number each, and back."""

from hypothesis import given
from hypothesis import strategies as some

from weft.daemon.http.event_places import (
    PARTS_MAX,
    is_behind,
    place_before,
    place_of,
    seq_of,
)
from weft.daemon.http.run_places import Place, Slot

SEQS = some.integers(0, (1 << 35) - 1)
PLACES = some.builds(Place, SEQS, some.integers(0, 1 << 17))
PARTS = some.integers(0, PARTS_MAX + 1)


@given(PLACES, PLACES, PARTS, PARTS)
def test_a_later_event_never_has_a_smaller_number(
    one: Place, other: Place, part: int, other_part: int
) -> None:
    first, last = sorted([(one, part), (other, other_part)])
    assert seq_of(*first) <= seq_of(*last)


@given(SEQS, some.integers(0, (1 << 16) - 1), some.integers(0, PARTS_MAX - 1))
def test_a_number_stands_for_its_place(seq: int, n: int, part: int) -> None:
    assert Place(seq, n) == place_of(seq_of(Place(seq, n), part))


@given(PLACES, PARTS)
def test_javascript_reads_every_number_exactly(place: Place, part: int) -> None:
    assert seq_of(place, part) < 1 << 53


@given(PLACES, PLACES, PARTS, PARTS)
def test_who_goes_on_behind_an_event_misses_no_later_one(
    one: Place, other: Place, part: int, other_part: int
) -> None:
    known, later = sorted([(one, part), (other, other_part)])
    if known == later:
        return
    since = seq_of(*known)
    assert place_before(since) < later[0] or later[0].n != Slot.VALUES
    assert is_behind(seq_of(*later), since)


@given(SEQS, some.integers(0, (1 << 16) - 2), some.integers(0, PARTS_MAX - 2))
def test_an_event_is_not_told_again_to_who_has_it(seq: int, n: int, part: int) -> None:
    since = seq_of(Place(seq, n), part)
    assert not is_behind(since, since)


def test_events_that_share_a_number_are_told_again() -> None:
    for since in (seq_of(Place(7, 1 << 16)), seq_of(Place(7, 1), PARTS_MAX)):
        assert is_behind(since, since)
