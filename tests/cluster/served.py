"""A thread on one of two shards, served by a daemon before them."""

import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

from tests.cluster.local import LocalCluster, ids_on
from tests.daemon.http.event_support import shown
from tests.daemon.http.listening import Heard
from tests.daemon.http.run_support import Client
from weft.actors import ExecutionContext
from weft.daemon.app import create_app
from weft.daemon.listen import Address, bind
from weft.daemon.server import BackgroundServer

__all__ = [
    "HERE",
    "THERE",
    "WAIT_S",
    "Gates",
    "Served",
    "check_growing",
    "daemon_before",
    "replace",
    "served_on",
    "until",
]

WAIT_S = 20.0

HERE, THERE = (ids_on(shard, 2, 1)[0] for shard in (0, 1))
"""A session on each of the two shards."""


def count(context: ExecutionContext, config: dict[str, Any]) -> Iterator[Any]:
    """Count on by two."""
    start = (context.state or {}).get("n", 0)
    for n in range(start + 1, start + 3):
        yield {"n": n}
    del config


class Gates:
    """Where the attempts of a run wait: behind each state, until let go."""

    def __init__(self) -> None:
        self.reached = threading.Semaphore(0)
        self.opened = threading.Event()

    def walk(self, context: ExecutionContext, config: dict[str, Any]) -> Iterator[Any]:
        """Count to three, and say so, waiting behind each number."""
        del config
        for n in range((context.state or {}).get("n", 0) + 1, 4):
            yield {"n": n}
            context.emit({"behind": n})
            self.reached.release()
            assert self.opened.wait(WAIT_S)


class Served:
    """A daemon before two shards with a thread ``t``, and a client.

    Args:
        cluster: the shards.
        url: the daemon's.
        gates: where runs of ``walk`` wait.
    """

    def __init__(self, cluster: LocalCluster, url: str, gates: Gates) -> None:
        self.cluster = cluster
        self.url = url
        self.gates = gates
        self.client = Client(base_url=url, timeout=WAIT_S)

    def post(self, path: str, **body: Any) -> Any:
        """Return what a request is answered with."""
        answer = self.client.post(path, json=body)
        assert answer.is_success, answer.text
        return answer.json()

    def run(self, stream_mode: str = "values") -> None:
        """Run the thread to its end."""
        body = {"assistant_id": "default", "input": {}, "stream_mode": stream_mode}
        self.post("/threads/t/runs/wait", **body)

    def move(self, to: str, if_running: str = "reject") -> None:
        """Give the thread to another session."""
        self.post("/threads/t/transfer", to_session_id=to, if_running=if_running)


@contextmanager
def daemon_before(runtime: Any) -> Generator[str]:
    """Serve a cluster for the time of a with block; yields where."""
    app = create_app(runtime)
    with BackgroundServer(
        app, bind(Address("127.0.0.1", 0)), on_stopping=app.goodbye
    ) as server:
        yield server.url


@contextmanager
def served_on(
    address: str,
    sessions: tuple[str, ...],
    **workflows: Any,
) -> Generator[Served]:
    """Serve a thread for the time of a with block.

    Args:
        address: of an empty database.
        sessions: are there; the first owns the thread.
        workflows: besides ``default`` and ``walk``.
    """
    gates = Gates()
    known = {"default": count, "walk": gates.walk, **workflows}
    with (
        LocalCluster(address, 2, known) as cluster,
        daemon_before(cluster.runtime) as url,
    ):
        made = Served(cluster, url, gates)
        for session_id in sessions:
            made.post("/sessions", session_id=session_id)
        threads = [{"name": "t", "thread_id": "t"}]
        made.post(f"/sessions/{sessions[0]}/threads", threads=threads)
        yield made
        made.client.close()


def replace(served: Served, *shards: int) -> None:
    """End shards at once, whatever they do, and have others take them over."""
    for shard in shards:
        served.cluster.post.shards.pop(shard).runtime.close(0.0)
        served.cluster.start(shard)


def until(events: Any, last: Any) -> list[Heard]:
    """Return what is told up to the next event that says something."""
    found: list[Heard] = []
    for event in events:
        found.append(event)
        if shown(event) == last:
            break
    return found


def check_growing(whole: list[Heard]) -> None:
    """See numbers grow, each event having one of its own that JavaScript can read."""
    seqs = [event.data["seq"] for event in whole]
    assert all(one < next_ for one, next_ in pairwise(seqs))
    assert seqs[-1] < 1 << 53
    assert len(whole) == len({event.data["event_id"] for event in whole})
