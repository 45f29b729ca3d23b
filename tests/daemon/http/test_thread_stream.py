"""All runs of a thread as one stream."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.http.asking import ADMIN, ALICE, bearer, detail_of, token_file
from tests.daemon.http.run_support import Client, after, begun_anew, place, serving

STREAM = "/threads/t/stream"
RUNS = "/threads/t/runs"

client = pytest.fixture(begun_anew)


def run(client: Client, assistant_id: str = "count", **body: Any) -> str:
    """Run to the end and return the run's id."""
    body = {"assistant_id": assistant_id, **body}
    path = client.post(RUNS, json=body).headers["content-location"]
    client.get(f"{path}/join").raise_for_status()
    return path.rpartition("/")[2]


def shown(events: Any) -> list[tuple[str, Any]]:
    return [
        (event.event, event.data["n"] if event.event == "values" else event.data)
        for event in events
    ]


def begun(run_id: str) -> tuple[str, Any]:
    return "metadata", {"run_id": run_id, "attempt": 1}


def done(run_id: str) -> tuple[str, Any]:
    return "metadata", {"status": "run_done", "run_id": run_id}


def test_a_threads_stream_shows_the_runs_that_come(client: Client) -> None:
    with client.events("GET", STREAM) as events:
        first, second = (run(client, input={"by": 2}) for _ in range(2))
        heard = events.take(8)
    expected = [
        begun(first), ("values", 1), ("values", 2), done(first),
        begun(second), ("values", 3), ("values", 4), done(second),
    ]  # fmt: skip
    assert expected == shown(heard)
    assert all(place(one) < place(next_) for one, next_ in pairwise(heard))


def test_it_is_resumed_behind_each_of_its_events(client: Client) -> None:
    with client.events("GET", STREAM) as events:
        run(client)
        run(client, "fail")
        run(client)
        heard = events.take(14)
    assert "error" in [event.event for event in heard]
    for number, event in enumerate(heard[:-1]):
        rest = len(heard) - number - 1
        with client.events("GET", STREAM, headers=after(event)) as again:
            assert heard[number + 1 :] == again.take(rest)


def test_ids_grow_though_what_runs_showed_is_not_there_any_more(
    client: Client,
) -> None:
    """What is missing is told at its place, behind the run before."""
    for _ in range(2):
        run(client, stream_mode=["values", "custom"], input={"by": 1})
    with client.events("GET", STREAM, headers={"Last-Event-ID": "-1"}) as events:
        heard = events.take(8)
    assert ["gap", "metadata", "values", "metadata"] * 2 == [e.event for e in heard]
    assert all(place(one) < place(next_) for one, next_ in pairwise(heard))
    with client.events("GET", STREAM, headers=after(heard[3])) as again:
        assert heard[4:] == again.take(4)


def test_a_lifecycle_has_beginnings_and_ends_only(client: Client) -> None:
    with client.events("GET", STREAM, params={"stream_mode": "lifecycle"}) as events:
        run_id = run(client)
        assert [begun(run_id), done(run_id)] == shown(events.take(2))


def test_state_updates_are_values_whatever_the_run_shows(client: Client) -> None:
    query = {"stream_mode": ["state_update"]}
    with client.events("GET", STREAM, params=query) as events:
        run(client, stream_mode="custom", input={"by": 1})
        assert ("values", 1) == shown(events.take(2))[1]


def test_a_thread_that_moves_keeps_streaming(client: Client) -> None:
    with client.events("GET", STREAM) as events:
        client.post(RUNS, json={"assistant_id": "walk"}).raise_for_status()
        client.gate.open()
        events.take(2)
        move = {"to_session_id": "other", "create": True, "if_running": "move"}
        client.post("/threads/t/transfer", json=move).raise_for_status()
        client.gate.open(2)
        assert [("values", 2), ("values", 3)] == shown(events.take(2))
        events.take(1)
        assert begun(run(client)) == shown(events.take(1))[0]


def test_it_ends_when_the_thread_is_removed(client: Client) -> None:
    with client.events("GET", STREAM) as events:
        client.delete("/threads/t").raise_for_status()
        (last,) = list(events)
    assert ("error", "ThreadNotFound") == (last.event, last.data["error"])
    client.post("/threads", json={"thread_id": "t"}).raise_for_status()


def test_what_is_not_there_is_refused(client: Client) -> None:
    assert "nowhere" in detail_of(client.get("/threads/nowhere/stream"), 404)
    answer = client.get(STREAM, params={"stream_mode": "all"})
    assert "stream_mode" in detail_of(answer, 422)


def test_who_does_not_own_the_thread_any_more_reads_no_further(tmp_path: Path) -> None:
    with serving(tokens=token_file(tmp_path)) as client:
        alice, admin = bearer(ALICE), bearer(ADMIN)
        client.post("/threads", json={"thread_id": "t"}, headers=alice)
        session = {"session_id": "bobs", "user_id": "bob"}
        client.post("/sessions", json=session, headers=admin).raise_for_status()
        body = {"assistant_id": "walk"}
        with (
            client.events("GET", STREAM, headers=alice) as all_runs,
            client.events("POST", f"{RUNS}/stream", json=body, headers=alice) as one,
        ):
            client.gate.reached()
            move = {"to_session_id": "bobs", "if_running": "move"}
            moved = client.post("/threads/t/transfer", json=move, headers=admin)
            assert 200 == moved.status_code, moved.text
            client.gate.open(3)
            assert ["error"] == [event.event for event in [*one][1:]]
            assert ["error"] == [event.event for event in [*all_runs][1:]]
