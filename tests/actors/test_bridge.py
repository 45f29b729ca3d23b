"""The bridge: batches of replies, late ones, and loops that are gone."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

import pytest

from tests.actors.futures import (
    LOOPS,
    eager_switching,
    in_thread,
    loop_turn,
    run_on,
    set_all,
)
from tests.actors.support import LONG_S
from weft.actors.bridge import Bridge
from weft.actors.future import Future

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize("new_loop", LOOPS)
@eager_switching()
def test_no_reply_is_lost_on_the_way_into_a_loop(new_loop: Callable[[], Any]) -> None:
    async def main() -> list[int]:
        futures: list[Future[int]] = [Future() for _ in range(5_000)]
        in_thread(lambda: set_all(futures))
        return await asyncio.gather(*(wait(future) for future in futures))

    async def wait(future: Future[int]) -> int:
        return await future

    assert list(range(5_000)) == run_on(new_loop, main())


class CountingLoop(asyncio.SelectorEventLoop):
    """Counts what a bridge costs."""

    calls = 0

    def call_soon_threadsafe(  # type: ignore[override]  # its type is a variadic one
        self, *args: Any, **kwargs: Any
    ) -> asyncio.Handle:
        self.calls += 1
        return super().call_soon_threadsafe(*args, **kwargs)


def test_a_batch_of_replies_costs_one_call_into_the_loop() -> None:
    async def main() -> int:
        futures: list[Future[int]] = [Future() for _ in range(1_000)]
        waiting = [asyncio.ensure_future(wait(future)) for future in futures]
        await loop_turn()
        loop = asyncio.get_running_loop()
        assert isinstance(loop, CountingLoop)
        before = loop.calls
        for future in futures:  # the loop cannot run meanwhile: one batch
            future.set(1)
        after = loop.calls
        await asyncio.gather(*waiting)
        return after - before

    async def wait(future: Future[int]) -> int:
        return await future

    assert 1 == run_on(CountingLoop, main())


def test_a_reply_that_comes_while_a_batch_ends_is_not_lost() -> None:
    class LateReplies(deque[Any]):
        def __bool__(self) -> bool:
            some = len(self) > 0
            if not some and late:  # the drain found the end, and now comes one more
                bridges[0].reply(late.pop(), Future())
            return some

    async def main() -> list[str]:
        loop = asyncio.get_running_loop()
        bridge = Bridge(loop)
        bridges.append(bridge)
        bridge._replies = LateReplies()
        first, second = loop.create_future(), loop.create_future()
        first.add_done_callback(lambda _: woken.append("first"))
        second.add_done_callback(lambda _: woken.append("second"))
        late.append(second)
        bridge.reply(first, Future())
        await asyncio.wait([first, second], timeout=LONG_S / 2)
        return woken

    late: list[asyncio.Future[None]] = []
    bridges: list[Bridge] = []
    woken: list[str] = []
    assert ["first", "second"] == run_on(asyncio.new_event_loop, main())
    assert [] == late


@pytest.mark.parametrize("new_loop", LOOPS)
def test_a_reply_for_a_closed_loop_is_dropped(new_loop: Callable[[], Any]) -> None:
    futures: list[Future[int]] = [Future(), Future()]
    loop = new_loop()
    generators = [future.__await__() for future in futures]

    async def suspend() -> None:
        for generator in generators:
            next(generator)

    loop.run_until_complete(suspend())
    loop.close()
    for future in futures:
        future.set(1)  # raises nothing
    assert [1, 1] == [future.get(timeout=0) for future in futures]


def test_the_same_os_thread_may_run_one_loop_after_the_other() -> None:
    async def main() -> int:
        future: Future[int] = Future()
        in_thread(lambda: future.set(1))
        return await future

    assert [1] * 4 == [run_on(new_loop, main()) for new_loop in LOOPS * 2]
