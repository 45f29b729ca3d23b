"""Assistants of one's own: created, changed in versions, found, removed, by whom."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from starlette.testclient import TestClient

from tests.daemon.http.asking import detail_of
from tests.daemon.http.assistant_support import COUNT_ID, ID, create, search
from tests.daemon.http.count_workflow import count
from tests.daemon.http.run_support import fail
from weft.actors import Runtime
from weft.storage import MemoryStore


@pytest.fixture
def runtime() -> Iterator[Runtime]:
    workflows = {"count": count, "answer": fail}
    with Runtime.open(store=MemoryStore(), workflows=workflows) as opened:
        yield opened


def versions_of(client: TestClient, made: Any, **wanted: Any) -> list[Any]:
    """Return the versions of an assistant, newest first."""
    path = f"/assistants/{made['assistant_id']}/versions"
    found: list[Any] = client.post(path, json=wanted).json()
    return found


def test_one_of_ones_own_is_shown_as_it_was_asked_for(client: TestClient) -> None:
    made = create(
        client,
        assistant_id=ID.upper(),
        name="Counter",
        description="counts",
        config={"tags": ["a"], "recursion_limit": 7, "configurable": {"by": 2}},
        metadata={"team": "x"},
    )
    assert {
        "assistant_id": ID,
        "graph_id": "count",
        "name": "Counter",
        "description": "counts",
        "config": {"tags": ["a"], "recursion_limit": 7, "configurable": {"by": 2}},
        "context": {"by": 2},
        "metadata": {"team": "x"},
        "version": 1,
        "created_at": made["created_at"],
        "updated_at": made["created_at"],
    } == made
    assert made == client.get(f"/assistants/{ID}").json()
    assert [made] == search(client, metadata={"team": "x"})
    assert 3 == client.post("/assistants/count", json={}).json()


def test_what_is_not_said_has_a_default(client: TestClient) -> None:
    made = create(client)
    assert ("Untitled", None, {}, {}, {}) == tuple(
        made[name] for name in ("name", "description", "config", "context", "metadata")
    )
    assert 7 == UUID(made["assistant_id"]).version
    assert made["assistant_id"] != create(client)["assistant_id"]


def test_context_is_another_name_of_what_is_configurable(client: TestClient) -> None:
    made = create(client, context={"by": 1}, config={"tags": ["a"]})
    assert {"tags": ["a"], "configurable": {"by": 1}} == made["config"]
    path = f"/assistants/{made['assistant_id']}"
    changed = client.patch(path, json={"context": {"by": 2}}).json()
    assert {"tags": ["a"], "configurable": {"by": 2}} == changed["config"]
    changed = client.patch(path, json={"config": {"configurable": {"by": 3}}}).json()
    assert ({"configurable": {"by": 3}}, {"by": 3}) == (
        changed["config"],
        changed["context"],
    )
    both = {"config": {"configurable": {"by": 4}}, "context": {"by": 5}}
    assert "one of them" in detail_of(client.patch(path, json=both), 400)
    emptied = client.patch(path, json={"context": {}}).json()
    assert ({}, {}) == (emptied["config"], emptied["context"])


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"graph_id": "nobody"}, 404, "no graph 'nobody'. Registered workflows: answ"),
        ({"graph_id": None}, 422, "$.graph_id"),
        ({"assistant_id": "mine"}, 422, "$.assistant_id"),
        ({"if_exists": "hope"}, 422, "$.if_exists"),
        ({"config": {"tags": "x"}}, 422, "$.config"),
        ({"config": {"configurable": [1]}}, 422, "$.config"),
        ({"metadata": [1]}, 422, "$.metadata"),
        ({"assistant_id": COUNT_ID}, 409, "exists already"),
    ],
)
def test_what_cannot_be_created_is_refused(
    client: TestClient, fields: dict[str, Any], status: int, words: str
) -> None:
    answer = client.post("/assistants", json={"graph_id": "count", **fields})
    assert words in detail_of(answer, status)
    assert 2 == client.post("/assistants/count", json={}).json()


def test_an_id_is_given_once(client: TestClient) -> None:
    made = create(client, assistant_id=ID, name="first")
    again = {"graph_id": "answer", "assistant_id": ID, "name": "second"}
    detail = detail_of(client.post("/assistants", json=again), 409)
    assert f"{ID} exists already" in detail
    opened = client.post("/assistants", json={**again, "if_exists": "do_nothing"})
    assert made == opened.json()
    registered = create(client, assistant_id=COUNT_ID, if_exists="do_nothing")
    assert "count" == registered["name"]
    assert 1 == len(versions_of(client, made))


def test_each_update_is_a_version(client: TestClient) -> None:
    made = create(client, metadata={"a": 1, "b": 1}, context={"by": 1})
    path = f"/assistants/{made['assistant_id']}"
    changed = client.patch(path, json={"metadata": {"b": 2}, "name": "second"}).json()
    assert (2, "second", {"a": 1, "b": 2}, {"by": 1}) == tuple(
        changed[name] for name in ("version", "name", "metadata", "context")
    )
    assert made["created_at"] == changed["created_at"] < changed["updated_at"]
    moved = client.patch(path, json={"graph_id": "answer", "description": "d"}).json()
    assert (3, "answer", "second", "d") == tuple(
        moved[name] for name in ("version", "graph_id", "name", "description")
    )
    assert moved == client.get(path).json()
    versions = versions_of(client, made)
    assert [3, 2, 1] == [each["version"] for each in versions]
    assert ["answer", "count", "count"] == [each["graph_id"] for each in versions]
    assert changed["updated_at"] == versions[1]["created_at"]
    assert [2] == [v["version"] for v in versions_of(client, made, limit=1, offset=1)]
    assert [1] == [v["version"] for v in versions_of(client, made, metadata={"b": 1})]
    assert "no graph" in detail_of(client.patch(path, json={"graph_id": "x"}), 404)
    assert 3 == len(versions_of(client, made))


def test_an_older_version_can_be_the_present_one(client: TestClient) -> None:
    made = create(client, name="one", context={"by": 1})
    path = f"/assistants/{made['assistant_id']}"
    client.patch(path, json={"name": "two", "context": {"by": 2}, "graph_id": "answer"})
    back = client.post(f"{path}/latest", json={"version": 1}).json()
    assert {**made, "updated_at": back["updated_at"]} == back
    assert back == client.get(path).json()
    assert [2, 1] == [each["version"] for each in versions_of(client, made)]
    # A further change goes on from there, and takes no number twice.
    third = client.patch(path, json={"name": "three"}).json()
    assert (3, "three", {"by": 1}, "count") == tuple(
        third[name] for name in ("version", "name", "context", "graph_id")
    )
    answer = client.post(f"{path}/latest", json={"version": 4})
    assert "has the versions 1 to 3" in detail_of(answer, 404)
    assert 422 == client.post(f"{path}/latest", json={"version": 0}).status_code


def test_one_that_was_deleted_is_not_there(client: TestClient) -> None:
    made = create(client, assistant_id=ID)
    path = f"/assistants/{ID}"
    client.patch(path, json={"name": "changed"})
    assert 204 == client.delete(path).status_code
    for answer in (
        client.get(path),
        client.patch(path, json={"name": "x"}),
        client.delete(path),
        client.post(f"{path}/latest", json={"version": 1}),
        client.post(f"{path}/versions", json={}),
        client.get(f"{path}/schemas"),
    ):
        assert f"no assistant '{ID}'" in detail_of(answer, 404)
    assert 2 == client.post("/assistants/count", json={}).json()
    assert 1 == create(client, assistant_id=ID)["version"]
    assert made["created_at"] < client.get(path).json()["created_at"]


def test_its_graph_and_schemas_are_those_of_its_workflow(client: TestClient) -> None:
    path = f"/assistants/{create(client)['assistant_id']}"
    for part in ("graph", "schemas", "subgraphs"):
        registered = client.get(f"/assistants/count/{part}")
        assert 200 == registered.status_code
        assert registered.json() == client.get(f"{path}/{part}").json()


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ({}, ["b", "A", "answer", "count"]),
        ({"graph_id": "count"}, ["b", "A", "count"]),
        ({"metadata": {"kind": {"of": ["x"]}}}, ["A"]),
        ({"name": "B"}, ["b"]),
        ({"sort_by": "name", "sort_order": "asc"}, ["A", "answer", "b", "count"]),
        ({"sort_by": "name"}, ["count", "b", "answer", "A"]),
        ({"sort_by": "updated_at", "limit": 1}, ["A"]),
        ({"offset": 1, "limit": 2}, ["A", "answer"]),
    ],
)
def test_own_ones_are_searched_with_the_others(
    client: TestClient, wanted: dict[str, Any], names: list[str]
) -> None:
    first = create(client, name="A", metadata={"kind": {"of": ["x", "y"]}})
    create(client, name="b")
    client.patch(f"/assistants/{first['assistant_id']}", json={"description": "new"})
    assert names == [each["name"] for each in search(client, **wanted)]


def test_a_repeated_request_changes_nothing(client: TestClient) -> None:
    def twice(method: str, path: str, body: Any) -> Any:
        key = {"Idempotency-Key": f"{method} {path}"}
        first, again = (
            client.request(method, path, json=body, headers=key) for _ in range(2)
        )
        assert (first.status_code, first.text) == (again.status_code, again.text)
        return first.json() if first.text else None

    made = twice("POST", "/assistants", {"graph_id": "count"})
    path = f"/assistants/{made['assistant_id']}"
    assert 2 == twice("PATCH", path, {"name": "two"})["version"]
    client.patch(path, json={"name": "three"})
    again = client.patch(
        path, json={"name": "two"}, headers={"Idempotency-Key": f"PATCH {path}"}
    )
    assert (2, "two") == (again.json()["version"], again.json()["name"])
    assert 1 == twice("POST", f"{path}/latest", {"version": 1})["version"]
    assert 3 == len(versions_of(client, made))
    assert None is twice("DELETE", path, None)
    assert "no assistant" in detail_of(client.delete(path), 404)
    key = {"Idempotency-Key": "POST /assistants"}
    again = client.post("/assistants", json={"graph_id": "count"}, headers=key)
    assert "removed since. Send another" in detail_of(again, 409)


def test_two_updates_at_once_make_two_versions(client: TestClient) -> None:
    made = create(client)
    path = f"/assistants/{made['assistant_id']}"

    def update(number: int) -> Any:
        return client.patch(path, json={"metadata": {f"m{number}": number}}).json()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(update, range(24)))
    assert set(range(2, 26)) == {answer["version"] for answer in answers}
    assert {f"m{n}": n for n in range(24)} == client.get(path).json()["metadata"]
    by_number = {each["version"]: each for each in versions_of(client, made, limit=99)}
    for answer in answers:
        assert answer["metadata"] == by_number[answer["version"]]["metadata"]


def test_of_two_that_are_created_at_once_one_is_there(client: TestClient) -> None:
    def ask(name: str) -> Any:
        asked = {"graph_id": "count", "assistant_id": ID, "name": name}
        return client.post("/assistants", json=asked)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, "abcdefgh"))
    assert [200] + [409] * 7 == sorted(answer.status_code for answer in answers)
    (made,) = (answer.json() for answer in answers if answer.status_code == 200)
    assert made == client.get(f"/assistants/{ID}").json()
    assert 1 == len(versions_of(client, made))


def test_a_key_of_another_request_repeats_nothing(client: TestClient) -> None:
    key = {"Idempotency-Key": "one"}
    asked = {"graph_id": "count", "name": "a"}
    made = client.post("/assistants", json=asked, headers=key).json()
    path = f"/assistants/{made['assistant_id']}"
    changed = client.patch(path, json={"name": "b"}, headers=key).json()
    assert (2, "b") == (changed["version"], changed["name"])
    chosen = client.post(f"{path}/latest", json={"version": 1}, headers=key).json()
    assert (1, "a") == (chosen["version"], chosen["name"])
