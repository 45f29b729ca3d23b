"""A thread's events in the protocol's third version while shards are killed -9.

The processes are Ray's; the daemon is in this one.
"""

import os
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("ray", reason="needs the extra [cluster]: ray")
pytest.importorskip("psycopg", reason="needs the extra [cluster]: psycopg")

from tests.cluster.nodes import RayNodes
from tests.cluster.postgres import PostgresServer, needs_postgres
from tests.cluster.served import HERE, WAIT_S, check_growing, daemon_before, until
from tests.daemon.http.event_support import EVENTS, shown, started, wanted
from tests.daemon.http.listening import Heard
from tests.daemon.http.run_support import Client
from weft.actors import ExecutionContext
from weft.cluster.line import Line
from weft.cluster.ray_cluster import connect, start, status
from weft.cluster.ray_shard import ShardSettings
from weft.cluster.schema import install

pytestmark = [pytest.mark.long, pytest.mark.timeout(240)]

LAST = 200
COMPLETED = ("lifecycle", "completed")


def walk(context: ExecutionContext, config: dict[str, Any]) -> Iterator[Any]:
    """Say what comes next, and then do it."""
    del config
    for n in range((context.state or {}).get("n", 0) + 1, LAST + 1):
        context.emit({"next": n})
        threading.Event().wait(0.02)
        yield {"n": n}


def workflows() -> dict[str, Any]:
    """Return what the shards run."""
    return {"default": walk}


@pytest.fixture
def places() -> Iterator[tuple[str, str]]:
    """Return the address of a Ray with two shards, and that of their database."""
    needs_postgres()
    with PostgresServer() as server, RayNodes(1) as nodes:
        dsn = server.database("events")
        line = Line(dsn)
        install(line, 2)
        line.close()
        start(ShardSettings(dsn, -1, workflows))
        yield nodes.address, dsn


def test_a_reader_hears_each_state_once_and_what_is_missing_while_shards_die(
    places: tuple[str, str],
) -> None:
    address, dsn = places
    runtime: Any = connect(address, workflows=workflows())
    told: list[Heard] = []
    with (
        runtime,
        daemon_before(runtime) as url,
        Client(base_url=url, timeout=WAIT_S) as client,
    ):
        client.post("/sessions", json={"session_id": HERE}).raise_for_status()
        threads = {"threads": [{"name": "t", "thread_id": "t"}]}
        client.post(f"/sessions/{HERE}/threads", json=threads).raise_for_status()
        with client.events("POST", EVENTS, **wanted()) as events:
            started(client, "default")
            for n in (10, 60, 110):
                told += until(events, ("values", {"n": n}))
                os.kill(pid_of_shard(dsn), signal.SIGKILL)
            told += until(events, COMPLETED)
        check(told)
        for event in told[::70]:
            since = event.data["seq"]
            with client.events("POST", EVENTS, **wanted(since=since)) as events:
                rest = durable(until(events, COMPLETED))
            at = told.index(event) + 1
            assert durable(told[at:]) == rest


def pid_of_shard(dsn: str) -> int:
    """Return the process of the first shard, once it answers."""
    deadline_s = time.monotonic() + WAIT_S
    while 0 not in (reports := status(dsn).reports):
        assert time.monotonic() < deadline_s, "it is not made again"
    return reports[0].pid


def durable(events: list[Heard]) -> list[Heard]:
    return [one for one in events if one.event in {"values", "updates"}]


def check(told: list[Heard]) -> None:
    """See that all is there, or is told to be missing."""
    whole = [one for one in told if one.event != "gap"]
    check_growing(whole)
    values = [shown(one)[1]["n"] for one in whole if one.event == "values"]
    assert [*range(1, LAST + 1)] == values
    said = [shown(one)[1]["payload"]["next"] for one in told if one.event == "custom"]
    assert said == sorted(said)
    assert len(told) - len(whole) >= 3, "each time something may be missing"
