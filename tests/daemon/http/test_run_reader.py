"""Streams of runs: in order, resumed exactly, told what is missing."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.http.asking import detail_of
from tests.daemon.http.run_support import (
    ALL_MODES,
    Client,
    Gate,
    after,
    begun_anew,
    gate_of,
    place,
    run_id_in,
    serving,
)
from weft.actors import ExecutionContext, workflow
from weft.actors.retry import RetryPolicy, RunPolicy
from weft.daemon.http import tape_entries
from weft.storage import LmdbStore

STREAM = "/threads/t/runs/stream"

client = pytest.fixture(begun_anew)
gate = pytest.fixture(gate_of)


def asked(assistant_id: str = "count", **body: Any) -> dict[str, Any]:
    return {"assistant_id": assistant_id, "stream_mode": ALL_MODES, **body}


def names(events: Any) -> list[str]:
    return [event.event for event in events]


# -- what is shown -------------------------------------------------------------------


def test_a_stream_shows_a_run_from_its_beginning_to_its_end(client: Client) -> None:
    heard = client.heard("POST", STREAM, json=asked(input={"by": 2}))
    expected = ["metadata", *["custom", "messages", "values", "updates"] * 2, "end"]
    assert expected == names(heard)
    assert 1 == heard[0].data["attempt"]
    values = [event.data for event in heard if event.event == "values"]
    updates = [event.data for event in heard if event.event == "updates"]
    assert [{"n": 1, "kind": "count"}, {"n": 2, "kind": "count"}] == values
    assert [{"count": {"n": 1, "kind": "count"}}, {"count": {"n": 2}}] == updates
    assert None is heard[-1].data


def test_ids_are_unique_and_grow(client: Client) -> None:
    heard = client.heard("POST", STREAM, json=asked(input={"by": 30}))
    assert all(place(one) < place(next_) for one, next_ in pairwise(heard))


@pytest.mark.parametrize("mode", [["values"], ["updates", "custom"], ["messages"]])
def test_a_stream_shows_the_modes_it_was_asked_for(
    client: Client, mode: list[str]
) -> None:
    heard = client.heard("POST", STREAM, json=asked(stream_mode=mode))
    assert {"metadata", *mode, "end"} == set(names(heard))


def test_a_stream_of_a_run_that_fails_ends_with_its_error(client: Client) -> None:
    heard = client.heard("POST", STREAM, json=asked("fail"))
    assert "error" == heard[-1].event
    assert {"error": "ValueError", "message": "no further"} == heard[-1].data


def test_another_attempt_is_told() -> None:
    failures: list[int] = []

    @workflow(policy=RunPolicy(retry=RetryPolicy(max_attempts=2, backoff_s=0.001)))
    def again(context: ExecutionContext, _config: Any) -> Iterator[Any]:
        context.emit({"attempt": context.attempt})
        if not failures:
            failures.append(1)
            raise ConnectionError("for now")
        yield {"ok": True}

    with serving({"again": again}) as client:
        heard = client.heard("POST", STREAM, json=asked("again"))
    assert ["metadata", "custom", "metadata", "custom"] == names(heard)[:4]
    assert [1, 2] == [e.data["attempt"] for e in heard if e.event == "metadata"]
    assert "end" == heard[-1].event
    assert all(place(one) < place(next_) for one, next_ in pairwise(heard))


# -- going on ------------------------------------------------------------------------


def test_a_stream_is_resumed_behind_each_of_its_events(client: Client) -> None:
    with client.events("POST", STREAM, json=asked()) as events:
        where = events.headers["location"]
        heard = list(events)
    for number, event in enumerate(heard):
        again = client.heard("GET", where, headers=after(event))
        assert heard[number + 1 :] == again


def test_a_run_in_progress_is_resumed_with_what_was_missed(
    client: Client, gate: Gate
) -> None:
    body = asked("walk", stream_mode=["values", "custom"])
    with client.events("POST", STREAM, json=body) as events:
        where = events.headers["location"]
        gate.open()
        first = events.take(2)
    gate.open(2)
    rest = client.heard("GET", where, headers=after(first[-1]))
    expected = ["metadata", *["custom", "values"] * 3, "end"]
    assert expected == names([*first, *rest])


def test_who_joins_late_hears_what_happens_from_then_on(
    client: Client, gate: Gate
) -> None:
    body = asked("walk", stream_mode=["values"])
    with client.events("POST", STREAM, json=body) as events:
        gate.open()
        events.take(2)
        with client.events("GET", events.headers["location"]) as joined:
            assert ["metadata"] == names(joined.take(1))
            gate.open(2)
            values = [e.data["n"] for e in joined if e.event == "values"]
    assert [2, 3] == values


@pytest.mark.parametrize("time", range(10))
def test_who_has_an_answer_hears_what_is_said_from_then_on(
    client: Client, gate: Gate, time: int
) -> None:
    body = asked("walk", stream_mode=["custom"], input={"to": 1})
    path = client.post("/threads/t/runs", json=body).headers["content-location"]
    gate.reached()
    with client.events("GET", f"{path}/stream") as joined:
        gate.open()
        said = [event.data for event in joined if event.event == "custom"]
    assert [{"about": 1}] == said, time


def test_a_resumable_run_is_joined_from_its_beginning(client: Client) -> None:
    body = asked(stream_resumable=True)
    made = client.post("/threads/t/runs", json=body)
    path = made.headers["content-location"]
    client.get(f"{path}/join")
    heard = client.heard("GET", f"{path}/stream")
    assert ["metadata", "custom", "messages", "values", "updates"] == names(heard)[:5]
    assert "gap" not in names(heard)


def test_joining_a_run_that_has_ended_tells_so(client: Client) -> None:
    made = client.post("/threads/t/runs", json=asked())
    path = made.headers["content-location"]
    client.get(f"{path}/join")
    assert ["metadata", "end"] == names(client.heard("GET", f"{path}/stream"))


def test_other_modes_can_be_asked_for_when_joining(client: Client) -> None:
    body = asked(stream_mode=["values"])
    with client.events("POST", STREAM, json=body) as events:
        first, *_ = list(events)
        where = events.headers["location"]
    query = {"stream_mode": '["updates"]'}
    with client.events("GET", where, params=query, headers=after(first)) as joined:
        assert joined.headers["location"] == f"{where}?stream_mode=updates"
        assert ["updates"] * 3 + ["end"] == names(joined)


def test_a_last_event_id_that_is_none_is_refused(client: Client) -> None:
    made = client.post("/threads/t/runs", json=asked())
    path = made.headers["content-location"] + "/stream"
    answer = client.get(path, headers={"Last-Event-ID": "yesterday"})
    assert "Last-Event-ID" in detail_of(answer, 422)
    answer = client.get(path, params={"stream_mode": "shouting"})
    assert "stream_mode" in detail_of(answer, 422)


def test_a_stream_goes_on_exactly_after_a_restart(tmp_path: Path) -> None:
    body = asked("walk", stream_mode=["values", "updates"], input={"to": 4})
    with serving(store=LmdbStore(tmp_path)) as client:
        with client.events("POST", STREAM, json=body) as events:
            where = events.headers["location"]
            client.gate.open(2)
            first = events.take(4)
        client.gate.reached()
        client.runtime.hurry()
        client.runtime.close(0.0)
    with serving(store=LmdbStore(tmp_path)) as client:
        client.gate.open(10)
        rest = client.heard("GET", where, headers=after(first[-1]))
        run = client.run_of(run_id_in(where.removesuffix("/stream")))
        states = client.states_of("t")
    assert "success" == run.status
    heard = [event for event in [*first, *rest] if event.event == "values"]
    assert states == [event.data for event in heard]
    assert all(place(one) < place(next_) for one, next_ in pairwise([*first, *rest]))


# -- what is missing -----------------------------------------------------------------


def test_what_the_tape_has_lost_is_told_with_a_gap(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tape_entries, "ENTRIES_MAX", 10)
    with client.events("POST", STREAM, json=asked(input={"by": 20})) as events:
        where = events.headers["location"]
        (first,) = events.take(1)
        list(events)
    heard = client.heard("GET", where, headers=after(first))
    (gap,) = [event for event in heard if event.event == "gap"]
    assert gap == heard[0]
    assert first.id == gap.data["after"]
    assert 20 == names(heard).count("values")
    assert 10 == names(heard).count("custom") + names(heard).count("messages")
    resumed = {"Last-Event-ID": gap.data["resume_after"]}
    assert "gap" not in names(client.heard("GET", where, headers=resumed))
    assert all(place(one) < place(next_) for one, next_ in pairwise(heard))


def test_no_gap_is_told_to_who_wants_only_what_is_durable(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tape_entries, "ENTRIES_MAX", 1)
    with client.events("POST", STREAM, json=asked(input={"by": 20})) as events:
        where = events.headers["location"]
        list(events)
    query = {"stream_mode": ["values", "updates"]}
    headers = {"Last-Event-ID": "-1"}
    heard = client.heard("GET", where, params=query, headers=headers)
    assert ["metadata", *["values", "updates"] * 20, "end"] == names(heard)


def test_states_that_are_not_there_any_more_are_told_with_a_gap(client: Client) -> None:
    with client.events("POST", STREAM, json=asked(input={"by": 5})) as events:
        where = events.headers["location"]
        heard = list(events)
    client.runtime.coordinator.delete_history("t", keep_latest=2).get(timeout=5)
    again = client.heard("GET", where, headers=after(heard[0]))
    assert "gap" == again[0].event
    assert [4, 5] == [event.data["n"] for event in again if event.event == "values"]


# -- who has gone --------------------------------------------------------------------


@pytest.mark.parametrize("how", ["cancel", "continue"])
def test_when_its_client_has_gone_a_run_does_as_it_was_told(
    client: Client, gate: Gate, how: str
) -> None:
    body = asked("walk", on_disconnect=how)
    with client.events("POST", STREAM, json=body) as events:
        gate.open()
        events.take(2)
        run_id = events.run_id
    _until_gone(client)
    gate.open(5)
    client.get(f"/threads/t/runs/{run_id}/join")
    expected = "interrupted" if how == "cancel" else "success"
    assert expected == client.run_of(run_id).status


def _until_gone(client: Client) -> None:
    """Wait until it was noticed that the client has gone."""
    for _ in range(2000):
        if not len(client.app.site.streams):
            return
        client.get("/livez")
    raise AssertionError


def test_a_slow_reader_is_told_what_it_has_missed() -> None:
    gate = Gate()

    def shout(context: ExecutionContext, _config: Any) -> Iterator[Any]:
        gate.here()
        for _ in range(200):
            context.emit("x" * 100_000)
        yield {"done": True}

    body = asked("shout", stream_mode=["values", "custom"])
    with (
        serving({"shout": shout}) as client,
        client.events("POST", STREAM, json=body) as events,
    ):
        first = events.take(1)
        gate.open()
        client.get(f"/threads/t/runs/{events.run_id}/join")
        heard = [*first, *events]
    assert "gap" in names(heard)
    assert 10 <= names(heard).count("custom") < 200
    assert ["values", "end"] == names(heard)[-2:]
    assert all(place(one) < place(next_) for one, next_ in pairwise(heard))
