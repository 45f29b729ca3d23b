"""The key-value store, as a runtime's coordinator has it."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.actors.conftest import Open
from tests.actors.support import FailingStore, answer, answers, failure
from tests.actors.test_retention import QUICK, until
from tests.storage.client import START_US
from weft.actors import Coordinator, Runtime
from weft.actors.item_operations import TTL_S_MAX
from weft.actors.sources import Sources
from weft.storage import InvalidArgument, Item, MemoryStore, PutItem, StoreReadOnly
from weft.storage.records_items import FRESH

USER = ("users", "ann")


def names(items: list[Item]) -> list[str]:
    return [item.key for item in items]


def test_what_was_put_is_there_with_its_times(coordinator: Coordinator) -> None:
    before = datetime.now(UTC)
    answer(coordinator.put_item(USER, "likes", {"food": "soup"}))
    item = answer(coordinator.item(USER, "likes"))
    assert item is not None
    assert ({"food": "soup"}, USER, "likes") == (item.value, item.namespace, item.key)
    assert before <= item.created_at == item.updated_at <= datetime.now(UTC)
    answer(coordinator.put_item(USER, "likes", {"food": "rice"}))
    again = answer(coordinator.item(USER, "likes"))
    assert again is not None
    assert ({"food": "rice"}, item.created_at) == (again.value, again.created_at)
    assert answer(coordinator.item(USER, "none")) is None


def test_a_removed_item_is_gone(coordinator: Coordinator) -> None:
    answer(coordinator.put_item(USER, "k", {}))
    answer(coordinator.remove_item(USER, "k"))
    answer(coordinator.remove_item(USER, "k"))
    assert answer(coordinator.item(USER, "k")) is None


def test_a_repeated_put_has_one_effect(coordinator: Coordinator) -> None:
    answer(coordinator.put_item(USER, "k", {"n": 1}, op_id="once"))
    answer(coordinator.remove_item(USER, "k"))
    answer(coordinator.put_item(USER, "k", {"n": 1}, op_id="once"))
    assert answer(coordinator.item(USER, "k")) is None


def test_an_item_can_be_awaited(coordinator: Coordinator) -> None:
    async def remember() -> Item | None:
        await coordinator.put_item(USER, "k", {"n": 1})
        return await coordinator.item(USER, "k")

    item = asyncio.run(remember())
    assert item is not None
    assert {"n": 1} == item.value


def test_the_log_has_what_was_done_to_items(coordinator: Coordinator) -> None:
    answer(coordinator.put_item(USER, "k", {}, op_id="put"))
    record = answer(coordinator.get_operation("put"))
    assert record is not None
    assert ("PutItem", 1, ()) == (record.kind, record.seq, record.session_ids)


# -- finding -------------------------------------------------------------------------


@pytest.fixture
def filled(coordinator: Coordinator) -> Coordinator:
    """Return a coordinator of items in several namespaces."""
    places = [USER, (*USER, "notes"), ("users", "bob")]
    answers(
        coordinator.put_item(place, f"{place[-1]}{n}", {"n": n, "kind": "x"})
        for place in places
        for n in range(3)
    )
    return coordinator


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"prefix": USER}, ["ann0", "ann1", "ann2", "notes0", "notes1", "notes2"]),
        ({"prefix": ["users", "bob"]}, ["bob0", "bob1", "bob2"]),
        ({"prefix": USER, "limit": 2}, ["ann0", "ann1"]),
        ({"prefix": USER, "limit": 2, "offset": 2}, ["ann2", "notes0"]),
        ({"filter": {"n": 2}}, ["ann2", "notes2", "bob2"]),
        ({"filter": {"n": {"$gte": 1}}, "limit": 3}, ["ann1", "ann2", "notes1"]),
        ({"filter": {"kind": "y"}}, []),
    ],
    ids=str,
)
def test_a_search_finds_what_it_asks_for(
    filled: Coordinator, asked: Mapping[str, Any], expected: list[str]
) -> None:
    assert expected == names(answer(filled.search_items(**asked)))


def test_namespaces_are_listed(filled: Coordinator) -> None:
    listed = [USER, (*USER, "notes"), ("users", "bob")]
    assert listed == answer(filled.list_namespaces())
    assert listed[1:2] == answer(filled.list_namespaces(offset=1, limit=1))
    assert [("users",)] == answer(filled.list_namespaces(max_depth=1))
    found = filled.list_namespaces(prefix=["users", "*"], suffix=("notes",))
    assert listed[1:2] == answer(found)


# -- time ----------------------------------------------------------------------------


class Clock:
    """A clock that stands, and is moved by hand."""

    def __init__(self) -> None:
        self.now_us = START_US

    def __call__(self) -> int:
        return self.now_us

    def move(self, seconds: float) -> None:
        self.now_us += int(seconds * 1e6)


@pytest.fixture
def clock() -> Clock:
    """Return the clock of the runtime ``timed``."""
    return Clock()


@pytest.fixture
def timed(open_runtime: Open, clock: Clock) -> Runtime:
    """Return a runtime whose time stands still."""
    return open_runtime(retention=QUICK, overrides={Sources: Sources(clock_us=clock)})


def test_an_item_is_there_until_its_time_is_over(timed: Runtime, clock: Clock) -> None:
    items = timed.coordinator
    answer(items.put_item(USER, "k", {}, ttl_s=60))
    clock.move(59)
    assert ["k"] == names(answer(items.search_items(USER)))
    clock.move(1)
    assert answer(items.item(USER, "k")) is None
    assert [] == answer(items.search_items(USER))
    assert [] == answer(items.list_namespaces())


def test_a_read_that_refreshes_begins_the_time_anew(
    timed: Runtime, clock: Clock
) -> None:
    items = timed.coordinator
    for key in ("read", "found", "left"):
        answer(items.put_item((*USER, key), key, {}, ttl_s=60))
    clock.move(59)
    assert answer(items.item((*USER, "read"), "read", refresh_ttl=True)) is not None
    found = answer(items.search_items((*USER, "found"), refresh_ttl=True))
    assert ["found"] == names(found)
    clock.move(59)
    assert ["found", "read"] == names(answer(items.search_items(USER)))


def test_a_fresh_item_costs_no_write_when_it_is_read(
    timed: Runtime, clock: Clock
) -> None:
    items = timed.coordinator
    answer(items.put_item(USER, "k", {}, ttl_s=100))
    answer(items.put_item(USER, "for ever", {}))
    clock.move(100 * (1 - FRESH))
    assert 2 == len(answer(items.search_items(USER, refresh_ttl=True)))
    assert 2 == timed.statistics().store.seq
    clock.move(0.1)
    assert 2 == len(answer(items.search_items(USER, refresh_ttl=True)))
    assert 3 == timed.statistics().store.seq


def test_items_whose_time_is_over_are_forgotten_by_themselves(
    timed: Runtime, clock: Clock
) -> None:
    answers(timed.coordinator.put_item(USER, f"{n}", {}, ttl_s=60) for n in range(300))
    answer(timed.coordinator.put_item(USER, "stays", {}))
    clock.move(60)
    until(timed, lambda: timed.statistics().store.counters.items == 1)
    until(timed, lambda: timed.statistics().retention.forgotten["items"] == 300)
    assert ["stays"] == names(answer(timed.coordinator.search_items(USER)))
    assert timed.check().clean


def test_a_store_that_cannot_write_can_be_read_all_the_same(
    open_runtime: Open, clock: Clock
) -> None:
    store = FailingStore(MemoryStore())
    own = {Sources: Sources(clock_us=clock)}
    items = open_runtime(store=store, overrides=own).coordinator
    answer(items.put_item(USER, "k", {}, ttl_s=60))
    clock.move(30)
    store.error = StoreReadOnly("The disk is full.")
    assert isinstance(failure(items.put_item(USER, "new", {})), StoreReadOnly)
    item = answer(items.item(USER, "k", refresh_ttl=True))
    assert item is not None


# -- what is wrong -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "arguments", "words"),
    [
        ("put_item", ("users", "k", {}), "a sequence of strings"),
        ("put_item", ((), "k", {}), "one part or more"),
        ("put_item", (("a", ""), "k", {}), "is empty"),
        ("put_item", (7, "k", {}), "a sequence of strings"),
        ("put_item", (("a", 1), "k", {}), "sequence of strings"),
        ("put_item", (USER, "k" * 511, {}), "at most 511"),
        ("put_item", (USER, 7, {}), "made of strings"),
        ("put_item", (USER, "k", [1]), "must be a mapping"),
        ("put_item", (USER, "k", {"x": object()}), "cannot be encoded"),
        ("item", ((), "k"), "one part or more"),
        ("remove_item", ("users", "k"), "a sequence of strings"),
        ("search_items", ("users",), "a sequence of strings"),
    ],
)
def test_wrong_arguments_are_told(
    coordinator: Coordinator, method: str, arguments: tuple[Any, ...], words: str
) -> None:
    error = failure(getattr(coordinator, method)(*arguments))
    assert isinstance(error, InvalidArgument)
    assert words in str(error)


@pytest.mark.parametrize("ttl_s", [0, -1, True, "1", float("nan"), TTL_S_MAX * 2])
def test_a_time_that_is_none_is_refused(coordinator: Coordinator, ttl_s: Any) -> None:
    error = failure(coordinator.put_item(USER, "k", {}, ttl_s=ttl_s))
    assert "ttl_s is a number of seconds" in str(error)


@pytest.mark.parametrize(
    "asked",
    [
        {"filter": {"n": {"$in": [1]}}},
        {"limit": -1},
        {"offset": "1"},
    ],
    ids=str,
)
def test_a_search_that_cannot_be_is_refused(
    coordinator: Coordinator, asked: Mapping[str, Any]
) -> None:
    assert isinstance(failure(coordinator.search_items(**asked)), InvalidArgument)


def test_namespaces_are_cut_to_one_part_at_the_least(coordinator: Coordinator) -> None:
    error = failure(coordinator.list_namespaces(max_depth=0))
    assert "max_depth is 1 or more" in str(error)


def test_a_batch_takes_no_items_and_says_so(coordinator: Coordinator) -> None:
    part: Any = PutItem(namespace=USER, key="k")
    error = failure(coordinator.transact([part]))
    assert "not of PutItem" in str(error)
