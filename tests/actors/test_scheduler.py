"""What a scheduler tells code that runs in its turns."""

from __future__ import annotations

import threading
from typing import Any

from tests.actors.support import LONG_S
from tests.actors.waiting import Waiter
from weft.actors.dispatcher import Dispatcher
from weft.actors.scheduler import on_dispatcher, running_cell, running_turns


def test_code_can_tell_in_whose_turn_it_runs() -> None:
    class Teller(Waiter):
        def on_receive(self, _message: Any) -> Any:
            return running_cell()

    dispatcher = Dispatcher()
    dispatcher.start()
    ref = Teller(dispatcher).actor_ref
    assert ref is ref.ask("?", timeout=LONG_S)
    assert None is running_cell()
    assert dispatcher.stop(LONG_S)


def test_an_os_thread_that_runs_turns_is_marked_inside_a_with_block() -> None:
    seen: list[bool] = []
    with running_turns():
        assert on_dispatcher()
        assert None is running_cell()
        other = threading.Thread(target=lambda: seen.append(on_dispatcher()))
        other.start()
        other.join(LONG_S)
        with running_turns():
            assert on_dispatcher()
        assert on_dispatcher()
    assert not on_dispatcher()
    assert [False] == seen
