"""The runs of crons: whose they are, where they are, and that there is one of each."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.http.asking import ADMIN, ALICE, bearer, client_of, token_file
from tests.daemon.http.cron_support import let_be_due, starting, times, until
from tests.daemon.http.run_support import TIMEOUT_S, count
from weft.actors import Runtime
from weft.daemon.crons import Crons, Progress
from weft.storage import MemoryStore, Run

DAILY = {"assistant_id": "count", "schedule": "@daily", "input": {"by": 2}}


@pytest.fixture
def counting() -> Iterator[Runtime]:
    """Return a runtime that knows a workflow that counts."""
    store, workflows = MemoryStore(), {"count": count}
    with Runtime.open(store=store, workflows=workflows) as opened:
        yield opened


def first_run(runtime: Runtime, is_it: Callable[[Run], bool]) -> Run:
    """Return the first run that is like this, once it has ended."""
    for record in runtime.events(0, timeout_s=TIMEOUT_S):
        for thread_id in record.thread_ids:
            with runtime.store.read() as snapshot:
                found = [run for run in snapshot.runs(thread_id) if is_it(run)]
            if found and found[0].finished_at_us is not None:
                return found[0]
    raise AssertionError


def test_a_run_of_a_cron_has_what_was_asked_for(counting: Runtime) -> None:
    with client_of(counting) as client:
        body = {**DAILY, "metadata": {"a": 1}, "on_run_completed": "keep"}
        cron = client.post("/runs/crons", json=body).json()
        let_be_due(counting, cron["cron_id"])
        with starting(client):
            run = first_run(counting, lambda run: run.workflow == "count")
        path = f"/threads/{run.thread_id}/runs/{run.run_id}"
        shown = client.get(path).json()
        assert {"a": 1, "cron_id": cron["cron_id"]} == shown["metadata"]
        assert "success" == shown["status"]
        state = client.get(f"/threads/{run.thread_id}/state").json()
        assert 2 == state["values"]["n"]
        (after,) = client.post("/runs/crons/search", json={}).json()
        assert cron["next_run_date"] == after["next_run_date"]
        assert (1, 0) == (times(client, "fired"), times(client, "failed"))
        assert "weft_cron_lag_seconds_count 1" in client.get("/metrics").text


def test_a_thread_that_is_not_kept_is_one_that_goes(counting: Runtime) -> None:
    with client_of(counting) as client:
        cron_id = client.post("/runs/crons", json=DAILY).json()["cron_id"]
        let_be_due(counting, cron_id)
        with starting(client):
            run = first_run(counting, lambda run: run.workflow == "count")
        thread = client.get(f"/threads/{run.thread_id}").json()
        assert "stateless" == thread["metadata"]["session_id"]


def test_a_crash_before_it_is_remembered_starts_no_second_run(
    counting: Runtime,
) -> None:
    with client_of(counting) as client:
        client.post("/threads", json={"thread_id": "t"})
        cron = client.post("/threads/t/runs/crons", json=DAILY).json()
        let_be_due(counting, cron["cron_id"])
        with starting(client):
            first = first_run(counting, lambda run: run.thread_id == "t")
        asyncio.run(Crons(counting.coordinator).advance(cron["cron_id"], Progress()))
    with client_of(counting) as client, starting(client):
        until(lambda: times(client, "fired") == 1)
        runs = client.get("/threads/t/runs").json()
        assert [first.run_id] == [run["run_id"] for run in runs]


def test_the_runs_of_an_owners_cron_are_that_owners(
    counting: Runtime, tmp_path: Path
) -> None:
    with client_of(counting, token_file(tmp_path)) as client:
        headers = bearer(ALICE)
        body = {**DAILY, "on_run_completed": "keep"}
        made = client.post("/runs/crons", json=body, headers=headers)
        let_be_due(counting, made.json()["cron_id"])
        with starting(client):
            run = first_run(counting, lambda run: run.workflow == "count")
        path = f"/threads/{run.thread_id}"
        session_id = client.get(path, headers=headers).json()["metadata"]["session_id"]
        session = client.get(f"/sessions/{session_id}", headers=headers).json()
        assert "alice" == session["user_id"]


def test_a_cron_ends_when_its_thread_is_given_to_somebody_else(
    counting: Runtime, tmp_path: Path
) -> None:
    with client_of(counting, token_file(tmp_path)) as client:
        alice, admin = bearer(ALICE), bearer(ADMIN)
        client.post("/threads", json={"thread_id": "t"}, headers=alice)
        made = client.post("/threads/t/runs/crons", json=DAILY, headers=alice)
        let_be_due(counting, made.json()["cron_id"])
        body: dict[str, Any] = {"session_id": "bobs", "user_id": "bob"}
        client.post("/sessions", json=body, headers=admin)
        moved = client.post(
            "/threads/t/transfer", json={"to_session_id": "bobs"}, headers=admin
        )
        assert 200 == moved.status_code, moved.text
        with starting(client):
            until(lambda: times(client, "failed", admin) == 1)
        assert [] == client.get("/threads/t/runs", headers=admin).json()
        found = client.post("/runs/crons/search", json={}, headers=admin)
        assert [] == found.json()
