"""A metric family: the catalogue's entry and what was counted, put together.

Guarantees:
    * A series known in advance is there, with 0 before anything happened.
    * A label value outside its closed set is counted under ``other``.
    * Cumulative counts are exact, and the ``+Inf`` bucket and ``_count`` of a
      histogram are one number.
    * No ``_created`` samples, whatever the application set globally.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from itertools import accumulate
from typing import Final

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.core import Metric as Family

from weft.metrics.metric import OTHER, Buckets, Metric
from weft.storage.statistics import HISTOGRAM_BUCKETS, HistogramSnapshot

__all__ = ["Histograms", "Key", "Numbers", "histogram_family", "number_family"]

Key = tuple[str, ...]
"""The values of a metric's labels, in their order."""

Numbers = Mapping[Key, float]
Histograms = Mapping[Key, HistogramSnapshot]

_EMPTY: Final = HistogramSnapshot((0,) * HISTOGRAM_BUCKETS, 0)


def number_family(metric: Metric, numbers: Numbers) -> Family:
    """Return a family of counters or gauges.

    Args:
        metric: the catalogue's entry.
        numbers: by label values; those that are 0 may be missing.
    """
    totals = dict.fromkeys(metric.series(), 0.0)
    for key, number in numbers.items():
        place = _closed(metric, key)
        totals[place] = totals.get(place, 0.0) + number
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    family = kind(metric.name, metric.help, labels=_names(metric))
    for place, total in totals.items():
        family.add_metric(place, total)
    return family


def histogram_family(metric: Metric, histograms: Histograms) -> Family:
    """Return a family of histograms.

    Args:
        metric: the catalogue's entry, with buckets.
        histograms: by label values; empty ones may be missing.
    """
    buckets = metric.buckets or Buckets(())
    totals = dict.fromkeys(metric.series(), _EMPTY)
    for key, histogram in histograms.items():
        place = _closed(metric, key)
        known = totals.get(place, _EMPTY)
        totals[place] = histogram if known is _EMPTY else _sum(known, histogram)
    family = HistogramMetricFamily(metric.name, metric.help, labels=_names(metric))
    for place, total in totals.items():
        family.add_metric(
            place, list(_cumulated(buckets, total)), total.total / buckets.per_unit
        )
    return family


def _names(metric: Metric) -> list[str]:
    return [label.name for label in metric.labels]


def _closed(metric: Metric, key: Key) -> Key:
    """Return the label values with those outside their set replaced."""
    return tuple(
        value if value in label.values or not label.values else OTHER
        for label, value in zip(metric.labels, key, strict=True)
    )


def _sum(a: HistogramSnapshot, b: HistogramSnapshot) -> HistogramSnapshot:
    counts = tuple(x + y for x, y in zip(a.counts, b.counts, strict=True))
    return HistogramSnapshot(counts, a.total + b.total)


@cache
def _texts(buckets: Buckets) -> tuple[str, ...]:
    return tuple(map(repr, buckets.bounds))


def _cumulated(
    buckets: Buckets, histogram: HistogramSnapshot
) -> Iterator[tuple[str, int]]:
    """Yield each bound with the number of values that are not above it."""
    up_to = list(accumulate(histogram.counts))
    for power, bound in zip(buckets.powers, _texts(buckets), strict=True):
        yield bound, up_to[power]
    yield "+Inf", up_to[-1]
