"""Whoever waits for a thread hears of it, and nothing is read while nobody waits."""

import asyncio

from weft.actors import Runtime
from weft.daemon.http.run_watch import ThreadWatch
from weft.storage import MemoryStore


def test_whoever_waits_for_a_thread_is_told_and_nobody_else() -> None:
    async def test(runtime: Runtime) -> None:
        watch = ThreadWatch(runtime)
        one = await runtime.session("s").create_thread("one")
        two = await runtime.session("s").create_thread("two")
        with watch.watching(one.thread_id) as first:
            with watch.watching(two.thread_id) as second:
                await two.append_state({"n": 1})
                await asyncio.wait_for(second.wait(), 10)
                assert not first.is_set()
            assert not watch.is_watched(two.thread_id)
            await one.append_state({"n": 1})
            await asyncio.wait_for(first.wait(), 10)
        assert not watch.is_watched(one.thread_id)

    with Runtime.open(store=MemoryStore()) as runtime:
        asyncio.run(test(runtime))


def test_whoever_waits_is_told_that_the_runtime_was_closed() -> None:
    async def test(runtime: Runtime) -> None:
        watch = ThreadWatch(runtime)
        with watch.watching("t") as event:
            await asyncio.to_thread(runtime.close)
            await asyncio.wait_for(event.wait(), 10)
            assert watch.closed

    with Runtime.open(store=MemoryStore()) as runtime:
        asyncio.run(test(runtime))
