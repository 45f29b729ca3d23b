"""``weft serve --cluster`` as people run it: its own process, Ray and PostgreSQL.

Driven by LangGraph's own client and by Weft's; killed, and started again.
"""

import signal
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from itertools import islice
from typing import Any, NamedTuple

import pytest

pytest.importorskip("ray", reason="needs the extra [cluster]: ray")
pytest.importorskip("psycopg", reason="needs the extra [cluster]: psycopg")

from langgraph_sdk import get_sync_client

from tests.cluster.local import ids_on
from tests.cluster.nodes import RayNodes
from tests.cluster.postgres import PostgresServer, needs_postgres
from tests.daemon.child import first_line, weft
from tests.daemon.http.run_support import TIMEOUT_S
from weft.daemon.client import Client, connect
from weft.daemon.main import run

pytestmark = pytest.mark.timeout(150)

APP = "tests.daemon.http.run_app:workflows"
ANN, BOB = (ids_on(shard, 2, 1)[0] for shard in (0, 1))


@pytest.fixture(scope="module")
def ray() -> Iterator[str]:
    """Return the address of a Ray with two shards, started by the command line."""
    needs_postgres()
    with PostgresServer() as server, RayNodes(1) as nodes:
        dsn = server.database("served")
        assert 0 == run(["cluster", "init", "--dsn", dsn, "--shards", "2"])
        where = ["--dsn", dsn, "--address", nodes.address]
        assert 0 == run(["cluster", "start", *where, "--app", APP])
        assert 0 == run(["cluster", "status", *where])
        yield nodes.address


class Daemon(NamedTuple):
    """A daemon in a process of its own, and clients of it."""

    sdk: Any
    client: Client
    kill: Any


@contextmanager
def serving(ray: str) -> Generator[Daemon]:
    where = ("--cluster", ray, "--app", APP, "--listen", "127.0.0.1:0")
    with weft("serve", *where) as child:
        words = first_line(child).split()
        url = next(word for word in words if word.startswith("http://"))

        def kill() -> int:
            child.send_signal(signal.SIGKILL)
            return child.wait(TIMEOUT_S)

        sdk = get_sync_client(url=url)
        with connect(url) as client, closing(sdk.http.client):
            yield Daemon(sdk, client, kill)


def test_a_daemon_before_a_cluster_is_driven_killed_and_started_again(ray: str) -> None:
    steps = {"input": {"to": 3}, "stream_mode": "values"}
    with serving(ray) as daemon:
        coordinator = daemon.client.coordinator
        for session_id in (ANN, BOB):
            coordinator.create_session(session_id).get(timeout=TIMEOUT_S)
        daemon.sdk.threads.create(thread_id="t", metadata={"session_id": ANN})
        assert {"n": 3} == daemon.sdk.runs.wait("t", "steps", input={"to": 3})
        moved = daemon.client.thread("t").transfer_to(BOB).get(timeout=TIMEOUT_S)
        assert BOB == moved.session_id
        parts = daemon.sdk.runs.stream("t", "steps", **(steps | {"input": {"to": 5}}))
        assert [4, 5] == [part.data["n"] for part in parts if part.event == "values"]
        with daemon.client.events(timeout_s=TIMEOUT_S) as events:
            first = [next(events) for _ in range(4)]
            place = events.cursor
        daemon.sdk.threads.create(thread_id="late", metadata={"session_id": ANN})
        long = daemon.sdk.runs.create("late", "steps", input={"to": 400})
        assert -signal.SIGKILL == daemon.kill()

    with serving(ray) as daemon:
        history = daemon.sdk.threads.get_history("t", limit=10)
        assert [5, 4, 3, 2, 1] == [state["values"]["n"] for state in history]
        thread = daemon.sdk.threads.get("t")
        assert BOB == thread["metadata"]["session_id"]
        # Runs are the shards', and do not notice that a daemon was killed.
        daemon.sdk.runs.join("late", long["run_id"])
        assert "success" == daemon.sdk.runs.get("late", long["run_id"])["status"]
        report = daemon.client.coordinator.list_threads(ANN).get(timeout=TIMEOUT_S)
        assert ["late"] == [one.thread_id for one in report]
        everything = daemon.client.coordinator.list_operations(limit=1000)
        applied = [one.seq for one in everything.get(timeout=TIMEOUT_S) if one.seq]
        with daemon.client.events(place, timeout_s=TIMEOUT_S) as events:
            rest = list(islice(events, len(applied) - len(first)))
        assert sorted(applied) == sorted(one.seq or 0 for one in [*first, *rest])
