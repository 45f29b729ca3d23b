"""Two light actors for tests: one that does what it is told, one that is told."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from tests.actors.support import LONG_S
from weft.actors.cell import Cell, ChildFailed
from weft.actors.light_actor import LightActor, handles

if TYPE_CHECKING:
    from types import TracebackType

    from weft.actors.dispatcher import Dispatcher
    from weft.actors.future import Future


class Echo(LightActor):
    kind = "session"

    def __init__(self, dispatcher: Dispatcher, key: str = "alice") -> None:
        super().__init__(dispatcher, key)
        self.hooks: list[Any] = []
        self.attribute = 1
        self.entered = threading.Event()

    @handles(int)
    @handles(float)
    def _number(self, message: float) -> float:
        return message + 1

    @handles(str)
    def _raise(self, message: str) -> None:
        raise ValueError(message)

    @handles(bytes, deferred=True)
    def _later(self, message: bytes, future: Future[bytes] | None) -> None:
        if message == b"raise":
            raise ValueError(message)
        if future is not None:
            threading.Thread(target=future.set, args=(message,)).start()

    @handles(threading.Event)
    def _wait(self, message: threading.Event) -> None:
        self.entered.set()
        assert message.wait(LONG_S)

    @handles(type)
    def _raise_any(self, message: type[BaseException]) -> None:
        raise message

    @handles(Cell)
    def _block(self, message: Cell[Any]) -> Any:
        return message.ask(1)

    def method(self, a: int, b: int = 0) -> int:
        return a + b

    def on_start(self) -> None:
        self.hooks.append("start")

    def on_stop(self) -> None:
        self.hooks.append("stop")

    def on_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert exception_value is not None
        assert exception_type is type(exception_value)
        assert traceback is exception_value.__traceback__
        self.hooks.append(exception_value)

    def on_receive(self, message: Any) -> Any:
        return ("received", message)


class Supervisor(LightActor):
    def __init__(self, dispatcher: Dispatcher) -> None:
        super().__init__(dispatcher, "supervisor")
        self.reports: list[ChildFailed] = []
        self.told = threading.Event()

    @handles(ChildFailed)
    def _child_failed(self, message: ChildFailed) -> None:
        self.reports.append(message)
        self.told.set()
