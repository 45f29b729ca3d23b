"""The text is what prometheus_client would write, byte for byte."""

from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from tests.metrics.made import Made
from tests.metrics.test_exemplars import TracedFace
from weft.metrics import Exemplar, RuntimeCollector, exposition, render
from weft.metrics.exposition import write

OPENMETRICS = "application/openmetrics-text;version=1.0.0"


class Still(Collector):
    """The same families at every scrape."""

    def __init__(self, families: list[Family]) -> None:
        self.families = families

    def collect(self) -> Iterator[Family]:
        return iter(self.families)


def families() -> list[Family]:
    kept = {30: Exemplar("ab", (1 << 30) - 1, 1.5)}
    odd = RuntimeCollector(Made(), name='a "name"\\\n', http=TracedFace(kept))
    return list(odd.collect())


@pytest.mark.parametrize("accept", ["", OPENMETRICS])
def test_the_text_is_that_of_the_library(accept: str) -> None:
    still = Still(families())
    encode, _ = choose_encoder(accept)
    expected = encode(still)
    assert expected == write(still.families, openmetrics=bool(accept))
    assert expected == write(still.families, openmetrics=bool(accept))


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exposition, "REMEMBERED_MAX", 10)
    monkeypatch.setattr(exposition, "_remembered", {})
    still = families()
    expected = write(still, openmetrics=False)
    assert len(exposition._remembered) <= 10
    assert expected == write(still, openmetrics=False)


def test_a_page_with_other_families_is_left_to_the_library() -> None:
    registry = CollectorRegistry()
    registry.register(RuntimeCollector(Made()))
    registry.register(Still([GaugeMetricFamily("mine", "It's\nmine.", value=1)]))
    page, _ = render(registry)
    assert b"# HELP mine It's\\nmine.\n# TYPE mine gauge\nmine 1.0\n" in page
    assert b"# TYPE weft_store_last_seq gauge\n" in page
