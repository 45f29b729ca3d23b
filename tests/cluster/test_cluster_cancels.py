"""Cancels before a cluster: they find their run, wherever it goes on."""

from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("psycopg", reason="needs the extra [cluster]: psycopg")

from tests.cluster.served import HERE, WAIT_S, Served, replace, served_on
from tests.daemon.http.event_support import started
from weft.cluster import cluster_cancels, slot_of
from weft.cluster.cluster_runtime import ClusterRuntime
from weft.cluster.cluster_store import ClusterStore
from weft.cluster.errors import ShardUnavailable
from weft.cluster.reshard import reshard
from weft.storage import StoreClosed


@pytest.fixture
def here(address: str) -> Iterator[Served]:
    with served_on(address, (HERE,)) as made:
        yield made


@pytest.fixture
def other(here: Served) -> Iterator[ClusterRuntime]:
    """Return a daemon's connection that knows the map of now."""
    made = ClusterRuntime(here.cluster.post, ClusterStore(here.cluster.dsn))
    assert made.session(HERE).get().get(timeout=WAIT_S) is not None
    yield made
    made.close()


def assert_interrupted(here: Served, run_id: str) -> None:
    here.gates.opened.set()
    answer = here.client.get(f"/threads/t/runs/{run_id}/join")
    assert answer.status_code < 500, answer.text
    assert (
        "interrupted" == here.client.get(f"/threads/t/runs/{run_id}").json()["status"]
    )


def test_a_run_whose_slot_has_moved_is_found_by_who_has_the_old_map(
    here: Served, other: ClusterRuntime
) -> None:
    run_id = started(here.client, "walk")
    assert here.gates.reached.acquire(timeout=WAIT_S)
    replace(here, *reshard(here.cluster.dsn, [slot_of(HERE)], 1))
    assert here.gates.reached.acquire(timeout=WAIT_S)
    assert other.cancel(run_id).get(timeout=WAIT_S)
    assert_interrupted(here, run_id)


def test_a_run_whose_shard_has_just_died_is_cancelled_when_it_goes_on(
    here: Served, other: ClusterRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = started(here.client, "walk")
    assert here.gates.reached.acquire(timeout=WAIT_S)
    ask, left = here.cluster.post.cancel, [2]

    def dead(shard: int, run_id: str, *, undo: bool) -> Any:
        if left[0]:
            left[0] -= 1
            raise ConnectionError(f"shard {shard} is down")
        return ask(shard, run_id, undo=undo)

    monkeypatch.setattr(here.cluster.post, "cancel", dead)
    assert other.cancel(run_id).get(timeout=WAIT_S)
    assert_interrupted(here, run_id)


def test_who_waits_for_a_cancel_is_answered_when_the_connection_is_closed(
    here: Served, other: ClusterRuntime
) -> None:
    run_id = started(here.client, "walk")
    assert here.gates.reached.acquire(timeout=WAIT_S)
    here.cluster.post.deaf.add(0)
    asked = other.cancel(run_id)
    other.close()
    with pytest.raises(StoreClosed):
        asked.get(timeout=WAIT_S)
    here.cluster.post.deaf.clear()
    here.gates.opened.set()


def test_a_run_that_no_shard_has_for_long_is_told_by_name(
    here: Served, other: ClusterRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_cancels, "PAUSES_S", (0.01,))
    run_id = started(here.client, "walk")
    assert here.gates.reached.acquire(timeout=WAIT_S)

    def nobody(shard: int, run_id: str, *, undo: bool) -> Any:
        del run_id, undo
        raise ConnectionError(f"shard {shard} is down")

    monkeypatch.setattr(here.cluster.post, "cancel", nobody)
    with pytest.raises(ShardUnavailable, match=run_id):
        other.cancel(run_id).get(timeout=WAIT_S)
    here.gates.opened.set()
