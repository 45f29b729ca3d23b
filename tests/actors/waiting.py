"""A light actor whose handlers wait for what a test tells them to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.actors.support import LONG_S
from weft.actors.controls import Terminated
from weft.actors.future import Future
from weft.actors.light_actor import LightActor, handles

if TYPE_CHECKING:
    from weft.actors.cell import Cell
    from weft.actors.dispatcher import Dispatcher


class Waiter(LightActor):
    """Waits for futures and asks other actors; remembers what it was told."""

    def __init__(self, dispatcher: Dispatcher, key: str = "alice") -> None:
        super().__init__(dispatcher, key)
        self.seen: list[Any] = []

    @handles(Future)
    async def _wait_for(self, message: Future[Any]) -> Any:
        self.seen.append("waits")
        try:
            return await message
        finally:
            self.seen.append("waited")

    @handles(list)
    async def _ask_along(self, message: list[Cell[Any]]) -> Any:
        """Ask the first to ask the rest; the last one is asked a word."""
        first, *rest = message
        return await first.ask(rest or "end", block=False)

    @handles(dict)
    async def _await_anything(self, message: dict[str, Any]) -> Any:
        return await message["it"]

    @handles(Terminated)
    def _ended(self, message: Terminated) -> None:
        self.seen.append(message)

    def on_receive(self, message: Any) -> Any:
        self.seen.append(message)
        return message

    def on_stop(self) -> None:
        self.seen.append("stop")


class Leaf(Waiter):
    """One that may wait for leaves only."""

    awaits_leaves_only = True

    @handles(tuple)
    def _ask_plainly(self, message: tuple[Cell[Any]]) -> Any:
        return message[0].ask("plain", block=False)


def settle(dispatcher: Dispatcher) -> None:
    """Wait until everything posted so far has had its turn."""
    for _ in range(3):
        Waiter(dispatcher, "settle").actor_ref.ask("x", timeout=LONG_S)
