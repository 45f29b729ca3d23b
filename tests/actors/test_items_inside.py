"""Items in process: what a client of a daemon does not have."""

from pathlib import Path

from tests.actors.conftest import Open
from tests.actors.support import answer, answers, failure
from weft.actors import Coordinator, Runtime
from weft.storage.rules_items import TOUCHED_MAX

USER = ("users", "ann")
CRONS = ("__weft__", "crons")


def test_items_outlive_their_runtime(open_runtime: Open, tmp_path: Path) -> None:
    with Runtime.open(tmp_path / "data") as first:
        answer(first.coordinator.put_item(USER, "k", {"n": 1}))
    second = open_runtime(tmp_path / "data")
    item = answer(second.coordinator.item(USER, "k"))
    assert item is not None
    assert {"n": 1} == item.value
    assert second.check().clean


def test_the_systems_own_items_are_found_by_their_name_only(
    coordinator: Coordinator,
) -> None:
    answers(coordinator.put_item(place, "k", {}) for place in (USER, CRONS))
    everything = answer(coordinator.search_items())
    assert [USER] == [item.namespace for item in everything]
    assert [USER] == answer(coordinator.list_namespaces())
    own = answer(coordinator.search_items(CRONS[:1]))
    assert [CRONS] == [item.namespace for item in own]
    assert [CRONS] == answer(coordinator.list_namespaces(prefix=CRONS))


def test_parts_of_namespaces_are_any_text(coordinator: Coordinator) -> None:
    odd = ("a.b", "*", "\0", "langgraph", "\N{BULLET}")
    answer(coordinator.put_item(odd, "", {"n": 1}))
    item = answer(coordinator.item(odd, ""))
    assert item is not None
    assert (odd, "") == (item.namespace, item.key)
    assert [odd] == answer(coordinator.list_namespaces(prefix=odd[:3]))


def test_the_time_of_too_many_items_does_not_begin_anew_at_once(
    coordinator: Coordinator,
) -> None:
    asked = coordinator.search_items(limit=TOUCHED_MAX + 1, refresh_ttl=True)
    assert "1000 items at the most" in str(failure(asked))
    assert [] == answer(coordinator.search_items(limit=TOUCHED_MAX + 1))
