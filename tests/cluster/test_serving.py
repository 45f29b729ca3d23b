"""The daemon's HTTP face on a cluster: what it does, and what it says it does not."""

from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("psycopg", reason="needs the extra [cluster]: psycopg")

from starlette.testclient import TestClient

from tests.cluster.local import LocalCluster, ids_on
from tests.daemon.http.asking import client_of

(HERE,) = ids_on(0, 2, 1)
(THERE,) = ids_on(1, 2, 1)


def greet(context: Any, config: dict[str, Any]) -> Iterator[dict[str, Any]]:
    del context
    yield {"hello": config.get("name"), "step": 1}
    yield {"hello": config.get("name"), "step": 2}


@pytest.fixture
def client(address: str) -> Iterator[TestClient]:
    """A client of a daemon before two shards, with a session on each."""
    with LocalCluster(address, 2, {"default": greet}) as cluster:
        runtime: Any = cluster.runtime
        with client_of(runtime) as opened:
            for session_id in (HERE, THERE):
                made = opened.post("/sessions", json={"session_id": session_id})
                assert 201 == made.status_code
            yield opened


def names(client: TestClient, session_id: str) -> list[str]:
    found = client.get(f"/sessions/{session_id}/threads").json()["threads"]
    return [thread["thread_name"] for thread in found]


def test_sessions_threads_transfers_batches_and_runs_are_served(
    client: TestClient,
) -> None:
    new = {"threads": [{"name": "notes", "thread_id": "t1"}, {"name": "chat"}]}
    assert 201 == client.post(f"/sessions/{HERE}/threads", json=new).status_code
    moved = client.post("/threads/t1/transfer", json={"to_session_id": THERE})
    assert 200 == moved.status_code, moved.text
    assert ["chat"] == names(client, HERE)
    assert ["notes"] == names(client, THERE)
    ran = client.post(
        "/threads/t1/runs/wait", json={"assistant_id": "default", "input": {"name": 1}}
    )
    assert {"hello": 1, "step": 2} == ran.json()
    with client.stream(
        "POST", "/threads/t1/runs/stream", json={"assistant_id": "default", "input": {}}
    ) as stream:
        text = "".join(stream.iter_text())
    assert '"step":2' in text.replace(" ", "")


def test_check_metrics_and_probes_answer_for_the_cluster(client: TestClient) -> None:
    assert 200 == client.get("/livez").status_code
    assert 200 == client.get("/readyz").status_code
    page = client.get("/metrics").text
    assert 'weft_cluster_shards{condition="answering"} 2.0' in page
    assert 'weft_sessions{status="open"}' in page


def test_operations_are_listed_and_repeated_under_their_key(
    client: TestClient,
) -> None:
    new = {"threads": [{"name": "notes", "thread_id": "t1"}]}
    key = {"Idempotency-Key": "once"}
    asked = f"/sessions/{THERE}/threads"
    first = client.post(asked, json=new, headers=key)
    assert (first.status_code, first.json()) == (
        201,
        client.post(asked, json=new, headers=key).json(),
    )
    listed = client.get("/operations", params={"thread_id": "t1"}).json()
    assert ["CreateThreads"] == [one["kind"] for one in listed["operations"]]


def test_threads_are_found_by_age_over_all_shards(client: TestClient) -> None:
    """Each shard has numbers of its own, so they tell nothing of age."""
    for number in range(6):
        new = {"threads": [{"name": f"t{number}", "thread_id": f"t{number}"}]}
        path = f"/sessions/{(THERE, HERE)[number % 2]}/threads"
        assert 201 == client.post(path, json=new).status_code
    for order, expected in (("asc", "012345"), ("desc", "543210")):
        wanted = {"sort_by": "created_at", "sort_order": order}
        found = client.post("/threads/search", json=wanted).json()
        assert [f"t{n}" for n in expected] == [one["thread_id"] for one in found]
