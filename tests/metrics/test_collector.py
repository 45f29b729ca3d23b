"""The collector exposes the catalogue, from whatever OS thread it is asked."""

import platform
import threading

from msgspec.structs import replace
from prometheus_client import CollectorRegistry, enable_created_metrics

from tests.metrics.made import STATISTICS, Made
from weft.actors import RuntimeStatistics
from weft.metrics import CATALOGUE, RuntimeCollector
from weft.storage.statistics import Histogram

OBSERVATIONS = 50_000


def exposed_name(metric_name: str, metric_type: str) -> str:
    return f"{metric_name}_total" if metric_type == "counter" else metric_name


def test_what_is_exposed_is_the_catalogue() -> None:
    collector = RuntimeCollector(Made())
    expected = [(metric.name, metric.kind, metric.help) for metric in CATALOGUE]
    for families in (collector.collect(), collector.describe()):
        found = [
            (exposed_name(one.name, one.type), one.type, one.documentation)
            for one in families
        ]
        assert expected == found


def test_the_build_is_told() -> None:
    registry = CollectorRegistry()
    registry.register(RuntimeCollector(Made()))
    (info,) = (f for f in registry.collect() if f.name == "weft_build_info")
    (sample,) = info.samples
    assert (1, platform.python_version()) == (sample.value, sample.labels["python"])
    assert sample.labels["version"]


def test_the_collector_tells_how_long_it_took() -> None:
    registry = CollectorRegistry()
    registry.register(RuntimeCollector(Made()))
    duration_s = registry.get_sample_value("weft_collector_duration_seconds")
    assert duration_s is not None
    assert 0 < duration_s < 1


def test_there_are_no_created_samples_even_if_the_application_wants_its_own() -> None:
    enable_created_metrics()  # type: ignore[no-untyped-call]
    names = [s.name for f in RuntimeCollector(Made()).collect() for s in f.samples]
    assert not [name for name in names if name.endswith("_created")]


class Counting:
    """Counts on one OS thread while others collect."""

    def __init__(self) -> None:
        self.commit = Histogram()

    def count(self) -> None:
        for _ in range(OBSERVATIONS):
            self.commit.observe(40_000)

    def statistics(self) -> RuntimeStatistics:
        writer = replace(STATISTICS.writer, commit_ns=self.commit.snapshot())
        return replace(STATISTICS, writer=writer)


def test_a_scrape_is_whole_and_never_goes_back_while_others_count() -> None:
    source = Counting()
    registry = CollectorRegistry()
    registry.register(RuntimeCollector(source))
    os_thread = threading.Thread(target=source.count)
    os_thread.start()
    counts = []
    while os_thread.is_alive():
        (family,) = (
            f for f in registry.collect() if f.name == "weft_commit_duration_seconds"
        )
        values = {(s.name, s.labels.get("le")): s.value for s in family.samples}
        total = values["weft_commit_duration_seconds_count", None]
        assert total == values["weft_commit_duration_seconds_bucket", "+Inf"]
        counts.append(total)
    os_thread.join()
    assert sorted(counts) == counts
    count = registry.get_sample_value("weft_commit_duration_seconds_count")
    assert count == OBSERVATIONS
