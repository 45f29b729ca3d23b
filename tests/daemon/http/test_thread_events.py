"""A thread's events in the protocol's third version, over HTTP."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.http.asking import ADMIN, ALICE, BOB, bearer, detail_of, token_file
from tests.daemon.http.event_support import EVENTS, shown, started, wanted
from tests.daemon.http.listening import Heard
from tests.daemon.http.run_support import Client, begun_anew, serving
from weft.storage import LmdbStore

RUNNING = ("lifecycle", "running")
COMPLETED = ("lifecycle", "completed")

client = pytest.fixture(begun_anew)


def heard(client: Client, number: int, **asked: Any) -> list[Heard]:
    """Return the first events of a stream."""
    with client.events("POST", EVENTS, **wanted(**asked)) as events:
        return events.take(number)


def test_a_run_of_functions_is_told(client: Client) -> None:
    with client.events("POST", EVENTS, **wanted()) as events:
        run_id = started(client, input={"by": 1})
        told = events.take(5)
    assert [
        RUNNING,
        ("custom", {"payload": {"about": 1}}),
        ("values", {"n": 1, "kind": "count"}),
        ("updates", {"count": {"n": 1, "kind": "count"}}),
        COMPLETED,
    ] == [shown(each) for each in told]
    first = told[0]
    assert (first.event, first.id) == ("lifecycle", str(first.data["seq"]))
    assert f"synth:{run_id}:lc||running" == first.data["event_id"]


def test_numbers_grow_and_ids_are_those_of_one_event(client: Client) -> None:
    started(client)
    started(client)
    told = heard(client, 22)
    assert all(one.data["seq"] < next_.data["seq"] for one, next_ in pairwise(told))
    assert len(told) == len({each.data["event_id"] for each in told})


def test_it_goes_on_behind_each_of_its_events(client: Client) -> None:
    started(client)
    started(client, "fail")
    started(client, input={"by": 1})
    told = heard(client, 20)
    assert ("lifecycle", "failed") in map(shown, told)
    for number, event in enumerate(told[:-1]):
        rest = len(told) - number - 1
        assert told[number + 1 :] == heard(client, rest, since=event.data["seq"])
        after = {"Last-Event-ID": event.id}
        with client.events("POST", EVENTS, headers=after, **wanted()) as again:
            assert told[number + 1 :] == again.take(rest)


def test_what_was_before_is_told_first(client: Client) -> None:
    for _ in range(18):
        run_id = started(client, input={"by": 1})
        client.get(f"/threads/t/runs/{run_id}/join").raise_for_status()
    told = heard(client, 33, channels=("lifecycle", "values"))
    assert {"n": 3, "kind": "count"} == shown(told[1])[1]  # of the last 16


def test_only_what_is_asked_for_is_told(client: Client) -> None:
    started(client)
    told = heard(client, 2, channels=("lifecycle",))
    assert [RUNNING, COMPLETED] == [shown(each) for each in told]
    told = heard(client, 3, channels=("values",))
    assert [1, 2, 3] == [shown(each)[1]["n"] for each in told]


def test_the_end_of_a_run_says_how(client: Client) -> None:
    started(client, "fail")
    end = heard(client, 2, channels=("lifecycle",))[1].data["params"]["data"]
    assert ("failed", "ValueError: no further") == (end["event"], end["error"])
    run_id = started(client, "linger")
    client.post(f"/threads/t/runs/{run_id}/cancel?wait=1").raise_for_status()
    end = heard(client, 4, channels=("lifecycle",))[3].data["params"]["data"]
    assert "interrupted" == end["event"]


def test_a_run_that_is_undone_has_an_end_and_others_follow(client: Client) -> None:
    channels = wanted("lifecycle")
    with client.events("POST", EVENTS, **channels) as events:
        run_id = started(client, "linger")
        events.take(1)
        path = f"/threads/t/runs/{run_id}/cancel?action=rollback&wait=1"
        client.post(path).raise_for_status()
        next_id = started(client)
        told = events.take(3)
    assert ["interrupted", "running", "completed"] == [shown(each)[1] for each in told]
    assert next_id in told[2].data["event_id"]


def test_times_are_when_it_happened(client: Client) -> None:
    run_id = started(client)
    client.get(f"/threads/t/runs/{run_id}/join").raise_for_status()
    run = client.run_of(run_id)
    told = heard(client, 8, channels=("lifecycle", "values", "updates"))
    times = [each.data["params"]["timestamp"] for each in told]
    finished_at_us = run.finished_at_us
    assert finished_at_us is not None
    assert run.started_at_us // 1000 == times[0]
    assert finished_at_us // 1000 == times[-1]
    assert all(times[0] <= each <= times[-1] for each in times)


def test_it_ends_with_the_thread(client: Client) -> None:
    with client.events("POST", EVENTS, **wanted()) as events:
        client.delete("/threads/t").raise_for_status()
        (last,) = list(events)
    assert ("error", "error", None) == (last.event, last.data["type"], last.data["id"])
    client.post("/threads", json={"thread_id": "t"}).raise_for_status()


def test_it_says_goodbye() -> None:
    with serving() as client, client.events("POST", EVENTS, **wanted()) as events:
        client.server.stop()
        assert ["goodbye"] == [each.event for each in events]


def test_what_is_not_there_or_means_nothing_is_refused(client: Client) -> None:
    nowhere = client.post("/threads/nowhere/stream/events", **wanted())
    assert "nowhere" in detail_of(nowhere, 404)
    assert "$.channels" in detail_of(client.post(EVENTS, **wanted("all")), 422)
    assert "channels" in detail_of(client.post(EVENTS, json={}), 422)


def test_a_thread_of_somebody_else_is_not_there(tmp_path: Path) -> None:
    with serving(tokens=token_file(tmp_path)) as client:
        alice, bob, admin = bearer(ALICE), bearer(BOB), bearer(ADMIN)
        client.post("/threads", json={"thread_id": "t"}, headers=alice)
        answer = client.post(EVENTS, headers=bob, **wanted())
        assert 404 == answer.status_code
        session = {"session_id": "bobs", "user_id": "bob"}
        client.post("/sessions", json=session, headers=admin).raise_for_status()
        with client.events("POST", EVENTS, headers=alice, **wanted()) as events:
            move = {"to_session_id": "bobs"}
            moved = client.post("/threads/t/transfer", json=move, headers=admin)
            assert 200 == moved.status_code, moved.text
            assert ["error"] == [each.event for each in events]


def test_what_is_missing_is_told_before_what_comes(client: Client) -> None:
    ended = [started(client, input={"by": 1}) for _ in range(2)]
    for run_id in ended:
        client.get(f"/threads/t/runs/{run_id}/join").raise_for_status()
    client.app.site.tapes._ended.clear()  # as after a restart
    told = heard(client, 10)
    assert ["gap", "lifecycle", "values", "updates", "lifecycle"] * 2 == [
        each.event for each in told
    ]
    assert all(one.data["seq"] <= next_.data["seq"] for one, next_ in pairwise(told))
    assert 10 == len({each.data["event_id"] for each in told})
    rest = heard(client, 9, since=told[1].data["seq"])
    known = [each for each in told[2:] if each.event != "gap"]
    assert known == [each for each in rest if each.event != "gap"]


def test_it_goes_on_after_a_restart(tmp_path: Path) -> None:
    with serving(store=LmdbStore(tmp_path)) as client:
        started(client)
        told = heard(client, 8, channels=("lifecycle", "values", "updates"))
    with serving(store=LmdbStore(tmp_path)) as client:
        for number, event in enumerate(told[:-1]):
            asked = {"channels": ("lifecycle", "values", "updates")}
            rest = heard(client, 8 - number, **asked, since=event.data["seq"])
            kept = [each for each in rest if each.event != "gap"]
            assert told[number + 1 :] == kept
            assert len(kept) == len(rest) - 1  # what the code emitted is not kept
