"""Shards as Ray actors: placed, found, killed, hung, fenced, started again."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("ray", reason="needs the extra [cluster]: ray")
pytest.importorskip("psycopg", reason="needs the extra [cluster]: psycopg")

import ray

from tests.cluster.nodes import RayNodes
from tests.cluster.postgres import PostgresServer, needs_postgres
from weft.cluster.errors import ClusterUnreachable
from weft.cluster.line import Line
from weft.cluster.postgres import PostgresStore
from weft.cluster.ray_cluster import ClusterStatus, connect, start, status
from weft.cluster.ray_post import Handles, RayPost
from weft.cluster.ray_shard import ShardSettings
from weft.cluster.reshard import reshard
from weft.cluster.schema import install
from weft.storage import new_id

if TYPE_CHECKING:
    from weft.cluster.cluster_runtime import ClusterRuntime

pytestmark = pytest.mark.timeout(150)

WAIT_S = 60.0

NEVER = threading.Event()


class Fixture:
    """Two shards on one node, and a connection."""

    def __init__(self, server: PostgresServer, nodes: RayNodes) -> None:
        self.server = server
        self.nodes = nodes
        self.dsn = server.database("ray")
        line = Line(self.dsn)
        install(line, 2)
        line.close()
        self.settings = ShardSettings(self.dsn, -1, workflows)
        start(self.settings)
        self.handles = Handles()
        self.post = RayPost(self.handles)
        self.runtime: ClusterRuntime = connect(nodes.address)

    def status(self) -> ClusterStatus:
        return status(self.dsn)

    def until(self, condition: Callable[[ClusterStatus], bool]) -> ClusterStatus:
        """Wait until the cluster is as it should be."""
        deadline_s = time.monotonic() + WAIT_S
        while True:
            found = self.status()
            if len(found.reports) == 2 and condition(found):
                return found
            assert time.monotonic() < deadline_s, found
            NEVER.wait(0.1)

    def session(self, shard: int) -> str:
        slots = self.runtime.store.slot_map()
        while True:
            session_id = new_id()
            if slots.shard_of(session_id) == shard:
                self.runtime.coordinator.create_session(session_id).get(timeout=WAIT_S)
                return session_id

    def create(self, session_id: str, name: str) -> str:
        made = self.runtime.coordinator.create_thread_with_session(session_id, {}, name)
        return str(made.get(timeout=WAIT_S))


def workflows() -> dict[str, Any]:
    return {"default": greet}


def greet(context: Any, config: dict[str, Any]) -> Iterator[dict[str, Any]]:
    del context
    yield {"hello": config.get("name")}


def alive(pid: int) -> bool:
    """Whether a process is there and no zombie of the operating system."""
    try:
        return ") Z" not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


@pytest.fixture(scope="module")
def cluster() -> Iterator[Fixture]:
    """One Ray for all tests of this file: it takes ten seconds to start."""
    needs_postgres()
    with PostgresServer() as server, RayNodes(1) as nodes:
        made = Fixture(server, nodes)
        yield made
        made.runtime.close()


def test_every_shard_has_a_process_of_its_own_and_none_is_on_the_head(
    cluster: Fixture,
) -> None:
    found = cluster.until(lambda _: True)
    assert 2 == len({report.pid for report in found.reports.values()})
    head = cluster.nodes.head_id
    for shard in (0, 1):
        assert head != ray.get(cluster.handles[shard].node.remote(), timeout=WAIT_S)


def test_operations_runs_and_streams_reach_their_shard(cluster: Fixture) -> None:
    here, there = cluster.session(0), cluster.session(1)
    coordinator = cluster.runtime.coordinator
    thread_id = cluster.create(here, "notes")
    run = coordinator.execute_workflow_in_session(here, "notes", {"name": "Ada"})
    assert {"hello": "Ada"} == run.get(timeout=WAIT_S)
    moved = coordinator.transfer_thread_between_sessions(thread_id, here, there)
    assert there == moved.get(timeout=WAIT_S).session_id
    stream = coordinator.stream_workflow_in_session(there, "notes", {"name": "Bob"})
    assert [{"hello": "Bob"}] == list(stream)
    assert [] == cluster.runtime.check().inconsistencies


def test_starting_again_leaves_what_runs_as_it_is(cluster: Fixture) -> None:
    before = {s: r.pid for s, r in cluster.until(lambda _: True).reports.items()}
    assert list(before.values()) == [one.pid for one in start(cluster.settings)]


def test_a_shard_that_is_killed_comes_back_with_its_sessions_under_the_same_handle(
    cluster: Fixture,
) -> None:
    session_id = cluster.session(0)
    first = cluster.create(session_id, "before")
    report = cluster.until(lambda _: True).reports[0]
    os.kill(report.pid, signal.SIGKILL)
    second = cluster.create(session_id, "after")
    found = cluster.until(lambda now: now.reports[0].epoch > report.epoch)
    assert report.pid != found.reports[0].pid
    view = cluster.post.views(0, [session_id], linearizable=True).result(WAIT_S)[0]
    assert {"before": first, "after": second} == view.threads


def test_a_shard_that_hangs_is_killed_by_the_supervisor(cluster: Fixture) -> None:
    session_id = cluster.session(1)
    found = cluster.until(lambda now: now.supervisor is not None)
    assert found.supervisor is not None
    killed = found.supervisor.killed
    before = cluster.runtime.cluster_statistics()
    assert (2, 0) == (before.answering, before.silent)
    os.kill(found.reports[1].pid, signal.SIGSTOP)
    assert 1 == cluster.runtime.cluster_statistics().silent
    cluster.create(session_id, "after")
    found = cluster.until(lambda now: now.supervisor is not None)
    assert found.supervisor is not None
    assert killed < found.supervisor.killed
    after = cluster.runtime.cluster_statistics()
    assert before.takeovers < after.takeovers
    assert (2, 0) == (after.answering, after.silent)


def test_a_process_that_was_fenced_ends_and_does_not_take_the_shard_back(
    cluster: Fixture,
) -> None:
    """Else two of them could take it from each other for ever."""
    session_id = cluster.session(0)
    report = cluster.until(lambda _: True).reports[0]
    rival = PostgresStore(cluster.dsn, shard=0)
    try:
        assert report.epoch + 1 == rival.fence.epoch
        cluster.create(session_id, "after")  # its successor takes it over once more
        cluster.until(lambda now: now.reports[0].epoch > rival.fence.epoch)
        assert not alive(report.pid)
        line = Line(cluster.dsn)
        rows = line.ask("SELECT owner FROM weft_epoch_log ORDER BY shard, epoch")
        line.close()
        assert len(rows) == len(set(rows))  # no process acquired twice
    finally:
        rival.close()


def test_slots_are_moved_while_callers_go_on(cluster: Fixture) -> None:
    session_id = cluster.session(0)
    cluster.create(session_id, "before")
    slots = cluster.runtime.store.slot_map().slots_of(0)
    try:
        assert [0, 1] == reshard(cluster.dsn, slots, 1)
        cluster.create(session_id, "after")
        cluster.until(lambda now: now.slots == {1: 65_536})
        view = cluster.post.views(1, [session_id]).result(WAIT_S)[0]
        assert {"before", "after"} == set(view.threads)
    finally:
        reshard(cluster.dsn, slots, 0)
    cluster.create(session_id, "back")
    assert [] == cluster.runtime.check().inconsistencies


def test_a_shard_that_dies_while_the_database_is_away_waits_for_it(
    cluster: Fixture,
) -> None:
    """A constructor that raised would leave it dead for ever."""
    session_id = cluster.session(0)
    report = cluster.until(lambda _: True).reports[0]
    cluster.server.stop()
    try:
        os.kill(report.pid, signal.SIGKILL)
        NEVER.wait(2.0)  # the new process finds no database
    finally:
        cluster.server.start()
    cluster.create(session_id, "after")
    now = cluster.until(lambda now: now.reports[0].epoch > report.epoch)
    assert report.pid != now.reports[0].pid


def test_a_shard_that_was_killed_for_good_is_made_again(cluster: Fixture) -> None:
    report = cluster.until(lambda _: True).reports[1]
    ray.kill(cluster.handles[1], no_restart=True)
    deadline_s = time.monotonic() + WAIT_S
    while True:
        found = status(cluster.dsn).reports.get(1)
        if found is not None and found.epoch > report.epoch:
            break
        assert time.monotonic() < deadline_s
        NEVER.wait(0.2)
    del cluster.handles[1]


def test_an_address_without_a_ray_is_told(cluster: Fixture) -> None:
    assert cluster.runtime.closed is False
    with pytest.raises(ClusterUnreachable):
        connect("auto", namespace="nobody")
