"""A thread's events in the protocol's third version, before a cluster."""

import threading
from collections.abc import Iterator
from itertools import takewhile
from typing import Any

import pytest

pytest.importorskip("psycopg", reason="needs the extra [cluster]: psycopg")

from tests.cluster.served import (
    HERE,
    THERE,
    WAIT_S,
    Served,
    check_growing,
    daemon_before,
    replace,
    served_on,
    until,
)
from tests.daemon.http.event_support import EVENTS, shown, started, wanted
from tests.daemon.http.listening import Heard
from tests.daemon.http.run_support import Client
from weft.cluster.cluster_runtime import ClusterRuntime
from weft.cluster.cluster_store import ClusterStore
from weft.cluster.reshard import reshard
from weft.cluster.slots import slot_of

DURABLE = ("lifecycle", "values", "updates")

RUNNING = ("lifecycle", "running")
COMPLETED = ("lifecycle", "completed")


def heard(served: Served, number: int, *channels: str, **given: Any) -> list[Heard]:
    with served.client.events("POST", EVENTS, **wanted(*channels, **given)) as events:
        return events.take(number)


def check_resuming(served: Served, whole: list[Heard], *channels: str) -> None:
    """Have readers go on behind each event of those that were heard."""
    for number, event in enumerate(whole[:-1]):
        rest = len(whole) - number - 1
        since = event.data["seq"]
        assert whole[number + 1 :] == heard(served, rest, *channels, since=since)


def test_runs_are_told_and_resumed_wherever_the_thread_goes(
    served: Served, way: tuple[str, str]
) -> None:
    whole: list[Heard] = []
    with served.client.events("POST", EVENTS, **wanted(*DURABLE)) as events:
        for session_id in (way[1], way[0], way[1]):
            started(served.client, "default")
            whole += events.take(6)
            assert [RUNNING, COMPLETED] == [shown(whole[-6]), shown(whole[-1])]
            served.move(session_id)
    values = [shown(event)[1]["n"] for event in whole if event.event == "values"]
    assert [1, 2, 3, 4, 5, 6] == values
    check_growing(whole)
    check_resuming(served, whole, *DURABLE)


def without_gaps(events: list[Heard]) -> list[Heard]:
    return [event for event in events if event.event != "gap"]


def numbers(events: list[Heard]) -> list[int]:
    return [shown(one)[1]["n"] for one in events if one.event == "values"]


def check_heard_or_missed(told: list[Heard]) -> None:
    """See what the second attempt said first, or at its place that it was missed.

    It is heard if the daemon has joined the run again before that attempt begins.
    """
    said = [
        one.event if one.event == "gap" else shown(one)[1]["payload"]["behind"]
        for one in told
        if one.event in {"custom", "gap"}
    ]
    assert said in ([1, 2, 3], [1, "gap", 3], [1, "gap", 2, 3])


def check_resuming_late(served: Served, whole: list[Heard]) -> None:
    """The same once what was emitted, and not kept, may be missing."""
    for number, event in enumerate(whole[:-1]):
        since = {"since": event.data["seq"]}
        with served.client.events("POST", EVENTS, **wanted(**since)) as events:
            assert whole[number + 1 :] == without_gaps(until(events, COMPLETED))


def test_a_run_that_is_moved_is_told_to_its_end_and_resumed_anywhere(
    served: Served, way: tuple[str, str]
) -> None:
    with served.client.events("POST", EVENTS, **wanted()) as events:
        started(served.client, "walk")
        told = events.take(4)
        assert served.gates.reached.acquire(timeout=WAIT_S)
        served.move(way[1], if_running="move")
        assert served.gates.reached.acquire(timeout=WAIT_S)
        told += until(events, ("values", {"n": 2}))
        served.gates.opened.set()
        told += until(events, COMPLETED)
    check_heard_or_missed(told)
    whole = without_gaps(told)
    assert [1, 2, 3] == numbers(whole)
    check_growing(whole)
    check_resuming_late(served, whole)


@pytest.fixture
def here(address: str) -> Iterator[Served]:
    with served_on(address, (HERE, THERE)) as made:
        yield made


def test_a_run_goes_on_when_its_shard_is_replaced_and_what_is_lost_is_told(
    here: Served,
) -> None:
    with here.client.events("POST", EVENTS, **wanted()) as events:
        started(here.client, "walk")
        told = events.take(4)
        assert here.gates.reached.acquire(timeout=WAIT_S)
        replace(here, 0)
        assert here.gates.reached.acquire(timeout=WAIT_S)
        told += until(events, ("values", {"n": 2}))
        here.gates.opened.set()
        told += until(events, COMPLETED)
    check_heard_or_missed(told)
    whole = without_gaps(told)
    assert [1, 2, 3] == numbers(whole)
    check_growing(whole)
    check_resuming_late(here, whole)


def test_numbers_grow_while_slots_are_moved_and_readers_go_on(here: Served) -> None:
    whole: list[Heard] = []
    with here.client.events("POST", EVENTS, **wanted(*DURABLE)) as events:
        for shard in (1, 0):
            started(here.client, "default")
            whole += events.take(6)
            replace(here, *reshard(here.cluster.dsn, [slot_of(HERE)], shard))
        started(here.client, "default")
        whole += events.take(6)
    assert [1, 2, 3, 4, 5, 6] == numbers(whole)
    check_growing(whole)
    check_resuming(here, whole, *DURABLE)


def test_a_reader_goes_on_at_another_daemon_and_hears_what_that_missed(
    here: Served,
) -> None:
    with here.client.events("POST", EVENTS, **wanted()) as events:
        started(here.client, "walk")
        told = until(events, ("custom", {"payload": {"behind": 1}}))
    since = {"since": told[-1].data["seq"]}
    other = ClusterRuntime(
        here.cluster.post, ClusterStore(here.cluster.dsn), here.cluster.workflows
    )
    with (
        other,
        daemon_before(other) as url,
        Client(base_url=url, timeout=WAIT_S) as client,
        client.events("POST", EVENTS, **wanted(**since)) as events,
    ):
        told += events.take(1)
        here.gates.opened.set()
        told += until(events, COMPLETED)
    said = [shown(one)[1]["payload"]["behind"] for one in told if one.event == "custom"]
    assert "gap" == told[4].event, "it was not there when the first state was made"
    assert [1, 2, 3] == said == numbers(told)
    check_growing(without_gaps(told))


def test_a_run_that_was_in_three_logs_is_resumed_anywhere(here: Served) -> None:
    with here.client.events("POST", EVENTS, **wanted()) as events:
        run_id = started(here.client, "walk")
        assert here.gates.reached.acquire(timeout=WAIT_S)
        here.move(THERE, if_running="move")
        assert here.gates.reached.acquire(timeout=WAIT_S)
        replace(here, *reshard(here.cluster.dsn, [slot_of(THERE)], 0))
        here.gates.opened.set()
        whole = without_gaps(until(events, COMPLETED))
    assert [1, 2, 3] == numbers(whole)
    check_growing(whole)
    check_resuming_late(here, whole)
    plain = {"params": {"stream_mode": "state_update"}}
    first = {"headers": {"Last-Event-ID": "-1"}}
    done = {"status": "run_done", "run_id": run_id}
    with here.client.events("GET", "/threads/t/stream", **plain, **first) as events:
        told = list(takewhile(lambda event: event.data != done, events))
    for number, event in enumerate(told):
        after = {"headers": {"Last-Event-ID": event.id}}
        with here.client.events("GET", "/threads/t/stream", **plain, **after) as again:
            rest = list(takewhile(lambda event: event.data != done, again))
        assert told[number + 1 :] == rest


def test_a_run_is_started_though_its_shard_is_away_just_then(here: Served) -> None:
    here.cluster.post.shards.pop(0).runtime.close(0.0)
    back = threading.Timer(0.3, here.cluster.start, [0])
    back.start()
    started(here.client, "default")
    back.join()
    assert [1, 2] == numbers(heard(here, 6, *DURABLE))
