"""What Prometheus scrapes, for OpenTelemetry's readers: pushed wherever these push it.

Needs the extra ``[otel]``. Numbers that are counted already, in buckets of their own,
are what OpenTelemetry's specification has a *metric producer* for: it hands a reader
data points that are ready. The SDK for Python has the data points, but no place to
enter a producer; so one is entered where a ``MeterProvider`` enters itself, and a
provider that is there already goes on beside it.

::

    on the page of Prometheus                for OpenTelemetry
    weft_operations_total      counter       weft.operations    sum, monotonic
    weft_store_used_bytes      gauge         weft.store_used    gauge, By
    weft_commit_flush_seconds  histogram     weft.commit_flush  histogram, s

Guarantees:
    * the values are those of the page, histograms with all their buckets;
    * OpenTelemetry's own rules for names in Prometheus turn these names back into those
      of the page, so rules and dashboards hold for both ways.

Sums and histograms are cumulative whatever the reader prefers, have no exemplars, and
neither minimum nor maximum: nobody has counted these.
"""

import math
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricReader,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric as Family
from prometheus_client.samples import Sample

__all__ = ["metrics_of", "produced_for"]

Collect = Callable[..., MetricsData | None]

_CUMULATIVE: Final = AggregationTemporality.CUMULATIVE
_SCOPE: Final = InstrumentationScope("weft")
_UNITS: Final = {"_seconds": "s", "_bytes": "By"}
_PREFIX: Final = "weft_"

STOP_TIMEOUT_MS: Final = 2_000.0
"""For the last numbers to be sent."""


@contextmanager
def produced_for(
    reader: MetricReader,
    registry: CollectorRegistry,
    resource: Resource | None = None,
) -> Generator[None]:
    """Have a reader collect a registry's numbers, for the time of a with block.

    At the end the reader collects once more. One that no provider has is shut down.

    Args:
        reader: of the SDK; that of a ``MeterProvider``, or one that has none.
        registry: of :func:`weft.metrics.register`.
        resource: whose numbers they are; the provider's if omitted, or what the
            environment says (``OTEL_SERVICE_NAME``, ``OTEL_RESOURCE_ATTRIBUTES``).
    """
    hooks: Any = reader  # what the SDK says of their types is not so
    before: Collect | None = hooks._collect  # noqa: SLF001 - see the module
    whose = resource or Resource.create()
    began_ns = time.time_ns()

    def collect(*args: Any, **options: Any) -> MetricsData:
        others = None if before is None else before(*args, **options)
        found = list(others.resource_metrics) if others else []
        owner = found[0].resource if found and resource is None else whose
        metrics = list(metrics_of(registry.collect(), began_ns))
        ours = ResourceMetrics(owner, [ScopeMetrics(_SCOPE, metrics, "")], "")
        return MetricsData([*found, ours])

    hooks._set_collect_callback(collect)  # noqa: SLF001 - see the module
    try:
        yield
    finally:
        if before is None:
            reader.shutdown(timeout_millis=STOP_TIMEOUT_MS)
        else:
            reader.force_flush(STOP_TIMEOUT_MS)
            hooks._set_collect_callback(before)  # noqa: SLF001 - see the module


def metrics_of(families: Iterable[Family], began_ns: int) -> Iterator[Metric]:
    """Yield families as OpenTelemetry has them.

    Args:
        families: as a registry collects them.
        began_ns: since when it has been counted, in nanoseconds since 1970.
    """
    now_ns = time.time_ns()
    for family in families:
        name, unit = _named(family.name)
        data: Gauge | Sum | Histogram
        if family.type == "histogram":
            points = list(_histograms(family.samples, began_ns, now_ns))
            data = Histogram(points, _CUMULATIVE)
        else:
            numbers = [
                NumberDataPoint(dict(one.labels), began_ns, now_ns, one.value)
                for one in family.samples
            ]
            is_sum = family.type == "counter"
            data = Sum(numbers, _CUMULATIVE, True) if is_sum else Gauge(numbers)
        yield Metric(name, family.documentation, unit, data)


def _named(name: str) -> tuple[str, str]:
    """Return a name without its unit, in the namespace, and the unit by UCUM."""
    plain, unit = name, ""
    for suffix, code in _UNITS.items():
        if name.endswith(suffix):
            plain, unit = name.removesuffix(suffix), code
    return f"weft.{plain.removeprefix(_PREFIX)}", unit


def _histograms(
    samples: Iterable[Sample], began_ns: int, now_ns: int
) -> Iterator[HistogramDataPoint]:
    """Yield a point for each series: its buckets are followed by count and sum."""
    bounds: list[float] = []
    up_to: list[int] = []
    for sample in samples:
        if sample.name.endswith("_bucket"):
            bounds.append(float(sample.labels["le"]))
            up_to.append(int(sample.value))
        elif sample.name.endswith("_sum"):
            yield HistogramDataPoint(
                attributes=dict(sample.labels),
                start_time_unix_nano=began_ns,
                time_unix_nano=now_ns,
                count=up_to[-1],
                sum=sample.value,
                bucket_counts=[b - a for a, b in zip([0, *up_to], up_to, strict=False)],
                explicit_bounds=bounds[:-1],  # the last is infinite
                min=math.inf,  # the SDK's own words for "not recorded"
                max=-math.inf,
            )
            bounds, up_to = [], []
