"""Wake-ups of both kinds: remembered ones, other OS threads, file descriptors."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.actors.support import LONG_S
from weft.actors.wakeup import EventfdWakeup, PipeWakeup


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.mark.parametrize("wakeup_class", [EventfdWakeup, PipeWakeup])
def test_a_wake_up_before_the_wait_counts(wakeup_class: Any) -> None:
    wakeup = wakeup_class()
    wakeup.wake()
    wakeup.wake()
    wakeup.wait()  # both at once
    before = time.monotonic()
    wakeup.wait(0.02)
    assert time.monotonic() - before >= 0.02


@pytest.mark.parametrize("wakeup_class", [EventfdWakeup, PipeWakeup])
def test_a_wake_up_reaches_another_os_thread(wakeup_class: Any) -> None:
    there, back = wakeup_class(), wakeup_class()

    def echo() -> None:
        for _ in range(1_000):
            there.wait()
            back.wake()

    thread = threading.Thread(target=echo, daemon=True)
    thread.start()
    for _ in range(1_000):
        there.wake()
        back.wait(LONG_S)
    thread.join(LONG_S)
    assert not thread.is_alive()


@pytest.mark.parametrize("timeout_s", [1e7, 1e9, float("inf")])
@pytest.mark.parametrize("wakeup_class", [EventfdWakeup, PipeWakeup])
def test_a_wait_may_be_as_long_as_you_like(wakeup_class: Any, timeout_s: float) -> None:
    wakeup = wakeup_class()
    wakeup.wake()
    before = time.monotonic()
    wakeup.wait(timeout_s)  # poll(2) would refuse it as too large
    assert time.monotonic() - before < LONG_S


def test_a_full_pipe_does_not_block_who_wakes() -> None:
    wakeup = PipeWakeup()

    def fill() -> None:
        for _ in range(100_000):  # a pipe holds 65,536
            wakeup.wake()

    thread = threading.Thread(target=fill, daemon=True)
    thread.start()
    thread.join(LONG_S)
    assert not thread.is_alive()


@pytest.mark.parametrize("wakeup_class", [EventfdWakeup, PipeWakeup])
def test_a_wake_up_gives_its_file_descriptors_back(wakeup_class: Any) -> None:
    wakeup = wakeup_class()
    before = open_files()
    others = [wakeup_class() for _ in range(10)]
    assert open_files() >= before + 10
    del others
    assert before == open_files()
    wakeup.wake()
