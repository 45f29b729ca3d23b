"""Keys: each in its tree, none like another, ranges exact, orders as they should be."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.storage.strategies import given_ids
from weft.storage import keys
from weft.storage.ids import ID_SIZE_BYTES_MAX, NAME_SIZE_BYTES_MAX, pack_id
from weft.storage.keys import KEY_SIZE_BYTES_MAX, TREES, Key, log_place, place

names = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1).filter(
    lambda name: len(name.encode()) <= NAME_SIZE_BYTES_MAX
)
numbers = st.integers(0, 2**64 - 1)

MAKERS: dict[str, tuple[Callable[..., Key], list[st.SearchStrategy[Any]]]] = {
    "session": (keys.session_key, [given_ids]),
    "name": (keys.name_key, [given_ids, names]),
    "past": (keys.past_key, [given_ids, given_ids]),
    "thread": (keys.thread_key, [given_ids]),
    "association": (keys.association_key, [given_ids, given_ids]),
    "thread_run": (keys.thread_run_key, [given_ids, given_ids]),
    "live_run": (keys.live_run_key, [given_ids]),
    "run": (keys.run_key, [given_ids]),
    "queued_run": (keys.queued_run_key, [given_ids, numbers, given_ids]),
    "step": (keys.step_key, [given_ids, names]),
    "state": (keys.state_key, [given_ids, numbers]),
    "interaction": (keys.interaction_key, [given_ids, numbers, numbers]),
    "operation": (keys.operation_key, [given_ids]),
    "note": (keys.note_key, [names]),
    "log": (keys.log_key, [st.binary(min_size=16, max_size=16)]),
}


@st.composite
def any_keys(draw: st.DrawFn) -> Key:
    make, arguments = draw(st.sampled_from(list(MAKERS.values())))
    key: Key = make(*[draw(argument) for argument in arguments])
    return key


def test_every_kind_of_key_is_tried() -> None:
    made = {name.removesuffix("_key") for name in keys.__all__ if name.endswith("_key")}
    assert made == {*MAKERS, "head"}


@given(any_keys())
def test_every_key_has_a_place_that_lmdb_takes(key: Key) -> None:
    tree, raw = place(key)
    assert tree in TREES
    assert 0 < len(raw) <= KEY_SIZE_BYTES_MAX


@given(any_keys(), any_keys())
def test_two_keys_share_a_place_only_if_they_are_the_same(one: Key, other: Key) -> None:
    assert (one == other) == (place(one) == place(other))


def test_the_longest_ids_and_names_fit() -> None:
    longest, name = "i" * ID_SIZE_BYTES_MAX, "n" * NAME_SIZE_BYTES_MAX
    sizes = [
        len(place(key)[1])
        for key in (
            keys.name_key(longest, name),
            keys.past_key(longest, longest),
            keys.association_key(longest, longest),
            keys.thread_run_key(longest, longest),
            keys.interaction_key(longest, 2**64 - 1, 2**64 - 1),
        )
    ]
    assert max(sizes) <= KEY_SIZE_BYTES_MAX


@given(given_ids, given_ids, names, given_ids)
def test_the_range_of_an_id_holds_its_keys_and_no_others(
    own: str, other: str, name: str, third: str
) -> None:
    prefix = pack_id(own)
    for key in (
        keys.session_key(other),
        keys.name_key(other, name),
        keys.past_key(other, third),
        keys.thread_key(other),
        keys.association_key(other, third),
        keys.thread_run_key(other, third),
        keys.state_key(other, 1),
        keys.interaction_key(other, 1, 1),
    ):
        assert (own == other) == place(key)[1].startswith(prefix)


@given(given_ids, numbers, numbers)
def test_steps_are_ordered_as_numbers(thread_id: str, one: int, other: int) -> None:
    first, second = (place(keys.state_key(thread_id, n))[1] for n in (one, other))
    assert (one < other) == (first < second)


@given(st.tuples(numbers, numbers), st.tuples(numbers, numbers))
def test_the_log_is_ordered_by_number_then_position(
    one: tuple[int, int], other: tuple[int, int]
) -> None:
    assert (one < other) == (log_place(*one) < log_place(*other))


def test_an_applied_operation_stands_before_the_refusals_after_it() -> None:
    places = [log_place(7), log_place(7, 1), log_place(7, 2), log_place(8)]
    assert sorted(places) == places


@given(given_ids, names, names)
def test_names_are_ordered_as_their_bytes(
    session_id: str, one: str, other: str
) -> None:
    first, second = (place(keys.name_key(session_id, n))[1] for n in (one, other))
    assert (one.encode() < other.encode()) == (first < second)


def test_a_head_has_no_place_of_its_own() -> None:
    with pytest.raises(KeyError):
        place(keys.head_key("t"))
