"""The page of all metrics: ``python -m weft.metrics.document > docs/metrics.md``.

Guarantees: the page is made of the catalogue alone, so it is true of this version; a
test compares it with the file in ``docs/`` and with what a registry exposes.
"""

import sys
from collections.abc import Iterator
from typing import Final

from weft.metrics.catalogue import CATALOGUE
from weft.metrics.cluster import CLUSTER_CATALOGUE
from weft.metrics.http import HTTP_CATALOGUE
from weft.metrics.metric import Metric

__all__ = ["document"]

VALUES_SHOWN_MAX: Final = 8
"""More make a table unreadable; the page itself has them all, with 0."""

HEAD: Final = """\
# Metrics

<!-- Made by `python -m weft.metrics.document`; edit metrics/weft/metrics instead. -->

What `GET /metrics` of a daemon shows, and what `weft.metrics.register(runtime)` puts
into an application's own registry. Names begin with `weft_`, units are base units and
come last, counters end in `_total`. Labels have closed sets of values and never hold
the id of a session, a thread or a user: there are fewer than 1,500 series, however
much is stored. A series that is known in advance is there from the start, with 0.

```python
from prometheus_client import CollectorRegistry

from weft import metrics
from weft.actors import Runtime

mine = CollectorRegistry()
with Runtime.open("./orders") as orders, Runtime.open("./mails") as mails:
    registry = metrics.register(orders)  # a registry of its own
    metrics.register(orders, registry=mine, name="orders")  # yours, runtime="orders"
    metrics.register(mails, registry=mine, name="mails")  # a second runtime beside it
    with metrics.start_http_server(orders, port=9464):  # a page without the daemon
        ...
    assert 0 == orders.statistics().writer.queued  # plain objects, no Prometheus
```

Numbers of the dispatcher and of Python's garbage collector are of the whole process;
two runtimes of one process show the same ones.

Where the time of an operation goes: `weft_operation_duration_seconds` is
`weft_operation_queue_wait_seconds`, then a commit (`weft_commit_decide_seconds` and
`weft_commit_flush_seconds`); `weft_commit_reply_seconds` follows, and the mailbox wait
of the session that answers.
"""


def document() -> str:
    """Return the page."""
    parts = [
        HEAD,
        _table("A runtime", CATALOGUE),
        _table("The HTTP face of a daemon", HTTP_CATALOGUE),
        _table("A cluster that a daemon serves", CLUSTER_CATALOGUE),
    ]
    return "\n".join(parts)


def _table(title: str, metrics: tuple[Metric, ...]) -> str:
    lines = [f"## {title}", "", "| metric | kind | labels | what it says |"]
    lines += ["| --- | --- | --- | --- |", *map(_row, metrics), ""]
    return "\n".join(lines)


def _row(metric: Metric) -> str:
    labels = "<br>".join(_labels(metric))
    words = metric.help
    if metric.buckets is not None:
        low, high = metric.buckets.bounds[0], metric.buckets.bounds[-1]
        words += f" {len(metric.buckets.powers)} buckets, {low:.2g} to {high:.3g}."
    return f"| `{metric.name}` | {metric.kind} | {labels} | {words} |"


def _labels(metric: Metric) -> Iterator[str]:
    for label in metric.labels:
        if not label.values:
            yield f"`{label.name}`"
            continue
        shown = ", ".join(label.values[:VALUES_SHOWN_MAX])
        more = len(label.values) - VALUES_SHOWN_MAX
        yield f"`{label.name}`: {shown}" + (f", {more} more" if more > 0 else "")


if __name__ == "__main__":
    sys.stdout.write(document())
