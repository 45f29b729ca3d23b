"""The feed of a cluster: every change of every shard, once, from any place in it."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice, pairwise
from typing import Any

import psycopg
import pykka
import pytest

pytest.importorskip("psycopg", reason="needs the extra [cluster]: psycopg")

from tests.cluster.local import LocalCluster
from tests.cluster.served import HERE, THERE, WAIT_S, daemon_before
from tests.daemon.http.listening import listening
from weft.actors.events import CHUNK_ENTRIES, EventsExpired
from weft.cluster.cluster_events import merged
from weft.cluster.cluster_runtime import ClusterRuntime
from weft.cluster.reshard import reshard
from weft.cluster.slots import slot_of
from weft.storage import InvalidArgument, OperationRecord
from weft.storage.record_base import EMPTY


@pytest.fixture
def cluster(address: str) -> Iterator[LocalCluster]:
    """Two shards with a session on each."""
    with LocalCluster(address, 2) as made:
        for session_id in (HERE, THERE):
            made.runtime.coordinator.create_session(session_id).get(timeout=WAIT_S)
        yield made


def create(runtime: ClusterRuntime, session_id: str, *names: str) -> list[str]:
    configs = [{"name": name} for name in names]
    made = runtime.coordinator.coordinate_threads(session_id, configs)
    return list(made.get(timeout=WAIT_S).values())


def seqs(runtime: ClusterRuntime) -> list[int]:
    """Return all that was applied, log by log."""
    with runtime.store.read() as snapshot:
        return [one.seq for one in snapshot.operations() if one.seq is not None]


def take(runtime: ClusterRuntime, after: int | str | None, number: int) -> list[Any]:
    with runtime.events(after, timeout_s=WAIT_S) as events:
        return list(islice(events, number))


def test_every_change_of_every_shard_is_told_once(cluster: LocalCluster) -> None:
    runtime = cluster.runtime
    for number in range(5):
        create(runtime, HERE, f"a{number}")
        create(runtime, THERE, f"b{number}")
    found = take(runtime, 0, 12)
    assert seqs(runtime) == sorted(one.seq for one in found)
    assert all(one.at_us <= next_.at_us for one, next_ in pairwise(found))


def test_it_goes_on_exactly_behind_each_place(cluster: LocalCluster) -> None:
    runtime = cluster.runtime
    for number in range(8):
        create(runtime, (HERE, THERE)[number % 2], f"t{number}")
    places, heard = [], []
    with runtime.events(0, timeout_s=WAIT_S) as events:
        for record in islice(events, 10):
            heard.append(record.seq)
            places.append(events.cursor)
    for number, place in enumerate(places[:-1]):
        rest = take(runtime, place, 9 - number)
        assert heard[number + 1 :] == [one.seq for one in rest]


def test_who_waits_hears_of_what_comes_on_any_shard(cluster: LocalCluster) -> None:
    async def follow() -> list[tuple[str, ...]]:
        events = cluster.runtime.events(None, timeout_s=WAIT_S)
        await asyncio.to_thread(create, cluster.runtime, THERE, "one")
        first = await anext(events)
        await asyncio.to_thread(create, cluster.runtime, HERE, "two")
        return [first.session_ids, (await anext(events)).session_ids]

    assert [(THERE,), (HERE,)] == asyncio.run(follow())


def test_a_reader_that_gives_up_and_asks_again_misses_and_repeats_nothing(
    cluster: LocalCluster,
) -> None:
    for number in range(4):
        create(cluster.runtime, (HERE, THERE)[number % 2], f"t{number}")

    async def follow() -> list[int]:
        events = cluster.runtime.events(0, timeout_s=WAIT_S)
        heard: list[int] = []
        for number in range(60):
            with suppress(TimeoutError):
                heard.append((await asyncio.wait_for(anext(events), 1e-4)).seq or 0)
            if number % 10 == 9 and len(heard) < 6:
                heard.append((await anext(events)).seq or 0)
        return heard

    assert seqs(cluster.runtime) == sorted(asyncio.run(follow()))


def test_nothing_is_told_where_nothing_happens(cluster: LocalCluster) -> None:
    with (
        cluster.runtime.events(None, timeout_s=0.3) as events,
        pytest.raises(pykka.Timeout),
    ):
        next(events)


def test_moving_slots_neither_hides_nor_repeats_anything(
    cluster: LocalCluster, address: str
) -> None:
    runtime = cluster.runtime
    create(runtime, HERE, "before")
    events = runtime.events(0, timeout_s=WAIT_S)
    heard = [next(events).seq or 0]
    for shard in reshard(address, [slot_of(HERE)], 1):
        cluster.post.shards[shard].runtime.close(0.0)
        cluster.start(shard)
    create(runtime, HERE, "after")
    create(runtime, THERE, "too")
    place = events.cursor
    heard += [one.seq or 0 for one in islice(events, len(seqs(runtime)) - 1)]
    assert seqs(runtime) == sorted(heard)
    assert heard[1:] == [one.seq for one in take(runtime, place, len(heard) - 1)]
    assert {0, 1, 3} == {one >> 40 for one in heard}  # log 2 has nothing yet
    assert 2 == len(now(runtime).split("_")), "those that are over are left out"


def now(runtime: ClusterRuntime) -> str:
    with runtime.events(None) as events:
        return events.cursor


def test_what_a_log_has_forgotten_is_told_and_the_rest_is_there(
    cluster: LocalCluster, address: str
) -> None:
    create(cluster.runtime, HERE, "one")
    create(cluster.runtime, THERE, "two")
    with psycopg.connect(address, autocommit=True) as line:  # as retention would
        line.execute(
            "DELETE FROM weft_entry WHERE tree = 'L' AND key = "
            "(SELECT key FROM weft_entry WHERE tree = 'L' ORDER BY key LIMIT 1)"
        )
    with pytest.raises(EventsExpired) as caught:
        take(cluster.runtime, 0, 1)
    rest = take(cluster.runtime, caught.value.resume_after, 3)
    assert seqs(cluster.runtime) == sorted(one.seq for one in rest)


@pytest.mark.parametrize("place", [7, "x", "1.2.3"])
def test_what_is_no_place_is_refused(cluster: LocalCluster, place: int | str) -> None:
    with pytest.raises(InvalidArgument):
        cluster.runtime.events(place)


def record(log: int, n: int, at_us: int) -> OperationRecord:
    return OperationRecord(
        f"{log}.{n}", (log << 40) + n, "X", (), (), "applied", EMPTY, 0, at_us, EMPTY
    )


def test_logs_are_merged_no_further_than_they_are_known() -> None:
    full = [record(0, n, 10 * n) for n in range(1, CHUNK_ENTRIES + 1)]
    late = [record(1, 1, 15), record(1, 2, 10 * CHUNK_ENTRIES + 5)]
    found = merged({0: full, 1: late})
    assert ["0.1", "1.1", "0.2"] == [one.op_id for one in found[:3]]
    assert full[-1] is found[-1]
    assert late[1] not in found


# -- over HTTP -----------------------------------------------------------------------


def test_a_follower_is_cut_off_anywhere_and_misses_nothing(
    cluster: LocalCluster,
) -> None:
    for number in range(6):
        create(cluster.runtime, (HERE, THERE)[number % 2], f"t{number}")
    with daemon_before(cluster.runtime) as url:
        with listening(f"{url}/events?after_seq=0") as stream:
            whole = stream.take(9)
        for number, event in enumerate(whole[:-1]):
            with listening(f"{url}/events", {"Last-Event-ID": event.id}) as stream:
                assert whole[number + 1 :] == stream.take(9 - number)[1:]
        with listening(f"{url}/events?after_id={whole[3].id}") as stream:
            assert whole[4:] == stream.take(6)[1:]
        with listening(f"{url}/events") as stream:
            assert "position" == stream.take(1)[0].event
            create(cluster.runtime, THERE, "new")
            assert [THERE] == stream.take(1)[0].data["session_ids"]
