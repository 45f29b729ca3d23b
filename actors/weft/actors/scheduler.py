"""What runs turns, as cells and futures see it.

The one for production is :mod:`weft.actors.dispatcher`; a simulation injects another.

Guarantees:
    - Code can tell whether it runs in a turn, and in whose, on any OS thread.
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from weft.actors.cell import Cell
    from weft.actors.dead_letters import DeadLetters
    from weft.actors.future import Future
    from weft.actors.suspension import Suspension

__all__ = ["Mail", "Scheduler", "on_dispatcher", "running_cell", "running_turns"]

Mail: TypeAlias = "tuple[Cell[Any], Any, Future[Any] | None, int]"
"""A posted message: cell, message, future or None, ``time.perf_counter_ns()`` of the
posting."""


class Scheduler(Protocol):
    """What a cell needs from whatever runs its turns.

    Attributes:
        current: the mail whose turn it is; None between turns.
        dead_letters: what nobody handled.
        suspended: what would have to be answered if the scheduler ended now.
    """

    current: Mail | None
    dead_letters: DeadLetters
    suspended: set[Suspension]

    def post(
        self, cell: Cell[Any], message: Any, future: Future[Any] | None = None
    ) -> None:
        """Have the cell handle a message, in a turn of its own."""

    def offer(
        self, cell: Cell[Any], message: Any, future: Future[Any] | None = None
    ) -> None:
        """Post a message if there is room for it; else raise Overloaded."""

    def post_many(self, items: Iterable[Mail]) -> None:
        """Post messages that are in tuple form already."""

    def post_system(
        self, cell: Cell[Any], message: Any, future: Future[Any] | None = None
    ) -> None:
        """Post a message that overtakes user mail and is never refused."""


class _Local(threading.local):
    runs_turns = False
    scheduler: Scheduler | None = None


_local = _Local()


def on_dispatcher() -> bool:
    """Whether the calling OS thread runs turns, and so must not block."""
    return _local.runs_turns


def running_cell() -> Cell[Any] | None:
    """Return whose turn the calling OS thread runs now, if any."""
    scheduler = _local.scheduler
    mail = None if scheduler is None else scheduler.current
    return None if mail is None else mail[0]


@contextlib.contextmanager
def running_turns(scheduler: Scheduler | None = None) -> Generator[None]:
    """Mark the calling OS thread as one that runs turns, inside a with block.

    Args:
        scheduler: whose turns they are.
    """
    before = _local.runs_turns, _local.scheduler
    _local.runs_turns, _local.scheduler = True, scheduler
    try:
        yield
    finally:
        _local.runs_turns, _local.scheduler = before


def runs_no_turns() -> None:
    """In a forked child: the calling OS thread is no dispatcher any more."""
    _local.runs_turns, _local.scheduler = False, None
