"""A bell wakes who waits, and whoever rings first loses nothing."""

import threading

from weft.storage.bell import Bell

WAIT_S = 20.0


def test_a_ring_before_the_wait_is_not_lost() -> None:
    bell = Bell()
    bell.ring()
    assert bell.wait(timeout_s=0)


def test_many_rings_wake_once() -> None:
    bell = Bell()
    for _ in range(1000):
        bell.ring()
    assert bell.wait(timeout_s=0)
    assert not bell.wait(timeout_s=0)


def test_a_bell_that_is_full_of_rings_takes_more() -> None:
    bell = Bell()
    for _ in range(100_000):
        bell.ring()
    assert bell.wait(timeout_s=0)


def test_a_wait_ends_at_its_deadline() -> None:
    assert not Bell().wait(timeout_s=0.01)


def test_a_ring_from_another_os_thread_wakes() -> None:
    bell = Bell()
    ringing = threading.Thread(target=bell.ring)
    ringing.start()
    assert bell.wait(WAIT_S)
    ringing.join(WAIT_S)
