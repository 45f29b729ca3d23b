"""OpenTelemetry's readers are given what Prometheus is given."""

import io
import math
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.metrics.made import Made
from tests.metrics.test_http import STATISTICS
from weft.metrics import CATALOGUE, HTTP_CATALOGUE, HttpStatistics, register, render

sdk = pytest.importorskip("opentelemetry.sdk.metrics", reason="needs the extra [otel]")

from opentelemetry.sdk.metrics import MeterProvider  # noqa: E402
from opentelemetry.sdk.metrics.export import (  # noqa: E402
    ConsoleMetricExporter,
    InMemoryMetricReader,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.resources import Resource  # noqa: E402

from weft.metrics.opentelemetry import produced_for  # noqa: E402

Series = tuple[str, frozenset[tuple[str, str]]]


class Face:
    """An HTTP face that has counted something."""

    def http_statistics(self) -> HttpStatistics:
        return STATISTICS


@pytest.fixture
def registry() -> Any:
    """Return a registry that shows a runtime and its HTTP face."""
    return register(Made(), http=Face())


def ours(data: Any) -> dict[str, Any]:
    """Return Weft's metrics of what a reader has collected, by name."""
    return {
        metric.name: metric
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        if scope.scope.name == "weft"
        for metric in scope.metrics
    }


def prometheus_name(metric: Any) -> str:
    """Return a name as OpenTelemetry's rules for Prometheus make it."""
    name = metric.name.replace(".", "_")
    unit = {"s": "_seconds", "By": "_bytes", "": ""}[metric.unit]
    is_counter = getattr(metric.data, "is_monotonic", False)
    return f"{name}{unit}" + ("_total" if is_counter else "")


def samples_of(metric: Any) -> Iterator[tuple[Series, float]]:
    """Yield the samples that a scraper would have seen of a metric."""
    name = prometheus_name(metric)
    for point in metric.data.data_points:
        labels = frozenset(point.attributes.items())
        if not hasattr(point, "bucket_counts"):
            yield (name, labels), point.value
            continue
        up_to = 0
        bounds = [*map(repr, point.explicit_bounds), "+Inf"]
        for bound, number in zip(bounds, point.bucket_counts, strict=True):
            up_to += number
            yield (f"{name}_bucket", labels | {("le", bound)}), up_to
        yield (f"{name}_count", labels), point.count
        yield (f"{name}_sum", labels), point.sum


def test_every_value_is_that_of_the_page(registry: Any) -> None:
    reader = InMemoryMetricReader()
    with produced_for(reader, registry):
        found = ours(reader.get_metrics_data())
        page = render(registry)[0].decode()
    told = dict(one for metric in found.values() for one in samples_of(metric))
    scraped = {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }
    differs = {("weft_collector_duration_seconds", frozenset[tuple[str, str]]())}
    assert scraped.keys() == told.keys()
    assert len(CATALOGUE + HTTP_CATALOGUE) == len(found)
    for series in scraped.keys() - differs:
        assert scraped[series] == told[series], series


def test_kinds_units_and_times_are_opentelemetrys_own(registry: Any) -> None:
    reader = InMemoryMetricReader()
    with produced_for(reader, registry):
        found = ours(reader.get_metrics_data())
    operations = found["weft.operations"].data
    assert operations.is_monotonic
    assert sdk.export.AggregationTemporality.CUMULATIVE == (
        operations.aggregation_temporality
    )
    assert "By" == found["weft.store_used"].unit
    flushes = found["weft.commit_flush"]
    assert ("s", "The part of a commit") == (flushes.unit, flushes.description[:20])
    (point,) = flushes.data.data_points
    assert point.count == sum(point.bucket_counts)
    assert len(point.explicit_bounds) + 1 == len(point.bucket_counts)
    assert (math.inf, -math.inf) == (point.min, point.max)
    assert 0 < point.start_time_unix_nano < point.time_unix_nano


def test_a_provider_that_has_the_reader_goes_on_beside(registry: Any) -> None:
    reader = InMemoryMetricReader()
    resource = Resource({"service.name": "mine"})
    provider = MeterProvider([reader], resource)
    counter = provider.get_meter("mine").create_counter("mine")
    counter.add(3)
    with produced_for(reader, registry):
        data = reader.get_metrics_data()
        assert data is not None
        assert ["mine"] * 2 == [
            one.resource.attributes["service.name"] for one in data.resource_metrics
        ]
        (own,) = data.resource_metrics[0].scope_metrics[0].metrics
        assert [3] == [value for _, value in samples_of(own)]
        assert "weft.operations" in ours(data)
    after = reader.get_metrics_data()
    assert after is not None
    assert {} == ours(after)
    provider.shutdown()


def test_a_provider_that_has_counted_nothing_yet_is_no_hindrance(registry: Any) -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    with produced_for(reader, registry):
        assert "weft.operations" in ours(reader.get_metrics_data())
    provider.shutdown()


def test_at_the_end_the_last_numbers_are_pushed(registry: Any) -> None:
    said = io.StringIO()
    exporter = ConsoleMetricExporter(out=said)
    reader = PeriodicExportingMetricReader(exporter, 3_600_000)
    with produced_for(reader, registry, Resource({"service.name": "mine"})):
        assert not said.getvalue()
    assert '"name": "weft.operations"' in said.getvalue()
    assert '"service.name": "mine"' in said.getvalue()


def test_the_hooks_are_those_that_a_provider_uses() -> None:
    """They are the SDK's own: a version that renames them fails here, by name."""
    alone: Any = InMemoryMetricReader()
    assert alone._collect is None
    reader: Any = InMemoryMetricReader()
    provider = MeterProvider([reader])
    assert callable(reader._collect)
    reader._set_collect_callback(None)
    assert reader._collect is None
    provider.shutdown()
