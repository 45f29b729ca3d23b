"""A resident stays whatever it raises, and is freed without a collection."""

from __future__ import annotations

import gc
import weakref
from typing import TYPE_CHECKING, Any

import pytest

from tests.actors.support import LONG_S
from weft.actors.dispatcher import Dispatcher
from weft.actors.light_actor import handles
from weft.actors.resident import Resident

if TYPE_CHECKING:
    from collections.abc import Iterator


class Sturdy(Resident):
    """Raises what it is told."""

    @handles(SystemExit)
    def _raise(self, message: SystemExit) -> None:
        raise message

    def on_receive(self, message: Any) -> Any:
        return message


@pytest.fixture
def dispatcher() -> Iterator[Dispatcher]:
    dispatcher = Dispatcher()
    dispatcher.start()
    yield dispatcher
    assert dispatcher.stop(LONG_S)


def test_the_mail_behind_a_system_exit_is_handled(dispatcher: Dispatcher) -> None:
    cell = Sturdy(dispatcher, "alice").actor_ref
    cell.tell(SystemExit())
    assert "behind" == cell.ask("behind", timeout=LONG_S)
    assert cell.is_alive()


def test_one_that_is_loosened_is_freed_with_its_last_ref(
    dispatcher: Dispatcher,
) -> None:
    gc.disable()
    try:
        actor = Sturdy(dispatcher, "alice")
        cell, gone = actor.actor_ref, weakref.ref(actor)
        for _ in range(2):  # twice is once
            actor.loosen()
        del actor
        assert "late" == cell.ask("late", timeout=LONG_S)
        other = Sturdy(dispatcher, "bob").actor_ref
        other.ask("x", timeout=LONG_S)  # the dispatcher holds this one now
        del cell
        assert None is gone()
    finally:
        gc.enable()
