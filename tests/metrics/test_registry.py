"""The page is what the scraper asked for, and what Prometheus's own tools accept."""

import math
import re
import urllib.request
from collections.abc import Callable, Iterable

import prometheus_client
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric as Family
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_text

from tests.metrics.made import STATISTICS, Made
from tests.metrics.promtool import promtool
from weft.actors import Runtime, RuntimeStatistics, workflow
from weft.metrics import CATALOGUE, register, render, start_http_server
from weft.storage import MemoryStore, StoreClosed

OPENMETRICS = "application/openmetrics-text;version=1.0.0"
SERIES_MAX = 1_500

Parse = Callable[[str], Iterable[Family]]


@pytest.fixture
def registry() -> CollectorRegistry:
    return register(Made())


def text(registry: CollectorRegistry) -> str:
    page, _ = render(registry)
    return page.decode()


# -- which format --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", "text/plain; version=0.0.4"),
        ("*/*", "text/plain; version=0.0.4"),
        ("text/html", "text/plain; version=0.0.4"),
        ("text/plain;version=1.0.0", "text/plain; version=1.0.0"),
        (OPENMETRICS, "application/openmetrics-text; version=1.0.0"),
        (f"{OPENMETRICS},text/plain;q=0.5", "application/openmetrics-text"),
        ("application/openmetrics-text", "application/openmetrics-text"),
        ("application/openmetrics-text;version=new", "text/plain; version=0.0.4"),
        ("text/plain;version=.", "text/plain; version=0.0.4"),
    ],
)
def test_the_scraper_chooses_the_format(
    registry: CollectorRegistry, accept: str, content_type: str
) -> None:
    page, found = render(registry, accept)
    assert found.startswith(content_type)
    assert page.endswith(b"# EOF\n") == ("openmetrics" in content_type)


def test_both_formats_say_the_same(registry: CollectorRegistry) -> None:
    def samples(page: str, parse: Parse) -> dict[tuple[str, str], float]:
        return {
            (sample.name, str(sorted(sample.labels.items()))): sample.value
            for family in parse(page)
            for sample in family.samples
            if sample.name != "weft_collector_duration_seconds"
        }

    openmetrics, _ = render(registry, OPENMETRICS)
    expected = samples(text(registry), parse_text)
    assert expected == samples(openmetrics.decode(), parse_openmetrics)
    assert len(expected) > 500


# -- what is on the page -------------------------------------------------------------


def test_every_metric_has_its_help_and_type(registry: CollectorRegistry) -> None:
    page = text(registry)
    for metric in CATALOGUE:
        assert f"# HELP {metric.name} {metric.help}\n" in page
        assert f"# TYPE {metric.name} {metric.kind}\n" in page


def test_the_numbers_are_those_of_the_runtime(registry: CollectorRegistry) -> None:
    value = registry.get_sample_value
    operation = {"operation": "CreateThreads", "outcome": "applied"}
    assert value("weft_operations_total", operation) == 201
    assert value("weft_operations_total", {**operation, "outcome": "failed"}) == 0
    assert value("weft_check_inconsistencies", {"kind": "damaged_record"}) == 403
    assert value("weft_check_inconsistencies", {"kind": "log_gap"}) == 0
    juggler = {"actor_type": "other"}
    assert value("weft_actor_turn_duration_seconds_count", juggler) == 1
    assert value("weft_commit_group_operations_sum") == 8_235
    assert value("weft_commit_group_operations_bucket", {"le": "63.0"}) == 3
    sum_s = value("weft_commit_duration_seconds_sum")
    assert sum_s is not None
    assert math.isclose(0.0015, sum_s)


def test_the_page_is_small(registry: CollectorRegistry) -> None:
    series = [line for line in text(registry).splitlines() if line[:1] != "#"]
    assert len(series) < SERIES_MAX
    assert len(series) == len({line.rpartition(" ")[0] for line in series})


def test_promtool_finds_nothing_to_complain_about(registry: CollectorRegistry) -> None:
    assert "" == promtool("check", "metrics", page=text(registry))


# -- registries ----------------------------------------------------------------------


def test_the_default_registry_stays_untouched() -> None:
    register(Made())
    page = prometheus_client.generate_latest().decode()
    assert "weft_" not in page


def test_an_application_may_bring_its_own_registry() -> None:
    own = CollectorRegistry()
    prometheus_client.Counter("orders", "Orders taken.", registry=own).inc()
    assert register(Made(), own) is own
    assert re.search(r"^orders_total 1\.0$", text(own), re.MULTILINE)
    assert own.get_sample_value("weft_store_last_seq") == 301


def test_two_runtimes_do_not_fit_into_one_registry_without_names() -> None:
    registry = register(Made())
    with pytest.raises(ValueError, match=r"Duplicated timeseries.*another name"):
        register(Made(), registry)


def test_two_runtimes_have_a_registry_each_if_none_is_given() -> None:
    assert register(Made()) is not register(Made())


def test_runtimes_of_one_registry_are_told_apart_by_their_names() -> None:
    registry = register(Made(), name="orders")
    register(Made(), registry, name="mails")
    for name in ("orders", "mails"):
        seq = registry.get_sample_value("weft_store_last_seq", {"runtime": name})
        assert seq == 301
    page = text(registry)
    assert page.count("# TYPE weft_store_last_seq gauge") == 1
    assert "" == promtool("check", "metrics", page=page)


def test_a_runtime_that_was_closed_takes_only_its_own_series_away() -> None:
    registry = register(Made(), name="open")
    register(Closed(), registry, name="closed")
    page = text(registry)
    assert 'runtime="open"' in page
    assert 'runtime="closed"' not in page


def test_a_page_can_be_served_without_a_daemon() -> None:
    with start_http_server(Made(), port=0) as port:
        opened = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10)
        with opened as answer:
            assert b"\nweft_store_last_seq 301.0\n" in answer.read()
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10)


class Closed:
    def statistics(self) -> RuntimeStatistics:
        raise StoreClosed


# -- a real runtime ------------------------------------------------------------------


@workflow(name="echo")
def echo(_context: object, config: object) -> object:
    return config


def test_a_real_runtime_is_shown_as_it_is() -> None:
    with Runtime.open(store=MemoryStore(), workflows=[echo]) as runtime:
        registry = register(runtime)
        session = runtime.session("ann")
        thread = session.create_thread("notes", workflow="echo").get(timeout=10)
        thread.run({"n": 1}).get(timeout=10)
        thread.transfer_to("bob").get(timeout=10)
        assert runtime.check().clean
        value = registry.get_sample_value
        assert value("weft_sessions", {"status": "open"}) == 2
        assert value("weft_threads", {"status": "idle"}) == 1
        assert value("weft_states") == 1
        assert value("weft_associations") == 2
        for operation in ("CreateThreads", "StartRun", "FinishRun", "TransferThreads"):
            labels = {"operation": operation, "outcome": "applied"}
            assert value("weft_operations_total", labels) == 1
        assert value("weft_store_last_seq") == 4
        assert value("weft_runs_finished_total", {"status": "success"}) == 1
        assert value("weft_checks_total") == 1
        last_clean_s = value("weft_check_last_clean_timestamp_seconds")
        assert last_clean_s is not None
        assert last_clean_s > 1_700_000_000


def test_made_statistics_are_of_the_real_type() -> None:
    with Runtime.open(store=MemoryStore()) as runtime:
        real = runtime.statistics()
    assert type(real) is type(STATISTICS)
    for field in STATISTICS.__struct_fields__:
        assert type(getattr(real, field)) is type(getattr(STATISTICS, field))
