"""The change feed: complete, in order, from any place, for any number of readers."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pykka
import pytest

from weft.actors import Runtime
from weft.actors.events import CHUNK_ENTRIES, EventsExpired
from weft.storage import CreateSession, Expire, MemoryStore, SessionExists
from weft.storage.keys import log_place
from weft.storage.store import clock_us

WAIT_S = 10


@pytest.fixture
def runtime() -> Iterator[Runtime]:
    with Runtime.open(store=MemoryStore()) as opened:
        yield opened


def create(runtime: Runtime, number: int, first: int = 0) -> None:
    futures = [
        runtime.coordinator.create_session(f"s{each}")
        for each in range(first, first + number)
    ]
    for future in futures:
        future.get(timeout=WAIT_S)


def refuse(runtime: Runtime, number: int) -> None:
    """Have operations refused; session ``s0`` exists."""
    for future in [runtime.coordinator.create_session("s0") for _ in range(number)]:
        with pytest.raises(SessionExists):
            future.get(timeout=WAIT_S)


def take(runtime: Runtime, number: int, after_seq: int = 0) -> list[int | None]:
    events = runtime.events(after_seq, timeout_s=WAIT_S)
    return [next(events).seq for _ in range(number)]


def test_it_has_everything_in_order(runtime: Runtime) -> None:
    number = 3 * CHUNK_ENTRIES + 5
    create(runtime, number)
    assert list(range(1, number + 1)) == take(runtime, number)


@pytest.mark.parametrize("after_seq", [0, 1, 7, 19])
def test_it_is_resumed_behind_any_place(runtime: Runtime, after_seq: int) -> None:
    create(runtime, 20)
    expected = list(range(after_seq + 1, 21))
    assert expected == take(runtime, 20 - after_seq, after_seq)


def test_refusals_are_no_events(runtime: Runtime) -> None:
    create(runtime, 1)
    refuse(runtime, CHUNK_ENTRIES + 3)
    create(runtime, 1, first=1)
    refuse(runtime, 2)
    assert [1, 2] == take(runtime, 2)
    with pytest.raises(pykka.Timeout):
        next(runtime.events(2, timeout_s=0.01))


def test_a_reader_that_waits_is_woken_by_the_next_change(runtime: Runtime) -> None:
    found: list[int | None] = []
    reader = threading.Thread(target=lambda: found.extend(take(runtime, 3)))
    reader.start()
    for number in range(3):
        create(runtime, 1, first=number)
    reader.join(WAIT_S)
    assert [1, 2, 3] == found


def test_many_readers_in_asyncio_each_get_everything(runtime: Runtime) -> None:
    async def read() -> list[int | None]:
        events = runtime.events(timeout_s=WAIT_S)
        return [(await anext(events)).seq for _ in range(50)]

    async def run() -> list[list[int | None]]:
        readers = [asyncio.create_task(read()) for _ in range(20)]
        for number in range(50):
            await runtime.coordinator.create_session(f"s{number}")
        return await asyncio.gather(*readers)

    assert [list(range(1, 51))] * 20 == asyncio.run(run())


def test_a_reader_that_is_cancelled_takes_nobody_along(runtime: Runtime) -> None:
    async def run() -> int | None:
        first, second = (runtime.events(timeout_s=WAIT_S) for _ in range(2))
        given_up = asyncio.create_task(anext(first))
        waiting = asyncio.create_task(anext(second))
        await asyncio.wait({given_up}, timeout=0.01)
        given_up.cancel()
        await runtime.coordinator.create_session("s")
        return (await waiting).seq

    assert 1 == asyncio.run(run())


def test_a_writer_and_a_reader_race_and_nothing_is_lost(tmp_path: Path) -> None:
    number = 2000
    with Runtime.open(tmp_path / "data") as runtime:
        writer = threading.Thread(target=create, args=(runtime, number))
        writer.start()
        assert list(range(1, number + 1)) == take(runtime, number)
        writer.join(WAIT_S)


def test_it_goes_on_where_it_was_after_a_restart(tmp_path: Path) -> None:
    with Runtime.open(tmp_path / "data") as runtime:
        create(runtime, 3)
        events = runtime.events(timeout_s=WAIT_S)
        assert [1, 2] == [next(events).seq for _ in range(2)]
        place = events.after_seq
    with Runtime.open(tmp_path / "data") as runtime:
        create(runtime, 1, first=3)
        assert [3, 4] == take(runtime, 2, place)


def test_it_ends_with_the_runtime_once_all_is_read() -> None:
    with Runtime.open(store=MemoryStore()) as runtime:
        create(runtime, 2)
        events = runtime.events(timeout_s=WAIT_S)
        assert 1 == next(events).seq
    assert [2] == [record.seq for record in events]


def test_closing_it_ends_a_reader_that_waits(runtime: Runtime) -> None:
    async def run() -> list[int | None]:
        events = runtime.events(timeout_s=WAIT_S)

        async def read() -> list[int | None]:
            return [record.seq async for record in events]

        reader = asyncio.create_task(read())
        await asyncio.wait({reader}, timeout=0.01)
        events.close()
        return await reader

    assert [] == asyncio.run(run())


def test_a_place_that_the_log_has_forgotten_is_told() -> None:
    store = MemoryStore()
    now_us = clock_us()  # what is old would be forgotten by the runtime, too
    store.apply(
        [
            CreateSession(op_id=f"o{n}", at_us=now_us, session_id=f"s{n}")
            for n in range(10)
        ]
    )
    forgotten = tuple((log_place(n + 1), f"o{n}") for n in range(6))
    store.apply([Expire(op_id="expire", at_us=now_us, log=forgotten)])
    with Runtime.open(store=store) as runtime:
        with pytest.raises(EventsExpired) as caught:
            take(runtime, 1, after_seq=1)
        assert 6 == caught.value.resume_after
        assert [7, 8, 9, 10, 11] == take(runtime, 5, after_seq=6)
