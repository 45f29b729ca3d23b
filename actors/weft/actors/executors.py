"""Who executes a run: the executor of its workflow's kind, when the limits let it.

Guarantees:
    - Of a workflow with ``concurrency_max`` no more runs are in progress, and no more
      than ``runs_max`` in all; the others wait, and are let in by turns of sessions.
    - A run that waits for another run does not count, so the other one can be let in.
    - A run that ended, was abandoned or failed gives its places back, once.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from weft.actors.executor import Execution, PoolExecutor, WorkflowExecutor
from weft.actors.limits import Gate, Seat
from weft.actors.loop_executor import LoopExecutor, LoopStatistics
from weft.actors.process_executor import ProcessExecutor, ProcessStatistics
from weft.actors.workflow import Kind, Workflow
from weft.storage import StoreClosed

__all__ = ["RUNS_MAX", "Executors"]

RUNS_MAX: Final = 10_000
"""Runs in progress at once: as tasks of a loop they take 10 KB each."""


class Executors:
    """The executors of a runtime, one of each kind, behind the face of one.

    Args:
        threads: for plain functions and generators; a :class:`PoolExecutor` if omitted.
        asyncio: for what is ``async``; a :class:`LoopExecutor` if omitted.
        processes: for what asks for it; a :class:`ProcessExecutor` if omitted.
        runs_max: how many runs may be in progress at once.
    """

    def __init__(
        self,
        threads: WorkflowExecutor | None = None,
        asyncio: WorkflowExecutor | None = None,
        processes: WorkflowExecutor | None = None,
        runs_max: int = RUNS_MAX,
    ) -> None:
        self.by_kind: Mapping[Kind, WorkflowExecutor] = {
            "threads": threads or PoolExecutor(),
            "asyncio": asyncio or LoopExecutor(),
            "processes": processes or ProcessExecutor(),
        }
        self._all = Gate(runs_max)
        self._gates: dict[str, Gate] = {}

    def submit(self, step: Callable[[], None]) -> None:
        """Have a run's next step executed; the first waits for a place."""
        if not isinstance(step, Execution):
            self.by_kind["threads"].submit(step)
            return
        executor = self.by_kind[step.workflow.executor]
        if step.begun:
            executor.submit(step)
            return
        step.seat = Seat(self._gates_of(step.workflow))
        step.seat.enter(step.context.session_id, lambda: _begin(executor, step))

    def _gates_of(self, workflow: Workflow) -> tuple[Gate, ...]:
        limit = workflow.concurrency_max
        if limit is None:
            return (self._all,)
        name = workflow.name
        gate = self._gates.get(name) or self._gates.setdefault(name, Gate(limit))
        return (gate, self._all)

    def abandon(self, execution: Execution) -> None:
        """Do without a run that somebody else has ended."""
        if execution.begun:
            self.by_kind[execution.workflow.executor].abandon(execution)
        else:
            execution.abandon()

    def waiting(self) -> dict[str, int]:
        """Return how many runs wait for a place, by workflow; "" for one in all."""
        gates = {"": self._all} | self._gates
        return {name: gate.waiting for name, gate in gates.items()}

    def statistics(self) -> Any:
        """Return how busy the OS threads for plain workflows are."""
        return self.by_kind["threads"].statistics()

    def loops(self) -> LoopStatistics:
        """Return how busy the event loops are; nothing of an executor of one's own."""
        found = self.by_kind["asyncio"].statistics()
        return found if isinstance(found, LoopStatistics) else LoopStatistics()

    def processes(self) -> ProcessStatistics:
        """Return how busy the worker processes are; as of :meth:`loops`."""
        found = self.by_kind["processes"].statistics()
        return found if isinstance(found, ProcessStatistics) else ProcessStatistics()

    def close(self, timeout_s: float) -> bool:
        """Finish what runs, executor by executor.

        Args:
            timeout_s: seconds to wait in all.

        Returns:
            Whether everything has ended.
        """
        deadline_s = time.monotonic() + timeout_s
        ended = [
            executor.close(max(0.0, deadline_s - time.monotonic()))
            for executor in self.by_kind.values()
        ]
        return all(ended)


def _begin(executor: WorkflowExecutor, execution: Execution) -> None:
    try:
        executor.submit(execution)
    except RuntimeError as error:  # it may be called by whoever gave the place back
        words = "The runtime was closed before the run began."
        execution.fail(StoreClosed(words, cause=error))
    else:
        execution.begun = True
