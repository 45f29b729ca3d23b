"""A cluster under load while it is broken, and what must be true of it afterwards.

Clients create, move and remove threads, alone and in batches over shards, and write
down what was acknowledged. Every shard writes threads of its own as well, without being
asked: a process that has been replaced and does not know it goes on writing, and only
the fence stops it. (Clients alone do not show that: they are led to the successor.)
"""

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, Self

import msgspec
import psycopg

from tests.cluster.chaos_client import ANSWER_S, Client, beat
from tests.cluster.nodes import RayNodes
from tests.cluster.postgres import PostgresServer
from weft.cluster.line import Line
from weft.cluster.ray_cluster import connect, start
from weft.cluster.ray_post import Handles, RayPost
from weft.cluster.ray_shard import ShardSettings
from weft.cluster.reshard import reshard
from weft.cluster.schema import install
from weft.cluster.shard import ShardReport

__all__ = ["FAULTS", "Chaos", "Verdict", "beat"]

SESSIONS: Final = 60
RECOVERY_S: Final = 90.0

_NEVER: Final = threading.Event()


class Verdict(msgspec.Struct):
    """What was found after the chaos.

    Attributes:
        operations: that clients had acknowledged.
        failed: that clients got a definite error for; none is expected.
        threads: that were acknowledged and not removed since.
        misplaced: threads that are not where their last acknowledgement says.
        twice: threads in the memory of two sessions.
        differing: sessions whose memory differs from the database.
        zombie_commits: heartbeats that were made after their epoch was over.
        zombies: shards that made them.
        takeovers: of shards, the first ones included.
        inconsistencies: what the check of the database found.
        faults: what was done, and after how many seconds all shards answered again.
    """

    operations: int = 0
    failed: Counter[str] = msgspec.field(default_factory=Counter)
    threads: int = 0
    misplaced: list[str] = []
    twice: list[str] = []
    differing: list[str] = []
    zombie_commits: int = 0
    zombies: int = 0
    takeovers: int = 0
    inconsistencies: list[str] = []
    faults: list[tuple[str, float]] = []


class Chaos:
    """One run: a cluster, its clients, faults one after the other, a verdict.

    Args:
        nodes: beside the head.
        shards: in all.
        seed: of what clients do and which shards are hit.
        clients: OS threads with a connection together.
        fencing: False has commits look at no fence: the control that must fail.
    """

    def __init__(
        self,
        *,
        nodes: int,
        shards: int,
        seed: int,
        clients: int = 3,
        fencing: bool = True,
    ) -> None:
        self.random = random.Random(seed)
        self.verdict = Verdict()
        self._shards = shards
        self.server = PostgresServer()
        self.nodes = RayNodes(nodes)
        self.dsn = self.server.database("chaos")
        line = Line(self.dsn)
        install(line, shards)
        line.close()
        options: dict[str, Any] = {"retry_s": 20.0}
        if not fencing:
            options |= {"fencing": False, "pulse_s": 3600.0}
        start(ShardSettings(self.dsn, -1, store=options, beat=beat))
        self.post = RayPost(Handles())
        self.runtime = connect(self.nodes.address)
        sessions = [f"s-{n}" for n in range(SESSIONS)]
        made = [self.runtime.coordinator.create_session(one) for one in sessions]
        for future in made:
            future.get(timeout=ANSWER_S)
        self._clients = [
            Client(n, seed, self.runtime, sessions) for n in range(clients)
        ]
        for client in self._clients:
            client.start()

    # What is known of the cluster

    def reports(self) -> dict[int, ShardReport]:
        """Return how those shards are that answer."""
        return self.post.reports(range(self._shards), 2.0)

    def epochs(self) -> dict[int, int]:
        """Return the shards' epochs, as the database has them."""
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            rows = connection.execute("SELECT shard, epoch FROM weft_shard").fetchall()
        return dict(rows)

    def node_of(self, shard: int) -> str:
        """Return the node that a shard is on."""
        import ray

        actor: Any = self.post._handles[shard]
        found: str = ray.get(actor.node.remote(), timeout=10)
        return found

    def on_node(self, node_id: str) -> list[int]:
        """Return the shards of a node."""
        shards = range(self._shards)
        return [one for one in shards if self.node_of(one) == node_id]

    # Faults

    def strike(self, fault: str) -> None:
        """Do something to the cluster, and wait until all shards answer again."""
        self._await_all({})
        began_s = time.monotonic()
        before = self.epochs()
        hit = FAULTS[fault](self)
        self._await_all({shard: before[shard] for shard in hit})
        self.verdict.faults.append((fault, time.monotonic() - began_s))
        _NEVER.wait(1.0)  # of load between two faults

    def _await_all(self, before: dict[int, int]) -> None:
        """Wait until every shard answers, and those that were hit have a new epoch."""
        deadline_s = time.monotonic() + RECOVERY_S
        while True:
            found = self.reports()
            back = all(found[s].epoch > e for s, e in before.items() if s in found)
            if len(found) == self._shards and back:
                return
            assert time.monotonic() < deadline_s, (sorted(found), before)
            _NEVER.wait(0.1)

    def victim(self) -> tuple[int, ShardReport]:
        """Return a shard that answers, by the seed."""
        found = self.reports()
        shard = self.random.choice(sorted(found))
        return shard, found[shard]

    # The end

    def judge(self) -> Verdict:
        """End the load, and compare what was acknowledged with what is so."""
        for client in self._clients:
            client.stopping.set()
        for client in self._clients:
            client.join(ANSWER_S + 10)
            assert not client.is_alive()
        self._await_all({})
        verdict = self.verdict
        expected: dict[str, str | None] = {}
        for client in self._clients:
            expected |= client.where
            verdict.operations += client.operations
            verdict.failed += client.failed
        verdict.threads = sum(owner is not None for owner in expected.values())
        owners = self._owners(expected)
        verdict.misplaced = [t for t in expected if owners[t] != expected[t]]
        self._compare_memory()
        self._count_zombies()
        found = self.runtime.check().inconsistencies
        verdict.inconsistencies = [f"{one.kind}: {one.detail}" for one in found]
        return verdict

    def _owners(self, threads: dict[str, Any]) -> dict[str, str | None]:
        with self.runtime.store.read() as snapshot:
            found = {one: snapshot.thread(one) for one in threads}
        return {
            one: None if thread is None else thread.session_id
            for one, thread in found.items()
        }

    def _compare_memory(self) -> None:
        homes: Counter[str] = Counter()
        for shard in range(self._shards):
            for view in self.post.views(shard).result(30):
                if view.session_id.startswith("beat-"):
                    continue  # it goes on being written
                homes.update(view.threads.values())
                with self.runtime.store.read() as snapshot:
                    names = dict(snapshot.names(view.session_id))
                if names != view.threads:
                    self.verdict.differing.append(view.session_id)
        self.verdict.twice = [one for one, number in homes.items() if number > 1]

    def _count_zombies(self) -> None:
        """Count heartbeats that were made after the next epoch had begun."""
        with psycopg.connect(self.dsn) as connection:
            rows = connection.execute(
                "SELECT shard, epoch, (extract(epoch FROM since) * 1000000)::bigint"
                " FROM weft_epoch_log"
            ).fetchall()
        began = {(shard, epoch): since for shard, epoch, since in rows}
        self.verdict.takeovers = len(rows)
        late: Counter[int] = Counter()
        with self.runtime.store.read() as snapshot:
            for session in snapshot.sessions():
                if session.session_id.startswith("beat-"):
                    for thread in snapshot.threads(session.session_id):
                        _, shard, epoch, _ = thread.thread_name.split("-")
                        over = began.get((int(shard), int(epoch) + 1))
                        if over is not None and thread.created_at_us > over:
                            late[int(shard)] += 1
        self.verdict.zombie_commits = late.total()
        self.verdict.zombies = len(late)

    def close(self) -> None:
        """End all of it."""
        for client in self._clients:
            client.stopping.set()
        self.runtime.close()
        self.nodes.close()
        self.server.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _kill_actor(chaos: Chaos) -> list[int]:
    shard, report = chaos.victim()
    os.kill(report.pid, signal.SIGKILL)
    return [shard]


def _hang_actor(chaos: Chaos) -> list[int]:
    """The supervisor has to notice."""
    shard, report = chaos.victim()
    os.kill(report.pid, signal.SIGSTOP)
    return [shard]


def _kill_node(chaos: Chaos) -> list[int]:
    """A machine dies: everything on it at once."""
    node_id = chaos.node_of(chaos.victim()[0])
    hit = chaos.on_node(node_id)
    raylet = chaos.nodes.raylet(node_id)
    for pid in (raylet, *chaos.nodes.children(raylet)):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    chaos.nodes.add()
    return hit


def _kill_raylet(chaos: Chaos) -> list[int]:
    """What starts processes dies; the processes may live on for a while."""
    node_id = chaos.node_of(chaos.victim()[0])
    hit = chaos.on_node(node_id)
    os.kill(chaos.nodes.raylet(node_id), signal.SIGKILL)
    chaos.nodes.add()
    return hit


def _cut_off(chaos: Chaos) -> list[int]:
    """A node does not answer the head, while its shards reach the database."""
    node_id = chaos.node_of(chaos.victim()[0])
    hit = chaos.on_node(node_id)
    raylet = chaos.nodes.raylet(node_id)
    os.kill(raylet, signal.SIGSTOP)
    chaos.nodes.add()

    def end() -> None:
        with suppress(ProcessLookupError):
            os.kill(raylet, signal.SIGCONT)

    threading.Timer(20.0, end).start()
    return hit


def _crash_database(chaos: Chaos) -> list[int]:
    chaos.server.crash()
    chaos.server.start()
    return []


def _stop_database(chaos: Chaos) -> list[int]:
    """The database is away for 4 s, and a shard dies meanwhile."""
    shard, report = chaos.victim()
    chaos.server.stop()
    _NEVER.wait(1.0)
    os.kill(report.pid, signal.SIGKILL)
    _NEVER.wait(3.0)
    chaos.server.start()
    return [shard]


def _reshard(chaos: Chaos) -> list[int]:
    """Half the slots of a shard go to another one."""
    shard, _ = chaos.victim()
    to = (shard + 1) % chaos._shards
    slots = chaos.runtime.store.slot_map().slots_of(shard)[::2]
    if not slots:
        return []
    reshard(chaos.dsn, slots, to)
    return [shard, to]


FAULTS: Final[dict[str, Callable[[Chaos], list[int]]]] = {
    "actor": _kill_actor,
    "hang": _hang_actor,
    "node": _kill_node,
    "raylet": _kill_raylet,
    "cut off": _cut_off,
    "database crash": _crash_database,
    "database stop": _stop_database,
    "re-shard": _reshard,
}
