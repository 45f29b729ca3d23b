"""Calls are timed from the first one on, for as long as was asked for."""

import threading
import time

import pytest

from weft.daemon.stopwatch import Stopwatch
from weft.storage.progress import untold

SECONDS = 0.1
pause = threading.Event()


def test_calls_are_counted_and_timed() -> None:
    told: list[int] = []
    watch = Stopwatch(SECONDS, lambda done, total: told.append(done * 1000 // total))
    pause.wait(SECONDS)  # nothing counts before the first call
    began_s = time.perf_counter()
    made = 0
    for _ in watch.calls():
        made += 1
        pause.wait(0.001)
    passed_s = time.perf_counter() - began_s
    figure = watch.figure("sleep", 1)
    assert ("sleep", 1, made) == (figure.what, figure.callers, figure.count)
    assert SECONDS <= passed_s
    assert 1 <= figure.p50_ms <= figure.p99_ms <= figure.max_ms
    assert made / passed_s == pytest.approx(figure.per_second, rel=0.2)
    assert sorted(told) == told
    assert 0 == told[0]
    assert figure.per_flush is None


def test_callers_share_one_measurement() -> None:
    watch = Stopwatch(SECONDS, untold)
    first, second = watch.calls(), watch.calls()
    next(first)
    next(second)
    pause.wait(SECONDS)
    assert [None, None] == [next(first, None), next(second, None)]
    figure = watch.figure("wait", 2, flushes=1)
    assert (2, 2.0) == (figure.count, figure.per_flush)
    assert figure.p50_ms >= 1000 * SECONDS
