"""What an HTTP face tells others of the ends of runs, and how it is shown.

Guarantees: no series per receiver: URLs are named by clients.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from weft.metrics.families import Histograms, Key, Numbers
from weft.metrics.metric import NS_PER_S, Buckets, Label, Metric
from weft.storage.statistics import HISTOGRAM_BUCKETS, HistogramSnapshot

__all__ = ["WEBHOOK_CATALOGUE", "WebhookStatistics", "read_webhooks"]

OUTCOME: Final = Label(
    "outcome", ("delivered", "refused", "gone", "unreachable", "forbidden")
)
DURATION: Final = "weft_webhook_request_duration_seconds"

REQUESTS: Final = Buckets(tuple(range(20, 36, 2)), NS_PER_S)
"""1 ms to 17 s: from a receiver next door to the default limit of 15 s."""

WEBHOOK_CATALOGUE: Final[tuple[Metric, ...]] = (
    Metric(
        "weft_webhook_requests_total",
        "counter",
        "Webhooks that were sent, each attempt, by what the receiver made of it.",
        (OUTCOME,),
    ),
    Metric(
        DURATION,
        "histogram",
        "From the connection to the answer's status, or to the failure.",
        buckets=REQUESTS,
    ),
    Metric(
        "weft_webhooks_abandoned_total",
        "counter",
        "Ends of runs that will not be told: refused for too long, or for good.",
    ),
    Metric(
        "weft_webhooks_waiting",
        "gauge",
        "Ended runs whose webhook was not taken yet.",
    ),
)
"""The metrics of webhooks."""


class WebhookStatistics(msgspec.Struct, frozen=True):
    """What was told.

    Attributes:
        requests: attempts, by outcome.
        duration_ns: of attempts.
        abandoned: ends that were given up.
        waiting: ends that are not told yet.
    """

    requests: Mapping[str, int] = {}
    duration_ns: HistogramSnapshot = HistogramSnapshot((0,) * HISTOGRAM_BUCKETS, 0)
    abandoned: int = 0
    waiting: int = 0


def read_webhooks(
    statistics: WebhookStatistics,
) -> tuple[dict[str, Numbers], dict[str, Histograms]]:
    """Return numbers and histograms of webhooks, by metric name.

    Args:
        statistics: of an HTTP face.
    """
    alone: Key = ()
    numbers: dict[str, Numbers] = {
        "weft_webhook_requests_total": {
            (outcome,): number for outcome, number in statistics.requests.items()
        },
        "weft_webhooks_abandoned_total": {alone: statistics.abandoned},
        "weft_webhooks_waiting": {alone: statistics.waiting},
    }
    return numbers, {DURATION: {alone: statistics.duration_ns}}
