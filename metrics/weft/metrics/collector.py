"""Runtimes' numbers as metric families, at the moment somebody asks.

The rooms count in plain slots that any OS thread may read, so a scrape waits for no
actor and costs nothing between scrapes. One collector over the slots costs 0.1 us per
count where ``prometheus_client``'s own objects cost 0.8.

Guarantees:
    * what is exposed is the catalogue, all of it and in its order;
    * of several runtimes each has its own series, told apart by the label ``runtime``;
    * a runtime that was closed takes its series away, and nobody else's.
"""

import platform
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Final, NamedTuple, Protocol

from prometheus_client.core import Metric as Family

from weft.actors import RuntimeStatistics
from weft.metrics.catalogue import CATALOGUE
from weft.metrics.cluster import CLUSTER_CATALOGUE, ClusterSource, read_cluster
from weft.metrics.families import histogram_family, number_family
from weft.metrics.http import HTTP_CATALOGUE, HttpSource, read_http
from weft.metrics.metric import Metric
from weft.metrics.readings import Readings, read
from weft.storage import StoreClosed

__all__ = ["RUNTIME_LABEL", "RuntimeCollector", "Source"]

RUNTIME_LABEL: Final = "runtime"
"""What tells several runtimes of one registry apart; the application names them."""


class Source(Protocol):
    """Whose numbers are shown; a runtime is one."""

    def statistics(self) -> RuntimeStatistics:
        """Return the numbers so far; callable from any OS thread."""
        ...


class _Shown(NamedTuple):
    source: Source
    name: str | None
    http: HttpSource | None


class RuntimeCollector:
    """A custom collector for the runtimes of one registry.

    Args:
        source: the first runtime; see :meth:`add`.
        name: of it.
        http: its HTTP face.
    """

    def __init__(
        self,
        source: Source,
        name: str | None = None,
        http: HttpSource | None = None,
    ) -> None:
        self._shown = [_Shown(source, name, http)]
        self._build = (_weft_version(), platform.python_version())

    def add(
        self, source: Source, name: str | None = None, http: HttpSource | None = None
    ) -> None:
        """Show one more runtime.

        Args:
            source: the runtime.
            name: under which it stands; only one may have none.
            http: its HTTP face, if it has one.

        Raises:
            ValueError: another one stands under that name.
        """
        if any(one.name == name for one in self._shown):
            taken = "without a name" if name is None else f"named {name!r}"
            raise ValueError(
                f"Duplicated timeseries: a runtime {taken} is in this registry. "
                "Give register() another name."
            )
        self._shown.append(_Shown(source, name, http))

    def describe(self) -> Iterator[Family]:
        """Yield every family as it begins: the names, for the registry."""
        catalogue = CATALOGUE + HTTP_CATALOGUE * any(one.http for one in self._shown)
        if any(isinstance(one.source, ClusterSource) for one in self._shown):
            catalogue += CLUSTER_CATALOGUE
        return _families(catalogue, Readings({}, {}))

    def collect(self) -> Iterator[Family]:
        """Yield every family with what has been counted so far."""
        merged: dict[str, Family] = {}
        for shown in list(self._shown):
            try:
                families = list(self._collect(shown))
            except StoreClosed:
                continue
            for family in families:
                first = merged.setdefault(family.name, family)
                if shown.name is not None:
                    family.samples = [
                        one._replace(labels={**one.labels, RUNTIME_LABEL: shown.name})
                        for one in family.samples
                    ]
                if first is not family:
                    first.samples += family.samples
        return iter(merged.values())

    def _collect(self, shown: _Shown) -> Iterator[Family]:
        began_s = time.perf_counter()
        readings = read(shown.source.statistics())
        catalogue: tuple[Metric, ...] = CATALOGUE
        if shown.http is not None:
            numbers, histograms, exemplars = read_http(shown.http.http_statistics())
            readings.numbers |= numbers
            readings.histograms |= histograms
            readings.exemplars |= exemplars
            catalogue += HTTP_CATALOGUE
        if isinstance(shown.source, ClusterSource):
            more, sizes = read_cluster(shown.source.cluster_statistics())
            readings.numbers |= more
            readings.histograms |= sizes
            catalogue += CLUSTER_CATALOGUE
        readings.numbers["weft_build_info"] = {self._build: 1}
        duration_s = time.perf_counter() - began_s
        readings.numbers["weft_collector_duration_seconds"] = {(): duration_s}
        return _families(catalogue, readings)


def _families(catalogue: tuple[Metric, ...], readings: Readings) -> Iterator[Family]:
    for metric in catalogue:
        if metric.buckets is None:
            yield number_family(metric, readings.numbers.get(metric.name, {}))
        else:
            yield histogram_family(
                metric,
                readings.histograms.get(metric.name, {}),
                readings.exemplars.get(metric.name),
            )


def _weft_version() -> str:
    try:
        return version("weft")
    except PackageNotFoundError:
        return "unknown"  # a bare checkout on the path
