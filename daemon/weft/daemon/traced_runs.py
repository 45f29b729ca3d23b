"""Spans of runs and their steps, wherever their code is executed.

A run's span begins with its first step and ends with its last; a step's lasts from one
durable state to the next. The code of a step runs in its span: on OS threads and event
loops the span is OpenTelemetry's present one; a worker process is told of the run's in
the environment, as ``TRACEPARENT``.

Not here: requests, and who starts a run (:mod:`weft.daemon.tracing`).
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import aclosing, contextmanager
from inspect import isasyncgen, isawaitable
from typing import Any, Final

from msgspec.structs import replace
from opentelemetry.context import Context
from opentelemetry.propagators.textmap import TextMapPropagator
from opentelemetry.trace import (
    Span,
    Status,
    StatusCode,
    Tracer,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import (
    TraceContextTextMapPropagator,
)

from weft.actors import Executors, LoopExecutor, PoolExecutor, ProcessExecutor
from weft.actors.executor import Execution
from weft.actors.limits import Seat
from weft.actors.remote_steps import RemoteSteps
from weft.actors.steps import Step, Steps

__all__ = ["KEY", "propagator", "traced_executors"]

KEY: Final = "traceparent"
"""In a run's metadata, as W3C Trace Context spells it."""

_END: Final = object()

propagator: Final[TextMapPropagator] = TraceContextTextMapPropagator()


def traced_executors(tracer: Tracer) -> Executors:
    """Return executors whose runs have spans."""
    return Executors(_Threads(tracer), _Loops(tracer), _Processes(tracer))


class _Run:
    """The spans of one attempt of a run."""

    def __init__(self, execution: Execution, tracer: Tracer) -> None:
        self._execution = execution
        self._tracer = tracer
        self._number = 0
        self._span: Span | None = None

    def begin(self) -> Span:
        """Return the run's span, which begins with the first step."""
        if self._span is None:
            execution = self._execution
            run = execution.run
            carrier = {KEY: str(run.metadata.get(KEY, ""))}
            self._span = self._tracer.start_span(
                f"run {run.workflow}",
                propagator.extract(carrier, Context()),
                attributes={
                    "weft.run_id": run.run_id,
                    "weft.thread_id": run.thread_id,
                    "weft.session_id": execution.context.session_id,
                    "weft.attempt": run.attempt,
                },
            )
        return self._span

    @contextmanager
    def step(self) -> Generator[None]:
        """Have the code of a with block be the next step."""
        span = self.begin()
        self._number += 1
        try:
            with self._tracer.start_as_current_span(
                f"step {self._number}", set_span_in_context(span)
            ):
                yield
        except BaseException as error:
            span.set_status(Status(StatusCode.ERROR, type(error).__name__))
            self.end()
            raise

    def traceparent(self) -> str:
        """Return the run's span as it is told to other processes."""
        carrier: dict[str, str] = {}
        propagator.inject(carrier, set_span_in_context(self.begin()))
        return carrier.get(KEY, "")

    def end(self) -> None:
        """End the run's span, if it has begun; twice is no error."""
        span, self._span = self._span, None
        if span is not None:
            span.end()


# On OS threads


class _Threads(PoolExecutor):
    def __init__(self, tracer: Tracer) -> None:
        super().__init__()
        self._tracer = tracer

    def submit(self, step: Callable[[], None]) -> None:
        """Have a step executed by an OS thread of the pool."""
        if isinstance(step, Execution) and step.steps is None:
            step.steps = _LocalSteps(step, self._tracer)
        super().submit(step)


class _LocalSteps:
    """The steps of one attempt, on OS threads of this process."""

    def __init__(self, execution: Execution, tracer: Tracer) -> None:
        self._execution = execution
        self._spans = _Run(execution, tracer)
        self._steps: Steps | None = None

    def advance(self) -> Step:
        """Execute the next step."""
        steps = self._steps or self._begin()
        with self._spans.step():
            step = steps.advance()
        if step.ended:
            self._spans.end()
        return step

    def _begin(self) -> Steps:
        execution = self._execution
        execution.read_state()
        self._steps = Steps(
            execution.workflow.function,
            execution.context,
            execution.run.config,
            execution.last,
        )
        return self._steps

    def close(self) -> None:
        """Clean up: there is to be no next step."""
        try:
            if self._steps is not None:
                self._steps.close()
        finally:
            self._spans.end()


# On event loops


class _Loops(LoopExecutor):
    def __init__(self, tracer: Tracer) -> None:
        super().__init__()
        self._tracer = tracer

    def submit(self, step: Callable[[], None]) -> None:
        """Begin a run on the loop, or have it go on past its yield."""
        if isinstance(step, Execution) and not step.begun:
            followed = _Followed(step, self._tracer)
            step.workflow = replace(step.workflow, function=followed)
        super().submit(step)


class _Followed:
    """A workflow's function whose run has spans; called on its event loop."""

    def __init__(self, execution: Execution, tracer: Tracer) -> None:
        self._function = execution.workflow.function
        self._spans = _Run(execution, tracer)

    def __call__(self, context: Any, config: Any) -> Any:
        value = self._function(context, config)
        if isasyncgen(value):
            return self._iterated(value)
        return self._awaited(value) if isawaitable(value) else value

    async def _awaited(self, value: Awaitable[Any]) -> Any:
        try:
            with self._spans.step():
                return await value
        finally:
            self._spans.end()

    async def _iterated(
        self, generator: AsyncGenerator[Any, Any]
    ) -> AsyncGenerator[Any, Any]:
        try:
            async with aclosing(generator):
                value = None
                while value is not _END:
                    with self._spans.step():
                        value = await anext(generator, _END)
                    if value is not _END:
                        yield value
        finally:
            self._spans.end()


# In processes


class _Processes(ProcessExecutor):
    def __init__(self, tracer: Tracer) -> None:
        super().__init__()
        self._tracer = tracer

    def steps_of(self, execution: Execution, seat: Seat) -> RemoteSteps:
        """Return the steps of a run, each in a span."""
        return _FarSteps(self, execution, seat, self._tracer)


class _FarSteps(RemoteSteps):
    """The steps of one attempt, in a worker process."""

    def __init__(
        self,
        processes: ProcessExecutor,
        execution: Execution,
        seat: Seat,
        tracer: Tracer,
    ) -> None:
        super().__init__(processes, execution, seat)
        self._spans = _Run(execution, tracer)

    def advance(self) -> Step:
        """Execute the next step; waits for it on this OS thread."""
        self.traceparent = self._spans.traceparent()
        with self._spans.step():
            step = super().advance()
        if step.ended:
            self._spans.end()
        return step

    def close(self) -> None:
        """Do without the process, and without a place for one."""
        try:
            super().close()
        finally:
            self._spans.end()
