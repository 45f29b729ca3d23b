"""How a thread's actor hands operations to the writer, and tries again.

What a client waits for is refused at once when the writer cannot take it. What the
run itself must write, its states and its end, is tried again until it is written: a
run whose end is lost would be "running" for ever.
"""

from typing import Any, Final

from weft.actors.cell import Cell
from weft.actors.messages import Retry, RunCommand, Settled
from weft.actors.services import Services
from weft.storage import (
    Operation,
    Outcome,
    Overloaded,
    SessionThreadException,
    StoreReadOnly,
    Submission,
)

__all__ = ["RETRY_DELAY_S", "Submitter"]

RETRY_DELAY_S: Final = 1.0
"""How long to leave a store alone that could not write; a full disk is looked at again
each second."""


class Submitter:
    """Submits for one thread's actor.

    Args:
        services: the runtime's shared parts.
        cell: the actor's; it gets the answers.
    """

    __slots__ = ("_cell", "_services")

    def __init__(self, services: Services, cell: Cell[Any]) -> None:
        self._services = services
        self._cell = cell

    def submit(self, operation: Operation, request: Any) -> None:
        """Queue an operation; its answer comes as ``Settled(request, ...)``.

        Raises:
            SessionThreadException: the writer does not take a client's command.
        """
        deadline_ns = request.deadline_ns if isinstance(request, RunCommand) else 0
        submission = Submission(operation, (self._cell, request), deadline_ns)
        try:
            self._services.submit(submission)
        except SessionThreadException as error:
            if isinstance(request, RunCommand):
                raise
            self._retry_later(Settled(request, Outcome(operation, None, error=error)))

    def retries(self, settled: Settled) -> bool:
        """Whether an answer is not final, because the operation is tried again."""
        passing = isinstance(settled.outcome.error, StoreReadOnly | Overloaded)
        if passing and not isinstance(settled.request, RunCommand):
            self._retry_later(settled)
            return True
        return False

    def retry(self, message: Retry) -> None:
        """Submit again what could not be written, under the same idempotency key."""
        settled: Settled = message.request
        self.submit(settled.outcome.operation, settled.request)

    def _retry_later(self, settled: Settled) -> None:
        cell = self._cell
        due_ns = self._services.sources.monotonic_ns() + int(RETRY_DELAY_S * 1e9)
        self._services.timers.call_at(
            due_ns, lambda: cell.scheduler.post(cell, Retry(settled))
        )
