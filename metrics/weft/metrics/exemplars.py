"""The last trace of each bucket of a histogram: from a slow bucket to a slow request.

Guarantees:
    * at most one exemplar per bucket is kept, the newest;
    * they are shown in OpenMetrics only, as the format wants it;
    * nothing is noted, and nothing of this is called, unless somebody traces.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from prometheus_client.samples import Exemplar as ShownExemplar

from weft.metrics.metric import Buckets
from weft.storage.statistics import HISTOGRAM_BUCKETS

__all__ = [
    "NONE",
    "Exemplar",
    "Exemplars",
    "ExemplarsByKey",
    "note",
    "shown_exemplars",
]


class Exemplar(msgspec.Struct, frozen=True):
    """One of what a bucket counts.

    Attributes:
        trace_id: where it can be looked at.
        value: as the histogram counts: nanoseconds or operations.
        at_s: when, in seconds since 1970.
    """

    trace_id: str
    value: int
    at_s: float


Exemplars = Mapping[int, Exemplar]
"""By the power of two of their bucket."""

ExemplarsByKey = Mapping[tuple[str, ...], Exemplars]
"""By the values of a metric's labels."""

NONE: Final[Exemplars] = {}


def note(
    kept: dict[int, Exemplar],
    trace_id: str,
    value: int,
    clock_s: Callable[[], float] = time.time,
) -> None:
    """Keep an exemplar in place of the one its bucket had.

    Args:
        kept: by bucket.
        trace_id: of what was counted just now.
        value: of it.
        clock_s: in seconds since 1970.
    """
    bucket = min(value.bit_length(), HISTOGRAM_BUCKETS - 1)
    kept[bucket] = Exemplar(trace_id, value, clock_s())


def shown_exemplars(buckets: Buckets, kept: Exemplars) -> list[Any]:
    """Return for each exposed bucket its newest exemplar, None for none.

    Args:
        buckets: those that are exposed; each stands for several of those that count.
        kept: by the bucket that counted.
    """
    bounds = (*buckets.powers, HISTOGRAM_BUCKETS)
    found: list[Any] = []
    above = 0
    for power in bounds:
        inside = [kept[each] for each in range(above, power + 1) if each in kept]
        newest = max(inside, key=lambda one: one.at_s, default=None)
        found.append(None if newest is None else _shown(newest, buckets))
        above = power + 1
    return found


def _shown(exemplar: Exemplar, buckets: Buckets) -> ShownExemplar:
    value = exemplar.value / buckets.per_unit
    return ShownExemplar({"trace_id": exemplar.trace_id}, value, exemplar.at_s)
