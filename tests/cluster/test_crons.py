"""Crons before a cluster: two daemons look after them, and one run is started."""

from typing import Any

import pytest

pytest.importorskip("psycopg", reason="needs the extra [cluster]: psycopg")

from tests.cluster.local import LocalCluster, ids_on
from tests.daemon.http.asking import client_of
from tests.daemon.http.cron_support import let_be_due, starting, times, until

(THERE,) = ids_on(1, 2, 1)
DAILY = {"assistant_id": "greet", "schedule": "@daily"}


def greet(_context: Any, _config: Any) -> str:
    return "hello"


def test_two_daemons_start_one_run_of_a_cron(address: str) -> None:
    with LocalCluster(address, 2, {"greet": greet}) as cluster:
        runtime: Any = cluster.runtime
        with client_of(runtime) as one, client_of(runtime) as other:
            thread = {"thread_id": "t", "metadata": {"session_id": THERE}}
            assert 200 == one.post("/threads", json=thread).status_code
            made = one.post("/threads/t/runs/crons", json=DAILY)
            assert 200 == made.status_code, made.text
            let_be_due(runtime, made.json()["cron_id"])
            with starting(one), starting(other):
                until(lambda: times(one, "fired") + times(other, "fired") >= 1)
                until(lambda: one.get("/threads/t").json()["status"] == "idle")
            runs = other.get("/threads/t/runs").json()
            assert [made.json()["cron_id"]] == [
                run["metadata"]["cron_id"] for run in runs
            ]
            (found,) = other.post("/runs/crons/search", json={}).json()
            assert None is found["last_error"]
