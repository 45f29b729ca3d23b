"""Who stands in for a session keeps what comes, or refuses it, and then hands it on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.actors.support import LONG_S, answer, failure, settle
from weft.actors import ActorQuarantined, Runtime
from weft.actors import stand_in as stand_in_module
from weft.actors.messages import Passivate, Readmit
from weft.actors.stand_in import StandIn
from weft.storage import Overloaded

if TYPE_CHECKING:
    from tests.actors.conftest import Open


def stand_in_for(runtime: Runtime, session_id: str, *, quarantined: bool) -> StandIn:
    """Put a stand-in into a session's place, as after a failure."""
    services = runtime._services
    until_ns = services.sources.monotonic_ns() + round(LONG_S * 1e9)
    made = StandIn(services, session_id, until_ns, quarantined=quarantined)
    made.actor_ref.parent = runtime._root
    services.quarantined += quarantined
    before = services.sessions.get(session_id)
    services.sessions[session_id] = made.actor_ref
    if before is not None and before.actor is not None:
        before.actor.retire()
    return made


@pytest.fixture
def runtime(open_runtime: Open) -> Runtime:
    runtime = open_runtime()
    answer(runtime.session("alice").create_thread("notes", thread_id="t"))
    answer(runtime.thread("t").run())
    return runtime


def readmit(runtime: Runtime, stand_in: StandIn) -> None:
    runtime._root.tell(Readmit(stand_in.actor_ref))
    settle(runtime)


def test_what_comes_during_a_delay_is_kept_and_then_done_in_order(
    runtime: Runtime,
) -> None:
    stand_in = stand_in_for(runtime, "alice", quarantined=False)
    futures: list[Any] = [
        runtime.coordinator.rename_thread("t", "a", session_id="alice"),
        runtime.coordinator.execute_workflow_in_session("alice", "a"),
        runtime.coordinator.rename_thread("t", "b", session_id="alice"),
    ]
    settle(runtime)
    assert not any(future.done() for future in futures)
    readmit(runtime, stand_in)
    assert "a" == answer(futures[0]).thread_name
    assert {"runs": 2} == answer(futures[1])
    assert "b" == answer(futures[2]).thread_name
    assert stand_in.actor_ref is not runtime._services.sessions["alice"]


def test_what_comes_in_quarantine_is_refused_with_the_time_that_is_left(
    runtime: Runtime,
) -> None:
    stand_in_for(runtime, "alice", quarantined=True)
    for future in (runtime.thread("t").run(), runtime.thread("t").rename("a")):
        error = failure(future)
        assert isinstance(error, ActorQuarantined)
        assert ("alice", future.op_id) == (error.session_id, error.op_id)
        assert LONG_S / 2 < error.retry_after_s <= LONG_S


def test_more_than_can_be_kept_is_refused(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stand_in_module, "STASHED_MAX", 2)
    stand_in = stand_in_for(runtime, "alice", quarantined=False)
    runs = [runtime.thread("t").run() for _ in range(3)]
    assert Overloaded is type(failure(runs[2]))
    readmit(runtime, stand_in)
    assert [{"runs": 2}, {"runs": 3}] == [answer(run) for run in runs[:2]]


def test_a_stand_in_stays_when_it_is_asked_to_go_and_forwards_when_it_has_gone(
    runtime: Runtime,
) -> None:
    stand_in = stand_in_for(runtime, "alice", quarantined=False)
    cell = stand_in.actor_ref
    for _ in range(3):
        runtime._dispatcher.post(cell, Passivate())
        settle(runtime)
    assert cell is runtime._services.sessions["alice"]
    readmit(runtime, stand_in)
    late = runtime.thread("t").run()
    readmit(runtime, stand_in)  # a second time is nothing
    assert {"runs": 2} == answer(late)
    assert 0 == runtime._services.quarantined
