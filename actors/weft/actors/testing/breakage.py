"""Session actors that break: a turn of one fails where the strategy says.

Production's supervision does the rest: what the actor had in hand is answered, a
stand-in takes its place, and a fresh actor reads its view from the store.

Guarantees: only a session's turn breaks; an actor that is asked to break does so before
its handler, when it has posted its first mail, or after it.
"""

from typing import Any, Final, Literal, get_args

from weft.actors.cell import Cell
from weft.actors.future import Future

__all__ = [
    "BREAK_POINTS",
    "BreakPoint",
    "Breakage",
    "SimulatedFailure",
    "is_of_session",
]

BreakPoint = Literal["before", "inside", "after"]
"""Of a turn: before the handler, behind its first mail, and when it has ended."""

BREAK_POINTS: Final[tuple[BreakPoint, ...]] = get_args(BreakPoint)


class SimulatedFailure(Exception):
    """A handler failed because the strategy said so."""


class Breakage:
    """Breaks one turn.

    Attributes:
        armed: where the next turn of a session breaks; None for nowhere.
    """

    def __init__(self) -> None:
        self.armed: BreakPoint | None = None
        self._after_the_next_post = False

    def turn(self, cell: Cell[Any], message: Any, future: Future[Any] | None) -> None:
        """Have a cell handle a message, and break if it is to."""
        point = self.armed
        if point is None or cell.actor is None or not is_of_session(cell):
            cell.turn(message, future)
            return
        self.armed = None
        if point != "before":
            self._after_the_next_post = point == "inside"
            cell.turn(message, future)
            if point == "inside" and not self._after_the_next_post:
                return
            self._after_the_next_post = False
        error = SimulatedFailure(f"{point} a {type(message).__name__}")
        cell.failed(error, message, future)

    def posted(self) -> None:
        """Break if this was the first mail of a turn that is to break there."""
        if self._after_the_next_post:
            self._after_the_next_post = False
            raise SimulatedFailure("inside a turn")


def is_of_session(cell: Cell[Any]) -> bool:
    """Return whether a cell is a session's."""
    return getattr(cell.actor_class, "kind", None) == "session"
