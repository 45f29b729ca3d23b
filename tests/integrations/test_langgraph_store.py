"""LangGraph's store on Weft: its contract, its times, and graphs that remember."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypedDict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langgraph.graph import START, StateGraph
from langgraph.runtime import Runtime as GraphRuntime
from langgraph.store.base import (
    GetOp,
    InvalidNamespaceError,
    Item,
    ListNamespacesOp,
    MatchCondition,
    Op,
    PutOp,
    SearchOp,
)
from langgraph.store.memory import InMemoryStore
from msgspec.structs import replace

from weft.actors import Runtime
from weft.integrations.langgraph import WeftStore, graph_workflow
from weft.storage import InvalidArgument, MemoryStore
from weft.storage import Item as StoredItem
from weft.storage.keys_items import item_key
from weft.storage.store import clock_us

USER = ("users", "ann")


@pytest.fixture
def kept() -> MemoryStore:
    """Return where items lie."""
    return MemoryStore()


@pytest.fixture
def store(kept: MemoryStore) -> Iterator[WeftStore]:
    """Return a store in memory."""
    with WeftStore(kept) as made:
        yield made


# -- the contract --------------------------------------------------------------------


def test_an_item_is_put_found_and_removed(store: WeftStore) -> None:
    store.put(USER, "likes", {"food": "soup"})
    item = store.get(USER, "likes")
    assert item is not None
    assert isinstance(item, Item)
    assert ({"food": "soup"}, USER, "likes") == (item.value, item.namespace, item.key)
    assert item.created_at == item.updated_at
    store.delete(USER, "likes")
    assert store.get(USER, "likes") is None


def test_a_store_is_awaited_as_it_is_called(store: WeftStore) -> None:
    async def remember() -> tuple[Any, ...]:
        await store.aput(USER, "k", {"n": 1})
        found = await store.asearch(USER, filter={"n": {"$gte": 1}})
        listed = await store.alist_namespaces(prefix=("users",))
        item = await store.aget(USER, "k")
        await store.adelete(USER, "k")
        return [one.key for one in found], listed, item, await store.aget(USER, "k")

    keys, listed, item, gone = asyncio.run(remember())
    assert (["k"], [USER], None) == (keys, listed, gone)
    assert item is not None
    assert {"n": 1} == item.value


def test_a_batch_reads_first_and_of_two_puts_the_last_counts(store: WeftStore) -> None:
    store.put(USER, "k", {"n": 0})
    found = store.batch(
        [PutOp(USER, "k", {"n": 1}), PutOp(USER, "k", {"n": 2}), GetOp(USER, "k")]
    )
    assert [None, None, {"n": 0}] == [getattr(one, "value", None) for one in found]
    item = store.get(USER, "k")
    assert item is not None
    assert {"n": 2} == item.value


def test_a_batch_of_many_puts_has_them_all(store: WeftStore, kept: MemoryStore) -> None:
    store.batch([PutOp(USER, str(n), {"n": n}) for n in range(50)])
    assert 50 == kept.statistics().seq
    assert 50 == len(store.search(USER, limit=100))


places = st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map(tuple)
keys = st.sampled_from("xy")
values = st.fixed_dictionaries({"n": st.integers(0, 3), "s": st.sampled_from("pq")})
filters = st.none() | st.sampled_from(
    [{"n": 1}, {"n": {"$gt": 1}}, {"s": {"$ne": "p"}, "n": {"$lte": 2}}]
)
patterns = st.lists(st.sampled_from("ab*"), min_size=1, max_size=2).map(tuple)


def listing(first: Any, last: Any, depth: int | None) -> ListNamespacesOp:
    begins = [MatchCondition("prefix", first)] if first else []
    ends = [MatchCondition("suffix", last)] if last else []
    return ListNamespacesOp((*begins, *ends), depth)


def searching(under: Any, wanted: Any) -> SearchOp:
    return SearchOp(under, wanted, limit=100)


ops: st.SearchStrategy[Op] = st.one_of(
    st.tuples(places, keys, values | st.none()).map(lambda given: PutOp(*given)),
    st.tuples(places, keys, values).map(lambda given: PutOp(*given)),
    st.tuples(places, keys).map(lambda given: GetOp(*given)),
    st.tuples(st.just(()) | places, filters).map(lambda given: searching(*given)),
)
some = st.none() | patterns
listings = st.tuples(some, some, st.none() | st.integers(1, 3)).map(
    lambda given: [listing(*given)]
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(ops, max_size=4) | listings, max_size=8))
def test_any_batches_are_answered_as_by_langgraphs_own_store(
    batches: list[list[Op]],
) -> None:
    theirs = InMemoryStore()
    with WeftStore(MemoryStore()) as ours:
        for batch in batches:
            expected = [plain(result) for result in theirs.batch(batch)]
            assert expected == [plain(result) for result in ours.batch(batch)]
            for place in [place for place, held in theirs._data.items() if not held]:
                del theirs._data[place]  # it lists what was only looked into


def plain(result: Any) -> Any:
    """Return an answer without its times, and items in one order."""
    if isinstance(result, Item):
        return result.namespace, result.key, result.value
    if isinstance(result, list):
        return sorted((plain(each) for each in result), key=str)
    return result


# -- what is refused -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("put", (("__weft__", "x"), "k", {})),
        ("get", (("__weft__", "x"), "k")),
        ("delete", (("__weft__", "x"), "k")),
        ("search", (("__weft__",),)),
        ("put", (("langgraph",), "k", {})),
        ("put", (("a.b",), "k", {})),
    ],
)
def test_reserved_namespaces_are_refused(
    store: WeftStore, method: str, arguments: tuple[Any, ...]
) -> None:
    with pytest.raises(InvalidNamespaceError):
        getattr(store, method)(*arguments)


def test_the_systems_namespaces_are_not_listed(store: WeftStore) -> None:
    with pytest.raises(InvalidNamespaceError):
        store.list_namespaces(prefix=("__weft__",))


def test_a_search_by_meaning_is_refused_and_nothing_written(store: WeftStore) -> None:
    with pytest.raises(InvalidArgument, match="leave query out"):
        store.batch([PutOp(USER, "k", {}), SearchOp(USER, query="what?")])
    assert store.get(USER, "k") is None


def test_a_value_that_cannot_be_stored_stops_its_batch(store: WeftStore) -> None:
    with pytest.raises(InvalidArgument, match="cannot be encoded"):
        store.batch([PutOp(USER, "k", {}), PutOp(USER, "l", {"x": object()})])
    assert store.get(USER, "k") is None


# -- times ---------------------------------------------------------------------------


def stored(kept: MemoryStore, key: str = "k") -> StoredItem:
    with kept.read() as snapshot:
        item: StoredItem = snapshot.get(item_key(USER, key))
        return item


def test_a_time_is_minutes_and_begins_anew_with_a_read(
    store: WeftStore, kept: MemoryStore
) -> None:
    store.put(USER, "k", {}, ttl=10)
    item = stored(kept)
    assert 600_000_000 == item.ttl_us
    soon_us = clock_us() + 30_000_000
    worn = replace(item, expires_at_us=soon_us)
    kept.amend(lambda group, _log: group.put(item_key(USER, "k"), worn))
    assert store.get(USER, "k", refresh_ttl=False) is not None
    assert worn == stored(kept)
    assert ["k"] == [found.key for found in store.search(USER)]
    assert soon_us + 500_000_000 < (stored(kept).expires_at_us or 0)


def test_a_default_time_is_that_of_the_configuration(kept: MemoryStore) -> None:
    with WeftStore(kept, ttl={"default_ttl": 5}) as store:
        store.put(USER, "k", {})
        store.put(USER, "for ever", {}, ttl=None)
    assert 300_000_000 == stored(kept).ttl_us
    assert stored(kept, "for ever").ttl_us is None


@pytest.mark.parametrize("ttl", [0, -1, float("nan"), float("inf"), 1e300])
def test_a_time_that_is_none_is_refused(store: WeftStore, ttl: float) -> None:
    with pytest.raises(InvalidArgument, match="ttl_s is a number of seconds"):
        store.put(USER, "k", {}, ttl=ttl)


# -- in graphs -----------------------------------------------------------------------


class Visit(TypedDict):
    """What a graph is told, and what it remembers."""

    who: str
    visits: int


def remembering(own: Any = None) -> Any:
    """Return a graph that counts the visits of each user."""

    def visit(state: Visit, runtime: GraphRuntime[None]) -> dict[str, int]:
        assert runtime.store is not None
        place = ("visits", state["who"])
        known = runtime.store.get(place, "count")
        count = 1 if known is None else known.value["n"] + 1
        runtime.store.put(place, "count", {"n": count})
        return {"visits": count}

    builder = StateGraph(Visit)
    builder.add_node("visit", visit)
    builder.add_edge(START, "visit")
    return builder.compile(store=own)


def asynchronous() -> Any:
    """Return a graph whose node awaits the store."""

    async def visit(state: Visit, runtime: GraphRuntime[None]) -> dict[str, int]:
        assert runtime.store is not None
        await runtime.store.aput(("visits", state["who"]), "count", {"n": 7})
        found = await runtime.store.asearch(("visits",))
        return {"visits": len(found)}

    builder = StateGraph(Visit)
    builder.add_node("visit", visit)
    builder.add_edge(START, "visit")
    return builder.compile()


def visits(runtime: Runtime, session: str, workflow: str = "visits") -> Any:
    """Run a graph once on a new thread of a session."""
    owner = runtime.session(session)
    name = f"visit {runtime.store.statistics().seq}"
    thread = owner.create_thread(name, workflow=workflow).get(timeout=5)
    return thread.run({"input": {"who": "ann"}}).get(timeout=10)["visits"]


def test_a_graph_remembers_across_threads_sessions_and_processes(
    tmp_path: Path,
) -> None:
    workflows = {
        "visits": graph_workflow(remembering()),
        "later": graph_workflow(asynchronous()),
    }
    with Runtime.open(tmp_path / "data", workflows=workflows) as runtime:
        assert [1, 2] == [visits(runtime, session) for session in ("a", "b")]
    with Runtime.open(tmp_path / "data", workflows=workflows) as runtime:
        assert 3 == visits(runtime, "a")
        assert 1 == visits(runtime, "a", "later")
        item = runtime.coordinator.item(("visits", "ann"), "count").get(timeout=5)
        assert item is not None
        assert {"n": 7} == item.value
        assert runtime.check().clean


def test_a_graph_that_has_a_store_of_its_own_keeps_it() -> None:
    own = InMemoryStore()
    workflows = {"visits": graph_workflow(remembering(own))}
    with Runtime.open(store=MemoryStore(), workflows=workflows) as runtime:
        assert [1, 2] == [visits(runtime, "a") for _ in range(2)]
        assert [] == runtime.coordinator.search_items().get(timeout=5)
    assert own.get(("visits", "ann"), "count") is not None


def test_a_graph_is_compiled_with_a_store_that_a_directory_has(tmp_path: Path) -> None:
    for count in (1, 2):
        with WeftStore.open(tmp_path / "data") as store:
            told = remembering(store).invoke({"who": "ann", "visits": 0})
            assert count == told["visits"]
