"""The watchdog: turns that keep everybody waiting are named while they run."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.actors.support import LONG_S
from weft.actors.actor import Actor
from weft.actors.dispatcher import Dispatcher
from weft.actors.future import Future
from weft.actors.light_actor import LightActor, handles
from weft.actors.watchdog import LONG_TURN_S

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT_S = 0.02


class Culprit(LightActor):
    kind = "session"

    @handles(threading.Event)
    def _wait(self, message: threading.Event) -> None:
        self._block_deep_inside(message)

    def _block_deep_inside(self, message: threading.Event) -> None:
        assert message.wait(LONG_S)


class Handler(logging.Handler):
    """Keeps what the watchdog says, and lets a test wait for it."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []
        self.came = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)
        self.came.set()


@pytest.fixture
def reports() -> Iterator[Handler]:
    handler = Handler()
    logger = logging.getLogger("weft.actors.watchdog")
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)


@pytest.fixture
def dispatcher() -> Iterator[Dispatcher]:
    dispatcher = Dispatcher(LIMIT_S)
    dispatcher.start()
    yield dispatcher
    assert dispatcher.stop(LONG_S)


def test_a_long_turn_is_reported_while_it_runs_with_its_stack(
    dispatcher: Dispatcher, reports: Handler
) -> None:
    culprit = Culprit(dispatcher, "alice")
    end = threading.Event()
    culprit.actor_ref.tell(end)
    assert reports.came.wait(LONG_S)
    end.set()
    (record,) = reports.records
    said = record.getMessage()
    assert "A turn of Culprit (urn:weft:session:alice) on a Event" in said
    assert "_block_deep_inside" in said
    assert "assert message.wait(LONG_S)" in said
    assert ("long_turn", "session") == (record.action, record.actor_kind)  # type: ignore[attr-defined]
    assert record.turn_s > LIMIT_S  # type: ignore[attr-defined]


def test_a_long_turn_is_reported_once_and_counted_by_kind(
    dispatcher: Dispatcher, reports: Handler
) -> None:
    culprit = Culprit(dispatcher, "alice")
    for turns in (1, 2):
        end = threading.Event()
        reports.came.clear()
        asked = culprit.actor_ref.ask(end, block=False)
        assert reports.came.wait(LONG_S)
        looks = threading.Event()
        assert not looks.wait(5 * LIMIT_S)  # several more looks at the same turn
        end.set()
        asked.get(timeout=LONG_S)
        assert turns == len(reports.records)
        assert {"session": turns} == dispatcher.statistics().long_turns


def test_short_turns_and_sleep_are_not_reported(
    dispatcher: Dispatcher, reports: Handler
) -> None:
    culprit = Culprit(dispatcher, "alice")
    done = threading.Event()
    done.set()
    culprit.actor_ref.ask(done, timeout=LONG_S)
    assert not reports.came.wait(5 * LIMIT_S)
    assert {} == dispatcher.statistics().long_turns


def test_deadlines_are_kept_while_a_turn_is_stuck(dispatcher: Dispatcher) -> None:
    culprit = Culprit(dispatcher, "alice")
    end = threading.Event()
    stuck = culprit.actor_ref.ask(end, block=False)
    answer: Future[str] = Future()
    dispatcher.timers.call_at(
        time.monotonic_ns() + 10_000_000, lambda: answer.try_set("in time")
    )
    assert "in time" == answer.get(timeout=LONG_S)
    assert not stuck.done()
    end.set()
    stuck.get(timeout=LONG_S)


def test_users_actors_are_watched_without_having_asked_for_it() -> None:
    class Idle(Actor):
        def on_receive(self, message: Any) -> Any:
            return message

    ref = Idle.start()
    dispatcher = Dispatcher.shared()
    assert dispatcher.watchdog is not None
    assert LONG_TURN_S == dispatcher.watchdog.limit_s
    assert "weft-watchdog" in [thread.name for thread in threading.enumerate()]
    dispatcher.release()
    ref.stop(timeout=LONG_S)


def test_the_watchdog_ends_with_its_dispatcher() -> None:
    dispatcher = Dispatcher(LIMIT_S)
    dispatcher.start()
    assert dispatcher.watchdog is not None
    assert dispatcher.stop(LONG_S)
    dispatcher.watchdog.stop(LONG_S)
    assert not dispatcher.watchdog._thread.is_alive()
