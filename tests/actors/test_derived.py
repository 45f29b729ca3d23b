"""Derived futures: Pykka's contract, racing getters, total timeouts, asyncio."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any

import pykka
import pytest

from tests.actors.futures import LOOPS, in_thread, run_on, until_waiting
from tests.actors.support import LONG_S
from weft.actors.derived import get_all
from weft.actors.future import Future

if TYPE_CHECKING:
    from collections.abc import Callable


def test_derived_futures_keep_pykkas_contract() -> None:
    numbers: Future[list[int]] = Future()
    derived: list[Future[Any]] = [
        numbers.map(len),
        numbers.filter(lambda n: n > 1),
        numbers.reduce(lambda a, b: a + b),
        numbers.reduce(lambda a, b: a + b, 10),
        numbers.join(Future.completed("x")),
    ]
    numbers.op_id = "op"
    numbers.set([1, 2, 3])
    assert [3, [2, 3], 6, 16, [[1, 2, 3], "x"]] == [one.get() for one in derived]
    assert "op" == numbers.map(len).op_id


def test_a_derived_future_is_computed_once_by_racing_getters() -> None:
    calls: list[int] = []
    start = threading.Barrier(4)
    source: Future[int] = Future()

    def compute(number: int) -> int:
        calls.append(number)
        return number + 1

    mapped = source.map(compute)
    answers: list[int] = []

    def get() -> None:
        start.wait(LONG_S)
        answers.append(mapped.get(timeout=LONG_S))

    threads = [in_thread(get) for _ in range(3)]
    start.wait(LONG_S)
    source.set(1)
    for thread in threads:
        thread.join(LONG_S)
    assert ([2, 2, 2], [1]) == (answers, calls)
    assert 2 == mapped.get()
    assert [1] == calls


def test_a_mapped_future_waits_no_longer_than_its_timeout() -> None:
    source: Future[int] = Future()
    mapped = source.map(lambda n: n + 1)
    other = in_thread(mapped.get)
    until_waiting(source)
    before = time.monotonic()
    with pytest.raises(pykka.Timeout):
        mapped.get(timeout=0.02)
    assert time.monotonic() - before < 1
    source.set(1)
    other.join(LONG_S)
    assert 2 == mapped.get(timeout=0)


def test_a_getter_that_gives_up_hands_the_computing_on() -> None:
    source: Future[int] = Future()
    mapped = source.map(lambda n: n + 1)
    gave_up = threading.Event()

    def give_up() -> None:
        with pytest.raises(pykka.Timeout):
            mapped.get(timeout=0.02)
        gave_up.set()

    first = in_thread(give_up)
    until_waiting(source)
    second_answer: list[int] = []
    second = in_thread(lambda: second_answer.append(mapped.get(timeout=LONG_S)))
    assert gave_up.wait(LONG_S)
    source.set(1)
    first.join(LONG_S)
    second.join(LONG_S)
    assert [2] == second_answer


@pytest.mark.parametrize(
    "wait",
    [
        lambda futures: futures[0].join(*futures[1:]).get(timeout=0.06),
        lambda futures: get_all(futures, timeout=0.06),
    ],
    ids=["join", "get_all"],
)
def test_the_timeout_of_many_futures_is_a_total_one(
    wait: Callable[[list[Future[int]]], object],
) -> None:
    futures: list[Future[int]] = [Future() for _ in range(8)]

    def set_one_after_the_other() -> None:  # each in its own 60 ms, all in 240 ms
        never = threading.Event()
        for future in futures:
            never.wait(0.03)
            future.set(1)

    setter = in_thread(set_one_after_the_other)
    with pytest.raises(pykka.Timeout):
        wait(futures)
    setter.join(LONG_S)


@pytest.mark.parametrize("new_loop", LOOPS)
def test_awaiting_a_derived_future_leaves_the_loop_running(
    new_loop: Callable[[], Any],
) -> None:
    async def main() -> Any:
        sources: list[Future[int]] = [Future(), Future()]
        stock: pykka.Future[int] = pykka.ThreadingFuture()
        derived = sources[0].join(sources[1], stock).map(sum).map(lambda n: n + 1)
        loop = asyncio.get_running_loop()

        def set_sources() -> (
            None
        ):  # runs on the loop: a blocked one would never get here
            sources[0].set(10)
            sources[1].set(20)
            stock.set(30)

        loop.call_soon(loop.call_soon, set_sources)
        return await derived

    assert 61 == run_on(new_loop, main())


def test_awaiting_while_another_os_thread_computes_leaves_the_loop_running() -> None:
    computing, ticked = threading.Event(), threading.Event()

    def compute(value: int) -> int:
        computing.set()
        assert ticked.wait(LONG_S)
        return value + 1

    derived = Future.completed(1).map(compute)
    getter = in_thread(derived.get)
    assert computing.wait(LONG_S)

    async def main() -> int:
        loop = asyncio.get_running_loop()
        loop.call_soon(loop.call_soon, ticked.set)
        return await derived

    assert 2 == run_on(asyncio.new_event_loop, main())
    getter.join(LONG_S)
