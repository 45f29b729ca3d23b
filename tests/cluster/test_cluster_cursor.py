"""Places in a cluster's feed: short, whole, and read back from their text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.cluster.cluster_cursor import Cursor, LogEnd, log_of
from weft.storage import InvalidArgument

PLACES = st.dictionaries(st.integers(0, 1000), st.integers(0, 1 << 39), max_size=9)


@given(PLACES)
def test_a_cursor_comes_back_from_its_text(places: dict[int, int]) -> None:
    assert Cursor(places) == Cursor.of(str(Cursor(places)))


@pytest.mark.parametrize(
    "text", ["7", "1.", "1.2_", ".", "1.2.3", "-1.2", "1.-2", "a.b", "1.²", "9" * 99]
)
def test_a_text_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument):
        Cursor.of(text)


def test_new_logs_are_entered_and_those_that_are_over_are_left_out() -> None:
    ends = [
        LogEnd(0, 9, grows=False),  # over before the cursor was made
        LogEnd(1, 5, grows=False),  # read to its end
        LogEnd(2, 8, grows=False),  # not yet
        LogEnd(3, 1, grows=True),
        LogEnd(4, 2, grows=True),  # new
    ]
    assert Cursor({2: 7, 3: 1, 4: 0}) == Cursor({1: 5, 2: 7, 3: 1}).known(ends)
    assert Cursor({3: 1, 4: 2}) == Cursor.at(ends)
    assert {0: 0, 1: 0, 2: 0, 3: 0, 4: 0} == Cursor().known(ends).places


def test_a_seq_is_a_number_in_a_log() -> None:
    assert (3, 7) == log_of((3 << 40) + 7)
