"""Rates: so many requests a second for each asker, and some at once."""

from weft.daemon.http.limits import ASKERS_MAX, RateLimit


class Clock:
    """A clock that is moved by hand."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_a_burst_passes_and_then_the_rate() -> None:
    clock = Clock()
    limit = RateLimit(2.0, 3, clock)
    assert [0.0] * 3 + [0.5] == [limit.take("a") for _ in range(4)]
    clock.now_s = 0.5
    assert [0.0, 0.5] == [limit.take("a") for _ in range(2)]
    clock.now_s = 1000.0
    assert [0.0] * 3 + [0.5] == [limit.take("a") for _ in range(4)]


def test_askers_are_told_apart() -> None:
    limit = RateLimit(1.0, 1, Clock())
    assert [0.0, 0.0, 1.0] == [limit.take("a"), limit.take("b"), limit.take("a")]


def test_no_rate_is_no_limit() -> None:
    limit = RateLimit(0.0, 1, Clock())
    assert [0.0] * 100 == [limit.take("a") for _ in range(100)]


def test_many_askers_do_not_pile_up() -> None:
    clock = Clock()
    limit = RateLimit(1.0, 5, clock)
    for number in range(3 * ASKERS_MAX):
        limit.take(str(number))
    assert len(limit._buckets) <= ASKERS_MAX
    clock.now_s = 10.0
    limit.take("last")
    assert limit.take("last") == 0.0
