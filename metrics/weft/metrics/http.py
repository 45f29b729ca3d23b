"""What an HTTP face counts, and how it is shown.

The face is a floor above: it counts in plain slots and hands out an
:class:`HttpStatistics`; :func:`weft.metrics.register` shows it beside its runtime.

Guarantees: a route is a template such as ``/threads/{thread_id}``, never a path, and
what matches none is ``other``; series of a route appear with its first request, for
most routes of most daemons see none.
"""

from collections.abc import Mapping
from typing import Final, Protocol

import msgspec

from weft.metrics.crons import CRON_CATALOGUE, CronStatistics, read_crons
from weft.metrics.exemplars import Exemplars, ExemplarsByKey
from weft.metrics.families import Histograms, Key, Numbers
from weft.metrics.metric import NS_PER_S, Buckets, Label, Metric
from weft.metrics.webhooks import (
    WEBHOOK_CATALOGUE,
    WebhookStatistics,
    read_webhooks,
)
from weft.storage.statistics import HistogramSnapshot

__all__ = ["HTTP_CATALOGUE", "HttpSource", "HttpStatistics", "read_http"]

METHOD: Final = Label(
    "method", ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
)
STATUS: Final = Label("status_class", ("1xx", "2xx", "3xx", "4xx", "5xx"))
DURATION: Final = "weft_http_request_duration_seconds"
ROUTE: Final = Label("route")
AREA: Final = Label("area")

REQUESTS: Final = Buckets(tuple(range(17, 35, 2)), NS_PER_S)
"""0.13 ms to 8.6 s: a request takes one at least; 30 s is the limit of most."""

HTTP_CATALOGUE: Final[tuple[Metric, ...]] = (
    Metric(
        "weft_http_requests_total",
        "counter",
        "Requests that were answered, by the template of their path.",
        (ROUTE, METHOD, STATUS),
    ),
    Metric(
        DURATION,
        "histogram",
        "From the request to the end of its answer, streams left out.",
        (AREA,),
        REQUESTS,
    ),
    Metric("weft_http_requests_in_flight", "gauge", "Requests in progress."),
    Metric("weft_http_open_streams", "gauge", "Event streams that are read."),
    Metric(
        "weft_http_rejected_connections_total",
        "counter",
        "Connections that were told to come again, because there were too many.",
    ),
    *WEBHOOK_CATALOGUE,
    *CRON_CATALOGUE,
)
"""The metrics of an HTTP face; routes and areas are as many as the face has."""


class HttpStatistics(msgspec.Struct, frozen=True):
    """What an HTTP face did.

    Attributes:
        requests: answered, by ``(route, method, status class)``.
        duration_ns: of answers that were no streams, by area.
        in_flight: in progress now.
        open_streams: being read now.
        rejected_connections: beyond the limit.
        exemplars: of ``duration_ns``, by area; none unless requests are traced.
        webhooks: what was told of the ends of runs.
        crons: what was done for crons.
    """

    requests: Mapping[tuple[str, str, str], int]
    duration_ns: Mapping[str, HistogramSnapshot]
    in_flight: int = 0
    open_streams: int = 0
    rejected_connections: int = 0
    exemplars: Mapping[str, Exemplars] = {}
    webhooks: WebhookStatistics = WebhookStatistics()
    crons: CronStatistics = CronStatistics()


class HttpSource(Protocol):
    """Whose numbers are shown."""

    def http_statistics(self) -> HttpStatistics:
        """Return the numbers so far; callable from any OS thread."""
        ...


def read_http(
    statistics: HttpStatistics,
) -> tuple[dict[str, Numbers], dict[str, Histograms], dict[str, ExemplarsByKey]]:
    """Return numbers, histograms and exemplars of an HTTP face, by metric name.

    Args:
        statistics: of a face.
    """
    alone: Key = ()
    numbers: dict[str, Numbers] = {
        "weft_http_requests_total": dict(statistics.requests.items()),
        "weft_http_requests_in_flight": {alone: statistics.in_flight},
        "weft_http_open_streams": {alone: statistics.open_streams},
        "weft_http_rejected_connections_total": {
            alone: statistics.rejected_connections
        },
    }
    durations: Histograms = {(area,): n for area, n in statistics.duration_ns.items()}
    exemplars: ExemplarsByKey = {(area,): n for area, n in statistics.exemplars.items()}
    told, told_durations = read_webhooks(statistics.webhooks)
    times, lags = read_crons(statistics.crons)
    return (
        numbers | told | times,
        {DURATION: durations, **told_durations, **lags},
        {DURATION: exemplars},
    )
