"""Control messages: what is done to an actor rather than by it.

They travel as system mail, so they overtake the backlog, and they are obeyed also
while the actor is suspended, before it has started and after its end.

Guarantees:
    - A watcher hears of an end once, also when it comes after the end.

What each of them does to a cell is in :mod:`weft.actors.cell`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

if TYPE_CHECKING:
    from weft.actors.cell import Cell
    from weft.actors.future import Future

__all__ = [
    "ChildFailed",
    "Control",
    "Halt",
    "Quarantine",
    "Restart",
    "Start",
    "StopNow",
    "Terminated",
    "Unwatch",
    "Watch",
]


class ChildFailed(msgspec.Struct, frozen=True):
    """A system message: a handler of a child failed and nobody waits for the answer.

    Attributes:
        cell: the child; it is alive unless it stopped itself.
        exception: what the handler raised.
        message: what the child was handling.
    """

    cell: Cell[Any]
    exception: BaseException
    message: Any


class Terminated(msgspec.Struct, frozen=True):
    """A system message: an actor that was watched has ended.

    Attributes:
        cell: the actor's ref.
        reason: ``stopped``, in order or on demand; ``failed``; ``gone``, before it
            was watched.
        exception: what it failed with.
    """

    cell: Cell[Any]
    reason: Literal["stopped", "failed", "gone"]
    exception: BaseException | None = None


class Start(msgspec.Struct, frozen=True):
    """The first message of an actor: run ``on_start``."""


class Control(msgspec.Struct, frozen=True):
    """A message that the cell obeys, not the actor."""

    def obey(self, cell: Cell[Any], future: Future[Any] | None) -> None:
        """Do it, in a turn of the cell.

        Args:
            cell: to whom.
            future: gets an answer, if one is wanted.
        """
        # Not abstract: that would take a metaclass made of msgspec's and abc's.
        raise NotImplementedError


class StopNow(Control, frozen=True):
    """Stop, and refuse the mail that waits."""

    def obey(self, cell: Cell[Any], future: Future[Any] | None) -> None:
        """Stop it; the answer is True."""
        if cell.actor is not None:
            cell.stop_in_turn()
        if future is not None:
            future.try_set(True)  # the answer


class Watch(Control, frozen=True):
    """Tell the watcher when the actor ends."""

    watcher: Cell[Any]

    def obey(self, cell: Cell[Any], future: Future[Any] | None) -> None:  # noqa: ARG002
        """Note it, or tell at once."""
        if cell.actor is None:
            cell.scheduler.post_system(self.watcher, Terminated(cell, "gone"))
        else:
            cell.watchers = {**(cell.watchers or {}), self.watcher: None}


class Unwatch(Control, frozen=True):
    """Forget the watcher."""

    watcher: Cell[Any]

    def obey(self, cell: Cell[Any], future: Future[Any] | None) -> None:  # noqa: ARG002
        """Strike it out."""
        if cell.watchers is not None:
            cell.watchers.pop(self.watcher, None)


class Halt(Control, frozen=True):
    """Stop the actor but keep its mail: it is going to be restarted."""

    def obey(self, cell: Cell[Any], future: Future[Any] | None) -> None:  # noqa: ARG002
        """Halt it unless it has ended."""
        if cell.actor is not None:
            cell.halt()


class Restart(Control, frozen=True):
    """Put a fresh actor in the place of one that failed or was halted."""

    def obey(self, cell: Cell[Any], future: Future[Any] | None) -> None:  # noqa: ARG002
        """Restart it unless it has ended."""
        if cell.actor is not None:
            cell.restart()


class Quarantine(Control, frozen=True):
    """Refuse mail for an actor that failed until its restart.

    Attributes:
        until_ns: when the restart is due, on the clock of ``time.monotonic_ns``.
    """

    until_ns: int

    def obey(self, cell: Cell[Any], future: Future[Any] | None) -> None:  # noqa: ARG002
        """Refuse what waits; what comes later is refused at the door."""
        if cell.suspension is not None:
            cell.suspension.quarantine(self.until_ns)
