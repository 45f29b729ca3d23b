"""Streams and runs of daemons that are killed, and of clients that are cut off."""

import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.http.run_child import killed_at_the_end
from tests.daemon.http.run_support import (
    after,
    place,
    run_id_in,
    serving,
)
from weft.storage import LmdbStore

STREAM = "/threads/t/runs/stream"


def asked(**body: Any) -> dict[str, Any]:
    return {"assistant_id": "steps", "if_not_exists": "create", **body}


def test_a_run_goes_on_after_kill_9_and_its_stream_exactly(tmp_path: Path) -> None:
    body = asked(input={"to": 60}, stream_mode=["values", "updates"])
    with (
        killed_at_the_end(tmp_path) as client,
        client.events("POST", STREAM, json=body) as events,
    ):
        where = events.headers["location"]
        first = events.take(21)
    with killed_at_the_end(tmp_path) as client:
        rest = client.heard("GET", where, headers=after(first[-1]))
        run = client.get(where.removesuffix("/stream")).json()
    heard = [*first, *rest]
    values = [event.data["n"] for event in heard if event.event == "values"]
    assert [*range(1, 61)] == values
    assert "end" == heard[-1].event
    assert all(place(one) < place(next_) for one, next_ in pairwise(heard))
    assert "success" == run["status"]


def test_a_run_whose_workflow_has_gone_does_not_run_for_ever(tmp_path: Path) -> None:
    body = asked(input={"to": 10_000})
    with (
        killed_at_the_end(tmp_path) as client,
        client.events("POST", STREAM, json=body) as events,
    ):
        where = events.headers["location"]
        first = events.take(3)
    with killed_at_the_end(tmp_path, "nothing") as client:
        rest = client.heard("GET", where, headers=after(first[-1]))
        run = client.get(where.removesuffix("/stream")).json()
    assert "error" == rest[-1].event
    assert "interrupted" == run["status"]


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2))
def test_a_stream_that_is_cut_50_times_loses_and_repeats_nothing(
    tmp_path: Path, seed: int
) -> None:
    """Of 10,000 states, read while they come."""
    places = sorted(random.Random(seed).sample(range(1, 10_000), 50))
    body = {"assistant_id": "count", "input": {"by": 10_000}, "stream_mode": "values"}
    heard = []
    with serving(store=LmdbStore(tmp_path)) as client:
        with client.events("POST", STREAM, json=body) as events:
            where = events.headers["location"]
            heard += events.take(places[0])
        for before, until in pairwise(places):
            with client.events("GET", where, headers=after(heard[-1])) as events:
                heard += events.take(until - before)
        heard += client.heard("GET", where, headers=after(heard[-1]))
        run = client.run_of(run_id_in(where.removesuffix("/stream")))
    values = [event.data["n"] for event in heard if event.event == "values"]
    assert [*range(1, 10_001)] == values
    assert ["metadata", "end"] == [heard[0].event, heard[-1].event]
    assert len(heard) == len({event.id for event in heard})
    assert all(place(one) < place(next_) for one, next_ in pairwise(heard))
    assert "success" == run.status
