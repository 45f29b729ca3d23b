"""A shard is taken out of service, under load, and comes back when it is wanted."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import msgspec
import pytest

pytest.importorskip("ray", reason="needs the extra [cluster]: ray")
pytest.importorskip("psycopg", reason="needs the extra [cluster]: psycopg")

from tests.cluster.chaos_client import Client
from tests.cluster.nodes import RayNodes
from tests.cluster.postgres import PostgresServer, needs_postgres
from weft.cluster.cluster_runtime import ClusterRuntime
from weft.cluster.drain import drain_slots
from weft.cluster.line import Line
from weft.cluster.ray_cluster import connect, start, status
from weft.cluster.ray_shard import ShardSettings
from weft.cluster.reader import PostgresReader
from weft.cluster.reshard import reshard
from weft.cluster.schema import install
from weft.cluster.shard_store import ShardStore
from weft.cluster.slots import SLOTS
from weft.cluster.supervisor import INTERVAL_S
from weft.daemon.main import run
from weft.storage import InvalidArgument
from weft.storage.check import check

pytestmark = pytest.mark.timeout(150)

SHARDS = 3
SESSIONS = [f"session-{n}" for n in range(9)]
WAIT_S = 60.0

NEVER = threading.Event()


@pytest.fixture
def dsn(address: str) -> str:
    """A database with three shards that nobody runs."""
    line = Line(address)
    install(line, SHARDS)
    line.close()
    return address


@pytest.fixture(scope="module")
def started() -> Iterator[str]:
    """The database of three shards that run on a node."""
    needs_postgres()
    with PostgresServer() as server, RayNodes(1):
        address = server.database("drained")
        line = Line(address)
        install(line, SHARDS)
        line.close()
        start(ShardSettings(address, -1))
        yield address


def test_all_slots_of_a_drained_shard_go_round_among_the_others(dsn: str) -> None:
    assert {0: SLOTS // 2, 2: SLOTS // 2} == drain_slots(dsn, 1).counts()
    reader = PostgresReader(dsn)
    rows = reader.shards()
    reader.close()
    assert [1, 1, 1] == [row.epoch for row in rows], "each was fenced once"
    assert 3 == len({row.log for row in rows} - {0, 1, 2}), "each has a new log"


def test_who_keeps_retention_for_all_is_another_when_that_one_is_drained(
    dsn: str,
) -> None:
    def keepers() -> list[bool]:
        found = []
        for shard in range(SHARDS):
            store = ShardStore(dsn, shard=shard, on_defect=print)
            found.append(store.slots.keeper == shard)
            store.close()
        return found

    assert [True, False, False] == keepers()
    drain_slots(dsn, 0)
    assert [False, True, False] == keepers()


def test_one_that_is_drained_already_is_left_alone_and_so_are_the_others(
    dsn: str,
) -> None:
    first = drain_slots(dsn, 1)
    assert first == drain_slots(dsn, 1)
    reader = PostgresReader(dsn)
    assert {1} == {row.epoch for row in reader.shards()}
    reader.close()


def test_the_last_shard_and_one_that_is_not_there_are_refused(dsn: str) -> None:
    for shard in (0, 2):
        drain_slots(dsn, shard)
    with pytest.raises(InvalidArgument, match="the last one"):
        drain_slots(dsn, 1)
    with pytest.raises(InvalidArgument, match="no shard 7"):
        drain_slots(dsn, 7)
    reader = PostgresReader(dsn)
    assert {1: SLOTS} == reader.slot_map().counts()
    reader.close()


def rows_of_status(dsn: str, capsys: pytest.CaptureFixture[str]) -> list[Any]:
    """Return what the command says once all answer: a busy one may take its time."""
    deadline_s = time.monotonic() + WAIT_S
    while 0 != run(["cluster", "status", "--dsn", dsn, "-o", "json"]):
        assert time.monotonic() < deadline_s, capsys.readouterr().out
        capsys.readouterr()
        NEVER.wait(0.5)
    rows: list[Any] = msgspec.json.decode(capsys.readouterr().out)["shards"]
    return rows


def test_a_shard_is_drained_under_load_stays_away_and_comes_back(
    started: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with under_load() as (runtime, clients):
        assert 0 != run(["cluster", "drain", "7", "--dsn", started, "--yes"])
        assert "no shard 7" in capsys.readouterr().err
        assert 0 == run(["cluster", "drain", "1", "--dsn", started, "--yes"])
        assert "0, 2" in capsys.readouterr().out
        rows = rows_of_status(started, capsys)
        assert [(False, True), (True, False), (False, True)] == [
            (row["drained"], row["answers"]) for row in rows
        ]
        assert 2 == rows[1]["epoch"], "nobody has taken it over since"
        statistics = runtime.cluster_statistics()
        assert (2, 0) == (statistics.answering, statistics.silent)
        go_on(clients)
        NEVER.wait(3 * INTERVAL_S)  # the supervisor looks, and leaves it as it is
        assert [0, 2] == sorted(status(started).reports)
        reshard(started, runtime.store.slot_map().slots_of(0), 1)
        start(ShardSettings(started, -1))
        go_on(clients)
        assert {1, 2} == status(started).reports.keys() - {0}
    assert [Counter()] * len(clients) == [client.failed for client in clients]
    expected = {
        thread: session
        for client in clients
        for thread, session in client.where.items()
        if session is not None
    }
    reader = PostgresReader(started)
    with reader.read() as snapshot:
        found = {
            thread: session
            for session in SESSIONS
            for thread in dict(snapshot.names(session))
        }
        assert expected == found
        assert [] == check(snapshot).inconsistencies
    reader.close()


@contextmanager
def under_load() -> Generator[tuple[ClusterRuntime, list[Client]]]:
    """Have clients change threads of all shards, until the end of a with block."""
    with connect("auto") as runtime:
        for session_id in SESSIONS:
            runtime.coordinator.create_session(session_id).get(timeout=WAIT_S)
        clients = [Client(number, 1, runtime, SESSIONS) for number in range(3)]
        for client in clients:
            client.start()
        try:
            yield runtime, clients
        finally:
            for client in clients:
                client.stopping.set()
                client.join(WAIT_S)


def go_on(clients: list[Client]) -> None:
    """Wait until each client has been answered some more times."""
    for client in clients:
        until(partial(has_done, client, client.operations + 20))


def has_done(client: Client, operations: int) -> bool:
    return client.operations >= operations


def until(condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline_s
        NEVER.wait(0.05)
