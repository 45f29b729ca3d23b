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


def test_a_thread_that_is_held_is_told_of_at_the_end() -> None:
    async def test(runtime: Runtime) -> None:
        watch = ThreadWatch(runtime)
        thread = await runtime.session("s").create_thread("t")
        other = await runtime.session("s").create_thread("other")
        with (
            watch.watching(thread.thread_id) as held,
            watch.watching(other.thread_id) as heard,
        ):
            await other.append_state({"n": 0})
            await asyncio.wait_for(heard.wait(), 10)
            held.clear()  # what was before has been told by now
            heard.clear()
            with watch.holding(thread.thread_id):
                assert watch.is_held(thread.thread_id)
                await thread.append_state({"n": 1})
                await other.append_state({"n": 1})
                await asyncio.wait_for(heard.wait(), 10)
                assert not held.is_set()
            assert not watch.is_held(thread.thread_id)
            await asyncio.wait_for(held.wait(), 10)

    with Runtime.open(store=MemoryStore()) as runtime:
        asyncio.run(test(runtime))
