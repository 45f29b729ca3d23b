"""A thread's stream before a cluster: it goes on wherever the thread goes."""

import pytest

pytest.importorskip("psycopg", reason="needs the extra [cluster]: psycopg")

from tests.cluster.served import WAIT_S, Served
from tests.daemon.http.listening import Listener, listening


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
