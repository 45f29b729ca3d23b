"""Subscriptions of one client are told in one order, none for another's sake."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from weft.actors import Runtime
from weft.daemon.http import HttpSettings
from weft.daemon.http.call import Call
from weft.daemon.http.event_filters import Subscription
from weft.daemon.http.event_pump import EventPump
from weft.daemon.http.principals import ANYBODY
from weft.daemon.http.protocol_events import ProtocolEvent
from weft.daemon.http.site import Site
from weft.storage import MemoryStore

TIMEOUT_S = 10


def count(_context: Any, config: dict[str, Any]) -> Any:
    """Count up."""
    for n in range(config["to"]):
        yield {"n": n}


class Client:
    """Hears what a pump tells, one after the other."""

    def __init__(self, runtime: Runtime) -> None:
        site = Site(runtime, HttpSettings())
        call: Call[Any, Any] = Call(site, {"weft.principal": ANYBODY}, None, None)
        self._heard: asyncio.Queue[ProtocolEvent] = asyncio.Queue()
        self.ended = asyncio.Event()
        self.reason: BaseException | None = None
        self.pump = EventPump(call, "t", self._hear, self._end)

    async def _hear(self, event: ProtocolEvent) -> None:
        if event.method != "gap":  # of what code emits: nobody reads these runs along
            self._heard.put_nowait(event)

    def _end(self, reason: BaseException | None) -> None:
        self.reason = reason
        self.ended.set()

    async def take(self, number: int) -> list[str]:
        """Return the methods of the next events."""
        async with asyncio.timeout(TIMEOUT_S):
            return [(await self._heard.get()).method for _ in range(number)]

    def silent(self) -> bool:
        """Whether there is nothing more to hear."""
        return self._heard.empty()


def with_a_client(act: Callable[[Runtime, Client], Awaitable[None]]) -> None:
    async def test(runtime: Runtime) -> None:
        client = Client(runtime)
        await act(runtime, client)
        client.pump.close()

    with Runtime.open(store=MemoryStore(), workflows={"count": count}) as runtime:
        asyncio.run(test(runtime))


async def run(runtime: Runtime, to: int = 2, *, is_new: bool = True) -> None:
    """Run the thread, which is created first if it is new."""
    if is_new:
        session = runtime.session("s")
        await session.create_thread("t", workflow="count", thread_id="t")
    await runtime.coordinator.execute_workflow_in_session("s", "t", {"to": to})


def test_what_comes_together_is_told_in_order_once() -> None:
    async def act(runtime: Runtime, client: Client) -> None:
        await run(runtime)
        client.pump.enter("ends", Subscription(["lifecycle"]))
        client.pump.enter("all", Subscription(["lifecycle", "values"]))
        assert 2 == len(client.pump)
        expected = ["lifecycle", "values", "values", "lifecycle"]
        assert expected == await client.take(4)

    with_a_client(act)


def test_a_later_one_hears_what_was_and_others_do_not_hear_it_again() -> None:
    async def act(runtime: Runtime, client: Client) -> None:
        await run(runtime)
        client.pump.enter("ends", Subscription(["lifecycle"]))
        assert ["lifecycle"] * 2 == await client.take(2)
        client.pump.enter("values", Subscription(["values"]))
        assert ["values"] * 2 == await client.take(2)
        await run(runtime, to=1, is_new=False)
        assert ["lifecycle", "values", "lifecycle"] == await client.take(3)

    with_a_client(act)


def test_who_has_left_is_told_nothing() -> None:
    async def act(runtime: Runtime, client: Client) -> None:
        client.pump.enter("ends", Subscription(["lifecycle"]))
        client.pump.enter("values", Subscription(["values"]))
        assert client.pump.leave("values")
        assert not client.pump.leave("values")
        await run(runtime)
        assert ["lifecycle"] * 2 == await client.take(2)
        assert client.silent()

    with_a_client(act)


def test_it_ends_with_the_thread() -> None:
    async def act(runtime: Runtime, client: Client) -> None:
        client.pump.enter("values", Subscription(["values"]))
        await run(runtime, to=1)
        assert ["values"] == await client.take(1)
        await runtime.coordinator.remove_thread("t")
        async with asyncio.timeout(TIMEOUT_S):
            await client.ended.wait()
        assert client.reason is None

    with_a_client(act)
