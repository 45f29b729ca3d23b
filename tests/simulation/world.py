"""A simulated case: clients with a plan, workflows that watch each other, a history."""

from collections.abc import Generator
from typing import Any

import msgspec

from tests.simulation.plan import Act, Plan, start
from weft.actors.context import ExecutionContext
from weft.actors.errors import ActorCrashed
from weft.actors.testing import Crashed, Simulation
from weft.actors.testing.strategy import Strategy
from weft.storage import DeadlineExceeded, RunInterrupted, SessionThreadException

__all__ = ["Answer", "Case"]

STEPS_MAX = 6000
"""An ordinary case takes 300; a crash in every group makes it 2,000."""


class Answer(msgspec.Struct):
    """One act, from the call to the final answer.

    Attributes:
        act: what was asked.
        called: the step at which it was called first.
        answered: the step at which it was answered.
        value: the answer.
        error: or the failure.
    """

    act: Act
    called: int
    answered: int
    value: Any = None
    error: BaseException | None = None


class Case:
    """Runs a plan once.

    Args:
        plan: what the clients do.
        strategy: in which order everything happens.
        crashes_max: how often the process dies.
        breaks_max: how often a session's actor fails.
        trace: whether to keep a sentence for each step.
    """

    def __init__(
        self,
        plan: Plan,
        strategy: Strategy,
        crashes_max: int = 2,
        *,
        breaks_max: int = 0,
        trace: bool = False,
    ) -> None:
        self.answers: list[Answer] = []
        self.wrong: list[str] = []
        self._on_thread: dict[str, tuple[str, int]] = {}
        self.simulation = Simulation(
            workflows={
                "steps": self._steps,
                "plain": self._plain,
                "broken": self._broken,
            },
            strategy=strategy,
            crashes_max=crashes_max,
            breaks_max=breaks_max,
            trace=trace,
        )
        for number in sorted({client for client, _ in plan}):
            acts = [act for client, act in plan if client == number]
            self.simulation.spawn(self._client(acts))

    def run(self) -> None:
        """Run it to the end, timers of retries included."""
        with self.simulation as simulation:
            simulation.run(STEPS_MAX)
            simulation.advance(60.0)

    # Clients

    def _client(self, acts: list[Act]) -> Generator[Any, Any, None]:
        for act in acts:
            answer = Answer(act, self.simulation.steps, 0)
            yield from self._until_answered(answer)
            answer.answered = self.simulation.steps
            self.answers.append(answer)

    def _until_answered(self, answer: Answer) -> Generator[Any, Any, None]:
        act = answer.act
        while True:
            try:
                answer.value = yield start(act, self.simulation)
                return
            except (Crashed, ActorCrashed):
                continue  # the same act under the same op_id
            except DeadlineExceeded:
                act = msgspec.structs.replace(act, timeout_s=None)  # learn the truth
            except RunInterrupted:
                yield None  # it is being taken over: ask again
            except SessionThreadException as error:
                answer.error = error
                return

    # Workflows

    def _steps(
        self, context: ExecutionContext, _config: Any
    ) -> Generator[Any, None, Any]:
        """Count from the last durable state of this run to 2."""
        self._enter(context)
        state = context.state or {}
        done = state["step"] + 1 if state.get("run") == context.run_id else 0
        for step in range(done, 3):
            self._check_alone(context)
            yield {"run": context.run_id, "step": step}
        self._leave(context)

    def _plain(self, context: ExecutionContext, _config: Any) -> Any:
        self._enter(context)
        self._leave(context)
        return {"run": context.run_id, "step": 0}

    def _broken(self, context: ExecutionContext, _config: Any) -> Any:
        self._enter(context)
        self._leave(context)
        raise ValueError(context.run_id)

    def _enter(self, context: ExecutionContext) -> None:
        self._on_thread[context.thread_id] = (context.run_id, context.attempt)

    def _check_alone(self, context: ExecutionContext) -> None:
        if context.cancelled:
            return  # it was told to stop; its writes are fenced
        alone = self._on_thread.get(context.thread_id)
        if alone != (context.run_id, context.attempt):
            self.wrong.append(f"{alone} runs on {context.thread_id} beside {context}")

    def _leave(self, context: ExecutionContext) -> None:
        self._check_alone(context)
