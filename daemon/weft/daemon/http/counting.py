"""Counting requests: by the template of their path, in plain slots.

Guarantees:
    * a request is counted when its answer has ended, once, whoever answered it: the
      gate's refusals as well;
    * a path that matches no route is counted as ``other``: clients make no series;
    * only the event loop counts; any OS thread may read.
"""

import time
from collections.abc import Callable
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from weft.metrics import (
    CronStatistics,
    Exemplar,
    HttpStatistics,
    WebhookStatistics,
    note,
)
from weft.storage.statistics import Histogram

__all__ = ["Counted", "HttpCounter"]

OTHER: Final = "other"


class HttpCounter:
    """What one application has answered.

    Args:
        open_streams: tells how many streams are read at the moment.

    Attributes:
        trace_id: tells the trace of the request that ends, if it is kept; None where
            nobody traces.
        webhooks: tells what was told of the ends of runs.
        crons: tells what was done for crons.
    """

    def __init__(self, open_streams: Callable[[], int]) -> None:
        self._open_streams = open_streams
        self._requests: dict[tuple[str, str, str], int] = {}
        self._durations: dict[str, Histogram] = {}
        self._exemplars: dict[str, dict[int, Exemplar]] = {}
        self.trace_id: Callable[[], str | None] | None = None
        self.webhooks: Callable[[], WebhookStatistics] = WebhookStatistics
        self.crons: Callable[[], CronStatistics] = CronStatistics
        self._in_flight = 0
        self._rejected_connections = 0

    def begin(self) -> None:
        """Count a request that comes in."""
        self._in_flight += 1

    def end(self, scope: Scope, status: int, duration_ns: int | None) -> None:
        """Count a request that was answered.

        Args:
            scope: its own, as the router left it.
            status: of the answer; 0 if the client has gone before there was one.
            duration_ns: until the answer's end, None for a stream.
        """
        self._in_flight -= 1
        found: Any = scope.get("endpoint")
        route: str = getattr(found, "path", OTHER)
        key = (route, scope["method"], f"{status // 100}xx")
        self._requests[key] = self._requests.get(key, 0) + 1
        if duration_ns is not None:
            area: str = getattr(found, "tag", OTHER)
            histogram = self._durations.get(area)
            if histogram is None:
                histogram = self._durations[area] = Histogram()
            histogram.observe(duration_ns)
            if self.trace_id is not None:
                self._exemplify(area, duration_ns, self.trace_id())

    def _exemplify(self, area: str, duration_ns: int, trace_id: str | None) -> None:
        if trace_id is not None:
            note(self._exemplars.setdefault(area, {}), trace_id, duration_ns)

    def reject_connection(self) -> None:
        """Count a connection that was one too many."""
        self._rejected_connections += 1

    def http_statistics(self) -> HttpStatistics:
        """Return the numbers so far."""
        return HttpStatistics(
            requests=dict(self._requests),
            duration_ns={
                area: histogram.snapshot()
                for area, histogram in list(self._durations.items())
            },
            in_flight=self._in_flight,
            open_streams=self._open_streams(),
            rejected_connections=self._rejected_connections,
            exemplars={
                area: dict(kept) for area, kept in list(self._exemplars.items())
            },
            webhooks=self.webhooks(),
            crons=self.crons(),
        )


class Counted:
    """An ASGI application whose requests are counted.

    Args:
        app: the application.
        counter: where.
    """

    def __init__(self, app: ASGIApp, counter: HttpCounter) -> None:
        self._app = app
        self._counter = counter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request and count it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, streams = 0, False

        async def watch(message: Message) -> None:
            nonlocal status, streams
            if message["type"] == "http.response.start":
                status, streams = message["status"], _is_stream(message)
            await send(message)

        began_ns = time.perf_counter_ns()
        self._counter.begin()
        try:
            await self._app(scope, receive, watch)
        finally:
            took_ns = None if streams else time.perf_counter_ns() - began_ns
            self._counter.end(scope, status, took_ns)


def _is_stream(message: Message) -> bool:
    return any(
        name == b"content-type" and value.startswith(b"text/event-stream")
        for name, value in message.get("headers", ())
    )
