"""Within a loop's rounds the dispatcher is woken once, and nothing is slept over."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.actors.support import LONG_S
from tests.actors.test_restarts import wait_until
from weft.actors import Runtime
from weft.actors.rounds import Rounds, in_rounds, rounds_here
from weft.storage import MemoryStore

CALLERS = 50


@pytest.fixture
def runtime() -> Iterator[Runtime]:
    with Runtime.open(store=MemoryStore()) as runtime:
        yield runtime


async def end_of_round() -> None:
    """Wait until what the loop was told to do before has been done."""
    loop = asyncio.get_running_loop()
    over = loop.create_future()
    loop.call_soon(over.set_result, None)
    await over


def test_each_is_woken_once_and_when_the_round_has_ended() -> None:
    woken: list[str] = []

    def first() -> None:
        woken.append("first")

    def second() -> None:
        woken.append("second")

    async def post() -> None:
        rounds = Rounds(asyncio.get_running_loop())
        for wake in (first, second, first):
            rounds.at_end(wake)
        assert [] == woken
        await end_of_round()
        assert ["first", "second"] == woken
        rounds.at_end(first)
        await end_of_round()

    asyncio.run(post())
    assert ["first", "second", "first"] == woken


async def create(runtime: Runtime, number: int) -> str:
    created = await runtime.session(f"s-{number}").create_thread("a")
    return (await created.get()).thread_name


def test_what_is_posted_in_a_round_is_answered(runtime: Runtime) -> None:
    async def all_at_once() -> list[str]:
        with in_rounds(asyncio.get_running_loop()):
            async with asyncio.timeout(LONG_S):
                coming = [create(runtime, number) for number in range(CALLERS)]
                return await asyncio.gather(*coming)

    assert ["a"] * CALLERS == asyncio.run(all_at_once())


def test_the_dispatcher_sleeps_through_a_round(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailroom = runtime._dispatcher
    found: list[int] = []
    wake_now = mailroom._wake_now

    def counted() -> None:
        found.append(len(mailroom._mail))
        wake_now()

    async def post() -> None:
        with in_rounds(asyncio.get_running_loop()):
            async with asyncio.timeout(LONG_S):
                await asyncio.to_thread(wait_until, runtime, lambda: mailroom._sleeping)
                monkeypatch.setattr(mailroom, "_wake_now", counted)
                session = runtime.session("ann")
                futures = [session.create_thread(f"t-{n}") for n in range(8)]
                assert [] == found
                for future in futures:
                    await future

    asyncio.run(post())
    assert 8 == found[0]


def test_where_no_loop_runs_it_is_woken_at_once(runtime: Runtime) -> None:
    loop = asyncio.new_event_loop()
    with in_rounds(loop):
        created = runtime.session("ann").create_thread("a").get(timeout=LONG_S)
        loop.close()
        assert "a" == created.get().get(timeout=LONG_S).thread_name
    assert rounds_here() is None
