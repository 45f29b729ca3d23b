"""A page of metrics in the numbers that commands show."""

import pytest

from weft.daemon.samples import Samples

BEFORE = """\
# TYPE weft_runs gauge
weft_runs{status="success"} 3
weft_runs{status="error"} 1
# TYPE weft_wait_seconds histogram
weft_wait_seconds_bucket{le="0.1"} 10
weft_wait_seconds_bucket{le="1.0"} 10
weft_wait_seconds_bucket{le="+Inf"} 10
weft_wait_seconds_sum 1
weft_wait_seconds_count 10
"""
AFTER = """\
# TYPE weft_wait_seconds histogram
weft_wait_seconds_bucket{le="0.1"} 10
weft_wait_seconds_bucket{le="1.0"} 14
weft_wait_seconds_bucket{le="+Inf"} 15
weft_wait_seconds_sum 6
weft_wait_seconds_count 15
"""


def test_samples_are_summed_by_label_and_what_is_not_there_is_nothing() -> None:
    page = Samples(BEFORE)
    assert 4 == page.total("weft_runs")
    assert 3 == page.total("weft_runs", status="success")
    assert {"error": 1.0, "success": 3.0} == page.by("weft_runs", "status")
    assert 0 == page.total("weft_unheard_of")


@pytest.mark.parametrize(("quantile", "end"), [(0.5, 1.0), (0.99, 1.0), (0.1, 1.0)])
def test_a_quantile_is_of_what_came_since_the_look_before(
    quantile: float, end: float
) -> None:
    before, after = Samples(BEFORE), Samples(AFTER)
    assert end == after.quantile("weft_wait_seconds", quantile, before)


def test_a_quantile_of_all_and_of_nothing() -> None:
    before = Samples(BEFORE)
    assert 0.1 == before.quantile("weft_wait_seconds", 0.99)
    assert before.quantile("weft_wait_seconds", 0.5, before) is None
    assert before.quantile("weft_unheard_of", 0.5) is None
