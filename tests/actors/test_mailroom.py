"""The mailroom: how much mail may wait, and who is told when there is no room."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from tests.actors.support import LONG_S
from weft.actors import mailroom as mailroom_module
from weft.actors.dispatcher import Dispatcher
from weft.actors.future import Future
from weft.actors.light_actor import LightActor, handles
from weft.storage import Overloaded

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOM = 100


class Gate(LightActor):
    def __init__(self, dispatcher: Dispatcher, key: str = "gate") -> None:
        super().__init__(dispatcher, key)
        self.seen: list[Any] = []
        self.entered = threading.Event()

    @handles(threading.Event)
    def _wait(self, message: threading.Event) -> None:
        self.entered.set()
        assert message.wait(LONG_S)

    @handles(list)
    def _post_many_to_myself(self, message: list[int]) -> str:
        for number in message:
            self.actor_ref.tell(number)
        return "posted"

    def on_receive(self, message: Any) -> Any:
        self.seen.append(message)
        return message


@pytest.fixture
def dispatcher(monkeypatch: pytest.MonkeyPatch) -> Iterator[Dispatcher]:
    monkeypatch.setattr(mailroom_module, "MAIL_MAX", ROOM)
    dispatcher = Dispatcher()
    dispatcher.start()
    yield dispatcher
    assert dispatcher.stop(LONG_S)


def test_mail_from_outside_is_refused_at_once_when_there_is_no_room(
    dispatcher: Dispatcher,
) -> None:
    actor = Gate(dispatcher)
    opened = threading.Event()
    actor.actor_ref.tell(opened)
    assert actor.entered.wait(LONG_S)
    for number in range(ROOM):
        actor.actor_ref.tell(number)
    with pytest.raises(Overloaded) as caught:
        actor.actor_ref.tell("too much")
    assert caught.value.retry_after_s > 0
    future = actor.actor_ref.ask("too much", block=False)
    assert future.done()
    with pytest.raises(Overloaded):
        future.get()
    stopped = actor.actor_ref.stop(block=False, now=True)  # system mail gets in
    opened.set()
    assert stopped.get(timeout=LONG_S)
    other = Gate(dispatcher, "other")
    drained: Future[str] = Future()
    dispatcher.post(other.actor_ref, "drained", drained)
    assert "drained" == drained.get(timeout=LONG_S)
    assert "room again" == other.actor_ref.ask("room again", timeout=LONG_S)
    assert [] == actor.seen
    assert 2 == dispatcher.statistics().refused


def test_work_that_was_let_in_may_post_beyond_the_room(dispatcher: Dispatcher) -> None:
    actor = Gate(dispatcher)
    assert "posted" == actor.actor_ref.ask(list(range(2 * ROOM)), timeout=LONG_S)
    end: Future[str] = Future()
    dispatcher.post(actor.actor_ref, "end", end)  # an ask would find no room yet
    assert "end" == end.get(timeout=LONG_S)
    assert [*range(2 * ROOM), "end"] == actor.seen
    with pytest.raises(Overloaded):
        actor.actor_ref.ask(list(range(2 * ROOM + 1)), timeout=LONG_S)


def test_internal_mail_is_never_refused(dispatcher: Dispatcher) -> None:
    actor = Gate(dispatcher)
    opened = threading.Event()
    actor.actor_ref.tell(opened)
    assert actor.entered.wait(LONG_S)
    for number in range(3 * ROOM):
        dispatcher.post(actor.actor_ref, number)
    dispatcher.post_many([(actor.actor_ref, "many", None, 0)] * ROOM)
    opened.set()
    stopped = actor.actor_ref.stop(block=False)
    assert stopped.get(timeout=LONG_S)
    assert 4 * ROOM == len(actor.seen)
