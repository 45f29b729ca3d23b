"""Streams: reading in plain code and asyncio, limits, ends from both sides."""

from __future__ import annotations

import asyncio
import sys
import threading
from typing import TYPE_CHECKING, Any

import pykka
import pytest

from tests.actors.futures import loop_turn
from weft.actors.future import Future
from weft.actors.stream import STREAM_ITEMS_MAX, Stream

if TYPE_CHECKING:
    from collections.abc import Iterator

LONG_S = 20.0


class TooSlowError(Exception):
    """What a slow reader gets in these tests."""


class Watched(Stream[int]):
    """A stream that remembers how often its producer was told."""

    def __init__(self, timeout_s: float | None = LONG_S) -> None:
        self.closings: list[int] = []
        super().__init__(
            TooSlowError,
            on_close=lambda: self.closings.append(threading.get_ident()),
            timeout_s=timeout_s,
        )


@pytest.fixture
def _eager_switching() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def produce(stream: Stream[int], count: int) -> threading.Thread:
    def push_all() -> None:
        for number in range(count):
            stream.push(number)
        stream.finish()

    thread = threading.Thread(target=push_all, daemon=True)
    thread.start()
    return thread


async def read_all(stream: Stream[int]) -> list[int]:
    return [item async for item in stream]


@pytest.mark.usefixtures("_eager_switching")
def test_items_arrive_once_and_in_order() -> None:
    for _ in range(20):
        stream = Watched()
        thread = produce(stream, STREAM_ITEMS_MAX)
        assert list(range(STREAM_ITEMS_MAX)) == list(stream)
        thread.join(LONG_S)
        assert [] == list(stream)
        stream.close()
        assert [] == stream.closings


def test_asyncio_reads_a_stream_and_an_awaited_stream() -> None:
    async def main() -> tuple[list[int], list[int]]:
        first, second = Watched(), Watched()
        threads = [produce(first, 100), produce(second, 100)]
        items = await read_all(first), [item async for item in await second]
        for thread in threads:
            thread.join(LONG_S)
        return items

    expected = list(range(100))
    assert (expected, expected) == asyncio.run(main())


def test_the_loop_runs_while_a_reader_waits() -> None:
    async def main() -> list[int]:
        stream = Watched()
        reader = asyncio.ensure_future(read_all(stream))
        await loop_turn()
        stream.push(1)  # on the loop: a blocked one would never get here
        stream.finish()
        return await reader

    assert [1] == asyncio.run(main())


def test_a_failure_comes_after_the_items_before_it() -> None:
    stream = Watched()
    stream.push(1)
    stream.fail(ValueError("broken"))
    stream.push(2)
    stream.finish()
    assert 1 == next(stream)
    with pytest.raises(ValueError, match="broken"):
        next(stream)


def test_a_producers_timeout_error_is_not_taken_for_the_readers() -> None:
    stream = Watched()
    stream.fail(TimeoutError("the producer's"))
    with pytest.raises(TimeoutError, match="the producer's"):
        asyncio.run(read_all(stream))


def test_a_reader_waits_no_longer_than_its_timeout_for_an_item() -> None:
    stream = Watched(timeout_s=0.02)
    stream.push(1)
    assert 1 == next(stream)
    with pytest.raises(pykka.Timeout):
        next(stream)
    with pytest.raises(pykka.Timeout):
        asyncio.run(read_all(stream))
    stream.push(2)
    assert 2 == next(stream)  # giving up costs nothing


def test_a_reader_that_is_too_slow_is_cut_off() -> None:
    stream = Watched()
    assert all(stream.push(number) for number in range(STREAM_ITEMS_MAX))
    assert not stream.push(-1)
    assert not stream.push(-2)
    assert 1 == len(stream.closings)
    read: list[int] = []
    with pytest.raises(TooSlowError):
        read.extend(stream)
    assert list(range(STREAM_ITEMS_MAX)) == read or [] == read
    stream.close()
    assert 1 == len(stream.closings)


def test_a_reader_that_keeps_up_is_never_cut_off() -> None:
    stream = Watched()
    for number in range(3 * STREAM_ITEMS_MAX):
        assert stream.push(number)
        assert number == next(stream)


def test_the_producer_hears_that_nobody_reads_any_more() -> None:
    stream = Watched()
    stream.push(1)
    stream.close()
    stream.close()
    assert [threading.get_ident()] == stream.closings
    assert not stream.push(2)
    stream.fail(ValueError())
    stream.finish()
    assert [] == list(stream)


def test_leaving_the_with_block_closes() -> None:
    with Watched() as stream:
        stream.push(1)
        for item in stream:
            assert 1 == item
            break
    assert 1 == len(stream.closings)

    async def main() -> Watched:
        async with Watched() as stream:
            stream.push(1)
            async for item in stream:
                assert 1 == item
                break
        return stream

    assert 1 == len(asyncio.run(main()).closings)


def test_close_ends_the_wait_of_a_reader_on_another_os_thread() -> None:
    stream = Watched()
    seen: list[Any] = []
    reader = threading.Thread(target=lambda: seen.append(list(stream)), daemon=True)
    reader.start()
    while not stream._head._waiters:
        assert reader.is_alive()
    stream.close()
    reader.join(LONG_S)
    assert [[]] == seen


def test_a_close_in_the_middle_of_a_push_is_heard_and_ends_the_reading() -> None:
    stream = Watched()

    class Closing(Future[Any]):
        def try_set(self, value: Any = None) -> bool:
            settled = super().try_set(value)
            if value is not None:
                stream.close()
            return settled

    stream._head = stream._tail = Closing()
    assert not stream.push(1)
    assert 1 == len(stream.closings)
    assert [] == list(stream)
    assert stream._tail.done()  # nobody waits on it for ever


@pytest.mark.usefixtures("_eager_switching")
def test_the_producer_hears_once_when_close_races_push() -> None:
    for _ in range(500):
        stream = Watched()
        last: list[bool] = []

        def push_until_told(stream: Watched = stream, last: list[bool] = last) -> None:
            while stream.push(1):
                pass
            last.append(False)

        thread = threading.Thread(target=push_until_told, daemon=True)
        thread.start()
        stream.close()
        thread.join(LONG_S)
        assert [False] == last
        assert 1 == len(stream.closings)
        assert [] == list(stream)
