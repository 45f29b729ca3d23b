"""States of a plain workflow's threads: each is a checkpoint, and none is lost."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.daemon.http.asking import detail_of
from tests.daemon.http.count_workflow import runtime_that_counts
from weft.actors import Runtime

runtime = pytest.fixture(runtime_that_counts)


@pytest.fixture
def thread(client: TestClient, runtime: Runtime) -> str:
    """Have a thread count to three; return its path."""
    metadata = {"graph_id": "count"}
    client.post("/threads", json={"thread_id": "t", "metadata": metadata})
    runtime.thread("t").run({"by": 3}).get(timeout=5)
    return "/threads/t"


def history(client: TestClient, thread: str, **query: Any) -> list[Any]:
    found: list[Any] = client.post(f"{thread}/history", json=query).json()
    return found


def test_a_thread_without_states_shows_an_empty_one(client: TestClient) -> None:
    client.post("/threads", json={"thread_id": "t"})
    state = client.get("/threads/t/state").json()
    assert ({}, [], [], None, None) == (
        state["values"],
        state["next"],
        state["tasks"],
        state["created_at"],
        state["parent_checkpoint"],
    )
    assert ("t", "", None) == tuple(
        state["checkpoint"][name]
        for name in ("thread_id", "checkpoint_ns", "checkpoint_id")
    )
    assert [] == client.get("/threads/t/history").json()


def test_each_state_is_a_checkpoint_with_its_parent(
    client: TestClient, thread: str
) -> None:
    states = history(client, thread)
    assert [{"n": 3}, {"n": 2}, {"n": 1}] == [state["values"] for state in states]
    parents = [state["parent_checkpoint"] for state in states]
    assert [*(state["checkpoint"] for state in states[1:]), None] == parents
    assert states[0] == client.get(f"{thread}/state").json()
    for state in states:
        at = state["checkpoint"]["checkpoint_id"]
        assert state == client.get(f"{thread}/state/{at}").json()
        body = {"checkpoint": state["checkpoint"]}
        assert state == client.post(f"{thread}/state/checkpoint", json=body).json()


def test_history_comes_in_pages(client: TestClient, thread: str) -> None:
    first = history(client, thread, limit=2)
    assert [3, 2] == [state["values"]["n"] for state in first]
    before = first[-1]["checkpoint"]
    for start in (before, before["checkpoint_id"]):
        rest = history(client, thread, before=start)
        assert [1] == [state["values"]["n"] for state in rest]
    page = client.get(
        f"{thread}/history", params={"limit": 1, "before": before["checkpoint_id"]}
    )
    assert [1] == [state["values"]["n"] for state in page.json()]


def test_history_is_filtered_by_metadata(client: TestClient, thread: str) -> None:
    client.post(f"{thread}/state", json={"values": {"n": 9}})
    wanted = {"source": "update"}
    found = history(client, thread, metadata=wanted)
    assert [9] == [state["values"]["n"] for state in found]
    assert [3, 2] == [
        state["values"]["n"]
        for state in history(client, thread, metadata={"source": "loop"}, limit=2)
    ]


def test_only_selected_fields_are_shown(client: TestClient, thread: str) -> None:
    client.post(f"{thread}/state", json={"values": {"m": [1]}})
    path = f"{thread}/state"
    assert {"values": {"m": [1], "n": 3}} == client.get(f"{path}?select=values").json()
    one = client.get(path, params={"select": ["values.m", "next", "values.none"]})
    assert {"values": {"m": [1]}, "next": []} == one.json()
    many = history(client, thread, select=["values.n"], limit=2)
    assert [{"values": {"n": 3}}] * 2 == many


@pytest.mark.parametrize("wrong", ["9-x", "2-somebody", "nonsense"])
def test_a_checkpoint_that_is_not_there_is_not_found(
    client: TestClient, thread: str, wrong: str
) -> None:
    for answer in (
        client.get(f"{thread}/state/{wrong}"),
        client.post(
            f"{thread}/state/checkpoint",
            json={"checkpoint": {"checkpoint_id": wrong}},
        ),
        client.post(f"{thread}/state", json={"values": {}, "checkpoint_id": wrong}),
        client.post(f"{thread}/history", json={"before": wrong}),
    ):
        assert f"no checkpoint '{wrong}'" in detail_of(answer, 404)


def test_an_update_by_hand_is_the_next_runs_beginning(
    client: TestClient, runtime: Runtime, thread: str
) -> None:
    update = {"values": {"n": 40}, "as_node": "count"}
    made = client.post(f"{thread}/state", json=update).json()
    state = client.get(f"{thread}/state").json()
    assert made["checkpoint"] == state["checkpoint"]
    about = {"source": "update", "as_node": "count", "step": 4, "thread_id": "t"}
    assert about == state["metadata"]
    assert {"n": 42} == runtime.thread("t").run({"by": 2}).get(timeout=5)


def test_an_update_replaces_the_keys_it_has(client: TestClient, thread: str) -> None:
    client.post(f"{thread}/state", json={"values": {"m": 1}})
    assert {"n": 3, "m": 1} == client.get(f"{thread}/state").json()["values"]
    client.post(f"{thread}/state", json={"values": [1, 2]})
    assert [1, 2] == client.get(f"{thread}/state").json()["values"]


def test_a_command_is_for_graphs(client: TestClient, thread: str) -> None:
    answer = client.post(f"{thread}/state", json={"command": {"goto": "count"}})
    assert "no graph" in detail_of(answer, 422)
    steps = [{"updates": [{"command": {"goto": "count"}}]}]
    answer = client.post("/threads", json={"thread_id": "u", "supersteps": steps})
    assert "no graph" in detail_of(answer, 422)
    assert 3 == len(history(client, thread))


def test_an_update_of_the_past_is_a_fork(
    client: TestClient, runtime: Runtime, thread: str
) -> None:
    first = history(client, thread)[-1]["checkpoint"]
    update = {"values": {"m": 1}, "checkpoint": first}
    client.post(f"{thread}/state", json=update)
    state = client.get(f"{thread}/state").json()
    assert {"n": 1, "m": 1} == state["values"]
    assert ("fork", first) == (state["metadata"]["source"], state["parent_checkpoint"])
    assert {"n": 2} == runtime.thread("t").run().get(timeout=5)


def test_a_busy_thread_is_not_updated(
    client: TestClient, runtime: Runtime, thread: str
) -> None:
    run = runtime.thread("t").start_run({"by": 10**9}).get(timeout=5)
    answer = client.post(f"{thread}/state", json={"values": {"n": 0}})
    assert (409, "ThreadBusy") == (answer.status_code, answer.json()["code"])
    assert ["count"] == client.get(f"{thread}/state").json()["next"]
    runtime.coordinator.cancel_run(run.run_id).get(timeout=5)


def test_updates_that_meet_lose_nothing(client: TestClient, thread: str) -> None:
    def update(n: int) -> int:
        values = {f"k{n}": n}
        return client.post(f"{thread}/state", json={"values": values}).status_code

    with ThreadPoolExecutor(4) as pool:
        assert {200} == set(pool.map(update, range(16)))
    values = client.get(f"{thread}/state").json()["values"]
    assert {"n": 3, **{f"k{n}": n for n in range(16)}} == values


def test_a_repeated_update_is_made_once(client: TestClient, thread: str) -> None:
    key = {"Idempotency-Key": "once"}
    made = [
        client.post(f"{thread}/state", json={"values": {"m": 1}}, headers=key).json()
        for _ in range(2)
    ]
    assert made[0] == made[1]
    assert 4 == len(history(client, thread))


def test_of_a_thread_that_is_not_there_is_no_state(client: TestClient) -> None:
    for path in ("state", "state/1-x", "history"):
        assert 404 == client.get(f"/threads/none/{path}").status_code
