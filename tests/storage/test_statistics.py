"""Counting: every value in its bucket, nothing lost, snapshots that stay."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from weft.storage.statistics import HISTOGRAM_BUCKETS, Histogram, HistogramSnapshot


def observed(*values: int) -> HistogramSnapshot:
    histogram = Histogram()
    for value in values:
        histogram.observe(value)
    return histogram.snapshot()


def test_an_empty_histogram_is_all_zeros() -> None:
    empty = observed()
    assert ((0,) * HISTOGRAM_BUCKETS, 0, 0) == (empty.counts, empty.total, empty.count)


@given(st.lists(st.integers(0, 2**50)))
@example([0, 1, 2, 3, 4])
@example([2**41 - 1, 2**41, 2**42])
def test_every_value_is_counted_once_and_summed(values: list[int]) -> None:
    found = observed(*values)
    assert (len(values), sum(values)) == (found.count, found.total)


@given(st.integers(0, 2**41 - 1))
def test_a_value_lies_below_the_bound_of_its_bucket_and_not_below_half(
    value: int,
) -> None:
    bucket = observed(value).counts.index(1)
    assert 2**bucket // 2 <= value < 2**bucket


@pytest.mark.parametrize(
    ("value", "bucket"),
    [(0, 0), (1, 1), (2, 2), (3, 2), (4, 3), (2**40, 41), (2**41, 41), (2**99, 41)],
)
def test_the_last_bucket_takes_what_is_beyond(value: int, bucket: int) -> None:
    assert bucket == observed(value).counts.index(1)


def test_a_snapshot_does_not_change() -> None:
    histogram = Histogram()
    histogram.observe(3)
    before = histogram.snapshot()
    histogram.observe(3)
    assert (1, 3) == (before.count, before.total)
    assert (2, 6) == (histogram.snapshot().count, histogram.snapshot().total)
