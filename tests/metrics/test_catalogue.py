"""The catalogue keeps the rules that Prometheus, and our own promises, give it."""

import re
from math import prod
from typing import get_args

import pytest

from weft.metrics import CATALOGUE, Label, Metric
from weft.storage.operations import Operation

SERIES_MAX = 1_500
LABEL_VALUES_MAX = 30
NAMES = [metric.name for metric in CATALOGUE]
every_metric = pytest.mark.parametrize("metric", CATALOGUE, ids=NAMES)


def test_no_name_is_there_twice() -> None:
    assert len(NAMES) == len(set(NAMES))


@every_metric
def test_a_name_has_our_prefix_and_its_kind_last(metric: Metric) -> None:
    assert re.fullmatch(r"weft(_[a-z]+)+", metric.name)
    assert (metric.kind == "counter") == metric.name.endswith("_total")
    assert not metric.name.endswith(("_count", "_sum", "_bucket", "_created"))


@every_metric
def test_histograms_of_nanoseconds_and_only_they_are_in_seconds(metric: Metric) -> None:
    if metric.buckets is not None:
        assert (metric.buckets.per_unit == 10**9) == metric.name.endswith("_seconds")


@every_metric
def test_help_is_one_sentence(metric: Metric) -> None:
    assert re.fullmatch(r"[A-Z0-9][^\n]*\.", metric.help)


@every_metric
def test_histograms_and_only_they_have_buckets(metric: Metric) -> None:
    assert (metric.kind == "histogram") == (metric.buckets is not None)
    if metric.buckets is not None:
        assert sorted(set(metric.buckets.powers)) == list(metric.buckets.powers)
        assert 8 <= len(metric.buckets.powers) <= 20


@every_metric
def test_labels_are_closed_sets_and_never_ids(metric: Metric) -> None:
    for label in metric.labels:
        assert not re.search(r"(^|_)(id|name|session|thread|user|path)$", label.name)
        assert label.values or metric.name == "weft_build_info"
        assert len(label.values) == len(set(label.values))
        assert len(label.values) <= LABEL_VALUES_MAX


def test_every_operation_there_is_can_be_told_apart() -> None:
    (metric,) = (one for one in CATALOGUE if one.name == "weft_operations_total")
    kinds = tuple(kind.__name__ for kind in get_args(Operation))
    assert kinds == metric.labels[0].values


def with_other(label: Label) -> int:
    return len(label.values) + 1


def test_all_series_there_can_ever_be_are_few() -> None:
    series = 0
    for metric in CATALOGUE:
        places = prod(with_other(label) for label in metric.labels)
        # each bucket is one; +Inf, _count and _sum are three more
        lines = 1 if metric.buckets is None else len(metric.buckets.powers) + 3
        series += places * lines
    assert series < SERIES_MAX
