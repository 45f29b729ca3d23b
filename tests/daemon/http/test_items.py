"""The key-value store over HTTP: what is refused, and who has which namespaces."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.daemon.http.asking import ADMIN, ALICE, BOB, READER, bearer, detail_of
from weft.actors import Runtime
from weft.daemon.http.item_places import Places
from weft.daemon.http.problems import RequestFault

ITEMS = "/store/items"
SEARCH = "/store/items/search"
NAMESPACES = "/store/namespaces"


def put(client: TestClient, place: list[str], key: str = "k", **more: Any) -> None:
    headers = more.pop("headers", None)
    body = {"namespace": place, "key": key, "value": {"at": place}} | more
    assert 204 == client.put(ITEMS, json=body, headers=headers).status_code


def found(client: TestClient, token: str, under: list[str]) -> list[list[str]]:
    body = {"namespace_prefix": under, "limit": 100}
    answer = client.post(SEARCH, json=body, headers=bearer(token))
    assert 200 == answer.status_code
    return [item["namespace"] for item in answer.json()["items"]]


def listed(client: TestClient, token: str, **asked: Any) -> list[list[str]]:
    answer = client.post(NAMESPACES, json=asked, headers=bearer(token))
    assert 200 == answer.status_code
    namespaces: list[list[str]] = answer.json()["namespaces"]
    return namespaces


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"namespace": []}, "$.namespace"),
        ({"namespace": [""]}, "$.namespace[0]"),
        ({"namespace": ["a.b"]}, "$.namespace[0]"),
        ({"namespace": ["a\nb."]}, "$.namespace[0]"),
        ({"namespace": "a"}, "$.namespace"),
        ({"namespace": ["__weft__"]}, "reserved"),
        ({"value": [1]}, "$.value"),
        ({"key": 1}, "$.key"),
        ({"key": "k" * 511}, "at most 511"),
        ({"ttl": 0}, "$.ttl"),
        ({"ttl": "soon"}, "$.ttl"),
        ({"more": 1}, "more"),
    ],
    ids=str,
)
def test_an_item_that_cannot_be_is_refused(
    client: TestClient, body: dict[str, Any], words: str
) -> None:
    whole = {"namespace": ["a"], "key": "k", "value": {}} | body
    assert words in detail_of(client.put(ITEMS, json=whole), 422)


def test_a_filter_with_an_unknown_operator_is_refused(client: TestClient) -> None:
    body = {"namespace_prefix": [], "filter": {"n": {"$in": [1]}}}
    detail = detail_of(client.post(SEARCH, json=body), 422)
    assert "knows no $in; it knows $eq" in detail


@pytest.mark.parametrize("path", ["", "a..b", ".a", "a."])
def test_a_path_with_an_empty_label_is_refused(client: TestClient, path: str) -> None:
    answer = client.get(ITEMS, params={"namespace": path, "key": "k"})
    assert "wrong at namespace" in detail_of(answer, 422)


def test_a_put_repeated_under_its_key_has_one_effect(client: TestClient) -> None:
    headers = {"Idempotency-Key": "once"}
    put(client, ["a"], headers=headers)
    client.request("DELETE", ITEMS, json={"namespace": ["a"], "key": "k"})
    put(client, ["a"], headers=headers)
    answer = client.get(ITEMS, params={"namespace": "a", "key": "k"})
    assert (204, b"") == (answer.status_code, answer.content)


def test_what_python_put_is_shown_as_json(client: TestClient, runtime: Runtime) -> None:
    value = {"bytes": b"\x00\xff", "none": None}
    runtime.coordinator.put_item(("a",), "k", value).get(timeout=5.0)
    item = client.get(ITEMS, params={"namespace": "a", "key": "k"}).json()
    assert {"bytes": "AP8=", "none": None} == item["value"]


# -- owners --------------------------------------------------------------------------


@pytest.fixture
def shared(guarded: TestClient) -> TestClient:
    """Return a client of a store in which Alice and Bob have items."""
    put(guarded, ["notes"], headers=bearer(ALICE))
    put(guarded, ["notes", "old"], headers=bearer(ALICE))
    put(guarded, ["notes"], headers=bearer(BOB))
    put(guarded, ["common"], headers=bearer(ADMIN))
    put(guarded, ["alice"], headers=bearer(ADMIN))
    return guarded


def test_an_owner_has_what_lies_below_its_name(shared: TestClient) -> None:
    assert [["notes"], ["notes", "old"]] == found(shared, ALICE, ["notes"])
    assert [[], ["notes"], ["notes", "old"]] == found(shared, ALICE, [])
    assert [["notes"]] == found(shared, BOB, [])
    assert [] == found(shared, BOB, ["common"])
    assert [] == found(shared, BOB, ["alice"])


def test_who_sees_everything_sees_owners_as_first_labels(shared: TestClient) -> None:
    everything = [
        ["alice"],
        ["alice", "notes"],
        ["alice", "notes", "old"],
        ["bob", "notes"],
        ["common"],
    ]
    assert everything == found(shared, READER, [])
    assert everything == listed(shared, READER)


def test_an_owner_neither_reads_nor_removes_what_is_anothers(
    shared: TestClient,
) -> None:
    name = {"namespace": ["bob", "notes"], "key": "k"}
    path = {"namespace": "bob.notes", "key": "k"}
    gone = shared.request("DELETE", ITEMS, json=name, headers=bearer(ALICE))
    assert 204 == gone.status_code
    statuses = [
        shared.get(ITEMS, params=path, headers=bearer(token)).status_code
        for token in (ALICE, ADMIN)
    ]
    assert [204, 200] == statuses


def test_an_owners_listing_begins_below_its_name(shared: TestClient) -> None:
    assert [["notes"], ["notes", "old"]] == listed(shared, ALICE)
    assert [["notes"]] == listed(shared, ALICE, max_depth=1)
    assert [["notes", "old"]] == listed(shared, ALICE, suffix=["old"])
    assert [["notes", "old"]] == listed(shared, ALICE, suffix=["*", "old"])
    assert [] == listed(shared, ALICE, suffix=["*", "notes"])
    assert [["notes", "old"]] == listed(shared, ALICE, prefix=["notes", "*"])
    assert [] == listed(shared, ALICE, prefix=["bob"])


def test_one_owners_idempotency_key_is_not_anothers(guarded: TestClient) -> None:
    for token in (ALICE, BOB):
        put(guarded, ["a"], headers=bearer(token) | {"Idempotency-Key": "once"})
    assert [["alice", "a"], ["bob", "a"]] == found(guarded, ADMIN, [])


def test_the_log_tells_an_owner_nothing_of_items(shared: TestClient) -> None:
    kinds = [
        [each["kind"] for each in shared.get(path, headers=bearer(token)).json()[field]]
        for path, field in (("/operations", "operations"),)
        for token in (ALICE, ADMIN)
    ]
    assert [[], ["PutItem"] * 5] == kinds


def test_a_token_that_reads_puts_nothing(guarded: TestClient) -> None:
    body = {"namespace": ["a"], "key": "k", "value": {}}
    for method in ("PUT", "DELETE"):
        answer = guarded.request(method, ITEMS, json=body, headers=bearer(READER))
        assert "write" in detail_of(answer, 403)
    assert 401 == guarded.get(ITEMS, params={"namespace": "a", "key": "k"}).status_code


def test_nobodys_items_are_the_systems() -> None:
    with pytest.raises(RequestFault, match="reserved"):
        Places("__weft__")
