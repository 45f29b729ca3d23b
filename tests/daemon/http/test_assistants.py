"""Assistants: the registered workflows, by name and by id."""

from collections.abc import Iterator
from typing import Any, TypedDict
from uuid import UUID

import pytest
from starlette.testclient import TestClient

from tests.daemon.http.asking import client_of, detail_of
from tests.daemon.http.assistant_support import search
from tests.daemon.http.count_workflow import count
from weft.actors import Runtime, workflow
from weft.storage import MemoryStore


@workflow
def answer(_context: Any, _config: Any) -> None:
    """Have no graph and no words about it."""


answer.function.__doc__ = None


class Wanted(TypedDict):
    """Who is greeted."""

    name: str


@workflow
def greet(_context: Any, config: Wanted) -> Iterator[dict[str, int]]:
    """Greet somebody."""
    yield {config["name"]: 1}


@pytest.fixture
def runtime() -> Iterator[Runtime]:
    with Runtime.open(store=MemoryStore(), workflows=[count, answer]) as opened:
        yield opened


def test_each_workflow_is_an_assistant(client: TestClient) -> None:
    found = search(client)
    assert ["answer", "count"] == [each["name"] for each in found]
    assert [None, "Count on from where the thread stands."] == [
        each["description"] for each in found
    ]
    assert "7" == found[1]["metadata"]["version"]
    assert [(each["graph_id"], each["version"]) for each in found] == [
        ("answer", 1),
        ("count", 1),
    ]


def test_an_id_is_made_of_the_name(client: TestClient) -> None:
    by_name = client.get("/assistants/count").json()
    assistant_id = by_name["assistant_id"]
    # As LangGraph's own servers make it: clients may have it in their configuration.
    assert UUID("34a1e4e5-a1d3-5ab7-9eb3-90e3687600c9") == UUID(assistant_id)
    assert by_name == client.get(f"/assistants/{assistant_id}").json()


def test_who_is_not_there_is_told_with_who_is(client: TestClient) -> None:
    detail = detail_of(client.get("/assistants/nobody"), 404)
    assert "'nobody'" in detail
    assert "answer, count" in detail


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ({"graph_id": "count"}, ["count"]),
        ({"name": "OUN"}, ["count"]),
        ({"metadata": {"created_by": "system"}}, ["answer", "count"]),
        ({"metadata": {"created_by": "me"}}, []),
        ({"limit": 1}, ["answer"]),
        ({"limit": 1, "offset": 1}, ["count"]),
        ({"sort_by": "name", "sort_order": "desc"}, ["count", "answer"]),
    ],
)
def test_they_are_searched(
    client: TestClient, wanted: dict[str, Any], names: list[str]
) -> None:
    assert names == [each["name"] for each in search(client, **wanted)]


def test_a_page_says_where_the_next_begins(client: TestClient) -> None:
    first = client.post("/assistants/search", json={"limit": 1})
    assert "1" == first.headers["x-pagination-next"]
    last = client.post("/assistants/search", json={"limit": 1, "offset": 1})
    assert "x-pagination-next" not in last.headers


def test_only_selected_fields_are_shown(client: TestClient) -> None:
    found = search(client, select=["name", "version"])
    assert [{"name", "version"}] * 2 == [set(each) for each in found]


def test_they_are_counted(client: TestClient) -> None:
    assert 2 == client.post("/assistants/count", json={}).json()
    assert 1 == client.post("/assistants/count", json={"name": "count"}).json()


def test_a_function_has_one_version(client: TestClient) -> None:
    versions = client.post("/assistants/count/versions", json={}).json()
    assert [1] == [each["version"] for each in versions]


def test_a_function_is_a_graph_of_one_node(client: TestClient) -> None:
    drawn = client.get("/assistants/count/graph?xray=true").json()
    assert ["__start__", "count", "__end__"] == [each["id"] for each in drawn["nodes"]]
    assert [("__start__", "count"), ("count", "__end__")] == [
        (each["source"], each["target"]) for each in drawn["edges"]
    ]
    for path in ("subgraphs", "subgraphs/inner?recurse=true"):
        assert {} == client.get(f"/assistants/count/{path}").json()


def test_a_function_says_with_its_annotations_what_it_takes(
    client: TestClient,
) -> None:
    silent = client.get("/assistants/count/schemas").json()
    assert {"count", None} == set(silent.values())
    with (
        Runtime.open(store=MemoryStore(), workflows=[greet]) as runtime,
        client_of(runtime) as other,
    ):
        schemas = other.get("/assistants/greet/schemas").json()
    wanted, state = schemas["input_schema"], schemas["state_schema"]
    assert {"name": {"type": "string"}} == wanted["$defs"]["Wanted"]["properties"]
    assert {"type": "integer"} == state["additionalProperties"]
    assert state == schemas["output_schema"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "/assistants/count", {"name": "mine"}),
        ("DELETE", "/assistants/count", None),
        ("POST", "/assistants/count/latest", {"version": 1}),
        ("PATCH", "/assistants/34a1e4e5-a1d3-5ab7-9eb3-90e3687600c9", {}),
    ],
)
def test_workflows_are_code_and_not_changed_over_http(
    client: TestClient, method: str, path: str, body: Any
) -> None:
    detail = detail_of(client.request(method, path, json=body), 409)
    assert "the registered workflow 'count'" in detail
    assert "POST /assistants" in detail
