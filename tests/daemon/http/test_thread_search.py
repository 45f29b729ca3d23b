"""Searching threads: the right ones, once each, in order."""

from datetime import datetime
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.daemon.http.asking import detail_of
from tests.daemon.http.count_workflow import runtime_that_counts
from weft.actors import Runtime
from weft.storage import WorkflowExecutionError

runtime = pytest.fixture(runtime_that_counts)


@pytest.fixture(autouse=True)
def threads(client: TestClient, runtime: Runtime) -> None:
    """Create four threads in two sessions; ``c`` was run and ``d`` has failed."""
    of = {"a": "s", "b": "s", "c": "u", "d": "u"}
    for n, (thread_id, session_id) in enumerate(of.items()):
        metadata = {
            "graph_id": "count",
            "session_id": session_id,
            "odd": bool(n % 2),
            "deep": {"n": n, "tags": ["x", thread_id]},
        }
        client.post("/threads", json={"thread_id": thread_id, "metadata": metadata})
    runtime.thread("c").run({"by": 3}).get(timeout=5)
    with pytest.raises(WorkflowExecutionError, match="str"):
        runtime.thread("d").run({"by": "many"}).get(timeout=5)


def found(client: TestClient, **wanted: Any) -> str:
    answer = client.post("/threads/search", json=wanted)
    assert 200 == answer.status_code, answer.text
    return "".join(thread["thread_id"] for thread in answer.json())


@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        ({}, "dcba"),
        ({"metadata": {"odd": True}}, "db"),
        ({"metadata": {"deep": {"tags": ["b"]}}}, "b"),
        ({"metadata": {"session_id": "s"}}, "ba"),
        ({"metadata": {"session_id": "nobody"}}, ""),
        ({"metadata": {"session_id": "u", "odd": False}}, "c"),
        ({"metadata": {"none": None}}, ""),
        ({"values": {"n": 3}}, "c"),
        ({"values": {"n": 4}}, ""),
        ({"status": "error"}, "d"),
        ({"status": "idle"}, "cba"),
        ({"ids": ["a", "d", "a", "gone"]}, "da"),
        ({"ids": []}, ""),
        ({"limit": 2}, "dc"),
        ({"limit": 2, "offset": 3}, "a"),
        ({"offset": 4}, ""),
        ({"sort_by": "thread_id", "sort_order": "asc"}, "abcd"),
        ({"sort_by": "created_at", "sort_order": "asc", "limit": 1}, "a"),
        ({"sort_by": "status", "sort_order": "asc", "limit": 1}, "d"),
        ({"sort_by": "updated_at"}, "dcba"),
    ],
)
def test_the_threads_that_match_are_found(
    client: TestClient, wanted: dict[str, Any], ids: str
) -> None:
    assert ids == found(client, **wanted)


@pytest.mark.parametrize(
    ("wanted", "number"),
    [
        ({}, 4),
        ({"status": "error"}, 1),
        ({"status": "busy"}, 0),
        ({"metadata": {"odd": True}}, 2),
        ({"values": {"n": 3}}, 1),
    ],
)
def test_they_are_counted(
    client: TestClient, wanted: dict[str, Any], number: int
) -> None:
    assert number == client.post("/threads/count", json=wanted).json()


def test_pages_have_every_thread_once(client: TestClient) -> None:
    pages, at = "", "0"
    for _ in range(4):
        body = {"limit": 3, "offset": int(at)}
        answer = client.post("/threads/search", json=body)
        pages += "".join(thread["thread_id"] for thread in answer.json())
        at = answer.headers.get("x-pagination-next", "")
        if not at:
            break
    assert "dcba" == pages


def test_only_selected_fields_are_shown(client: TestClient) -> None:
    body = {"select": ["thread_id", "status"], "limit": 1}
    assert [{"thread_id": "d", "status": "error"}] == client.post(
        "/threads/search", json=body
    ).json()
    assert {"values", "metadata"} <= client.post(
        "/threads/search", json={"select": []}
    ).json()[0].keys()


def test_new_metadata_change_a_thread_and_not_when_its_state_changed(
    client: TestClient, runtime: Runtime
) -> None:
    client.patch("/threads/a", json={"metadata": {"title": "new"}})
    assert "a" == found(client, sort_by="updated_at", limit=1)
    assert "cdba" == found(client, sort_by="state_updated_at")
    shown = client.get("/threads/c").json()
    state = runtime.thread("c").state().get(timeout=5)
    assert state is not None
    assert state.created_at == datetime.fromisoformat(shown["state_updated_at"])
    never = client.get("/threads/a").json()
    assert never["created_at"] == never["state_updated_at"] < never["updated_at"]


def test_values_are_shown_and_extracted(client: TestClient) -> None:
    extract = {
        "n": "values.n",
        "tag": "metadata.deep.tags[-1]",
        "none": "values.none[0]",
    }
    body = {"ids": ["c"], "select": ["thread_id"], "extract": extract}
    (thread,) = client.post("/threads/search", json=body).json()
    assert {"n": 3, "tag": "c", "none": None} == thread["extracted"]
    (thread,) = client.post("/threads/search", json={"ids": ["c"]}).json()
    assert {"n": 3} == thread["values"]
    assert "extracted" not in thread


@pytest.mark.parametrize(
    ("wanted", "path"),
    [
        ({"extract": {"x": "a..b"}}, "$.extract.x"),
        ({"extract": {str(n): "a" for n in range(11)}}, "$.extract"),
        ({"limit": 0}, "$.limit"),
        ({"limit": 1001}, "$.limit"),
        ({"offset": -1}, "$.offset"),
        ({"status": "lost"}, "$.status"),
        ({"sort_by": "beauty"}, "$.sort_by"),
        ({"select": ["values", "beauty"]}, "$.select[1]"),
        ({"extract": {"x": "beauty.n"}}, "$.extract.x"),
        ({"extract": {"x": "[0]"}}, "$.extract.x"),
    ],
)
def test_what_cannot_be_searched_is_refused_with_its_path(
    client: TestClient, wanted: dict[str, Any], path: str
) -> None:
    assert path in detail_of(client.post("/threads/search", json=wanted), 422)
