"""Clients of a simulation: generators that yield the futures they wait for.

::

    def alice(sim):
        notes = yield sim.session("alice").create_thread("notes")
        yield notes.run()

A client goes on, as an event among the others, once its future is done: with the value,
or with the exception raised at the ``yield``. ``yield None`` lets others come first.
"""

from collections.abc import Callable, Generator
from typing import Any, TypeAlias

from weft.actors.future import Future

__all__ = ["Client", "Script"]

Script: TypeAlias = Generator["Future[Any] | None", Any, Any]


class Client:
    """One client on its way through its script.

    Args:
        name: for traces.
        script: what it does.
        enter: called when it may go on; it is an event then.
        leave: called when it goes on.

    Attributes:
        result: what the script returned.
        done: whether it has ended.
    """

    def __init__(
        self,
        name: str,
        script: Script,
        enter: "Callable[[Client], None]",
        leave: "Callable[[Client], None]",
    ) -> None:
        self.label = name
        self.result: Any = None
        self.done = False
        self._script = script
        self._enter = enter
        self._leave = leave
        self._waits_for: Future[Any] | None = None
        enter(self)

    def __repr__(self) -> str:
        return f"<client {self.label}>"

    def describe(self) -> str:
        """Return who goes on."""
        return f"{self.label} goes on"

    def act(self) -> None:
        """Go on until the next future."""
        self._leave(self)
        future, self._waits_for = self._waits_for, None
        try:
            waits_for = self._resume(future)
        except StopIteration as stop:
            self.done, self.result = True, stop.value
            return
        if waits_for is None:
            self._enter(self)
        else:
            self._waits_for = waits_for
            waits_for.add_done_callback(lambda _: self._enter(self))

    def _resume(self, future: Future[Any] | None) -> Future[Any] | None:
        if future is None:
            return next(self._script)
        try:
            value = future.get()
        except Exception as error:  # noqa: BLE001 - it is the script's
            return self._script.throw(error)
        return self._script.send(value)
