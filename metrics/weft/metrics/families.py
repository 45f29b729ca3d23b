"""A metric family: the catalogue's entry and what was counted, put together.

Guarantees:
    * A series known in advance is there, with 0 before anything happened.
    * A label value outside its closed set is counted under ``other``.
    * Cumulative counts are exact, and the ``+Inf`` bucket and ``_count`` of a
      histogram are one number.
    * No ``_created`` samples, whatever the application set globally.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from itertools import accumulate, repeat
from typing import Any, Final

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.core import Metric as Family
from prometheus_client.samples import Sample

from weft.metrics.exemplars import ExemplarsByKey, shown_exemplars
from weft.metrics.metric import OTHER, Buckets, Metric
from weft.storage.statistics import HISTOGRAM_BUCKETS, HistogramSnapshot

__all__ = [
    "Histograms",
    "Key",
    "Numbers",
    "histogram_family",
    "number_family",
    "summed",
]

Key = tuple[str, ...]
"""The values of a metric's labels, in their order."""

Numbers = Mapping[Key, float]
Histograms = Mapping[Key, HistogramSnapshot]

MADE_MAX: Final = 16_384
"""As many as series are remembered in :mod:`weft.metrics.exposition`."""

_Labels = dict[str, str]
_made: Final[dict[tuple[str, Key, Key], tuple[_Labels, ...]]] = {}

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
    family: Family = kind(metric.name, metric.help, labels=_names(metric))
    family.samples = [
        Sample(metric.name, _labels(metric, place)[0], total)
        for place, total in totals.items()
    ]
    return family


def histogram_family(
    metric: Metric, histograms: Histograms, exemplars: ExemplarsByKey | None = None
) -> Family:
    """Return a family of histograms.

    Args:
        metric: the catalogue's entry, with buckets.
        histograms: by label values; empty ones may be missing.
        exemplars: by label values; None for none.
    """
    buckets = metric.buckets or Buckets(())
    bounds, bucket = _texts(buckets), f"{metric.name}_bucket"
    totals = dict.fromkeys(metric.series(), _EMPTY)
    for key, histogram in histograms.items():
        place = _closed(metric, key)
        known = totals.get(place, _EMPTY)
        totals[place] = histogram if known is _EMPTY else summed((known, histogram))
    family = HistogramMetricFamily(metric.name, metric.help, labels=_names(metric))
    for place, total in totals.items():
        counts = _cumulated(buckets, total)
        traces: Iterable[Any] = repeat(None)
        if exemplars and place in exemplars:
            traces = shown_exemplars(buckets, exemplars[place])
        plain, *labels = _labels(metric, place, bounds)
        family.samples += [
            Sample(bucket, each, count, None, trace)
            for each, count, trace in zip(labels, counts, traces, strict=False)
        ]
        seconds = total.total / buckets.per_unit
        family.samples.append(Sample(f"{metric.name}_count", plain, counts[-1]))
        family.samples.append(Sample(f"{metric.name}_sum", plain, seconds))
    return family


def _labels(metric: Metric, place: Key, bounds: Key = ()) -> tuple[_Labels, ...]:
    """Return a series' labels, then those of its buckets.

    They are the same at every scrape, so they are made once; nobody may change them.
    """
    key = (metric.name, place, bounds)
    found = _made.get(key)
    if found is None:
        if len(_made) >= MADE_MAX:
            _made.clear()
        plain = dict(zip(_names(metric), place, strict=True))
        found = _made[key] = (plain, *({**plain, "le": bound} for bound in bounds))
    return found


def _names(metric: Metric) -> list[str]:
    return [label.name for label in metric.labels]


def _closed(metric: Metric, key: Key) -> Key:
    """Return the label values with those outside their set replaced."""
    return tuple(
        value if value in label.values or not label.values else OTHER
        for label, value in zip(metric.labels, key, strict=True)
    )


def summed(histograms: Iterable[HistogramSnapshot]) -> HistogramSnapshot:
    """Return what several histograms hold together."""
    held = [each for each in histograms if any(each.counts)]
    if not held:
        return _EMPTY
    counts = tuple(map(sum, zip(*(each.counts for each in held), strict=True)))
    return HistogramSnapshot(counts, sum(each.total for each in held))


@cache
def _texts(buckets: Buckets) -> tuple[str, ...]:
    return (*map(repr, buckets.bounds), "+Inf")


def _cumulated(buckets: Buckets, histogram: HistogramSnapshot) -> list[int]:
    """Return for each bound the number of values that are not above it."""
    up_to = list(accumulate(histogram.counts))
    return [*(up_to[power] for power in buckets.powers), up_to[-1]]
