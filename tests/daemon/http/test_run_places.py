"""The ids of a run's events."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.daemon.http.problems import RequestFault
from weft.daemon.http.run_places import ALL_BEFORE, Place

NUMBERS = st.integers(min_value=0, max_value=(1 << 63) - 1)


@given(NUMBERS, NUMBERS)
def test_an_id_names_its_place(seq: int, n: int) -> None:
    assert Place(seq, n) == Place.of(str(Place(seq, n)))


def test_places_are_ordered_by_operation_and_then_by_number() -> None:
    assert ALL_BEFORE < Place(9, 10) < Place(10, 9) < Place(10, 10)


def test_minus_one_is_before_everything_as_with_other_servers() -> None:
    assert ALL_BEFORE == Place.of("-1")


@pytest.mark.parametrize(
    "text",
    ["", "7", "-", "7-", "-7", "a-b", "1-2-3", "\u0663-1", "9" * 30 + "-1", " 1-1"],
)
def test_what_is_no_id_is_refused_with_what_was_expected(text: str) -> None:
    with pytest.raises(RequestFault, match="Expected <number>-<number>") as caught:
        Place.of(text)
    assert 422 == caught.value.status
