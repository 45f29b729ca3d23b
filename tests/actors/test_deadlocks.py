"""Handlers that would wait for each other in a circle are told so."""

from __future__ import annotations

import pickle
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.actors.support import LONG_S
from tests.actors.waiting import Leaf, Waiter, settle
from weft.actors import suspension as suspension_module
from weft.actors.actor import Actor
from weft.actors.dispatcher import Dispatcher
from weft.actors.errors import AskOrderError, DeadlockError
from weft.actors.future import Future
from weft.actors.scheduler import running_turns
from weft.actors.suspension import Suspension, check_ask
from weft.storage import SessionThreadException

if TYPE_CHECKING:
    from weft.actors.cell import Cell


def test_an_ask_that_would_close_a_circle_raises_with_the_circle(
    dispatcher: Dispatcher,
) -> None:
    a, b, c = (Waiter(dispatcher, name).actor_ref for name in "abc")
    with pytest.raises(DeadlockError) as caught:
        a.ask([b, c, a], timeout=LONG_S)
    assert (str(c), str(a), str(b), str(c)) == caught.value.chain
    assert " -> ".join(caught.value.chain) in str(caught.value)
    for cell in (a, b, c):
        assert "x" == cell.ask("x", timeout=LONG_S)


def test_an_actor_cannot_wait_for_itself(waiter: Waiter) -> None:
    ref = waiter.actor_ref
    with pytest.raises(DeadlockError) as caught:
        ref.ask([ref], timeout=LONG_S)
    assert (str(ref), str(ref)) == caught.value.chain
    assert [] == waiter.seen  # the message was never sent


def test_a_deadlock_error_survives_pickling(waiter: Waiter) -> None:
    with pytest.raises(SessionThreadException) as caught:
        waiter.actor_ref.ask([waiter.actor_ref], timeout=LONG_S)
    error = pickle.loads(pickle.dumps(caught.value))  # noqa: S301  # our own
    assert isinstance(error, DeadlockError)
    assert caught.value.chain == error.chain  # type: ignore[attr-defined]
    assert str(caught.value) == str(error)
    assert error.remedy


def test_an_answer_asked_for_earlier_is_not_waited_for_in_a_circle(
    dispatcher: Dispatcher,
) -> None:
    """A asks B and waits for a leaf first; meanwhile B comes to wait for A."""
    leaf: Future[str] = Future()

    class Early(Waiter):
        async def on_receive(self, message: Any) -> Any:
            asked = message.ask([self.actor_ref], block=False)
            await leaf
            return await asked

    a, b = Early(dispatcher, "a").actor_ref, Waiter(dispatcher, "b").actor_ref
    answer = a.ask(b, block=False)
    settle(dispatcher)
    assert b.suspension is not None
    assert a is b.suspension.waits_on
    leaf.set("now A waits for B")
    with pytest.raises(DeadlockError) as caught:
        answer.get(timeout=LONG_S)
    assert (str(a), str(b), str(a)) == caught.value.chain
    settle(dispatcher)
    assert None is b.suspension  # B had its answer


def test_plain_handlers_may_ask_anybody_for_they_cannot_wait() -> None:
    class Selfish(Actor):
        def later(self) -> Any:
            return self.actor_ref.proxy().now()

        def now(self) -> str:
            return "now"

    proxy = Selfish.start().proxy()
    assert "now" == proxy.later().get(timeout=LONG_S).get(timeout=LONG_S)
    proxy.stop()


@pytest.mark.parametrize("message", [list, tuple])
def test_those_who_may_wait_for_leaves_only_may_not_ask_each_other(
    dispatcher: Dispatcher, message: type
) -> None:
    alice, bob = Leaf(dispatcher, "alice"), Leaf(dispatcher, "bob")
    with pytest.raises(AskOrderError) as caught:
        alice.actor_ref.ask(message([bob.actor_ref]), timeout=LONG_S)
    assert (str(alice.actor_ref), str(bob.actor_ref)) == caught.value.chain
    assert [] == bob.seen
    other = Waiter(dispatcher, "carol").actor_ref
    assert "end" == alice.actor_ref.ask([other], timeout=LONG_S)
    assert "end" == other.ask([alice.actor_ref], timeout=LONG_S)


def test_looking_for_a_circle_at_depth_9_takes_less_than_a_microsecond() -> None:
    """300 ns on an idle machine; the limit leaves room for a busy one."""
    dispatcher = Dispatcher()
    cells = [Waiter(dispatcher, str(number)).actor_ref for number in range(10)]
    for cell, following in zip(cells, [*cells[1:], None], strict=True):
        Suspension(cell)._coroutine = cell  # type: ignore[assignment]
        assert cell.suspension is not None
        cell.suspension.waits_on = following
    asker = Waiter(dispatcher, "asker").actor_ref
    best_ns = min(_time_walk_ns(asker, cells[0]) for _ in range(20))
    assert best_ns < 1_000


def _time_walk_ns(asker: Cell[Any], target: Cell[Any]) -> float:
    find = suspension_module._find_circle
    began_ns = time.perf_counter_ns()
    for _ in range(1_000):
        find(asker, target)
    return (time.perf_counter_ns() - began_ns) / 1_000


def test_nothing_is_checked_outside_of_turns(dispatcher: Dispatcher) -> None:
    check_ask(Leaf(dispatcher).actor_ref)
    with running_turns():
        check_ask(Leaf(dispatcher).actor_ref)
