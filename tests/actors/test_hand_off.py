"""The hand-off: remembered wake-ups, other OS threads, deadlines."""

from __future__ import annotations

import threading
import time

import pytest

from tests.actors.support import LONG_S
from weft.actors.hand_off import HandOff


def seconds_of(hand_off: HandOff, timeout_s: float) -> float:
    """Return how long a wait takes."""
    before = time.monotonic()
    hand_off.wait(timeout_s)
    return time.monotonic() - before


def test_a_wake_up_before_the_wait_counts() -> None:
    hand_off = HandOff()
    hand_off.wake()
    hand_off.wake()  # nobody is harmed
    assert seconds_of(hand_off, LONG_S) < LONG_S


def test_a_wait_ends_with_its_time() -> None:
    assert 0.02 <= seconds_of(HandOff(), 0.02) < LONG_S
    assert seconds_of(HandOff(), -1) < LONG_S


@pytest.mark.parametrize("timeout_s", [1e7, 1e12, float("inf")])
def test_a_wait_may_be_as_long_as_you_like(timeout_s: float) -> None:
    hand_off = HandOff()
    hand_off.wake()
    assert seconds_of(hand_off, timeout_s) < LONG_S


def test_each_of_many_waiting_os_threads_is_woken() -> None:
    hand_offs = [HandOff() for _ in range(100)]
    woken: list[int] = []

    def wait(n: int) -> None:
        hand_offs[n].wait()
        woken.append(n)

    threads = [
        threading.Thread(target=wait, args=(n,), daemon=True) for n in range(100)
    ]
    for thread in threads:
        thread.start()
    for hand_off in hand_offs:
        hand_off.wake()
    for thread in threads:
        thread.join(LONG_S)
    assert list(range(100)) == sorted(woken)
