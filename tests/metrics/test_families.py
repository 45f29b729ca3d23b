"""A family shows exactly what was counted, series by series and bucket by bucket."""

import bisect
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.core import Metric as Family

from tests.metrics.made import histogram
from weft.metrics.catalogue import Buckets, Label, Metric
from weft.metrics.families import histogram_family, number_family

FRUIT = Label("fruit", ("apple", "pear"))
STATE = Label("state", ("ripe", "rotten"))
BASKET = Buckets((1, 3, 5))


def samples(family: Family) -> dict[tuple[str, ...], float]:
    """Return the samples of a family, by name and label values."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for sample in family.samples
    }


def test_series_known_in_advance_are_0() -> None:
    family = number_family(Metric("weft_fruit", "gauge", "Fruit.", (FRUIT,)), {})
    assert {("weft_fruit", "apple"): 0, ("weft_fruit", "pear"): 0} == samples(family)


def test_a_metric_without_labels_is_one_series() -> None:
    metric = Metric("weft_eaten_total", "counter", "Eaten.")
    assert {("weft_eaten_total",): 0} == samples(number_family(metric, {}))
    assert {("weft_eaten_total",): 3} == samples(number_family(metric, {(): 3}))


def test_labels_keep_their_order() -> None:
    metric = Metric("weft_fruit", "gauge", "Fruit.", (FRUIT, STATE))
    family = number_family(metric, {("pear", "rotten"): 2})
    assert samples(family)["weft_fruit", "pear", "rotten"] == 2
    assert sum(samples(family).values()) == 2


def test_what_is_outside_its_set_is_counted_as_other() -> None:
    metric = Metric("weft_eaten_total", "counter", "Eaten.", (FRUIT, STATE))
    family = number_family(
        metric, {("plum", "ripe"): 2, ("fig", "ripe"): 3, ("apple", "green"): 5}
    )
    found = samples(family)
    assert found["weft_eaten_total", "other", "ripe"] == 5
    assert found["weft_eaten_total", "apple", "other"] == 5
    assert sum(found.values()) == 10


def test_constants_of_the_build_are_exposed_as_they_are() -> None:
    metric = Metric("weft_build_info", "gauge", "Build.", (Label("version"),))
    assert {} == samples(number_family(metric, {}))
    found = samples(number_family(metric, {("1.2",): 1}))
    assert {("weft_build_info", "1.2"): 1} == found


def test_a_bound_is_the_largest_value_that_is_counted_below_it() -> None:
    metric = Metric("weft_basket", "histogram", "Basket.", buckets=BASKET)
    family = histogram_family(metric, {(): histogram(0, 1, 2, 7, 8, 31, 32)})
    expected = {
        ("weft_basket_bucket", "1.0"): 2,
        ("weft_basket_bucket", "7.0"): 4,
        ("weft_basket_bucket", "31.0"): 6,
        ("weft_basket_bucket", "+Inf"): 7,
        ("weft_basket_count",): 7,
        ("weft_basket_sum",): 81,
    }
    assert expected == samples(family)


def test_nanoseconds_become_seconds() -> None:
    buckets = Buckets((10, 20), 1_000_000_000)
    metric = Metric("weft_nap_seconds", "histogram", "Naps.", buckets=buckets)
    family = histogram_family(metric, {(): histogram(1_023, 1_024)})
    expected = {
        ("weft_nap_seconds_bucket", "1.023e-06"): 1,
        ("weft_nap_seconds_bucket", "0.001048575"): 2,
        ("weft_nap_seconds_bucket", "+Inf"): 2,
        ("weft_nap_seconds_count",): 2,
        ("weft_nap_seconds_sum",): pytest.approx(2.047e-06),
    }
    assert expected == samples(family)


def test_histograms_outside_the_set_are_added_up_as_other() -> None:
    metric = Metric("weft_basket", "histogram", "Basket.", (FRUIT,), BASKET)
    family = histogram_family(metric, {("fig",): histogram(1), ("kiwi",): histogram(9)})
    found = samples(family)
    assert found["weft_basket_count", "other"] == 2
    assert found["weft_basket_sum", "other"] == 10
    assert found["weft_basket_bucket", "other", "1.0"] == 1
    assert found["weft_basket_count", "apple"] == 0


@given(st.lists(st.integers(0, 2**45)))
def test_cumulative_counts_are_exact_whatever_was_observed(values: list[int]) -> None:
    buckets = Buckets(tuple(range(3, 40, 4)))
    metric = Metric("weft_any", "histogram", "Any.", buckets=buckets)
    found = samples(histogram_family(metric, {(): histogram(*values)}))
    ordered = sorted(values)
    expected = {
        ("weft_any_bucket", repr(bound)): bisect.bisect_right(ordered, bound)
        for bound in buckets.bounds
    }
    assert expected == {k: v for k, v in found.items() if k in expected}
    assert len(values) == found["weft_any_bucket", "+Inf"] == found["weft_any_count",]
    assert math.isclose(sum(values), found["weft_any_sum",])
