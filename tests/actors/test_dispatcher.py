"""The dispatcher: order, sleep, end, fork, sharing, numbers."""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from typing import Any

import pykka
import pytest

from tests.actors.recording import Recorder
from tests.actors.support import LONG_S
from weft.actors.dispatcher import Dispatcher, on_dispatcher
from weft.actors.future import Future
from weft.actors.light_actor import LightActor

# Turns


def test_all_turns_run_on_one_os_thread_in_order(dispatcher: Dispatcher) -> None:
    recorder = Recorder(dispatcher)
    messages = [str(number) for number in range(1_000)]
    for message in messages:
        dispatcher.post(recorder.actor_ref, message)
    assert "end" == recorder.actor_ref.ask("end", timeout=LONG_S)
    assert [*messages, "end"] == recorder.seen


def test_no_mail_is_lost_when_senders_race_the_dispatchers_sleep(
    dispatcher: Dispatcher,
) -> None:
    recorder = Recorder(dispatcher)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:

        def ask_many() -> None:
            for _ in range(3_000):
                recorder.actor_ref.ask("x", timeout=LONG_S)

        threads = [threading.Thread(target=ask_many, daemon=True) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LONG_S)
    finally:
        sys.setswitchinterval(interval)
    assert 9_000 == len(recorder.seen)


class LateMail(deque[Any]):
    """Mail that comes right after somebody looked and found none."""

    looks = 0
    come = staticmethod(lambda _looks: None)

    def __bool__(self) -> bool:
        empty = len(self) == 0
        if empty:
            self.looks += 1
            self.come(self.looks)
        return not empty


@pytest.mark.parametrize("look", [1, 2, 3, 4])
def test_mail_that_comes_right_after_a_look_is_not_slept_over(look: int) -> None:
    dispatcher = Dispatcher()
    recorder = Recorder(dispatcher)
    future: Future[str] = Future()
    mail = LateMail()
    mail.come = lambda looks: (  # type: ignore[assignment]
        dispatcher.post(recorder.actor_ref, "late", future) if looks == look else None
    )
    dispatcher._mail = mail
    dispatcher.start()
    if look > 2:  # it looks twice before it sleeps
        dispatcher._wakeup.wake()
    assert "late" == future.get(timeout=LONG_S)
    assert dispatcher.stop(LONG_S)


def test_post_many_takes_mail_in_tuple_form(dispatcher: Dispatcher) -> None:
    recorder = Recorder(dispatcher)
    future: Future[str] = Future()
    now_ns = time.perf_counter_ns()
    cell = recorder.actor_ref
    dispatcher.post_many([(cell, "a", None, now_ns), (cell, "b", future, now_ns)])
    assert "b" == future.get(timeout=LONG_S)
    assert ["a", "b"] == recorder.seen


def test_system_mail_overtakes_user_mail(dispatcher: Dispatcher) -> None:
    recorder = Recorder(dispatcher)
    gate = threading.Event()
    recorder.actor_ref.tell(gate)
    recorder.actor_ref.tell("user")
    dispatcher.post_system(recorder.actor_ref, "system")
    gate.set()
    recorder.actor_ref.ask("end", timeout=LONG_S)
    assert ["system", "user", "end"] == recorder.seen


def test_code_can_tell_whether_it_runs_in_a_turn(dispatcher: Dispatcher) -> None:
    class Teller(LightActor):
        def on_receive(self, _message: Any) -> tuple[bool, str]:
            return on_dispatcher(), threading.current_thread().name

    assert not on_dispatcher()
    ref = Teller(dispatcher, 1).actor_ref
    assert (True, "weft-dispatcher") == ref.ask("?", timeout=LONG_S)


def test_a_turn_that_escapes_its_cell_does_not_end_the_dispatcher(
    dispatcher: Dispatcher, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        actor_class = int

        def turn(self, message: Any, _future: Any) -> None:
            raise SystemExit(message)

    future: Future[None] = Future()
    dispatcher.post(Broken(), 1, future)  # type: ignore[arg-type]
    with pytest.raises(pykka.ActorDeadError):
        future.get(timeout=LONG_S)
    assert "x" == Recorder(dispatcher).actor_ref.ask("x", timeout=LONG_S)
    assert ["CRITICAL"] == [record.levelname for record in caplog.records]


def test_the_trace_sees_each_turn(dispatcher: Dispatcher) -> None:
    seen: list[tuple[Any, Any]] = []
    dispatcher.trace = lambda cell, message: seen.append((cell, message))
    cell = Recorder(dispatcher).actor_ref
    cell.ask("a", timeout=LONG_S)
    dispatcher.trace = None
    cell.ask("b", timeout=LONG_S)
    assert [(cell, "a")] == seen


def test_a_sleeping_dispatcher_keeps_no_mail_alive(dispatcher: Dispatcher) -> None:
    import gc
    import weakref

    class Message:
        pass

    class Sink(LightActor):
        def on_receive(self, message: Any) -> None:
            pass

    message = Message()
    gone = threading.Event()
    weakref.finalize(message, gone.set)
    cell = Sink(dispatcher, 1).actor_ref
    gc.disable()
    try:
        cell.tell(message)
        del message
        assert gone.wait(LONG_S)
    finally:
        gc.enable()


# A loop that breaks


def break_once(dispatcher: Dispatcher, error: BaseException) -> None:
    """Let the loop itself fail at its next turn: a trace is called outside a turn."""

    def trace(_cell: Any, _message: Any) -> None:
        dispatcher.trace = None
        raise error

    dispatcher.trace = trace


@pytest.mark.parametrize("error", [ZeroDivisionError(), SystemExit(), MemoryError()])
def test_a_loop_that_breaks_goes_on_and_answers_what_was_in_hand(
    dispatcher: Dispatcher, error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    recorder = Recorder(dispatcher)
    break_once(dispatcher, error)
    in_hand = recorder.actor_ref.ask("in hand", block=False)
    behind = recorder.actor_ref.ask("behind", block=False)
    with pytest.raises(pykka.ActorDeadError):
        in_hand.get(timeout=LONG_S)
    assert "behind" == behind.get(timeout=LONG_S)
    assert ["behind"] == recorder.seen
    numbers = dispatcher.statistics()
    assert (1, 1) == (numbers.crashes, numbers.dead_letters_by_reason["crashed"])
    (record,) = (one for one in caplog.records if one.levelname == "CRITICAL")
    assert "dispatcher_crash" == record.action  # type: ignore[attr-defined]


def test_who_registered_hears_of_a_crash_before_the_next_turn(
    dispatcher: Dispatcher,
) -> None:
    recorder = Recorder(dispatcher)
    error = ZeroDivisionError()

    def remember(raised: BaseException) -> None:
        assert on_dispatcher()
        recorder.seen.append(raised)

    def fail(_raised: BaseException) -> None:
        raise KeyError("a bad callback")

    for callback in (fail, remember, remember):
        dispatcher.add_crash_callback(callback)
    dispatcher.remove_crash_callback(remember)
    dispatcher.remove_crash_callback(print)
    break_once(dispatcher, error)
    recorder.actor_ref.tell("in hand")
    recorder.actor_ref.ask("behind", timeout=LONG_S)
    assert [error, "behind"] == recorder.seen


def test_a_dispatcher_that_broke_can_be_stopped() -> None:
    dispatcher = Dispatcher()
    break_once(dispatcher, ZeroDivisionError())
    recorder = Recorder(dispatcher)
    dispatcher.post(recorder.actor_ref, "in hand")
    dispatcher.start()
    assert dispatcher.stop(LONG_S)
    assert 1 == dispatcher.statistics().crashes


# The end


def test_mail_from_before_the_stop_is_handled_and_later_mail_refused() -> None:
    dispatcher = Dispatcher()
    recorder = Recorder(dispatcher)
    before: Future[str] = Future()
    dispatcher.post(recorder.actor_ref, "before", before)
    dispatcher.start()
    assert dispatcher.stop(LONG_S)
    assert "before" == before.get(timeout=0)
    after: Future[str] = Future()
    dispatcher.post(recorder.actor_ref, "after", after)
    with pytest.raises(pykka.ActorDeadError):
        after.get(timeout=0)
    assert 1 == dispatcher.statistics().dead_letters
    assert dispatcher.stop(LONG_S)


def test_every_ask_that_races_the_dispatchers_stop_is_answered() -> None:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(100):
            dispatcher = Dispatcher()
            dispatcher.start()
            cell = Recorder(dispatcher).actor_ref
            futures: list[Future[str]] = []

            def ask_many(cell: Any = cell, futures: Any = futures) -> None:
                futures.extend(cell.ask("x", block=False) for _ in range(50))

            threads = [threading.Thread(target=ask_many) for _ in range(2)]
            for thread in threads:
                thread.start()
            assert dispatcher.stop(LONG_S)
            for thread in threads:
                thread.join(LONG_S)
            assert 100 == len(futures)
            for future in futures:
                try:
                    assert "x" == future.get(timeout=1)
                except pykka.ActorDeadError:
                    continue
    finally:
        sys.setswitchinterval(interval)


def test_whoever_joins_a_dispatcher_joins_its_watchdog_and_timers() -> None:
    for _ in range(30):  # the watchdog was late one time in four
        dispatcher = Dispatcher(long_turn_s=1.0)
        dispatcher.timers.call_at(2**62, lambda: None)
        dispatcher.start()
        assert dispatcher.watchdog is not None
        assert dispatcher.stop(5)
        assert not dispatcher.watchdog._thread.is_alive()
        assert not dispatcher.timers._thread.is_alive()


def test_a_dispatcher_starts_once(dispatcher: Dispatcher) -> None:
    with pytest.raises(RuntimeError, match="starts once"):
        dispatcher.start()


def test_a_turn_cannot_wait_for_its_own_dispatcher(dispatcher: Dispatcher) -> None:
    class Stopper(LightActor):
        def on_receive(self, message: Any) -> Any:
            return message.stop()

    with pytest.raises(RuntimeError, match="its own end"):
        Stopper(dispatcher, 1).actor_ref.ask(dispatcher, timeout=LONG_S)


# Numbers


def test_turns_are_counted_and_timed_by_kind(dispatcher: Dispatcher) -> None:
    class Plain(LightActor):
        def on_receive(self, message: Any) -> Any:
            return message

    recorder, plain = Recorder(dispatcher), Plain(dispatcher, 1)
    for _ in range(3):
        recorder.actor_ref.ask("x", timeout=LONG_S)
    gate = threading.Event()
    recorder.actor_ref.tell(gate)
    plain.actor_ref.tell(1)
    give_up_s = time.monotonic() + LONG_S
    while 1 != dispatcher.statistics().queued:
        assert time.monotonic() < give_up_s
    gate.set()
    plain.actor_ref.ask(1, timeout=LONG_S)
    plain.actor_ref.ask(1, timeout=LONG_S)  # the turn before this one is counted
    numbers = dispatcher.statistics()
    assert {"session", "system"} == set(numbers.turn_time) == set(numbers.mailbox_wait)
    assert 4 == numbers.turn_time["session"].count
    assert 4 == numbers.mailbox_wait["session"].count
    assert 2 <= numbers.turn_time["system"].count <= 3
    assert numbers.turns >= 6
    assert numbers.turn_time["session"].total > 0
    assert numbers.mailbox_wait["system"].total > 0
    assert (0, 0) == (numbers.queued, numbers.dead_letters)
