"""Spans of OpenTelemetry, for who asks for them: of requests, runs and their steps.

Needs the extra ``[otel]``, and is imported only where ``daemon.tracing`` names a
provider of tracers. A span costs some microseconds, so there is none for a message or
a read within.

::

    POST /threads/{thread_id}/executions      a request; child of its `traceparent`
      run summarise                           a run, from its first step to its end
        step 1, step 2, ...                   from one durable state to the next

A run's metadata carries the ``traceparent`` of whoever started it, so a run that is
resumed after a crash belongs to the same trace. The code of a step runs in its span.

Not here: runs on event loops and in processes of their own have no spans yet; what is
done with spans is the provider's business.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from opentelemetry.context import Context
from opentelemetry.propagators.textmap import TextMapPropagator
from opentelemetry.trace import (
    Span,
    SpanKind,
    Status,
    StatusCode,
    Tracer,
    TracerProvider,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import (
    TraceContextTextMapPropagator,
)
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from weft.actors import Coordinator, Executors, Future, PoolExecutor, Runtime
from weft.actors.executor import Execution
from weft.actors.steps import Step, Steps

__all__ = ["Tracing"]

NAME: Final = "weft"
KEY: Final = "traceparent"
"""In a run's metadata, as W3C Trace Context spells it."""

SERVER_ERROR: Final = 500

_propagator: Final[TextMapPropagator] = TraceContextTextMapPropagator()


class Tracing:
    """What a daemon needs to be traced.

    Args:
        provider: gives the tracer.
    """

    def __init__(self, provider: TracerProvider) -> None:
        self._tracer = provider.get_tracer(NAME)

    def executors(self) -> Executors:
        """Return executors whose plain runs have spans."""
        return Executors(_TracedPool(self._tracer))

    def follow(self, runtime: Runtime) -> None:
        """Have the runs of a runtime belong to the traces of those who start them."""
        runtime.coordinator = _TracedCoordinator(runtime)

    def requests(self, app: ASGIApp) -> ASGIApp:
        """Return an application whose requests have spans."""
        return _TracedRequests(app, self._tracer)


class _TracedRequests:
    def __init__(self, app: ASGIApp, tracer: Tracer) -> None:
        self._app = app
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        parent = _propagator.extract(dict(Headers(scope=scope)), Context())
        with self._tracer.start_as_current_span(
            scope["method"], parent, SpanKind.SERVER
        ) as span:

            async def sent(message: Message) -> None:
                if message["type"] == "http.response.start":
                    _describe(span, scope, message["status"])
                await send(message)

            await self._app(scope, receive, sent)


def _describe(span: Span, scope: Scope, status: int) -> None:
    parts = {
        name: value
        for name, value in scope.get("path_params", {}).items()
        if name in {"session_id", "thread_id", "run_id"}
    }
    route = getattr(scope.get("route"), "path", None)
    if route is not None:
        span.update_name(f"{scope['method']} {route}")
        span.set_attribute("http.route", route)
    span.set_attributes(
        {
            "http.request.method": scope["method"],
            "http.response.status_code": status,
            "url.path": scope["path"],
            **{f"weft.{name}": str(value) for name, value in parts.items()},
        }
    )
    if status >= SERVER_ERROR:
        span.set_status(Status(StatusCode.ERROR))


class _TracedCoordinator(Coordinator):
    """Notes with each run in whose trace it was started."""

    def run(
        self,
        config: Mapping[str, Any] | None,
        *,
        metadata: Mapping[str, Any] | None = None,
        **where_and_how: Any,
    ) -> Future[Any]:
        """Submit a run; as of the coordinator."""
        carrier: dict[str, str] = {}
        _propagator.inject(carrier)
        if KEY in carrier and (metadata is None or isinstance(metadata, Mapping)):
            metadata = {KEY: carrier[KEY], **(metadata or {})}
        return super().run(config, metadata=metadata, **where_and_how)


class _TracedPool(PoolExecutor):
    """Executes steps on OS threads, each in a span."""

    def __init__(self, tracer: Tracer) -> None:
        super().__init__()
        self._tracer = tracer

    def submit(self, step: Callable[[], None]) -> None:
        """Have a step executed by an OS thread of the pool."""
        if isinstance(step, Execution) and step.steps is None:
            step.steps = _TracedSteps(step, self._tracer)
        super().submit(step)


class _TracedSteps:
    """The steps of one attempt of a run; its span ends with the last of them."""

    def __init__(self, execution: Execution, tracer: Tracer) -> None:
        self._execution = execution
        self._tracer = tracer
        self._span: Span | None = None
        self._steps: Steps | None = None
        self._number = 0

    def advance(self) -> Step:
        """Execute the next step."""
        steps = self._steps or self._begin()
        span = self._span
        assert span is not None  # noqa: S101 - it begins with the steps
        self._number += 1
        try:
            with self._tracer.start_as_current_span(
                f"step {self._number}", set_span_in_context(span)
            ):
                step = steps.advance()
        except BaseException as error:
            span.set_status(Status(StatusCode.ERROR, type(error).__name__))
            self._end()
            raise
        if step.ended:
            self._end()
        return step

    def close(self) -> None:
        """Clean up: there is to be no next step."""
        try:
            if self._steps is not None:
                self._steps.close()
        finally:
            self._end()

    def _begin(self) -> Steps:
        execution = self._execution
        run, context = execution.run, execution.context
        execution.read_state()
        carrier = {KEY: str(run.metadata.get(KEY, ""))}
        self._span = self._tracer.start_span(
            f"run {run.workflow}",
            _propagator.extract(carrier, Context()),
            attributes={
                "weft.run_id": run.run_id,
                "weft.thread_id": run.thread_id,
                "weft.session_id": context.session_id,
                "weft.attempt": run.attempt,
            },
        )
        function = execution.workflow.function
        self._steps = Steps(function, context, run.config, execution.last)
        return self._steps

    def _end(self) -> None:
        if self._span is not None:
            self._span.end()
