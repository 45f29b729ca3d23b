"""Supervisors: who is restarted, when, behind the same ref, and who gives up."""

from __future__ import annotations

import gc
import threading
import time
from typing import TYPE_CHECKING, Any, ClassVar

import pykka
import pytest

from tests.actors.support import LONG_S
from weft.actors.actor import Actor
from weft.actors.dispatcher import Dispatcher
from weft.actors.errors import ActorQuarantined, RestartsExceeded
from weft.actors.future import Future
from weft.actors.supervision import RestartPolicy
from weft.actors.supervisor import Supervisor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from weft.actors.controls import Terminated

FAST = RestartPolicy(backoff_min_s=0.001, backoff_max_s=0.002, restarts_max=3)


class Child(Actor):
    """Writes down what happens to it and its successors."""

    def __init__(self, name: str, log: list[str]) -> None:
        super().__init__()
        self.name = name
        self.log = log
        self.handled = 0
        log.append(f"{name} made")

    def on_start(self) -> None:
        self.log.append(f"{self.name} starts")

    def on_stop(self) -> None:
        self.log.append(f"{self.name} stops")

    def on_failure(self, *_: Any) -> None:
        self.log.append(f"{self.name} fails")

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, Future):
            return self._wait(message)
        if message == "fail":
            raise ValueError(message)
        if message == "exit":
            raise SystemExit(message)
        self.handled += 1
        self.log.append(f"{self.name} got {message}")
        return self.handled

    async def _wait(self, future: Future[Any]) -> Any:
        return await future


class OneForOne(Supervisor):
    policy = FAST


class RestForOne(Supervisor):
    strategy = "rest_for_one"
    policy = FAST


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


@pytest.fixture
def log() -> list[str]:
    return []


def begin(supervisor: Any, *args: Any, **kwargs: Any) -> Any:
    return supervisor.proxy().begin(*args, **kwargs).get(timeout=LONG_S)


def ref_of(urn: str) -> Any:
    return pykka.ActorRegistry.get_by_urn(urn)


def until(condition: Callable[[], Any]) -> None:
    deadline_s = time.monotonic() + LONG_S
    while not condition():
        assert time.monotonic() < deadline_s


@pytest.mark.parametrize("failure", ["fail", "exit"])
def test_a_child_that_fails_is_restarted_behind_the_same_ref(
    log: list[str], failure: str
) -> None:
    supervisor = OneForOne.start()
    child = begin(supervisor, Child, "a", log=log)
    urn = child.actor_urn
    assert 1 == child.ask("x", timeout=LONG_S)
    child.tell(failure)
    behind = [child.ask(number, block=False) for number in range(3)]
    assert [1, 2, 3] == pykka.get_all(behind, timeout=LONG_S)  # a fresh actor counts
    assert [
        *("a made", "a starts", "a got x", "a fails"),
        *("a made", "a starts", "a got 0", "a got 1", "a got 2"),
    ] == log
    assert child is ref_of(urn)
    actor = child._actor_weakref()
    assert (child, child, urn) == (actor.actor_ref, actor.actor_inbox, actor.actor_urn)
    assert not child.actor_stopped.is_set()
    assert "a" == child.proxy().name.get(timeout=LONG_S)


def test_an_exception_that_an_asker_gets_restarts_nobody(log: list[str]) -> None:
    child = begin(OneForOne.start(), Child, "a", log)
    assert 1 == child.ask("x", timeout=LONG_S)
    with pytest.raises(ValueError, match="fail"):
        child.ask("fail", timeout=LONG_S)
    assert 2 == child.ask("x", timeout=LONG_S)


def test_a_child_that_stops_in_order_is_not_restarted(log: list[str]) -> None:
    supervisor = OneForOne.start()
    child = begin(supervisor, Child, "a", log)
    assert child.stop(timeout=LONG_S)
    assert [] == supervisor.proxy().children().get(timeout=LONG_S)
    assert ["a made", "a starts", "a stops"] == log


def test_rest_for_one_restarts_who_was_begun_later_and_keeps_their_mail(
    log: list[str],
) -> None:
    supervisor = RestForOne.start()
    a, b, c = (begin(supervisor, Child, name, log) for name in "abc")
    asked = c.ask(Future(), block=False)  # c is suspended
    for child in (a, b):
        child.ask("x", timeout=LONG_S)
    log.clear()
    b.tell("fail")
    with pytest.raises(pykka.ActorDeadError, match="halted for a restart"):
        asked.get(timeout=LONG_S)
    assert 1 == c.ask("y", timeout=LONG_S)
    assert 1 == b.ask("y", timeout=LONG_S)
    assert 2 == a.ask("y", timeout=LONG_S)
    assert ["b fails", "c stops", "b made", "b starts", "c made", "c starts"] == log[:6]


def test_a_child_that_fails_in_on_start_is_tried_again(log: list[str]) -> None:
    class Shy(Child):
        tries: ClassVar[list[None]] = []

        def on_start(self) -> None:
            super().on_start()
            self.tries.append(None)
            if len(self.tries) < 3:
                raise OSError("not yet")

    child = begin(OneForOne.start(), Shy, "a", log)
    assert 1 == child.ask("x", timeout=LONG_S)
    assert 3 == log.count("a starts") == len(Shy.tries)


def test_a_child_that_cannot_be_made_again_is_tried_again(log: list[str]) -> None:
    class Broken(Child):
        makes: ClassVar[list[None]] = []

        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            self.makes.append(None)
            if len(self.makes) == 2:
                raise OSError("not now")

    child = begin(OneForOne.start(), Broken, "a", log)
    child.tell("fail")
    assert 1 == child.ask("x", timeout=LONG_S)
    assert 3 == len(Broken.makes)


def test_a_supervisor_without_a_supervisor_ends_with_its_children(
    log: list[str],
) -> None:
    ended: Future[Terminated] = Future()

    class Watcher(Actor):
        def on_receive(self, message: Any) -> None:
            ended.try_set(message)

    supervisor = OneForOne.start()
    Watcher.start().watch(supervisor)  # type: ignore[attr-defined]
    child, other = (begin(supervisor, Child, name, log) for name in "ab")
    for _ in range(FAST.restarts_max + 1):
        child.tell("fail")
    behind = child.ask("x", block=False)
    end = ended.get(timeout=LONG_S)
    assert "failed" == end.reason
    assert isinstance(end.exception, RestartsExceeded)
    assert isinstance(end.exception.cause, ValueError)
    for ref in (child, other):
        assert ref.actor_stopped.wait(LONG_S)
    with pytest.raises(pykka.ActorDeadError):
        behind.get(timeout=LONG_S)
    assert FAST.restarts_max == log.count("a made") - 1


def test_a_supervisor_that_escalates_is_restarted_and_begins_its_children_anew(
    log: list[str],
) -> None:
    class Inner(OneForOne):
        def __init__(self, log: list[str]) -> None:
            super().__init__()
            self.log = log

        def on_start(self) -> None:
            self.begin(Child, "inner", self.log)

    outer = OneForOne.start()
    inner = begin(outer, Inner, log)
    (child,) = inner.proxy().children().get(timeout=LONG_S)
    for _ in range(FAST.restarts_max + 1):
        child.tell("fail")
    assert child.actor_stopped.wait(LONG_S)
    (successor,) = inner.proxy().children().get(timeout=LONG_S)
    assert child is not successor
    assert 1 == successor.ask("x", timeout=LONG_S)
    assert outer.is_alive()
    assert [inner] == outer.proxy().children().get(timeout=LONG_S)


def test_a_child_that_keeps_failing_is_quarantined_and_tried_again(
    log: list[str],
) -> None:
    supervisor = OneForOne.start()
    policy = RestartPolicy(restarts_max=0, quarantine_s=0.3)
    child = begin(supervisor, Child, "a", log, restart=policy)
    other = begin(supervisor, Child, "b", log)
    child.tell("fail")
    behind = child.ask("x", block=False)
    with pytest.raises(ActorQuarantined) as caught:
        behind.get(timeout=LONG_S)
    assert 0 < caught.value.retry_after_s <= 0.3
    with pytest.raises(ActorQuarantined):
        child.tell("x")
    assert 1 == other.ask("x", timeout=LONG_S)
    until(lambda: _is_accepted(child))
    assert 2 == log.count("a made")


def _is_accepted(child: Any) -> bool:
    try:
        return bool(child.ask("x", timeout=LONG_S))
    except ActorQuarantined:
        return False


def test_no_child_outlives_its_supervisor(log: list[str]) -> None:
    supervisor = OneForOne.start()
    children = [begin(supervisor, Child, name, log) for name in "ab"]
    for child in children:
        child.ask("x", timeout=LONG_S)
    log.clear()
    supervisor.stop(timeout=LONG_S)
    for child in children:
        assert child.actor_stopped.wait(LONG_S)
    assert ["b stops", "a stops"] == log
    assert [] == pykka.ActorRegistry.get_all()


def test_a_child_may_fail_while_its_supervisor_ends(log: list[str]) -> None:
    supervisor = OneForOne.start()
    child = begin(supervisor, Child, "a", log)
    entered, gate = threading.Event(), threading.Event()

    class Holder(Actor):
        def on_receive(self, _message: Any) -> None:
            entered.set()
            assert gate.wait(LONG_S)

    Holder.start().tell("hold")
    assert entered.wait(LONG_S)
    child.tell("fail")
    supervisor.stop(block=False)
    gate.set()
    assert child.actor_stopped.wait(LONG_S)


def test_what_is_decided_is_logged(
    log: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    child = begin(OneForOne.start(), Child, "a", log)
    child.tell("fail")
    child.ask("x", timeout=LONG_S)
    (record,) = (one for one in caplog.records if hasattr(one, "action"))
    assert "restart" == record.action
    assert "is restarted in 0.00 s: ValueError('fail')" in record.getMessage()
