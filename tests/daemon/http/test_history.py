"""Looks at the counters, at intervals, and what lies between them."""

from collections.abc import Iterator
from threading import Event
from typing import Any

import pytest

from weft.actors import Runtime, RuntimeStatistics
from weft.daemon.http.history import LOOKS_MAX, MINUTES_MAX, History, Look, Sampler
from weft.storage import MemoryStore, StoreClosed

DEADLINE_S = 10


class Clock:
    """A clock that is moved by hand."""

    now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def runtime() -> Iterator[Runtime]:
    with Runtime.open(store=MemoryStore()) as opened:
        yield opened


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def history(runtime: Runtime, clock: Clock) -> History:
    return History(runtime.statistics, clock_s=clock)


def wait(clock: Clock, history: History, seconds: float) -> Look:
    clock.now_s += seconds
    return history.look()


def test_a_look_younger_than_the_interval_is_the_answer(
    history: History, clock: Clock
) -> None:
    first = history.look()
    assert first is wait(clock, history, 1.9)
    assert 1 == wait(clock, history, 0.1).number


def test_what_was_done_in_between_is_the_increase(
    history: History, clock: Clock, runtime: Runtime
) -> None:
    history.look()
    for name in "abc":
        runtime.coordinator.create_session(name).get(timeout=5)
    last = wait(clock, history, 2)
    assert 3 == history.increase("weft_operations_total", 60)
    assert 3 == history.increase("weft_operations_total:applied", 60)
    assert 1.5 == history.rate("weft_operations_total", 60)
    assert 3 == last.durations.count == last.groups.total
    assert 0 == history.rate("weft_operations_total:refused", 60)


def test_a_window_begins_with_the_youngest_look_that_is_as_old(
    history: History, clock: Clock
) -> None:
    for _ in range(100):
        wait(clock, history, 2)
    assert 99 - 30 == history.since(60).number
    assert 99 - 31 == history.since(61).number
    assert 0 == history.since(3600).number


def test_no_more_is_kept_than_five_minutes_and_the_minutes_of_an_hour(
    history: History, clock: Clock
) -> None:
    for _ in range(2000):
        wait(clock, history, 2)
    numbers = [look.number for look in history.looks()]
    assert list(range(2000 - LOOKS_MAX, 2000)) == numbers
    assert MINUTES_MAX == len(history._minutes)
    assert 3600 <= history.last.clock_s - history.since(3600).clock_s < 3662


def test_who_has_seen_some_is_given_the_rest_and_the_one_before(
    history: History, clock: Clock
) -> None:
    for _ in range(5):
        wait(clock, history, 2)
    assert [3, 4] == [look.number for look in history.looks(3)]
    assert [] == history.looks(9)


def test_a_sampler_looks_by_itself_and_ends_with_its_block(runtime: Runtime) -> None:
    history = History(runtime.statistics, interval_s=0.01)
    looked = Event()

    def told(seen: Any) -> None:
        if seen.last.number >= 2:
            looked.set()

    history.watch(told)
    with Sampler(history):
        assert looked.wait(DEADLINE_S)
    assert history.last.number >= 2


def test_a_sampler_outlives_a_look_that_failed(
    runtime: Runtime, caplog: pytest.LogCaptureFixture
) -> None:
    looked = Event()
    failures = [StoreClosed("Not now.")]

    def statistics() -> RuntimeStatistics:
        if failures:
            raise failures.pop()
        looked.set()
        return runtime.statistics()

    with Sampler(History(statistics, interval_s=0.01)):
        assert looked.wait(DEADLINE_S)
    assert caplog.messages[0].startswith("the counters could not be read: Not now.")
