"""A thread's stream before a cluster: it goes on wherever the thread goes."""

import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

pytest.importorskip("psycopg", reason="needs the extra [cluster]: psycopg")

from tests.cluster.local import LocalCluster, ids_on
from tests.daemon.http.listening import Listener, listening
from weft.actors import ExecutionContext
from weft.daemon.app import create_app
from weft.daemon.listen import Address, bind
from weft.daemon.server import BackgroundServer

WAIT_S = 20.0
HERE, THERE = (ids_on(shard, 2, 1)[0] for shard in (0, 1))


def count(context: ExecutionContext, config: dict[str, Any]) -> Iterator[Any]:
    start = (context.state or {}).get("n", 0)
    for n in range(start + 1, start + 3):
        yield {"n": n}
    del config


class Gates:
    """Where the attempts of a run wait: behind their first state, until let go."""

    def __init__(self) -> None:
        self.reached = threading.Semaphore(0)
        self.opened = threading.Event()

    def walk(self, context: ExecutionContext, config: dict[str, Any]) -> Iterator[Any]:
        del config
        for n in range((context.state or {}).get("n", 0) + 1, 4):
            yield {"n": n}
            self.reached.release()
            assert self.opened.wait(WAIT_S)


class Served:
    """A daemon before two shards, and a client."""

    def __init__(self, url: str, gates: Gates) -> None:
        self.url = url
        self.gates = gates
        self.client = httpx.Client(base_url=url, timeout=WAIT_S)

    def post(self, path: str, **body: Any) -> Any:
        answer = self.client.post(path, json=body)
        assert answer.is_success, answer.text
        return answer.json()

    def run(self, stream_mode: str = "values") -> None:
        body = {"assistant_id": "default", "input": {}, "stream_mode": stream_mode}
        self.post("/threads/t/runs/wait", **body)

    def move(self, to: str, if_running: str = "reject") -> None:
        self.post("/threads/t/transfer", to_session_id=to, if_running=if_running)


@pytest.fixture(params=[(HERE, THERE), (THERE, HERE)], ids=["up", "down"])
def way(request: pytest.FixtureRequest) -> tuple[str, str]:
    """From where to where: to a log with higher numbers, or with lower ones."""
    way: tuple[str, str] = request.param
    return way


@pytest.fixture
def served(address: str, way: tuple[str, str]) -> Iterator[Served]:
    gates = Gates()
    workflows = {"default": count, "walk": gates.walk}
    with LocalCluster(address, 2, workflows) as cluster:
        runtime: Any = cluster.runtime
        app = create_app(runtime)
        with BackgroundServer(
            app, bind(Address("127.0.0.1", 0)), on_stopping=app.goodbye
        ) as server:
            made = Served(server.url, gates)
            for session_id in way:
                made.post("/sessions", session_id=session_id)
            threads = [{"name": "t", "thread_id": "t"}]
            made.post(f"/sessions/{way[0]}/threads", threads=threads)
            yield made
            made.client.close()


def numbers(stream: Listener, runs: int) -> list[int]:
    """Return the states that a stream shows until so many runs are done."""
    found: list[int] = []
    for event in stream:
        if event.event == "values":
            found.append(event.data["n"])
        runs -= event.event == "metadata" and "status" in event.data
        if not runs:
            break
    return found


def test_the_runs_of_a_thread_are_told_wherever_it_goes(
    served: Served, way: tuple[str, str]
) -> None:
    with listening(f"{served.url}/threads/t/stream") as stream:
        served.run()
        served.move(way[1])
        served.run()
        served.move(way[0])
        served.run()
        assert [1, 2, 3, 4, 5, 6] == numbers(stream, 3)


def test_it_is_resumed_behind_each_event_though_the_thread_has_moved(
    served: Served, way: tuple[str, str]
) -> None:
    for session_id in (way[1], way[0], way[1]):
        served.run()
        served.move(session_id)
    url = f"{served.url}/threads/t/stream"
    with listening(url, {"Last-Event-ID": "-1"}) as stream:
        whole = stream.take(12)  # a beginning, two states and an end, three times
    for number, event in enumerate(whole[:-1]):
        with listening(url, {"Last-Event-ID": event.id}) as stream:
            assert whole[number + 1 :] == stream.take(11 - number)


def test_what_is_missing_of_a_run_is_told_in_that_runs_log(
    served: Served, way: tuple[str, str]
) -> None:
    """A place before everything would have a reader hear all runs once more."""
    for session_id in (way[1], way[0]):
        served.run("custom")
        served.move(session_id)
    url = f"{served.url}/threads/t/stream"
    with listening(url, {"Last-Event-ID": "-1"}) as stream:
        whole = stream.take(6)
    assert ["gap", "metadata", "metadata"] * 2 == [event.event for event in whole]
    gap, begun, done = whole[3:]
    assert int(gap.id.partition("-")[0]) + 1 == int(begun.id.partition("-")[0])
    with listening(url, {"Last-Event-ID": gap.id}) as stream:
        assert [begun, done] == stream.take(3)[1:]  # behind the gap, told again


def test_a_run_that_is_moved_is_told_to_its_end_and_resumed_anywhere(
    served: Served, way: tuple[str, str]
) -> None:
    url = f"{served.url}/threads/t/stream"
    with listening(url) as stream:
        served.post("/threads/t/runs", assistant_id="walk", input={})
        assert served.gates.reached.acquire(timeout=WAIT_S)
        served.move(way[1], if_running="move")
        assert served.gates.reached.acquire(timeout=WAIT_S)
        served.gates.opened.set()
        whole = stream.take(5)
    assert [1, 2, 3] == [one.data["n"] for one in whole if one.event == "values"]
    assert "run_done" == whole[-1].data["status"]
    for number, event in enumerate(whole[:-1]):
        with listening(url, {"Last-Event-ID": event.id}) as stream:
            assert whole[number + 1 :] == stream.take(4 - number)
