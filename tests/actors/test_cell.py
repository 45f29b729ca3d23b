"""Cells: asks that are answered, stops, failures."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any

import pykka
import pytest
from pykka._envelope import Envelope

from tests.actors.echo import Echo, Supervisor
from tests.actors.support import LONG_S
from tests.actors.waiting import Waiter
from weft.actors.actor import Actor
from weft.actors.controls import Terminated
from weft.actors.future import Future

if TYPE_CHECKING:
    from weft.actors.dispatcher import Dispatcher


@pytest.fixture
def echo(dispatcher: Dispatcher) -> Echo:
    return Echo(dispatcher)


# Asking and telling


def test_an_ask_may_return_a_future(echo: Echo) -> None:
    future = echo.actor_ref.ask(1, block=False)
    assert isinstance(future, Future)
    assert 2 == future.get(timeout=LONG_S)


def test_proxies_work(echo: Echo) -> None:
    proxy = echo.actor_ref.proxy()
    assert 3 == proxy.method(1, b=2).get(timeout=LONG_S)
    proxy.attribute = 5
    assert 5 == proxy.attribute.get(timeout=LONG_S)


def test_a_settled_future_is_no_failure_of_the_handler(
    dispatcher: Dispatcher, echo: Echo
) -> None:
    future: Future[Any] = Future()
    future.fail(pykka.Timeout("the deadline came first"))
    dispatcher.post(echo.actor_ref, 1, future)
    assert 2 == echo.actor_ref.ask(1, timeout=LONG_S)
    assert [] == echo.hooks
    with pytest.raises(pykka.Timeout):
        future.get()


def test_a_blocking_ask_or_stop_in_a_turn_raises(
    dispatcher: Dispatcher, echo: Echo
) -> None:
    other = Echo(dispatcher, "bob").actor_ref
    with pytest.raises(RuntimeError, match=r"ask\(\.\.\., block=False\)"):
        echo.actor_ref.ask(other, timeout=LONG_S)
    with pytest.raises(RuntimeError, match=r"ask\(\.\.\., block=False\)"):
        echo.actor_ref.ask(echo.actor_ref, timeout=LONG_S)
    assert 2 == other.ask(1, timeout=LONG_S)


def test_the_inbox_takes_pykkas_envelopes(echo: Echo) -> None:
    inbox = echo.actor_inbox
    future: Future[Any] = Future()
    inbox.put(Envelope(1, reply_to=future))
    assert 2 == future.get(timeout=LONG_S)
    assert inbox.empty()
    with pytest.raises(RuntimeError, match="scheduler"):
        inbox.get()


# Life


def test_a_cell_is_ref_inbox_and_stop_flag(echo: Echo) -> None:
    ref = echo.actor_ref
    assert ref is echo.actor_inbox is echo.actor_stopped
    assert ref is ref.actor_inbox is ref.actor_stopped
    assert Echo is ref.actor_class
    assert "urn:weft:session:alice" == ref.actor_urn == echo.actor_urn
    assert "Echo (urn:weft:session:alice)" == str(ref) == str(echo)
    assert [] == pykka.ActorRegistry.get_by_class(Echo)


def test_stop_handles_the_mail_before_it_and_refuses_the_mail_behind(
    dispatcher: Dispatcher, echo: Echo
) -> None:
    ref = echo.actor_ref
    gate = threading.Event()
    ref.tell(gate)
    before = ref.ask(1, block=False)
    stopped = ref.stop(block=False)
    behind = ref.ask(1, block=False)
    again = ref.stop(block=False)
    gate.set()
    assert 2 == before.get(timeout=LONG_S)
    assert stopped.get(timeout=LONG_S)
    assert again.get(timeout=LONG_S)
    with pytest.raises(pykka.ActorDeadError, match="before handling"):
        behind.get(timeout=LONG_S)
    assert ["stop"] == echo.hooks
    assert 2 == dispatcher.statistics().dead_letters


def test_a_stop_now_overtakes_the_backlog(dispatcher: Dispatcher, echo: Echo) -> None:
    ref = echo.actor_ref
    gate = threading.Event()
    ref.tell(gate)
    assert echo.entered.wait(LONG_S)
    behind = [ref.ask(1, block=False) for _ in range(100)]
    ref.tell(1)
    stopped = ref.stop(block=False, now=True)
    gate.set()
    assert stopped.get(timeout=LONG_S)
    for future in behind:
        with pytest.raises(pykka.ActorDeadError, match="before handling"):
            future.get(timeout=LONG_S)
    assert ["stop"] == echo.hooks
    Echo(dispatcher, "bob").actor_ref.ask(1, timeout=LONG_S)
    numbers = dispatcher.statistics()
    assert 101 == numbers.dead_letters == numbers.dead_letters_by_reason["stopped"]
    assert not ref.stop(now=True)


def test_a_stop_now_that_comes_after_the_end_is_answered(
    dispatcher: Dispatcher, echo: Echo
) -> None:
    gate = threading.Event()
    echo.actor_ref.tell(gate)
    assert echo.entered.wait(LONG_S)
    stops = [echo.actor_ref.stop(block=False, now=True) for _ in range(3)]
    gate.set()
    assert [True] * 3 == pykka.get_all(stops, timeout=LONG_S)
    assert 0 == dispatcher.statistics().dead_letters


# Watching


def ends_seen_by(watcher: Waiter) -> list[tuple[Any, str]]:
    """Return what it was told, once all that is on its way has arrived."""
    for _ in range(3):
        watcher.actor_ref.ask("x", timeout=LONG_S)
    ends = [one for one in watcher.seen if isinstance(one, Terminated)]
    return [(end.cell, end.reason) for end in ends]


def test_a_watcher_hears_of_an_end_once(dispatcher: Dispatcher, echo: Echo) -> None:
    watchers = [Waiter(dispatcher, name) for name in "ab"]
    for watcher in (*watchers, watchers[0]):
        watcher.actor_ref.watch(echo.actor_ref)
    echo.actor_ref.stop(timeout=LONG_S)
    echo.actor_ref.stop()
    for watcher in watchers:
        assert [(echo.actor_ref, "stopped")] == ends_seen_by(watcher)


def test_a_watcher_hears_of_an_end_that_came_before(
    dispatcher: Dispatcher, echo: Echo
) -> None:
    watcher = Waiter(dispatcher)
    echo.actor_ref.stop(timeout=LONG_S)
    watcher.actor_ref.watch(echo.actor_ref)
    assert [(echo.actor_ref, "gone")] == ends_seen_by(watcher)


def test_a_watcher_hears_why_an_actor_failed(
    dispatcher: Dispatcher, echo: Echo
) -> None:
    watcher = Waiter(dispatcher)
    watcher.actor_ref.watch(echo.actor_ref)
    with pytest.raises(pykka.ActorDeadError):
        echo.actor_ref.ask(SystemExit, timeout=LONG_S)
    assert [(echo.actor_ref, "failed")] == ends_seen_by(watcher)
    (end,) = (one for one in watcher.seen if isinstance(one, Terminated))
    assert isinstance(end.exception, SystemExit)


def test_who_watches_no_more_hears_nothing(dispatcher: Dispatcher, echo: Echo) -> None:
    watcher = Waiter(dispatcher)
    watcher.actor_ref.unwatch(echo.actor_ref)
    watcher.actor_ref.watch(echo.actor_ref)
    watcher.actor_ref.unwatch(echo.actor_ref)
    echo.actor_ref.stop(timeout=LONG_S)
    assert [] == ends_seen_by(watcher)


def test_users_actors_watch_and_are_watched() -> None:
    ended: Future[Any] = Future()

    class Watcher(Actor):
        def on_receive(self, message: Any) -> None:
            ended.try_set(message)

    class Failing(Actor):
        def on_receive(self, message: Any) -> None:
            raise ValueError(message)

    watcher, failing = Watcher.start(), Failing.start()
    watcher.watch(failing)  # type: ignore[attr-defined]
    failing.tell("no")
    end = ended.get(timeout=LONG_S)
    assert (failing, "failed", "no") == (end.cell, end.reason, str(end.exception))
    watcher.stop()


def test_a_stopped_actor_is_dead_to_everybody(echo: Echo) -> None:
    ref = echo.actor_ref
    assert ref.is_alive()
    assert ref.stop(timeout=LONG_S)
    assert not ref.is_alive()
    assert ref.actor_stopped.is_set()
    assert not ref.stop()
    with pytest.raises(pykka.ActorDeadError):
        ref.tell(1)
    with pytest.raises(pykka.ActorDeadError):
        ref.ask(1)
    with pytest.raises(pykka.ActorDeadError):
        ref.proxy()


def test_an_actor_may_stop_itself(echo: Echo) -> None:
    proxy = echo.actor_ref.proxy()
    proxy.stop().get(timeout=LONG_S)
    with pytest.raises(pykka.ActorDeadError):
        proxy.method(1).get(timeout=LONG_S)


ASKS = 200_000


def race_stops(dispatcher: Dispatcher) -> tuple[int, int]:
    """Ask a thousand actors while they are stopped; return who answered, who died."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    futures: list[list[Future[Any]]] = [[], []]
    refs = [Echo(dispatcher, str(number)).actor_ref for number in range(1_000)]
    try:

        def ask_all(answers: list[Future[Any]]) -> None:
            for ref in refs:
                answers.extend(ref.ask(1, block=False) for _ in range(100))

        threads = [threading.Thread(target=ask_all, args=(one,)) for one in futures]
        for thread in threads:
            thread.start()
        for ref in refs:
            ref.stop(timeout=LONG_S)
        for thread in threads:
            thread.join(LONG_S)
    finally:
        sys.setswitchinterval(interval)
    answered = dead = 0
    for future in [*futures[0], *futures[1]]:
        try:
            assert 2 == future.get(timeout=LONG_S)
            answered += 1
        except pykka.ActorDeadError:
            dead += 1
    return answered, dead


def test_all_of_200_000_asks_that_race_stops_are_answered(
    dispatcher: Dispatcher,
) -> None:
    assert ASKS == sum(race_stops(dispatcher))


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_all_of_10_000_000_asks_that_race_stops_are_answered(
    dispatcher: Dispatcher, capsys: pytest.CaptureFixture[str]
) -> None:
    answered = dead = 0
    for _ in range(10_000_000 // ASKS):
        more_answered, more_dead = race_stops(dispatcher)
        answered, dead = answered + more_answered, dead + more_dead
    with capsys.disabled():
        sys.stdout.write(f"{answered} answered, {dead} told that the actor is dead\n")
    assert 10_000_000 == answered + dead
    assert min(answered, dead) > 0


# Failures


def test_who_asked_gets_the_exception_and_the_actor_lives(echo: Echo) -> None:
    with pytest.raises(ValueError, match="no"):
        echo.actor_ref.ask("no", timeout=LONG_S)
    assert [] == echo.hooks
    assert echo.actor_ref.is_alive()


def test_a_failure_after_the_supervisors_end_is_logged(
    dispatcher: Dispatcher, echo: Echo, caplog: pytest.LogCaptureFixture
) -> None:
    supervisor = Supervisor(dispatcher).actor_ref
    echo.actor_ref.parent = supervisor
    supervisor.stop(timeout=LONG_S)
    echo.actor_ref.tell("no")
    echo.actor_ref.ask(1, timeout=LONG_S)
    echo.actor_ref.ask(1, timeout=LONG_S)
    assert ["ERROR"] == [record.levelname for record in caplog.records]
    assert 1 == dispatcher.statistics().dead_letters


@pytest.mark.parametrize("hook", ["on_failure", "handle_failure", "on_stop"])
def test_a_hook_that_raises_is_logged(
    dispatcher: Dispatcher, hook: str, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> None:
        raise KeyError(hook)

    ref = type("Failing", (Echo,), {hook: fail})(dispatcher).actor_ref
    ref.tell("no")
    assert ref.stop(timeout=LONG_S)
    assert any(
        record.exc_info and isinstance(record.exc_info[1], KeyError)
        for record in caplog.records
    )


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, GeneratorExit])
def test_a_base_exception_stops_this_actor_only(
    dispatcher: Dispatcher, echo: Echo, error: type[BaseException]
) -> None:
    supervisor = Supervisor(dispatcher)
    other = Echo(dispatcher, "bob").actor_ref
    echo.actor_ref.parent = supervisor.actor_ref
    with pytest.raises(pykka.ActorDeadError, match=error.__name__) as caught:
        echo.actor_ref.ask(error, timeout=LONG_S)
    assert isinstance(caught.value.__cause__, error)
    assert not echo.actor_ref.is_alive()
    assert supervisor.told.wait(LONG_S)
    assert supervisor.reports[0].exception is caught.value.__cause__
    assert 2 == other.ask(1, timeout=LONG_S)


def test_the_traceback_begins_in_the_handler(echo: Echo) -> None:
    future = echo.actor_ref.ask("no", block=False)
    with pytest.raises(ValueError, match="no") as caught:
        future.get(timeout=LONG_S)
    names = [entry.name for entry in caught.traceback]
    assert "_raise" == names[-1]
    assert "turn" not in names
