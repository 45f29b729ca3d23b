"""The LangGraph SDK drives the key-value store, plain and asynchronous."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from langgraph.runtime import Runtime as GraphRuntime
from langgraph_sdk import get_sync_client
from langgraph_sdk.errors import UnprocessableEntityError

from tests.daemon.http.asking import ALICE, BOB, bearer, token_file
from tests.daemon.http.run_support import serving
from tests.daemon.sdk_runs.conftest import Sdk
from tests.integrations.graphs import Log, row
from weft.integrations.langgraph_workflow import graph_workflow

USER = ["users", "ann"]


def remove(item: dict[str, Any], client: Any) -> Any:
    return client.store.delete_item(item["namespace"], item["key"])


@pytest.fixture(autouse=True)
def _without_items(sdk: Sdk) -> Iterator[None]:
    yield
    for item in sdk.do(lambda c: c.store.search_items([], limit=1000))["items"]:
        sdk.do(partial(remove, item))


def test_an_item_is_put_shown_replaced_and_removed(sdk: Sdk) -> None:
    assert sdk.do(lambda c: c.store.put_item(USER, "likes", {"food": "soup"})) is None
    item = sdk.do(lambda c: c.store.get_item(USER, "likes"))
    assert (USER, "likes", {"food": "soup"}) == (
        item["namespace"],
        item["key"],
        item["value"],
    )
    assert datetime.fromisoformat(item["created_at"]).tzinfo is not None
    sdk.do(lambda c: c.store.put_item(USER, key="likes", value={"food": "rice"}))
    again = sdk.do(lambda c: c.store.get_item(USER, "likes"))
    assert ({"food": "rice"}, item["created_at"]) == (
        again["value"],
        again["created_at"],
    )
    assert item["updated_at"] < again["updated_at"]
    assert sdk.do(lambda c: c.store.delete_item(USER, "likes")) is None
    assert sdk.do(lambda c: c.store.get_item(USER, "likes")) is None


def test_options_of_a_put_are_taken(sdk: Sdk) -> None:
    sdk.do(lambda c: c.store.put_item(USER, "k", {}, index=False, ttl=30))
    item = sdk.do(lambda c: c.store.get_item(USER, "k", refresh_ttl=False))
    assert 30 == item["ttl"]
    kept = datetime.fromisoformat(item["expires_at"])
    made = datetime.fromisoformat(item["created_at"])
    assert 30 * 60 == (kept - made).total_seconds()
    sdk.do(lambda c: c.store.put_item(USER, "k", {}, index=["text"]))
    assert sdk.do(lambda c: c.store.get_item(USER, "k"))["expires_at"] is None


def test_items_are_searched_by_namespace_and_filter(sdk: Sdk) -> None:
    for place in (USER, [*USER, "notes"], ["users", "bob"]):
        for n in range(3):
            sdk.do(partial(_put, place, n))

    def found(*about: Any, **asked: Any) -> list[tuple[str, str]]:
        answer = sdk.do(lambda c: c.store.search_items(*about, **asked))
        return [(item["namespace"][-1], item["key"]) for item in answer["items"]]

    assert 6 == len(found(USER))
    assert [("ann", "2"), ("notes", "2")] == found(USER, filter={"n": {"$gt": 1}})
    assert [("ann", "1"), ("ann", "2")] == found(USER, limit=2, offset=1)
    assert [("ann", "0"), ("notes", "0"), ("bob", "0")] == found([], filter={"n": 0})
    assert [] == found(["nobody"])


def _put(place: list[str], n: int, client: Any) -> Any:
    return client.store.put_item(place, str(n), {"n": n})


def test_namespaces_are_listed(sdk: Sdk) -> None:
    for place in (USER, [*USER, "notes"], ["users", "bob", "notes"], ["else"]):
        sdk.do(partial(_put, place, 1))

    def listed(**asked: Any) -> list[list[str]]:
        told = sdk.do(lambda c: c.store.list_namespaces(**asked))
        namespaces: list[list[str]] = told["namespaces"]
        return namespaces

    everything = [["else"], USER, [*USER, "notes"], ["users", "bob", "notes"]]
    assert everything == listed()
    assert everything[2:] == listed(suffix=["notes"])
    assert [["users", "bob"]] == listed(prefix=["users", "bob"], max_depth=2)
    assert everything[1:3] == listed(limit=2, offset=1)


def test_a_search_by_meaning_is_refused_with_what_there_is(sdk: Sdk) -> None:
    with pytest.raises(UnprocessableEntityError, match="use filter"):
        sdk.do(lambda c: c.store.search_items(USER, query="what does she like?"))


@pytest.mark.parametrize("root", ["langgraph", "__weft__"])
def test_reserved_namespaces_are_refused(sdk: Sdk, root: str) -> None:
    for ask in (
        lambda c: c.store.put_item([root, "x"], "k", {}),
        lambda c: c.store.get_item([root, "x"], "k"),
        lambda c: c.store.delete_item([root], "k"),
        lambda c: c.store.search_items([root]),
        lambda c: c.store.list_namespaces(prefix=[root]),
    ):
        with pytest.raises(UnprocessableEntityError, match="reserved"):
            sdk.do(ask)


def remembering() -> Any:
    """Return the builder of a graph that remembers whom it met, in their own place."""

    def meet(state: Log, runtime: GraphRuntime[None]) -> Log:
        assert runtime.store is not None
        who = state["log"][-1]
        runtime.store.put((who, "visits"), "last", {"said": who})
        return {"log": ["hello"]}

    return row(("meet", meet))


def test_what_a_graph_remembers_of_a_user_the_user_reads(tmp_path: Path) -> None:
    workflows = {"meets": graph_workflow(remembering().compile(), name="meets")}
    with serving(workflows, tokens=token_file(tmp_path)) as server:
        url = str(server.base_url)
        with get_sync_client(url=url, api_key=None, headers=bearer(ALICE)) as alice:
            given: Any = {"log": ["alice"]}
            alice.runs.wait(None, "meets", input=given)
            item = alice.store.get_item(["visits"], "last")
            assert (["visits"], {"said": "alice"}) == (item["namespace"], item["value"])
        with get_sync_client(url=url, api_key=None, headers=bearer(BOB)) as bob:
            assert [] == bob.store.search_items([])["items"]
