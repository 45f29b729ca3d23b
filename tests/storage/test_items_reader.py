"""Items of a namespace and namespaces with items, in order; on every store."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.storage.client import START_US, Client
from weft.storage import ItemReader, MemoryStore
from weft.storage.items_reader import NamespaceQuery
from weft.storage.keys_items import SYSTEM, Namespace
from weft.storage.operations_items import PutItem

PLACES: tuple[Namespace, ...] = (
    ("a",),
    ("a", "b"),
    ("a", "b", "c"),
    ("a", "x"),
    ("ab",),
    ("b", "c"),
    (SYSTEM, "crons"),
)


def fill(client: Client, places: tuple[Namespace, ...] = PLACES) -> None:
    for place in places:
        for key in ("1", "2"):
            client.do(PutItem(namespace=place, key=key))


def items(client: Client, prefix: Namespace = ()) -> list[tuple[Namespace, str]]:
    return client.see(
        lambda s: [(i.namespace, i.key) for i in ItemReader(s, 0).items(prefix)]
    )


def namespaces(client: Client, now_us: int = 0, **query: Any) -> list[Namespace]:
    wanted = NamespaceQuery(**query)
    return client.see(lambda s: list(ItemReader(s, now_us).namespaces(wanted)))


def test_a_namespace_has_its_own_items_and_those_below_it(client: Client) -> None:
    fill(client)
    expected = [(place, key) for place in PLACES[:4] for key in ("1", "2")]
    assert expected == items(client, ("a",))
    assert expected[2:6] == items(client, ("a", "b"))
    assert [] == items(client, ("a", "c"))


def test_the_systems_own_items_are_seen_by_their_name_only(client: Client) -> None:
    fill(client)
    assert [*PLACES[:6]] == list(dict.fromkeys(place for place, _ in items(client)))
    assert [*PLACES[:6]] == namespaces(client)
    assert 2 == len(items(client, (SYSTEM,)))
    assert [PLACES[6]] == namespaces(client, prefix=(SYSTEM,))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"prefix": ("a",)}, PLACES[:4]),
        ({"suffix": ("c",)}, [("a", "b", "c"), ("b", "c")]),
        ({"prefix": ("*", "b")}, [("a", "b"), ("a", "b", "c")]),
        ({"prefix": ("a", "*")}, PLACES[1:4]),
        ({"prefix": ("a",), "suffix": ("*", "c")}, [("a", "b", "c")]),
        ({"max_depth": 1}, [("a",), ("ab",), ("b",)]),
        ({"max_depth": 2}, [("a",), ("a", "b"), ("a", "x"), ("ab",), ("b", "c")]),
        ({"suffix": ("c",), "max_depth": 1}, [("a",), ("b",)]),
        ({"prefix": ("none",)}, []),
    ],
    ids=str,
)
def test_namespaces_are_those_that_are_wanted(
    client: Client, query: dict[str, Any], expected: Any
) -> None:
    fill(client)
    assert list(expected) == namespaces(client, **query)


def test_a_namespace_whose_items_are_over_is_not_there(client: Client) -> None:
    for key in ("1", "2"):
        client.do(
            PutItem(namespace=("a",), key=key, ttl_us=10 * int(key), at_us=START_US)
        )
    client.do(PutItem(namespace=("b",), key="k"))
    assert [("a",), ("b",)] == namespaces(client, START_US + 19)
    assert [("b",)] == namespaces(client, START_US + 20)


labels = st.sampled_from(["a", "b", "*", "a\0"])
paths = st.lists(labels, max_size=3).map(tuple)


@given(
    st.sets(st.lists(labels, min_size=1, max_size=4).map(tuple), max_size=8),
    paths,
    paths,
    st.none() | st.integers(1, 3),
)
def test_a_listing_is_what_looking_at_all_namespaces_gives(
    places: set[Namespace], prefix: Namespace, suffix: Namespace, depth: int | None
) -> None:
    client = Client(MemoryStore())
    fill(client, tuple(places))

    def fits(parts: Namespace, pattern: Namespace) -> bool:
        return len(parts) == len(pattern) and all(
            w in ("*", p) for p, w in zip(parts, pattern, strict=True)
        )

    expected = {
        place[:depth]
        for place in places
        if fits(place[: len(prefix)], prefix)
        and fits(place[max(0, len(place) - len(suffix)) :], suffix)
    }
    found = namespaces(client, prefix=prefix, suffix=suffix, max_depth=depth)
    assert sorted(expected) == found
