"""Executing runs: the workflow's code runs on OS threads of a pool, step by step.

A step is what happens between two durable states: the first call, or one ``next`` of a
generator. Between steps no OS thread is held, so ten thousand runs that wait for their
commit cost none. A step's value is encoded where it was made, so the dispatcher never
runs user code, and what cannot be stored fails its own run only.

Guarantees: a generator is advanced past a yield only after that state is durable; its
steps never overlap; every step ends in one message to the run's thread.
"""

from collections.abc import Callable, Generator
from inspect import isgenerator
from typing import Any, Final, Protocol, cast

import msgspec

from weft.actors.cell import Cell
from weft.actors.context import ExecutionContext, Stored
from weft.actors.messages import Failed, Returned, Yielded
from weft.actors.pool import SPARES_MAX, THREADS_MAX_DEFAULT, Pool
from weft.actors.waits import executing
from weft.actors.workflow import Workflow
from weft.storage import RunInterrupted, Store
from weft.storage.operations import Failure, encode_value
from weft.storage.records import NIL, Run

__all__ = ["Execution", "PoolExecutor", "WorkflowExecutor", "failure_of"]

FAILURE_CHARACTERS_MAX: Final = 4096
"""Of an error's words: a page of text says what was wrong; some errors quote their
whole input, and this is stored with the run."""


class WorkflowExecutor(Protocol):
    """Where the steps of runs are executed."""

    def submit(self, step: Callable[[], None]) -> None:
        """Have a step executed, soon, elsewhere; must not block."""

    def statistics(self) -> Any:
        """Return how busy it is."""

    def close(self, timeout_s: float) -> bool:
        """Finish what runs; return whether everything has."""


class PoolExecutor:
    """Executes steps on a pool of OS threads: for code that waits for I/O.

    Args:
        size_max: how many OS threads at the most; None for the pool's own default.
        spares_max: how many more, while as many runs wait for other runs.
    """

    def __init__(
        self, size_max: int | None = None, spares_max: int = SPARES_MAX
    ) -> None:
        size = THREADS_MAX_DEFAULT if size_max is None else size_max
        self._pool = Pool(size, spares_max)
        self.submit = self._pool.submit
        self.statistics = self._pool.statistics
        self.close = self._pool.close


class Execution:
    """One attempt of a run on its way through its workflow.

    Args:
        cell: the thread's actor; told of every step's end.
        store: where the last durable state is read.
        workflow: what is executed.
        run: the run, at this attempt.
        context: what the workflow sees.
    """

    __slots__ = (
        "_cell",
        "_generator",
        "_last",
        "_store",
        "_workflow",
        "context",
        "run",
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
        self._workflow = workflow
        self._generator: Generator[Any, None, Any] | None = None
        self._last: msgspec.Raw = NIL
        self.run = run
        self.context = context
        context.store = store

    def step(self) -> None:
        """Execute the next step; called on an OS thread of the executor."""
        message: Yielded | Returned | Failed
        try:
            with executing(self._store, self.context):
                message = self._advance()
        except BaseException as error:  # noqa: BLE001 - SystemExit ends the run only
            run = self.run
            _drop_own_frames(error)
            message = Failed(run.run_id, run.attempt, error, failure_of(error))
        self._cell.scheduler.post(self._cell, message)

    def _advance(self) -> Yielded | Returned:
        generator = self._generator
        if generator is None:
            self._read_state()
            value = self._workflow.function(self.context, self.run.config)
            if not isgenerator(value):
                encoded = encode_value(value, "the workflow's result")
                return self._returned(encoded, is_state=value is not None)
            self._generator = generator = cast("Generator[Any, None, Any]", value)
        return self._advance_generator(generator)

    def _advance_generator(
        self, generator: Generator[Any, None, Any]
    ) -> Yielded | Returned:
        if self.context.cancelled:
            generator.close()
            raise RunInterrupted(thread_id=self.run.thread_id)
        try:
            value = next(generator)
        except StopIteration as stop:
            if stop.value is None:
                return self._returned(self._last, is_state=False)
            encoded = encode_value(stop.value, "the workflow's result")
            return self._returned(encoded, is_state=False)
        if isinstance(value, Stored):
            self._last = value.encoded
            return Yielded(self.run.run_id, self.run.attempt, self._last, True)
        self._last = encode_value(value, "the yielded state")
        return Yielded(self.run.run_id, self.run.attempt, self._last)

    def _returned(self, encoded: msgspec.Raw, *, is_state: bool) -> Returned:
        return Returned(self.run.run_id, self.run.attempt, encoded, is_state)

    def _read_state(self) -> None:
        with self._store.read() as snapshot:
            state = snapshot.state(self.run.thread_id)
        if state is not None:
            self.context.state_raw = state.values_raw
            if state.run_id == self.run.run_id:  # yielded by an earlier attempt
                self._last = state.values_raw


def _drop_own_frames(error: BaseException) -> None:
    """Let the traceback begin where the workflow's own code does.

    Our frames hold the message with the error, and the thread's actor: circles.
    """
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_frame.f_code.co_filename == __file__:
        traceback = traceback.tb_next
    error.__traceback__ = traceback


def failure_of(error: BaseException) -> Failure:
    """Return what is stored of an error: its type, and its words as far as it has any.

    Args:
        error: of user code; its ``__str__`` is user code, too.
    """
    try:
        words = str(error)
    except Exception as unprintable:  # noqa: BLE001 - the run has failed already
        words = f"(no words: {type(unprintable).__name__} in __str__)"
    words = words[:FAILURE_CHARACTERS_MAX].encode(errors="replace").decode()
    return Failure(type(error).__name__, words)
