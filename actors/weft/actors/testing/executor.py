"""The executor of a simulation: each step of a run is an event of its own."""

from collections.abc import Callable

from weft.actors.executor import Execution
from weft.actors.testing.scheduler import SimScheduler
from weft.storage import InvalidArgument

__all__ = ["SimExecutor", "SimStep"]

EXECUTOR = "executor"


class SimStep:
    """A step of a run that can be executed next."""

    __slots__ = ("_executor", "_step")

    label = EXECUTOR

    def __init__(self, executor: "SimExecutor", step: Callable[[], None]) -> None:
        self._executor = executor
        self._step = step

    def describe(self) -> str:
        """Return whose step it is."""
        run = getattr(self._step, "run", None)
        return f"executor: a step of {getattr(run, 'run_id', self._step)}"

    def act(self) -> None:
        """Execute it."""
        self._executor.execute(self, self._step)


class SimExecutor:
    """Executes steps when the simulation picks them.

    Args:
        scheduler: the simulated process's.

    Attributes:
        pending: the steps that can be executed.
        executed: how many were.
    """

    def __init__(self, scheduler: SimScheduler) -> None:
        self._scheduler = scheduler
        self.pending: list[SimStep] = []
        self.executed = 0

    def submit(self, step: Callable[[], None]) -> None:
        """Have a step executed, some time; one that needs an event loop fails."""
        if isinstance(step, Execution) and step.workflow.executor == "asyncio":
            words = (
                f"Workflow {step.workflow.name!r} is asynchronous, and a simulation "
                "has no event loop. Register a plain function or generator for it."
            )
            step.fail(InvalidArgument(words))
            return
        self.pending.append(SimStep(self, step))

    def execute(self, pending: SimStep, step: Callable[[], None]) -> None:
        """Execute a step now."""
        self.pending.remove(pending)
        self.executed += 1
        self._scheduler.sender = EXECUTOR
        try:
            step()
        finally:
            self._scheduler.sender = "client"

    def abandon(self, execution: Execution) -> None:
        """Do without a run; a step of it that is picked later does nothing."""
        execution.abandon()

    def statistics(self) -> None:
        """Return nothing: there are no OS threads to count."""

    def close(self, timeout_s: float) -> bool:  # noqa: ARG002 - the executor's face
        """Return whether every step has ended; none is ever half-way."""
        return not self.pending
