"""The newest trace of each bucket stands beside it, in OpenMetrics only."""

from typing import Any

from msgspec.structs import replace
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tests.metrics.made import Made
from tests.metrics.test_http import STATISTICS
from weft.metrics import (
    HTTP_CATALOGUE,
    Exemplar,
    HttpStatistics,
    note,
    register,
    render,
)
from weft.metrics.exemplars import shown_exemplars

OPENMETRICS = "application/openmetrics-text;version=1.0.0"
DURATION = next(metric for metric in HTTP_CATALOGUE if metric.buckets)
assert DURATION.buckets is not None
BUCKETS = DURATION.buckets
MS = 1_000_000


class TracedFace:
    """A face of which some requests are traced."""

    def __init__(self, kept: dict[int, Exemplar]) -> None:
        self.kept = kept

    def http_statistics(self) -> HttpStatistics:
        return replace(STATISTICS, exemplars={"threads": self.kept})


def test_a_bucket_keeps_its_newest() -> None:
    kept: dict[int, Exemplar] = {}
    note(kept, "a", 4 * MS, lambda: 1.0)
    note(kept, "b", 3 * MS, lambda: 2.0)
    note(kept, "c", 1 << 60, lambda: 3.0)
    assert {22: Exemplar("b", 3 * MS, 2.0), 41: Exemplar("c", 1 << 60, 3.0)} == kept


def test_of_buckets_that_are_shown_as_one_the_newest_is_shown() -> None:
    kept: dict[int, Exemplar] = {}
    for at_s, name, value in ((1.0, "old", 0), (3.0, "new", 90_000), (2.0, "mid", 9)):
        note(kept, name, value, lambda at_s=at_s: at_s)  # type: ignore[misc]  # a float
    first, *others = shown_exemplars(BUCKETS, kept)
    assert ({"trace_id": "new"}, 9e-05, 3.0) == tuple(first)
    assert [None] * len(BUCKETS.powers) == others


def test_each_lies_within_its_bucket_and_the_text_can_be_read() -> None:
    kept: dict[int, Exemplar] = {}
    for value in (1, MS, 20 * MS, 1 << 40):
        note(kept, f"{value:032x}", value)
    registry = register(Made(), http=TracedFace(kept))
    page, _ = render(registry, OPENMETRICS)
    found: dict[float, float] = {}
    families: Any = text_string_to_metric_families(page.decode())  # type: ignore[no-untyped-call]
    for family in families:
        for sample in family.samples:
            if sample.exemplar is not None:
                assert "weft_http_request_duration_seconds_bucket" == sample.name
                found[float(sample.labels["le"])] = sample.exemplar.value
    bounds = [0.0, *BUCKETS.bounds, float("inf")]
    assert 4 == len(found)
    for bound, seconds in found.items():
        assert bounds[bounds.index(bound) - 1] < seconds <= bound
    assert b"trace_id" not in render(registry)[0]
