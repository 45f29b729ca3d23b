"""Executing runs: the workflow's code runs step by step, somewhere else.

A step is what happens between two durable states: the first call, or one ``next`` of a
generator. Between steps no OS thread is held, so ten thousand runs that wait for their
commit cost none. A step's value is encoded where it was made, so the dispatcher never
runs user code, and what cannot be stored fails its own run only.

Guarantees:
    - A generator is advanced past a yield only after that state is durable; its steps
      never overlap; every step ends in one message to the run's thread.
    - A run that is abandoned says nothing any more and holds no place.

Here is what all executors share, and the one of OS threads. Others are in
:mod:`weft.actors.loop_executor` and :mod:`weft.actors.process_executor`; who chooses
between them is :mod:`weft.actors.executors`.
"""

import contextlib
import logging
import os
from collections.abc import Callable
from typing import Any, Final, Protocol, Self, TypeAlias

import msgspec

from weft.actors import steps as steps_module
from weft.actors import waits
from weft.actors.cell import Cell
from weft.actors.context import ExecutionContext
from weft.actors.limits import FairQueue, Seat
from weft.actors.messages import Failed, Returned, Yielded
from weft.actors.pool import ABANDONED_MAX, SPARES_MAX, THREADS_MAX_DEFAULT, Job, Pool
from weft.actors.steps import Step, Steps, end_forked_child, failure_of
from weft.actors.workflow import Workflow
from weft.storage import Store
from weft.storage.operations import Failure
from weft.storage.records import NIL, Run

__all__ = [
    "Execution",
    "ExecutionResult",
    "PoolExecutor",
    "WorkflowExecutor",
]

_logger = logging.getLogger("weft.actors")

ExecutionResult: TypeAlias = Yielded | Returned | Failed
"""What a step came to, as its run's thread is told."""

_OWN_FILES: Final = frozenset({__file__, steps_module.__file__})


class WorkflowExecutor(Protocol):
    """Where the steps of runs are executed."""

    def submit(self, step: Callable[[], None]) -> None:
        """Have a step executed, soon, elsewhere; must not block.

        Args:
            step: an :class:`Execution`: calling it executes its next step.
        """

    def abandon(self, execution: "Execution") -> None:
        """Do without a run that somebody else has ended; must not block.

        Args:
            execution: says nothing from now on. Where its code hangs, another one
                takes its place.
        """

    def statistics(self) -> Any:
        """Return how busy it is."""

    def close(self, timeout_s: float) -> bool:
        """Finish what runs; return whether everything has."""
        ...


class Advancing(Protocol):
    """Goes through a workflow's code, step by step."""

    def advance(self) -> Step:
        """Execute the next step."""
        ...

    def close(self) -> None:
        """Clean up: there is to be no next step."""


class Execution:
    """One attempt of a run on its way through its workflow.

    Args:
        cell: the thread's actor; told of every step's end.
        store: where the last durable state is read.
        workflow: what is executed.
        run: the run, at this attempt.
        context: what the workflow sees.

    Attributes:
        begun: its first step was submitted.
        abandoned: nobody wants to hear of it any more.
        seat: what it holds of the limits, until it ends.
        job: the present step's, on an OS thread of a pool.
        steps: where they are executed; here, if nobody has said otherwise.
    """

    __slots__ = (
        "_cell",
        "_last",
        "_pid",
        "_store",
        "_token",
        "abandoned",
        "begun",
        "context",
        "job",
        "run",
        "seat",
        "steps",
        "workflow",
    )

    def __init__(
        self,
        cell: Cell[Any],
        store: Store,
        workflow: Workflow,
        run: Run,
        context: ExecutionContext,
    ) -> None:
        self._cell = cell
        self._store = store
        self._last: msgspec.Raw = NIL
        self._pid = os.getpid()
        self._token: list[None] = [None]  # to whoever executes or closes it
        self.abandoned = self.begun = False
        self.steps: Advancing | None = None
        self.job: Job | None = None
        self.seat = Seat()
        self.workflow = workflow
        self.run = run
        self.context = context
        context.store = store

    @property
    def last(self) -> msgspec.Raw:
        """What the run yielded last in an earlier attempt."""
        return self._last

    # A step, on an OS thread

    def __call__(self) -> None:
        """Execute the next step; called on an OS thread of the executor."""
        try:
            self._token.pop()
        except IndexError:  # closed meanwhile
            return
        error: BaseException | None = None
        step: Step | None = None
        if not self.abandoned:
            try:
                with self.executing():
                    step = self._advance()
            except BaseException as raised:  # noqa: BLE001 - SystemExit ends the run only
                error = raised
        end_forked_child(self._pid)
        self._token.append(None)  # before the message: the next step may come at once
        if self.abandoned:
            self.close()
        elif step is not None:
            self.post(step)
        elif error is not None:
            self.fail(error)

    @property
    def step(self) -> Self:
        """The next step, to be submitted: calling the execution is executing it."""
        return self

    def executing(self) -> contextlib.AbstractContextManager[None]:
        """Mark the present code as this run's, in a with block."""
        return waits.executing(self._store, self.context, self.seat)

    def _advance(self) -> Step:
        if self.steps is None:
            self.read_state()
            self.steps = Steps(
                self.workflow.function, self.context, self.run.config, self._last
            )
        return self.steps.advance()

    def read_state(self) -> None:
        """Learn the thread's last durable state, before the first step."""
        with self._store.read() as snapshot:
            state = snapshot.state(self.run.thread_id)
        if state is not None:
            self.context.state_raw = state.values_raw
            if state.run_id == self.run.run_id:  # yielded by an earlier attempt
                self._last = state.values_raw

    # What came of it

    def post(self, step: Step) -> None:
        """Tell the run's thread what a step came to."""
        run, encoded = self.run, step.encoded
        if step.ended:
            self._tell(Returned(run.run_id, run.attempt, encoded, step.is_state))
        else:
            self._tell(Yielded(run.run_id, run.attempt, encoded, step.is_stored))

    def fail(self, error: BaseException, failure: Failure | None = None) -> None:
        """Tell the run's thread that it has failed.

        Args:
            error: what it raised.
            failure: what is stored of it; found out here if omitted.
        """
        _drop_own_frames(error)
        run = self.run
        self._tell(Failed(run.run_id, run.attempt, error, failure or failure_of(error)))

    def _tell(self, message: ExecutionResult) -> None:
        if not isinstance(message, Yielded):
            self._let_go()
        if not self.abandoned:
            self._cell.scheduler.post(self._cell, message)

    # Its end before its time

    def abandon(self) -> None:
        """Say nothing any more, and hold no place; the code is asked to stop."""
        self.abandoned = True
        waits.forget(self._store, self.run.thread_id)
        self.context.cancel()
        self.seat.leave()

    def close(self) -> None:
        """Have a generator clean up, unless it runs: then it does so afterwards."""
        try:
            self._token.pop()
        except IndexError:
            return
        try:
            if self.steps is not None:
                self.steps.close()
        except BaseException:
            _logger.exception("Run %s failed to clean up", self.run.run_id)
        self._let_go()

    def _let_go(self) -> None:
        """Hold no place any more, nor those who hold this: they would be circles."""
        self.seat.leave()
        self.steps = self.context.on_cancel = None


class PoolExecutor:
    """Executes steps on a pool of OS threads: for code that waits for I/O.

    Runs take turns by session: a session's thousand runs do not delay another's.

    Args:
        size_max: how many OS threads at the most; None for the pool's own default.
        spares_max: how many more, while as many runs wait for other runs.
        abandoned_max: how many more, in place of OS threads whose code hangs.
    """

    def __init__(
        self,
        size_max: int | None = None,
        spares_max: int = SPARES_MAX,
        abandoned_max: int = ABANDONED_MAX,
    ) -> None:
        size = THREADS_MAX_DEFAULT if size_max is None else size_max
        self._pool = Pool(size, spares_max, abandoned_max)
        self._queue: FairQueue[Callable[[], None]] = FairQueue()
        self.statistics = self._pool.statistics
        self.close = self._pool.close

    def submit(self, step: Callable[[], None]) -> None:
        """Have a step executed by an OS thread of the pool."""
        session_id = ""
        if isinstance(step, Execution):
            if not step.begun and self._pool.is_stuck:
                step.fail(self._pool.overloaded())
                return
            step.begun = True
            session_id = step.context.session_id
        self._queue.put(session_id, step)
        self._pool.submit(self._execute_next)

    def _execute_next(self) -> None:
        step = self._queue.take()
        if isinstance(step, Execution):
            step.job = Pool.current_job()
        if step is not None:
            step()

    def abandon(self, execution: Execution) -> None:
        """Replace the OS thread that executes a run, if one does."""
        execution.abandon()
        if execution.job is not None:
            self._pool.abandon(execution.job)
        self._pool.offer(execution.close)


def _drop_own_frames(error: BaseException) -> None:
    """Let the traceback begin where the workflow's own code does.

    Our frames hold the message with the error, and the thread's actor: circles.
    """
    traceback = error.__traceback__
    while traceback is not None and (
        traceback.tb_frame.f_code.co_filename in _OWN_FILES
    ):
        traceback = traceback.tb_next
    error.__traceback__ = traceback
