"""The window over the last five minutes."""

import pytest

from weft.actors import Runtime
from weft.daemon.http.history import History
from weft.daemon.http.window import MOMENTS_MAX, STEP_S, Window, grown, span_of
from weft.storage.statistics import Histogram


def histogram(*values: int) -> Histogram:
    made = Histogram()
    for value in values:
        made.observe(value)
    return made


def test_it_begins_five_minutes_ago_at_the_most(runtime: Runtime) -> None:
    now_s = 0.0
    history = History(runtime.statistics, clock_s=lambda: now_s, interval_s=0.0)
    window = Window(runtime.statistics, history, lambda: now_s)
    history.look()
    began, ago_s = window.began()
    assert (0, 1.0) == (began.store.seq, ago_s), "a rate is of a second at least"
    runtime.session("a").create_thread("n").get(timeout=5)
    for _ in range(2 * MOMENTS_MAX):
        now_s += STEP_S / 2
        history.look()
    assert (0, MOMENTS_MAX * STEP_S) == (began.store.seq, now_s)
    began, ago_s = window.began()
    assert (1, (MOMENTS_MAX - 1) * STEP_S) == (began.store.seq, ago_s)


def test_what_grew_is_what_came_in() -> None:
    times = histogram(3, 3)
    before = times.snapshot()
    times.observe(100)
    assert histogram(100).snapshot() == grown(before, times.snapshot())
    assert before == grown(None, before)
    assert 0 == grown(None, None).count


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], (0, None, None, None)),
        ([5], (1, None, None, 8e-9)),
        ([5] * 98 + [20, 60], (100, 8e-9, 32e-9, 64e-9)),
    ],
)
def test_percentiles_are_the_ends_of_their_buckets(
    values: list[int], expected: tuple[int, float | None, float | None, float | None]
) -> None:
    span = span_of(histogram(*values).snapshot())
    assert expected == (span.count, span.p50_s, span.p99_s, span.longest_s)
