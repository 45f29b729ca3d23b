"""The public actor: Pykka's contract, and what stock Pykka gets wrong."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
import uuid
from typing import TYPE_CHECKING, Any

import pykka
import pytest

from weft.actors.actor import Actor
from weft.actors.dispatcher import Dispatcher
from weft.actors.future import Future

if TYPE_CHECKING:
    from collections.abc import Iterator

LONG_S = 20.0


def _hold(entered: threading.Event, gate: threading.Event) -> None:
    entered.set()
    assert gate.wait(LONG_S)


class Counter(Actor):
    def __init__(self, start: int = 0) -> None:
        super().__init__()
        self.count = start
        self.hooks: list[str] = []
        self.on_os_thread = ""

    def increment(self, by: int = 1) -> int:
        self.on_os_thread = threading.current_thread().name
        self.count += by
        return self.count

    def fail(self, error: type[BaseException] = ValueError) -> None:
        raise error

    def call(self, function: Any, *args: Any) -> Any:
        return function(*args)

    def on_start(self) -> None:
        self.hooks.append("start")

    def on_stop(self) -> None:
        self.hooks.append("stop")

    def on_failure(self, *_: Any) -> None:
        self.hooks.append("failure")

    def on_receive(self, message: Any) -> Any:
        if message == "raise":
            raise ValueError(message)
        return message


@pytest.fixture(autouse=True)
def _nothing_is_left_behind() -> Iterator[None]:
    yield
    pykka.ActorRegistry.stop_all(block=True, timeout=LONG_S)
    gc.collect()
    for thread in threading.enumerate():
        if thread.name == "weft-dispatcher":
            thread.join(LONG_S)
            assert not thread.is_alive()
    assert {} == Dispatcher._shared


def test_an_actor_is_used_like_any_pykka_actor() -> None:
    ref = Counter.start(start=5)
    assert [ref] == pykka.ActorRegistry.get_by_class(Counter)
    assert ref is pykka.ActorRegistry.get_by_urn(ref.actor_urn)
    assert 4 == uuid.UUID(ref.actor_urn).version
    proxy = ref.proxy()
    assert 6 == proxy.increment().get(timeout=LONG_S)
    assert "weft-dispatcher" == proxy.on_os_thread.get(timeout=LONG_S)
    assert "hello" == ref.ask("hello", timeout=LONG_S)
    assert ref.stop(timeout=LONG_S)
    assert not ref.stop()
    assert ref.actor_stopped.wait(LONG_S)
    assert [] == pykka.ActorRegistry.get_all()


def test_answers_are_awaitable_futures() -> None:
    async def main() -> int:
        proxy = Counter.start().proxy()
        future = proxy.increment()
        assert isinstance(future, Future)
        return int(await future) + int(await proxy.increment())

    assert 3 == asyncio.run(main())


def test_on_start_comes_before_mail_from_the_constructor() -> None:
    class Early(Counter):
        def __init__(self) -> None:
            super().__init__()
            self.answer = self.actor_ref.ask("early", block=False)
            self._in_future = self.actor_ref.proxy()
            self._in_future.increment.defer()

        def on_receive(self, message: Any) -> Any:
            self.hooks.append(message)
            return message

    ref = Early.start()
    ref.ask("late", timeout=LONG_S)
    actor = ref._actor_weakref()
    assert actor is not None
    assert ["start", "early", "late"] == actor.hooks
    assert 1 == actor.count
    assert "early" == actor.answer.get(timeout=LONG_S)


def test_a_failing_tell_stops_the_actor_and_a_failing_ask_does_not() -> None:
    ref = Counter.start()
    actor = ref._actor_weakref()
    assert actor is not None
    with pytest.raises(ValueError, match="raise"):
        ref.ask("raise", timeout=LONG_S)
    assert ref.is_alive()
    ref.tell("raise")
    assert ref.actor_stopped.wait(LONG_S)
    with pytest.raises(pykka.ActorDeadError):
        ref.ask("x", timeout=LONG_S)
    assert ["start", "failure"] == actor.hooks


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_a_base_exception_stops_one_actor_only(
    error: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    ref, other = Counter.start(), Counter.start()
    actor = ref._actor_weakref()
    assert actor is not None
    with pytest.raises(pykka.ActorDeadError, match=error.__name__):
        ref.proxy().fail(error).get(timeout=LONG_S)
    assert not ref.is_alive()
    assert [other] == pykka.ActorRegistry.get_all()
    assert "x" == other.ask("x", timeout=LONG_S)
    assert ["start", "stop"] == actor.hooks
    assert ["ERROR"] == [record.levelname for record in caplog.records]


@pytest.mark.parametrize("hook", ["on_start", "on_stop"])
@pytest.mark.parametrize("error", [ValueError, SystemExit])
def test_a_failing_hook_stops_this_actor_only(
    hook: str, error: type[BaseException]
) -> None:
    def fail(_: Any) -> None:
        raise error(hook)

    other = Counter.start()
    failing: type[Counter] = type("Failing", (Counter,), {hook: fail})
    ref = failing.start()
    ref.stop(timeout=LONG_S)
    assert ref.actor_stopped.wait(LONG_S)
    assert [other] == pykka.ActorRegistry.get_all()
    assert "x" == other.ask("x", timeout=LONG_S)


def test_blocking_in_a_handler_raises_instead_of_hanging_every_actor() -> None:
    ref, other = Counter.start(), Counter.start()
    proxy = ref.proxy()
    for blocking in (
        lambda: other.ask("x"),
        other.stop,
        lambda: other.ask("x", block=False).get(),
        pykka.ActorRegistry.stop_all,
    ):
        with pytest.raises(RuntimeError):
            proxy.call(blocking).get(timeout=LONG_S)
    assert ref.is_alive()
    assert other.is_alive()


def test_two_actors_may_start_and_tell_each_other() -> None:
    done: Future[int] = Future()

    class Child(Actor):
        def on_receive(self, message: pykka.ActorRef[Any]) -> None:
            message.tell(1)
            self.stop()

    class Parent(Actor):
        def on_receive(self, message: Any) -> None:
            if message == "go":
                Child.start().tell(self.actor_ref)
            else:
                done.set(message)

    Parent.start().tell("go")
    assert 1 == done.get(timeout=LONG_S)


def test_every_ask_that_races_a_stop_is_answered() -> None:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for _ in range(200):
            ref = Counter.start()
            futures: list[Any] = []

            def ask_many(ref: Any = ref, futures: Any = futures) -> None:
                futures.extend(ref.ask("x", block=False) for _ in range(50))

            thread = threading.Thread(target=ask_many)
            thread.start()
            ref.stop(timeout=LONG_S)
            thread.join(LONG_S)
            for future in futures:
                try:
                    assert "x" == future.get(timeout=1)
                except pykka.ActorDeadError:
                    continue
            assert 50 == len(futures)
    finally:
        sys.setswitchinterval(interval)


def test_a_stop_now_overtakes_the_backlog() -> None:
    ref = Counter.start()
    entered, gate = threading.Event(), threading.Event()
    ref.proxy().call(_hold, entered, gate)
    assert entered.wait(LONG_S)
    behind = [ref.ask("x", block=False) for _ in range(10)]
    stopped = ref.stop(block=False, now=True)  # type: ignore[call-overload]
    gate.set()
    assert stopped.get(timeout=LONG_S)
    for future in behind:
        with pytest.raises(pykka.ActorDeadError):
            future.get(timeout=LONG_S)
    assert [] == pykka.ActorRegistry.get_all()


def test_a_stop_now_before_the_start_answers_the_mail_from_the_constructor() -> None:
    class Early(Counter):
        def __init__(self) -> None:
            super().__init__()
            self.answer = self.actor_ref.ask("early", block=False)
            self.actor_ref.stop(block=False, now=True)  # type: ignore[call-overload]

    other = Counter.start()
    entered, gate = threading.Event(), threading.Event()
    other.proxy().call(_hold, entered, gate)
    assert entered.wait(LONG_S)
    actor = Early()
    pykka.ActorRegistry.register(actor.actor_ref)
    actor._start_actor_loop()
    gate.set()
    with pytest.raises(pykka.ActorDeadError):
        actor.answer.get(timeout=LONG_S)
    assert actor.actor_stopped.wait(LONG_S)
    assert ["stop"] == actor.hooks


def test_mail_for_an_actor_that_was_never_started_is_answered() -> None:
    held = Counter.start()  # keeps the dispatcher
    dispatcher = Dispatcher.shared()
    actor = Counter()
    answer = actor.actor_ref.ask("x", block=False)
    held.ask("x", timeout=LONG_S)
    del actor
    gc.collect()
    with pytest.raises(pykka.ActorDeadError):
        answer.get(timeout=LONG_S)
    assert 1 == dispatcher.dead_letters.by_reason()["never-started"]
    dispatcher.release()


def test_an_actor_that_was_never_started_lets_go_of_the_dispatcher() -> None:
    Counter()
    gc.collect()
    assert {} == Dispatcher._shared


def test_a_stopped_actor_is_freed() -> None:
    ref = Counter.start()
    ref.stop(timeout=LONG_S)
    gc.collect()
    assert None is ref._actor_weakref()


def test_the_process_can_exit_while_actors_are_alive() -> None:
    program = """
import sys
sys.path[:0] = {path!r}
from weft.actors.actor import Actor
class Idle(Actor):
    pass
ref = Idle.start()
ref.ask(1)
print("alive", ref.is_alive())
"""
    done = subprocess.run(
        [sys.executable, "-c", program.format(path=sys.path)],
        capture_output=True,
        text=True,
        timeout=LONG_S,
        check=True,
    )
    assert "alive True\n" == done.stdout


def test_turns_of_users_actors_are_counted_as_such() -> None:
    ref = Counter.start()
    dispatcher = Dispatcher.shared()
    ref.ask(1, timeout=LONG_S)
    ref.ask(1, timeout=LONG_S)
    numbers = dispatcher.statistics()
    dispatcher.release()
    assert numbers.turn_time["user"].count >= 2
