"""The clocks of one thread's runs: when the next is due, overdue, or silent.

Each clock is one timer that posts one message; what it means is the thread's business.
"""

from typing import Any

from weft.actors.cell import Cell
from weft.actors.run_messages import Due, Overdue, Pulse
from weft.actors.services import Services
from weft.actors.sources import Cancellable
from weft.storage import Run

__all__ = ["Clocks"]


class Clocks:
    """Posts to one thread's actor when it is time.

    Args:
        services: the runtime's shared parts.
    """

    __slots__ = ("_deadline", "_due", "_due_us", "_pulse", "_services")

    def __init__(self, services: Services) -> None:
        self._services = services
        self._due: Cancellable | None = None
        self._due_us = 0
        self._deadline: Cancellable | None = None
        self._pulse: Cancellable | None = None

    def wake(self, cell: Cell[Any], at_us: int | None) -> None:
        """Post ``Due`` at a time; None for never."""
        if self._due is not None:
            if self._due_us == at_us:
                return
            self._due.cancel()
            self._due = None
        if at_us is not None:
            self._due_us = at_us
            self._due = self._at(cell, at_us, Due())

    def woke(self) -> None:
        """Take note that ``Due`` has come."""
        self._due = None

    def watch(self, cell: Cell[Any], run: Run) -> None:
        """Post ``Overdue`` at a run's deadline, if it has one."""
        self.stop()
        if run.deadline_us:
            self._deadline = self._at(cell, run.deadline_us, Overdue(run.run_id))

    def listen(self, cell: Cell[Any], run: Run, every_s: float, beats: int) -> None:
        """Post ``Pulse`` after a while."""
        message = Pulse(run.run_id, run.attempt, beats)
        self._pulse = self._in(cell, every_s, message)

    def stop(self) -> None:
        """Watch and listen no more."""
        for timer in (self._deadline, self._pulse):
            if timer is not None:
                timer.cancel()
        self._deadline = self._pulse = None

    def _at(self, cell: Cell[Any], at_us: int, message: Any) -> Cancellable:
        return self._in(
            cell, (at_us - self._services.sources.clock_us()) / 1e6, message
        )

    def _in(self, cell: Cell[Any], wait_s: float, message: Any) -> Cancellable:
        sources = self._services.sources
        due_ns = sources.monotonic_ns() + max(0, round(wait_s * 1e9))
        return self._services.timers.call_at(
            due_ns, lambda: cell.scheduler.post(cell, message)
        )
