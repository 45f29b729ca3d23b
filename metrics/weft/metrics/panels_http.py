"""The panels of an HTTP face: who asks, whom it tells, what it starts by itself."""

from typing import Final

from weft.metrics.panel import Panel, now, p99, rate, rate_by

__all__ = ["HTTP_ROWS"]

HTTP_ROWS: Final[tuple[tuple[str, tuple[Panel, ...]], ...]] = (
    (
        "HTTP",
        (
            Panel(
                "Requests",
                "Per second, by class of status.",
                "reqps",
                rate_by("status_class", "http_requests"),
            ),
            Panel(
                "Routes",
                "Requests per second.",
                "reqps",
                rate_by("method, route", "http_requests"),
            ),
            Panel(
                "Request duration",
                "p99 by area, streams left out.",
                "s",
                p99("http_request_duration_seconds", by="area"),
            ),
            Panel(
                "Open",
                "Requests and streams.",
                "short",
                now("http_requests_in_flight", "http_open_streams"),
            ),
            Panel(
                "Connections turned away",
                "Per second.",
                "ops",
                rate("http_rejected_connections"),
            ),
            Panel(
                "Scrape",
                "How long it takes to gather the numbers.",
                "s",
                now("collector_duration_seconds"),
            ),
        ),
    ),
    (
        "Webhooks",
        (
            Panel(
                "Webhooks sent",
                "Per second, each attempt, by what the receiver made of it.",
                "reqps",
                rate_by("outcome", "webhook_requests"),
            ),
            Panel(
                "Webhook duration",
                "p99 of one attempt.",
                "s",
                p99("webhook_request_duration_seconds"),
            ),
            Panel(
                "Webhooks not taken",
                "Ended runs that a receiver is still to be told of.",
                "short",
                now("webhooks_waiting"),
            ),
            Panel(
                "Webhooks given up",
                "Per second; the log says which host.",
                "ops",
                rate("webhooks_abandoned"),
            ),
        ),
    ),
    (
        "Crons",
        (
            Panel(
                "Due times",
                "Per second: run started, passed unused, run refused.",
                "ops",
                rate_by("fate", "cron_times"),
            ),
            Panel(
                "Lateness",
                "p99 from the time that was due to the run.",
                "s",
                p99("cron_lag_seconds"),
            ),
        ),
    ),
)
