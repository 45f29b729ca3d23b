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

Not here: the spans of runs (:mod:`weft.daemon.traced_runs`); what is done with spans is
the provider's business.
"""

from collections.abc import Mapping
from typing import Any, Final

from opentelemetry.context import Context
from opentelemetry.trace import (
    Span,
    SpanKind,
    Status,
    StatusCode,
    Tracer,
    TracerProvider,
    format_trace_id,
    get_current_span,
)
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from weft.actors import Coordinator, Executors, Future, Runtime
from weft.daemon.traced_runs import KEY, propagator, traced_executors

__all__ = ["Tracing"]

NAME: Final = "weft"
SERVER_ERROR: Final = 500


class Tracing:
    """What a daemon needs to be traced.

    Args:
        provider: gives the tracer.
    """

    def __init__(self, provider: TracerProvider) -> None:
        self._tracer = provider.get_tracer(NAME)

    def executors(self) -> Executors:
        """Return executors whose runs have spans."""
        return traced_executors(self._tracer)

    def follow(self, runtime: Runtime) -> None:
        """Have the runs of a runtime belong to the traces of those who start them."""
        runtime.coordinator = _TracedCoordinator(runtime)

    @staticmethod
    def trace_id() -> str | None:
        """Return the id of the present trace, None if it is not kept."""
        found = get_current_span().get_span_context()
        kept = found.is_valid and found.trace_flags.sampled
        return format_trace_id(found.trace_id) if kept else None

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
        parent = propagator.extract(dict(Headers(scope=scope)), Context())
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
        propagator.inject(carrier)  # pyright: ignore[reportArgumentType]  # its default
        if KEY in carrier and (metadata is None or isinstance(metadata, Mapping)):
            metadata = {KEY: carrier[KEY], **(metadata or {})}
        return super().run(config, metadata=metadata, **where_and_how)
