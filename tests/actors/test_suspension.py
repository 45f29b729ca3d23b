"""Suspensions: handlers that wait, mail that waits behind them, no deadlock."""

from __future__ import annotations

import asyncio
import threading
import time
import types
from typing import TYPE_CHECKING, Any

import pykka
import pytest

from tests.actors.support import LONG_S
from tests.actors.waiting import Waiter, settle
from weft.actors.actor import Actor
from weft.actors.dispatcher import Dispatcher
from weft.actors.future import Future
from weft.actors.suspension import MAILBOX_MAX
from weft.storage import Overloaded

if TYPE_CHECKING:
    from collections.abc import Iterator


# Waiting


def test_a_handler_may_wait_while_other_actors_work(
    dispatcher: Dispatcher, waiter: Waiter, leaf: Future[str]
) -> None:
    answer = waiter.actor_ref.ask(leaf, block=False)
    other = Waiter(dispatcher, "bob")
    assert "x" == other.actor_ref.ask("x", timeout=LONG_S)
    assert not answer.done()
    leaf.set("done")
    assert "done" == answer.get(timeout=LONG_S)
    assert ["waits", "waited"] == waiter.seen


def test_a_handler_that_need_not_wait_answers_in_its_turn(
    dispatcher: Dispatcher, waiter: Waiter
) -> None:
    assert 1 == waiter.actor_ref.ask(Future.completed(1), timeout=LONG_S)
    settle(dispatcher)
    assert None is waiter.actor_ref.suspension


def test_mail_behind_a_waiting_handler_comes_after_it_in_order(
    waiter: Waiter, leaf: Future[str]
) -> None:
    ref = waiter.actor_ref
    answers = [ref.ask(leaf, block=False)]
    answers += [ref.ask(number, block=False) for number in range(100)]
    second: Future[str] = Future()
    answers.append(ref.ask(second, block=False))
    answers += [ref.ask(number, block=False) for number in range(100, 200)]
    leaf.set("first")
    assert 99 == answers[100].get(timeout=LONG_S)
    assert not answers[102].done()
    second.set("second")
    got = pykka.get_all(answers, timeout=LONG_S)
    assert ["first", *range(100), "second", *range(100, 200)] == got
    words = ["waits", "waited"]
    assert [*words, *range(100), *words, *range(100, 200)] == waiter.seen


def test_mail_that_comes_while_the_mailbox_empties_stays_behind(
    dispatcher: Dispatcher, waiter: Waiter, leaf: Future[str]
) -> None:
    ref = waiter.actor_ref
    ref.tell(leaf)

    ref.tell("a")
    ref.tell("b")
    settle(dispatcher)
    gate = threading.Event()

    class Holder(Waiter):
        def on_receive(self, _message: Any) -> Any:
            assert gate.wait(LONG_S)

    Holder(dispatcher).actor_ref.tell("hold")
    leaf.set("go")
    ref.tell("late")
    gate.set()
    ref.ask("end", timeout=LONG_S)
    assert ["waits", "waited", "a", "b", "late", "end"] == waiter.seen


def test_the_exception_of_what_is_awaited_goes_through_the_handler(
    waiter: Waiter, leaf: Future[str]
) -> None:
    answer = waiter.actor_ref.ask(leaf, block=False)
    leaf.fail(KeyError("no"))
    with pytest.raises(KeyError) as caught:
        answer.get(timeout=LONG_S)
    assert "_wait_for" in [entry.name for entry in caught.traceback]
    assert "_step" not in [entry.name for entry in caught.traceback]
    assert "x" == waiter.actor_ref.ask("x", timeout=LONG_S)


def test_an_asker_that_settled_its_future_itself_is_not_told_twice(
    waiter: Waiter, leaf: Future[str]
) -> None:
    answer = waiter.actor_ref.ask(leaf, block=False)
    assert answer.try_fail(pykka.Timeout("the deadline came first"))
    leaf.set("late")
    assert "x" == waiter.actor_ref.ask("x", timeout=LONG_S)
    with pytest.raises(pykka.Timeout):
        answer.get()


def test_derived_futures_and_timers_can_be_awaited(
    dispatcher: Dispatcher, waiter: Waiter
) -> None:
    other = Waiter(dispatcher, "bob").actor_ref
    joined = other.ask(1, block=False).join(other.ask(2, block=False))
    doubled = joined.map(lambda numbers: [2 * number for number in numbers])
    assert [2, 4] == waiter.actor_ref.ask({"it": doubled}, timeout=LONG_S)
    began_s = time.monotonic()
    pause = dispatcher.timers.after(0.02)
    assert None is waiter.actor_ref.ask({"it": pause}, timeout=LONG_S)
    assert time.monotonic() - began_s >= 0.02


@types.coroutine
def _bare() -> Iterator[None]:
    yield


@pytest.mark.parametrize(
    ("it", "error"),
    [
        (_bare, TypeError),
        (lambda: asyncio.to_thread(print), RuntimeError),
        (pykka.ThreadingFuture, TypeError),
    ],
)
def test_what_would_block_the_dispatcher_cannot_be_awaited(
    waiter: Waiter, it: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        waiter.actor_ref.ask({"it": it()}, timeout=LONG_S)
    assert "x" == waiter.actor_ref.ask("x", timeout=LONG_S)


class Leaving(Actor):
    async def on_receive(self, message: object) -> None:
        await asyncio.to_thread(print, message)


def test_who_awaits_what_is_asyncios_is_told_what_to_do_instead() -> None:
    leaving = Leaving.start()
    try:
        with pytest.raises(RuntimeError, match="no running event loop") as raised:
            leaving.ask("hello", timeout=LONG_S)
        assert "self.sleep()" in raised.value.__notes__[0]
    finally:
        leaving.stop()


def test_a_future_with_a_hook_that_blocks_cannot_be_awaited(waiter: Waiter) -> None:
    hooked: Future[int] = Future()
    hooked.set_get_hook(lambda _: 1)
    with pytest.raises(RuntimeError, match="stall every actor"):
        waiter.actor_ref.ask({"it": hooked}, timeout=LONG_S)


def test_handlers_of_users_actors_may_wait(leaf: Future[str]) -> None:
    class Patient(Actor):
        def __init__(self) -> None:
            super().__init__()
            self.seen: list[str] = []

        async def on_start(self) -> None:  # type: ignore[override]
            await self.sleep(0.01)
            self.seen.append("started")

        async def fetch(self, word: str) -> str:
            word += await leaf
            self.seen.append(word)
            return word

        async def on_receive(self, message: Any) -> Any:
            await self.sleep(0)
            self.seen.append(message)
            return message

    ref = Patient.start()
    proxy = ref.proxy()
    fetched = proxy.fetch("left ")
    received = ref.ask("received", block=False)
    stopped = ref.stop(block=False)
    leaf.set("right")
    assert "left right" == fetched.get(timeout=LONG_S)
    assert "received" == received.get(timeout=LONG_S)
    actor = ref._actor_weakref()
    assert actor is None or ["started", "left right", "received"] == actor.seen
    assert stopped.get(timeout=LONG_S)
    assert ref.actor_stopped.wait(LONG_S)


# The end


@pytest.mark.parametrize("now", [True, False])
def test_a_suspended_actor_that_stops_answers_everybody(
    dispatcher: Dispatcher, waiter: Waiter, leaf: Future[str], *, now: bool
) -> None:
    ref = waiter.actor_ref
    asked, behind = ref.ask(leaf, block=False), ref.ask("x", block=False)
    ref.tell("told")
    settle(dispatcher)  # else the stop overtakes the ask, too
    stopped = ref.stop(block=False, now=now)
    if not now:
        settle(dispatcher)
        assert not stopped.done()
        leaf.set("answer")
        assert "answer" == asked.get(timeout=LONG_S)
        assert "x" == behind.get(timeout=LONG_S)
    else:
        for future in (asked, behind):
            with pytest.raises(pykka.ActorDeadError):
                future.get(timeout=LONG_S)
        settle(dispatcher)
        assert {"stopped": 2} == {
            reason: count
            for reason, count in dispatcher.dead_letters.by_reason().items()
            if count
        }
    assert stopped.get(timeout=LONG_S)
    told = [] if now else ["x", "told"]
    assert ["waits", "waited", *told, "stop"] == waiter.seen
    if now:
        leaf.set("too late")
        settle(dispatcher)
        assert ["waits", "waited", "stop"] == waiter.seen


def test_a_handler_that_waits_when_it_stops_its_own_actor_is_closed(
    dispatcher: Dispatcher, leaf: Future[str]
) -> None:
    class Quitter(Waiter):
        async def on_receive(self, message: Any) -> Any:
            self._stop()
            if message == "wait":
                await leaf
            return message

    for word in ("wait", "return"):
        ref = Quitter(dispatcher, word).actor_ref
        answer, behind = ref.ask(word, block=False), ref.ask("x", block=False)
        if word == "return":
            assert word == answer.get(timeout=LONG_S)
        else:
            with pytest.raises(pykka.ActorDeadError, match="by the handler itself"):
                answer.get(timeout=LONG_S)
        with pytest.raises(pykka.ActorDeadError):
            behind.get(timeout=LONG_S)


def test_the_end_of_the_dispatcher_answers_those_who_wait(leaf: Future[str]) -> None:
    dispatcher = Dispatcher()
    dispatcher.start()
    ref = Waiter(dispatcher).actor_ref
    asked, behind = ref.ask(leaf, block=False), ref.ask("x", block=False)
    assert dispatcher.stop(LONG_S)
    for future in (asked, behind):
        with pytest.raises(pykka.ActorDeadError):
            future.get(timeout=0)
    assert 1 == dispatcher.dead_letters.by_reason()["shutdown"]


def test_a_handler_that_will_not_close_is_logged(
    dispatcher: Dispatcher, caplog: pytest.LogCaptureFixture
) -> None:
    class Clinging(Waiter):
        async def on_receive(self, message: Any) -> Any:
            if message != "cling":
                return
            try:
                await Future[None]()
            finally:
                await Future[None]()

    ref = Clinging(dispatcher).actor_ref
    asked = ref.ask("cling", block=False)
    settle(dispatcher)
    assert ref.stop(timeout=LONG_S, now=True)
    with pytest.raises(pykka.ActorDeadError):
        asked.get(timeout=LONG_S)
    assert any("while it was closed" in one.getMessage() for one in caplog.records)


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_a_base_exception_in_a_waiting_handler_stops_this_actor_only(
    dispatcher: Dispatcher, waiter: Waiter, error: type[BaseException]
) -> None:
    leaf: Future[None] = Future()
    ref = waiter.actor_ref
    asked, behind = ref.ask(leaf, block=False), ref.ask("x", block=False)
    leaf.fail(error())
    for future in (asked, behind):
        with pytest.raises(pykka.ActorDeadError):
            future.get(timeout=LONG_S)
    assert not ref.is_alive()
    assert "x" == Waiter(dispatcher, "bob").actor_ref.ask("x", timeout=LONG_S)


# Bounds


def test_too_much_mail_for_one_waiting_actor_is_refused_at_once(
    dispatcher: Dispatcher, waiter: Waiter, leaf: Future[str]
) -> None:
    ref = waiter.actor_ref
    answer = ref.ask(leaf, block=False)
    settle(dispatcher)
    for number in range(MAILBOX_MAX):
        ref.tell(number)
    settle(dispatcher)
    with pytest.raises(Overloaded) as caught:
        ref.tell("too much")
    assert caught.value.retry_after_s > 0
    with pytest.raises(Overloaded):
        ref.ask("too much", timeout=LONG_S)
    dispatcher.post(ref, "from inside", unlucky := Future[Any]())
    dispatcher.post(ref, "from inside")
    with pytest.raises(Overloaded):
        unlucky.get(timeout=LONG_S)
    settle(dispatcher)
    assert 2 == dispatcher.dead_letters.by_reason()["overflow"]
    assert "x" == Waiter(dispatcher, "bob").actor_ref.ask("x", timeout=LONG_S)
    leaf.set("go")
    answer.get(timeout=LONG_S)
    settle(dispatcher)
    deadline_s = time.monotonic() + LONG_S
    while ref.suspension is not None:
        assert time.monotonic() < deadline_s
    assert "end" == ref.ask("end", timeout=LONG_S)
    assert MAILBOX_MAX + 3 == len(waiter.seen)


def test_system_mail_for_a_full_mailbox_is_taken(
    dispatcher: Dispatcher, waiter: Waiter, leaf: Future[str]
) -> None:
    ref = waiter.actor_ref
    other = Waiter(dispatcher, "bob").actor_ref
    ref.tell(leaf)
    settle(dispatcher)
    for number in range(MAILBOX_MAX):
        ref.tell(number)
    settle(dispatcher)
    ref.watch(other)
    other.stop(timeout=LONG_S)
    settle(dispatcher)
    leaf.set("go")
    deadline_s = time.monotonic() + LONG_S
    while ref.suspension is not None:
        assert time.monotonic() < deadline_s
    ref.ask("end", timeout=LONG_S)
    assert other is waiter.seen[-2].cell
