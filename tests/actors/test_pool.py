"""The pool: growth, failures, hung functions, the end."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from weft.actors.future import Future
from weft.actors.pool import Job, Pool, PoolStatistics, _Offered, giving_way
from weft.storage import Overloaded

if TYPE_CHECKING:
    from collections.abc import Iterator

LONG_S = 20.0


@pytest.fixture
def pool() -> Iterator[Pool]:
    pool = Pool(3)
    yield pool
    assert pool.close(LONG_S)


def settled(pool: Pool, expected: PoolStatistics) -> PoolStatistics:
    """Return the statistics once they are as expected, or as they are in the end."""
    deadline = time.monotonic() + LONG_S
    while pool.statistics() != expected and time.monotonic() < deadline:
        pass
    return pool.statistics()


def test_what_is_offered_too_late_is_dropped_in_silence(
    caplog: pytest.LogCaptureFixture,
) -> None:
    pool, executed = Pool(1), []
    pool.offer(lambda: executed.append(1))
    gate = threading.Event()
    pool.submit(gate.wait, LONG_S)
    assert not pool.close(0.0)
    pool._jobs.put((_Offered(lambda: executed.append(2)), ()))  # as a racing one would
    pool._jobs.put((print, ("lost",)))
    pool.offer(lambda: executed.append(3))
    gate.set()
    assert pool.close(LONG_S)
    assert [1] == executed
    assert ["<built-in function print> was submitted to a closing pool"] == [
        record.getMessage() for record in caplog.records
    ]


def test_a_function_runs_with_its_arguments_on_a_daemon_os_thread(pool: Pool) -> None:
    answer: Future[tuple[threading.Thread, int]] = Future()
    pool.submit(lambda a, b: answer.set((threading.current_thread(), a + b)), 1, 2)
    thread, total = answer.get(timeout=LONG_S)
    assert 3 == total
    assert thread.daemon
    assert "weft-pool-1" == thread.name


def test_an_idle_os_thread_is_used_before_a_new_one_starts(pool: Pool) -> None:
    for number in range(1, 6):
        done: Future[None] = Future()
        pool.submit(done.set)
        done.get(timeout=LONG_S)
        expected = PoolStatistics(threads=1, idle=1, queued=0, done=number)
        assert expected == settled(pool, expected)


def test_the_pool_grows_to_its_size_and_queues_beyond(pool: Pool) -> None:
    gate = threading.Event()
    for _ in range(5):
        pool.submit(gate.wait, LONG_S)
    expected = PoolStatistics(threads=3, idle=0, queued=2, done=0)
    assert expected == settled(pool, expected)
    gate.set()
    expected = PoolStatistics(threads=3, idle=3, queued=0, done=5)
    assert expected == settled(pool, expected)


@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt])
def test_a_function_that_raises_is_logged_and_its_os_thread_goes_on(
    error: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise error

    pool = Pool(1)
    done: Future[None] = Future()
    pool.submit(fail)
    pool.submit(done.set)
    done.get(timeout=LONG_S)
    assert pool.close(LONG_S)
    assert ["ERROR"] == [record.levelname for record in caplog.records]
    assert 2 == pool.statistics().done


def test_a_hung_function_leaves_the_others_running(pool: Pool) -> None:
    gate = threading.Event()
    pool.submit(gate.wait, LONG_S)
    numbers = []
    for number in range(100):
        done: Future[int] = Future()
        pool.submit(done.set, number)
        numbers.append(done.get(timeout=LONG_S))
    assert list(range(100)) == numbers
    assert not gate.is_set()
    gate.set()


def nest(pool: Pool, depth: int, answer: Future[int]) -> None:
    """Have the pool do as much again, less one, and wait for it."""
    try:
        inner: Future[int] = Future()
        if depth:
            pool.submit(nest, pool, depth - 1, inner)
            with giving_way():
                answer.set(1 + inner.get(timeout=LONG_S))
        else:
            answer.set(0)
    except Exception as error:  # noqa: BLE001  # to whoever waits
        answer.fail(error)


def test_functions_that_wait_for_others_do_not_keep_them_from_running() -> None:
    pool = Pool(2, spares_max=30)
    answers: list[Future[int]] = [Future() for _ in range(6)]
    for answer in answers:
        pool.submit(nest, pool, 5, answer)
    assert [5] * 6 == [answer.get(timeout=LONG_S) for answer in answers]
    assert 0 == pool.statistics().waiting
    assert pool.close(LONG_S)


def test_more_than_the_spares_are_refused_and_nothing_is_lost_by_it() -> None:
    pool = Pool(1, spares_max=3)
    for depth in (3, 4, 3, 4, 3):
        answer: Future[int] = Future()
        pool.submit(nest, pool, depth, answer)
        if depth == 3:
            assert 3 == answer.get(timeout=LONG_S)
        else:
            with pytest.raises(Overloaded) as caught:
                answer.get(timeout=LONG_S)
            assert caught.value.retry_after_s > 0
    assert pool.close(LONG_S)


def test_spare_os_threads_end_when_they_are_one_too_many() -> None:
    pool = Pool(1, spares_max=9)
    answer: Future[int] = Future()
    pool.submit(nest, pool, 9, answer)
    assert 9 == answer.get(timeout=LONG_S)
    deadline_s = time.monotonic() + LONG_S
    while pool.statistics().threads > 1:
        assert time.monotonic() < deadline_s
        done: Future[None] = Future()
        pool.submit(done.set)
        done.get(timeout=LONG_S)
    assert pool.close(LONG_S)


def test_outside_of_a_pool_nobody_gives_way() -> None:
    with giving_way():
        assert "MainThread" == threading.current_thread().name


def test_close_runs_what_is_queued_and_refuses_more() -> None:
    pool = Pool(2)
    seen: list[int] = []
    for number in range(100):
        pool.submit(seen.append, number)
    assert pool.close(LONG_S)
    assert set(range(100)) == set(seen)
    with pytest.raises(RuntimeError, match="closed"):
        pool.submit(seen.append, 1)
    assert PoolStatistics(threads=0, idle=0, queued=0, done=100) == pool.statistics()
    assert pool.close(LONG_S)


def test_close_does_not_wait_longer_than_its_timeout() -> None:
    pool = Pool(1)
    gate = threading.Event()
    pool.submit(gate.wait, LONG_S)
    before = time.monotonic()
    assert not pool.close(0.02)
    assert time.monotonic() - before < 1
    gate.set()
    assert pool.close(LONG_S)


def test_no_function_is_lost_in_silence_when_submit_races_close(
    caplog: pytest.LogCaptureFixture,
) -> None:
    for _ in range(50):
        pool = Pool(2)
        done: list[None] = []
        accepted: list[None] = []

        def submit_many(
            pool: Pool = pool,
            done: list[None] = done,
            accepted: list[None] = accepted,
        ) -> None:
            for _ in range(50):
                try:
                    pool.submit(done.append, None)
                except RuntimeError:
                    return
                accepted.append(None)

        caplog.clear()
        thread = threading.Thread(target=submit_many)
        thread.start()
        assert pool.close(LONG_S)
        thread.join(LONG_S)
        assert pool.close(LONG_S)
        assert len(accepted) == len(done) + len(caplog.records)


def test_a_pool_without_os_threads_is_refused() -> None:
    with pytest.raises(ValueError, match="1 or more"):
        Pool(0)


def test_a_hung_function_cannot_hold_the_process() -> None:
    program = """
import sys, threading
sys.path[:0] = {path!r}
from weft.actors.pool import Pool
started = threading.Event()
def hang():
    started.set()
    threading.Event().wait()
Pool(1).submit(hang)
print(started.wait(10))
"""
    done = subprocess.run(
        [sys.executable, "-c", program.format(path=sys.path)],
        capture_output=True,
        text=True,
        timeout=LONG_S,
        check=True,
    )
    assert "True\n" == done.stdout


# Abandoned


def hang(jobs: list[Job], gate: threading.Event) -> None:
    job = Pool.current_job()
    assert job is not None
    jobs.append(job)
    assert gate.wait(LONG_S)


def is_stuck(pool: Pool) -> bool:
    return pool.is_stuck


def test_abandoned_os_threads_are_replaced_up_to_a_limit() -> None:
    pool, jobs, gate = Pool(1, abandoned_max=2), list[Job](), threading.Event()
    for number in range(1, 4):
        pool.submit(hang, jobs, gate)
        deadline_s = time.monotonic() + LONG_S
        while len(jobs) < number:
            assert time.monotonic() < deadline_s
        assert not is_stuck(pool)
        assert (number < 3) == pool.abandon(jobs[-1])
        assert number == pool.statistics().abandoned
    assert is_stuck(pool)
    assert pool.overloaded().retry_after_s > 0
    gate.set()
    expected = PoolStatistics(threads=1, idle=1, queued=0, done=3)
    assert expected == settled(pool, expected)
    assert not is_stuck(pool)
    assert pool.close(LONG_S)


def test_a_job_that_is_done_is_not_abandoned(pool: Pool) -> None:
    jobs, gate, done = list[Job](), threading.Event(), Future[None]()
    gate.set()

    def work() -> None:
        hang(jobs, gate)
        done.set()

    pool.submit(work)
    done.get(timeout=LONG_S)
    settled(pool, PoolStatistics(threads=1, idle=1, queued=0, done=1))
    assert not pool.abandon(jobs[0])
    assert 0 == pool.statistics().abandoned
