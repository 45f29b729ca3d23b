"""Light actors: handlers, the first turn, failures, size."""

from __future__ import annotations

import threading
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest

from tests.actors.echo import Echo, Supervisor
from tests.actors.support import LONG_S
from weft.actors.light_actor import LightActor, handles

if TYPE_CHECKING:
    from weft.actors.dispatcher import Dispatcher


@pytest.fixture
def echo(dispatcher: Dispatcher) -> Echo:
    return Echo(dispatcher)


def test_messages_go_to_the_handler_of_their_type(echo: Echo) -> None:
    ref = echo.actor_ref
    assert 2 == ref.ask(1, timeout=LONG_S)
    assert 2.5 == ref.ask(1.5, timeout=LONG_S)
    assert ("received", None) == ref.ask(None, timeout=LONG_S)
    assert ("received", True) == ref.ask(True, timeout=LONG_S)  # not an int's


def test_a_deferring_handler_sees_to_the_answer_itself(echo: Echo) -> None:
    assert b"x" == echo.actor_ref.ask(b"x", timeout=LONG_S)
    echo.actor_ref.tell(b"x")
    with pytest.raises(ValueError, match="raise"):
        echo.actor_ref.ask(b"raise", timeout=LONG_S)


def test_a_subclass_overrides_handlers_like_methods(dispatcher: Dispatcher) -> None:
    class Loud(Echo):
        def _number(self, message: float) -> float:
            return -message

        @handles(bytes)
        def _now(self, message: bytes) -> bytes:
            return message * 2

    ref = Loud(dispatcher).actor_ref
    assert -1 == ref.ask(1, timeout=LONG_S)
    assert b"xx" == ref.ask(b"x", timeout=LONG_S)


def test_start_runs_on_start_as_the_first_turn(dispatcher: Dispatcher) -> None:
    ref = Echo.start(dispatcher)
    ref.ask(1, timeout=LONG_S)
    actor = ref.actor
    assert actor is not None
    assert ["start"] == actor.hooks


def test_the_supervisor_hears_of_a_failure_nobody_waits_for(
    dispatcher: Dispatcher, echo: Echo
) -> None:
    supervisor = Supervisor(dispatcher)
    ref = echo.actor_ref
    ref.parent = supervisor.actor_ref
    gate = threading.Event()
    ref.tell(gate)
    ref.tell("no")
    behind = ref.ask(1, block=False)
    gate.set()
    assert 2 == behind.get(timeout=LONG_S)  # not lost
    assert supervisor.told.wait(LONG_S)
    (report,) = supervisor.reports
    assert (ref, "no") == (report.cell, report.message)
    assert isinstance(report.exception, ValueError)
    assert [report.exception] == echo.hooks


def test_a_failure_without_a_supervisor_is_logged(
    echo: Echo, caplog: pytest.LogCaptureFixture
) -> None:
    echo.actor_ref.tell("no")
    echo.actor_ref.ask(1, timeout=LONG_S)
    (record,) = caplog.records
    assert "A handler of Echo (urn:weft:session:alice) failed" == record.getMessage()
    assert record.exc_info
    assert "no" == str(record.exc_info[1])


def test_an_actor_may_have_its_own_rule_for_failures(dispatcher: Dispatcher) -> None:
    class Stubborn(Echo):
        def handle_failure(self, exception: BaseException, message: Any) -> None:
            self.hooks.append((message, repr(exception)))
            self.stop()

    actor = Stubborn(dispatcher)
    ref = actor.actor_ref
    gate = threading.Event()
    ref.tell(gate)
    ref.tell("no")
    before_the_stop = ref.ask(1, block=False)
    gate.set()
    assert 2 == before_the_stop.get(timeout=LONG_S)
    ref.stop(timeout=LONG_S)
    assert [("no", "ValueError('no')"), "stop"] == actor.hooks[1:]


def test_a_resident_actor_takes_at_most_330_bytes(dispatcher: Dispatcher) -> None:
    class Resident(LightActor):
        kind = "thread"

    Resident(dispatcher, 0)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        cells = [Resident(dispatcher, "key").actor_ref for _ in range(10_000)]
        size = (tracemalloc.get_traced_memory()[0] - before) / len(cells)
    finally:
        tracemalloc.stop()
    assert size <= 330
