"""Timers: when callbacks run, cancelling, pruning, the end."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any

import pytest

from weft.actors.future import Future
from weft.actors.timers import CANCELLED_KEPT_MAX, Timers

if TYPE_CHECKING:
    from collections.abc import Iterator

LONG_S = 20.0
HOUR_NS = 3_600_000_000_000


def in_ms(milliseconds: int) -> int:
    return time.monotonic_ns() + milliseconds * 1_000_000


@pytest.fixture
def timers() -> Iterator[Timers]:
    timers = Timers()
    timers.start()
    yield timers
    assert timers.stop(LONG_S)


def test_a_callback_runs_at_its_time_on_the_timer_os_thread(timers: Timers) -> None:
    called: Future[tuple[int, str]] = Future()
    deadline_ns = in_ms(10)
    timers.call_at(
        deadline_ns,
        lambda: called.set((time.monotonic_ns(), threading.current_thread().name)),
    )
    now_ns, name = called.get(timeout=LONG_S)
    assert now_ns >= deadline_ns
    assert "weft-timers" == name
    assert threading.current_thread().name != name


def test_callbacks_run_in_the_order_of_their_deadlines(timers: Timers) -> None:
    called: list[int] = []
    end: Future[None] = Future()
    base_ns = in_ms(20)
    for number in (3, 1, 2, 4):
        timers.call_at(base_ns + number, lambda n=number: called.append(n))  # type: ignore[misc]
    for number in (5, 6):  # the same deadline: the order of the calls
        timers.call_at(base_ns + 5, lambda n=number: called.append(n))  # type: ignore[misc]
    timers.call_at(base_ns + 9, end.set)
    end.get(timeout=LONG_S)
    assert [1, 2, 3, 4, 5, 6] == called


def test_an_earlier_timer_wakes_one_that_sleeps_longer(timers: Timers) -> None:
    called: Future[None] = Future()
    timers.call_at(in_ms(3_600_000), lambda: None)
    while timers._sleeps_until_ns == 0:
        assert timers._thread.is_alive()
    timers.call_at(in_ms(0), called.set)
    called.get(timeout=LONG_S)


class LateArrivals(deque[Any]):
    """Timers that come right after somebody looked and found none."""

    looks = 0
    come = staticmethod(lambda _looks: None)

    def __bool__(self) -> bool:
        empty = len(self) == 0
        if empty:
            self.looks += 1
            self.come(self.looks)
        return not empty


@pytest.mark.parametrize("look", [1, 2])
def test_a_timer_that_comes_right_after_a_look_is_not_slept_over(look: int) -> None:
    timers = Timers()
    called: Future[None] = Future()
    arrivals = LateArrivals()
    arrivals.come = lambda looks: (  # type: ignore[assignment]
        timers.call_at(in_ms(0), called.set) if looks == look else None
    )
    timers._arrivals = arrivals
    timers.start()
    called.get(timeout=LONG_S)
    assert timers.stop(LONG_S)


def test_a_cancelled_timer_does_not_run(timers: Timers) -> None:
    called: list[int] = []
    end: Future[None] = Future()
    deadline_ns = in_ms(10)
    timer = timers.call_at(deadline_ns, lambda: called.append(1))
    assert timer.cancel()
    assert not timer.cancel()
    last = timers.call_at(deadline_ns, end.set)
    end.get(timeout=LONG_S)
    assert [] == called
    assert not last.cancel()


def test_a_callback_that_raises_is_logged_and_harms_no_other(
    timers: Timers, caplog: pytest.LogCaptureFixture
) -> None:
    def leave() -> None:
        raise SystemExit

    end: Future[None] = Future()
    deadline_ns = in_ms(0)
    timers.call_at(deadline_ns, lambda: 1 / 0)
    timers.call_at(deadline_ns, leave)
    timers.call_at(deadline_ns, end.set)
    end.get(timeout=LONG_S)
    assert ["ERROR", "ERROR"] == [record.levelname for record in caplog.records]


def test_cancelled_timers_do_not_pile_up(timers: Timers) -> None:
    live = [timers.call_at(in_ms(3_600_000), lambda: None) for _ in range(100)]
    deadline_ns = time.monotonic_ns() + HOUR_NS
    for _ in range(50_000):
        timers.call_at(deadline_ns, lambda: None).cancel()
    give_up_s = time.monotonic() + LONG_S
    while len(timers._heap) + len(timers._arrivals) > 2 * CANCELLED_KEPT_MAX + 200:
        assert time.monotonic() < give_up_s
    assert 100 == sum(timer.cancel() for timer in live)


def test_timers_survive_racing_callers_and_cancels(timers: Timers) -> None:
    counts: list[int] = []
    cancelled: list[bool] = []

    def use() -> None:
        mine = []
        for number in range(2_000):
            timer = timers.call_at(in_ms(number % 3), lambda: counts.append(1))
            if number % 2:
                mine.append(timer.cancel())
        cancelled.extend(mine)

    threads = [threading.Thread(target=use) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG_S)
    end: Future[None] = Future()
    timers.call_at(in_ms(5), end.set)
    end.get(timeout=LONG_S)
    assert 6_000 == len(counts) + sum(cancelled)


def test_stop_drops_what_is_not_due() -> None:
    timers = Timers()
    called: list[int] = []
    timers.call_at(in_ms(3_600_000), lambda: called.append(1))
    timers.start()
    assert timers.stop(LONG_S)
    assert [] == called
    assert Timers().stop()


def test_a_future_is_done_after_a_while(timers: Timers) -> None:
    began_s = time.monotonic()
    timers.after(0.01).get(timeout=LONG_S)
    assert time.monotonic() - began_s >= 0.01
