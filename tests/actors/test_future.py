"""The future: racing setters and getters, timeouts, callbacks, asyncio, get hooks."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from queue import Full
from typing import TYPE_CHECKING, Any

import pykka
import pytest

from tests.actors.futures import (
    LOOPS,
    eager_switching,
    in_thread,
    loop_turn,
    run_on,
    set_all,
    until_waiting,
)
from tests.actors.support import LONG_S
from weft.actors.future import Future
from weft.actors.scheduler import running_turns

if TYPE_CHECKING:
    from collections.abc import Callable


# Setting


def test_what_was_set_is_what_everybody_gets() -> None:
    future: Future[int] = Future()
    assert not future.done()
    future.set(7)
    assert future.done()
    assert [7, 7] == [future.get(), future.get(timeout=0)]


def test_a_future_is_set_once() -> None:
    future = Future.completed(1)
    with pytest.raises(Full):
        future.set(2)
    with pytest.raises(Full):
        future.fail(ValueError())
    with pytest.raises(Full):
        future.set_get_hook(lambda _: 3)
    assert not future.try_set(4)
    assert not future.try_fail(ValueError())
    assert 1 == future.get()


def test_a_failed_future_raises_its_exception() -> None:
    error = ValueError("no")
    with pytest.raises(ValueError, match="no") as caught:
        Future.failed(error).get()
    assert error is caught.value


def test_set_exception_takes_what_pykka_gives_it() -> None:
    handled: Future[None] = Future()
    try:
        raise KeyError("handled")  # noqa: TRY301
    except KeyError:
        handled.set_exception()
    with pytest.raises(KeyError, match="handled"):
        handled.get()
    by_class: Future[None] = Future()
    by_class.set_exception((OSError, None, None))
    with pytest.raises(OSError):
        by_class.get()


def test_set_exception_without_an_exception_is_refused() -> None:
    future: Future[None] = Future()
    with pytest.raises(ValueError, match="no exception"):
        future.set_exception()
    assert not future.done()


def test_a_value_may_be_an_exception_or_a_future() -> None:
    error = ValueError("a value")
    assert error is Future.completed(error).get()
    inner = Future.completed(1)
    assert inner is Future.completed(inner).get()


@eager_switching()
def test_exactly_one_of_racing_setters_wins() -> None:
    futures: list[Future[int]] = [Future() for _ in range(20_000)]
    wins: list[list[bool]] = [[], []]

    def set_racing(number: int) -> None:
        wins[number].extend(future.try_set(number) for future in futures)

    threads = [in_thread(lambda n=n: set_racing(n)) for n in range(2)]  # type: ignore[misc]
    for thread in threads:
        thread.join(LONG_S)
    for future, first, second in zip(futures, *wins, strict=True):
        assert [False, True] == sorted([first, second])
        assert int(second) == future.get(timeout=0)


@eager_switching()
def test_no_wake_up_is_lost_when_get_races_set() -> None:
    futures: list[Future[int]] = [Future() for _ in range(20_000)]
    setter = in_thread(lambda: set_all(futures))
    assert list(range(20_000)) == [future.get(timeout=LONG_S) for future in futures]
    setter.join(LONG_S)


@eager_switching()
def test_a_callback_that_races_set_is_called_once() -> None:
    futures: list[Future[int]] = [Future() for _ in range(20_000)]
    called: list[Future[int]] = []
    setter = in_thread(lambda: set_all(futures))
    for future in futures:
        future.add_done_callback(called.append)
    setter.join(LONG_S)
    assert {id(future) for future in futures} == {id(future) for future in called}
    assert len(futures) == len(called)


# Getting


def test_get_gives_up_after_its_timeout() -> None:
    future: Future[None] = Future()
    before = time.monotonic()
    with pytest.raises(pykka.Timeout, match=r"0\.02 seconds"):
        future.get(timeout=0.02)
    assert time.monotonic() - before >= 0.02
    assert {} == future._waiters


def test_a_wait_that_was_given_up_is_woken_by_nobody() -> None:
    future: Future[int] = Future()
    with pytest.raises(pykka.Timeout):
        future.get(timeout=0)
    assert {} == future._waiters
    future.set(5)
    assert 5 == future.get(timeout=0)


def test_each_wait_is_woken_by_its_own_future() -> None:
    outer: Future[int] = Future()
    inner: Future[int] = Future()
    answers: list[int] = []
    threads = [
        in_thread(lambda f=f: answers.append(f.get(timeout=LONG_S)))  # type: ignore[misc]
        for f in (outer, inner)
    ]
    until_waiting(outer)
    until_waiting(inner)
    assert 2 == len({*outer._waiters, *inner._waiters})
    inner.set(1)
    threads[1].join(LONG_S)
    assert [1] == answers
    outer.set(2)
    threads[0].join(LONG_S)
    assert [1, 2] == answers


def test_get_in_a_turn_raises_instead_of_stalling_every_actor() -> None:
    with running_turns():
        with pytest.raises(RuntimeError, match="add_done_callback"):
            Future[None]().get(timeout=LONG_S)
        assert 1 == Future.completed(1).get()
        assert 2 == Future.completed(1).map(lambda one: one + 1).get()


# Callbacks


def test_a_callback_runs_once_on_the_os_thread_that_sets() -> None:
    future: Future[int] = Future()
    seen: list[tuple[Future[int], int]] = []
    future.add_done_callback(lambda done: seen.append((done, threading.get_ident())))
    setter = in_thread(lambda: future.set(1))
    setter.join(LONG_S)
    assert [(future, setter.ident)] == seen


def test_a_callback_of_a_done_future_runs_at_once() -> None:
    seen: list[int] = []
    Future.completed(3).add_done_callback(lambda done: seen.append(done.get()))
    assert [3] == seen


def test_a_callback_that_raises_does_not_spoil_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    future: Future[int] = Future()
    seen: list[int] = []
    future.add_done_callback(lambda _: 1 / 0)
    future.add_done_callback(lambda done: seen.append(done.get()))
    future.set(1)
    assert [1] == seen
    assert ["weft.actors"] == [record.name for record in caplog.records]


def test_a_system_exit_in_a_callback_does_not_spoil_the_others() -> None:
    future: Future[int] = Future()
    seen: list[int] = []
    future.add_done_callback(lambda _: sys.exit(1))
    future.add_done_callback(lambda done: seen.append(done.get()))
    with pytest.raises(SystemExit):
        future.set(1)
    assert [1] == seen


# asyncio


@pytest.mark.parametrize("new_loop", LOOPS)
def test_awaiting_leaves_the_loop_running(new_loop: Callable[[], Any]) -> None:
    async def main() -> tuple[int, int]:
        future: Future[int] = Future()
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while not future.done():
                await loop_turn()
                ticks += 1
                if ticks == 100:
                    in_thread(lambda: future.set(5))

        ticker = asyncio.ensure_future(tick())
        answer = await future
        await ticker
        return answer, ticks

    answer, ticks = run_on(new_loop, main())
    assert 5 == answer
    assert ticks >= 100


@pytest.mark.parametrize("new_loop", LOOPS)
def test_cancelling_abandons_only_the_waiting(new_loop: Callable[[], Any]) -> None:
    async def main() -> int:
        future: Future[int] = Future()

        async def wait() -> int:
            return await future

        task = asyncio.ensure_future(wait())
        await loop_turn()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert {} == future._waiters
        future.set(1)
        return await future

    assert 1 == run_on(new_loop, main())


@pytest.mark.parametrize("new_loop", LOOPS)
def test_awaiting_a_failure_raises_it(new_loop: Callable[[], Any]) -> None:
    async def main() -> None:
        future: Future[int] = Future()
        in_thread(lambda: future.fail(ValueError("late")))
        await future

    with pytest.raises(ValueError, match="late"):
        run_on(new_loop, main())


@pytest.mark.parametrize("new_loop", LOOPS)
def test_awaiting_a_foreign_get_hook_leaves_the_loop_running(
    new_loop: Callable[[], Any],
) -> None:
    ticked = threading.Event()

    def hook(_timeout: float | None) -> str:
        assert ticked.wait(LONG_S)
        return threading.current_thread().name

    async def main() -> str:
        future: Future[str] = Future()
        future.set_get_hook(hook)
        asyncio.get_running_loop().call_soon(
            asyncio.get_running_loop().call_soon, ticked.set
        )
        return await future

    assert threading.current_thread().name != run_on(new_loop, main())


# Get hooks


def test_a_get_hook_runs_until_it_succeeds_and_no_further() -> None:
    answers: list[Any] = [ValueError("not yet"), 5]
    timeouts: list[float | None] = []

    def hook(timeout: float | None) -> int:
        timeouts.append(timeout)
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return int(answer)

    future: Future[int] = Future()
    future.set_get_hook(hook)
    with pytest.raises(Full):
        future.set(1)
    with pytest.raises(ValueError, match="not yet"):
        future.get()
    assert [5, 5] == [future.get(timeout=1), future.get()]
    assert future.done()
    assert None is timeouts[0]
    assert 0 < (timeouts[1] or 0) <= 1
    assert 2 == len(timeouts)
    with pytest.raises(Full):
        future.set_get_hook(hook)


def test_the_state_shows_in_the_repr() -> None:
    failed = Future.failed(ValueError("x"))
    assert "<weft.actors.Future failed: ValueError('x')>" == repr(failed)
    assert "<weft.actors.Future pending>" == repr(Future())
    assert "<weft.actors.Future done>" == repr(Future.completed(1))
    with pytest.raises(ValueError, match="x"):
        failed.get()
