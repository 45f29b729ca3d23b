"""What is going on inside is told by name, also while the dispatcher is stuck."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from tests.actors.crashing import crash_handler, fast_policy, set_policy
from tests.actors.support import LONG_S, answer, failure, ping
from weft.actors import ActorQuarantined, Runtime
from weft.actors import inside as inside_module
from weft.actors.dead_letters import Reason
from weft.actors.inside import Mailbox
from weft.actors.light_actor import LightActor, handles
from weft.actors.messages import Command
from weft.actors.session import SessionActor
from weft.actors.watchdog import LONG_TURN_S
from weft.storage.retention import Retention

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.actors.conftest import Open


class Gate(LightActor):
    """Keeps everybody waiting until it is opened."""

    kind = "user"

    @handles(threading.Event)
    def _wait(self, message: threading.Event) -> None:
        assert message.wait(LONG_S)


@pytest.fixture
def runtime(open_runtime: Open) -> Runtime:
    return open_runtime()


@pytest.fixture
def stuck(runtime: Runtime) -> Iterator[threading.Event]:
    """Hold the dispatcher up for the time of a test, until the event is set."""
    opened = threading.Event()
    gate = Gate(runtime._dispatcher, "gate").actor_ref
    gate.tell(opened)
    yield opened
    opened.set()
    ping(runtime)


def test_the_deepest_mailboxes_are_named_while_nobody_has_a_turn(
    runtime: Runtime, stuck: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = [Gate(runtime._dispatcher, name).actor_ref for name in ("b", "a", "c")]
    release = threading.Event()
    release.set()
    for cell, number in zip(cells, (2, 2, 3), strict=True):
        for _ in range(number):
            cell.tell(release)
    ours = [box for box in runtime.inside.deepest(9) if box.kind == "user"]
    expected = [("c", 3), ("a", 2), ("b", 2)]
    assert [Mailbox("user", *pair) for pair in expected] == [
        box for box in ours if box.key != "gate"
    ]
    assert 1 == len(runtime.inside.deepest(1))
    monkeypatch.setattr(inside_module, "MAIL_SAMPLE", 1)
    assert 1 == sum(box.waiting for box in runtime.inside.deepest(9))
    stuck.set()
    ping(runtime)
    assert [] == [box for box in runtime.inside.deepest(9) if box.kind == "user"]


def test_a_turn_that_took_long_is_remembered_by_name(
    runtime: Runtime, stuck: threading.Event
) -> None:
    watchdog = runtime._dispatcher.watchdog
    assert watchdog is not None
    waiting = threading.Event()
    for _ in range(round(LONG_S / LONG_TURN_S)):
        if any("gate" in turn.actor for turn in runtime.inside.long_turns()):
            break
        waiting.wait(LONG_TURN_S)
    stuck.set()
    turn = runtime.inside.long_turns()[-1]
    assert ("user", "Event") == (turn.kind, turn.message_type)
    assert "urn:weft:user:gate" in turn.actor
    assert turn.at_s > 1_000_000_000


def test_who_is_away_is_named_until_it_comes_back(
    open_runtime: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_policy(monkeypatch, fast_policy(restarts_max=0, quarantine_s=0.5))
    runtime = open_runtime()
    answer(runtime.coordinator.create_session("alice"))
    assert [] == runtime.inside.away()
    with monkeypatch.context() as patch:
        crash_handler(patch, SessionActor, Command)
        failure(runtime.session("alice").create_thread("a"))
        refused = failure(runtime.session("alice").create_thread("b"))
    assert ActorQuarantined is type(refused)
    (away,) = runtime.inside.away()
    assert ("alice", True) == (away.session_id, away.quarantined)
    assert 0 <= away.left_s <= 0.5
    last = runtime.inside.dead_letters()[-1]
    assert ("Command", Reason.QUARANTINED) == (last.message_type, last.reason)
    assert "urn:weft:session:alice" in last.actor
    pause = threading.Event()
    for _ in range(1000):
        if not runtime.inside.away():
            break
        pause.wait(0.01)
    assert [] == runtime.inside.away()
    answer(runtime.session("alice").create_thread("c"))


def test_it_says_what_is_kept(open_runtime: Open) -> None:
    assert Retention() == open_runtime().inside.retention
    mine = Retention(operations_s=60.0)
    assert mine == open_runtime(retention=mine).inside.retention
