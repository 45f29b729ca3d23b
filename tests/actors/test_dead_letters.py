"""Dead letters: counted by reason, the last ones kept by name."""

from __future__ import annotations

import gc
import weakref
from typing import Any

from tests.actors.echo import Echo
from weft.actors.dead_letters import DEAD_LETTERS_KEPT, DeadLetters, Reason
from weft.actors.dispatcher import Dispatcher


class Secret:
    """A message whose content is nobody's business."""


def cell() -> Any:
    return Echo(Dispatcher(), "alice").actor_ref


def test_every_reason_is_counted_on_its_own() -> None:
    letters = DeadLetters()
    assert dict.fromkeys(map(str, Reason), 0) == letters.by_reason()
    for times, reason in enumerate(Reason):
        for _ in range(times):
            letters.add(cell(), 1, reason)
    assert list(range(len(Reason))) == list(letters.by_reason().values())
    assert sum(range(len(Reason))) == letters.total


def test_the_last_ones_are_kept_by_name() -> None:
    letters = DeadLetters()
    for number in range(DEAD_LETTERS_KEPT):
        letters.add(cell(), number, Reason.SHUTDOWN)
    letters.add(cell(), Secret(), Reason.STOPPED)
    seen = letters.seen()
    assert DEAD_LETTERS_KEPT == len(seen)
    assert DEAD_LETTERS_KEPT + 1 == letters.total
    last = seen[-1]
    assert "Echo (urn:weft:session:alice)" == last.actor
    assert ("Secret", Reason.STOPPED) == (last.message_type, last.reason)


def test_no_message_is_kept_alive() -> None:
    letters, secret = DeadLetters(), Secret()
    letters.add(cell(), secret, Reason.STOPPED)
    gone = weakref.ref(secret)
    del secret
    gc.collect()
    assert None is gone()
