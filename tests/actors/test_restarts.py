"""Sessions that crash come back; those that keep crashing are left alone; and a loop
that breaks costs what was in hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.actors.crashing import crash_handler, fast_policy, set_policy
from tests.actors.support import (
    LONG_S,
    GatedStore,
    Stop,
    answer,
    answers,
    check_views,
    failure,
    ping,
    settle,
)
from tests.actors.waiting import Waiter
from weft.actors import ActorCrashed, ActorQuarantined, Runtime, Terminated
from weft.actors.messages import (
    Command,
    Feed,
    Hold,
    RunCommand,
    Settled,
    Yielded,
)
from weft.actors.session import SessionActor
from weft.actors.stand_in import StandIn
from weft.actors.thread import ThreadActor
from weft.storage import WorkflowExecutionError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.actors.conftest import Open

pytestmark = pytest.mark.filterwarnings("error")


def actor(runtime: Runtime, session_id: str) -> Any:
    """Return who has a session now."""
    return runtime._services.sessions[session_id].actor


def wait_until(runtime: Runtime, condition: Callable[[], bool]) -> None:
    """Wait for what a timer brings, in turns of the root."""
    for _ in range(100_000):
        if condition():
            return
        ping(runtime)
    pytest.fail("it never came true")


def is_of(session_id: str) -> Callable[[Any], bool]:
    """Return a test for commands to one session."""
    return lambda message: message.operation.session_id == session_id


# One crash


def test_a_session_that_crashes_is_back_after_a_delay_and_what_came_meanwhile_is_done(
    open_runtime: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_policy(monkeypatch, fast_policy(backoff_min_s=0.5, backoff_max_s=0.5))
    runtime = open_runtime()
    coordinator = runtime.coordinator
    answer(coordinator.create_session("alice"))
    broken = crash_handler(
        monkeypatch, SessionActor, Command, suits=lambda _: not broken
    )
    crashed = coordinator.coordinate_threads("alice", [{"name": "a"}])
    behind = coordinator.coordinate_threads("alice", [{"name": "b"}])
    error = failure(crashed)
    assert ActorCrashed is type(error)
    assert (crashed.op_id, "alice") == (error.op_id, error.session_id)
    assert isinstance(actor(runtime, "alice"), StandIn)
    held = coordinator.coordinate_threads("alice", [{"name": "c"}])
    assert {"b", "c"} == {name for names in answers([behind, held]) for name in names}
    assert SessionActor is type(actor(runtime, "alice"))
    assert {"b", "c"} == set(actor(runtime, "alice")._names)
    check_views(runtime)


def test_what_was_in_flight_when_a_session_crashed_is_answered_with_the_truth(
    gated: GatedStore, open_runtime: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_policy(monkeypatch, fast_policy())
    runtime = open_runtime(store=gated)
    coordinator = runtime.coordinator
    notes = answer(runtime.session("alice").create_thread("notes", thread_id="t"))
    with gated.shut(runtime):
        in_flight = notes.rename("memos")
        stashed = coordinator.rename_thread("t", "drafts", session_id="alice")
        run_stashed = notes.run()
        settle(runtime)
        crash_handler(monkeypatch, SessionActor, Feed)
        cell = runtime._services.sessions["alice"]
        runtime._dispatcher.post(cell, Feed(1, ()))
        wait_until(runtime, lambda: runtime.statistics().restarts == 1)
        monkeypatch.undo()
    assert "memos" == answer(in_flight).thread_name
    assert "drafts" == answer(stashed).thread_name
    assert {"runs": 1} == answer(run_stashed)
    check_views(runtime)


def test_a_crash_costs_other_sessions_nothing(
    open_runtime: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_policy(monkeypatch, fast_policy(restarts_max=0, quarantine_s=LONG_S))
    runtime = open_runtime()
    alice, bob = runtime.session("alice"), runtime.session("bob")
    answers([alice.open(), bob.open()])
    crash_handler(monkeypatch, SessionActor, Command, suits=is_of("alice"))
    assert ActorCrashed is type(failure(alice.create_thread("notes")))
    assert ActorQuarantined is type(failure(alice.create_thread("notes")))
    for n in range(20):
        answer(answer(bob.create_thread(f"notes-{n}")).run())
    assert runtime.check().clean


@pytest.mark.parametrize("error", [RuntimeError("a defect"), SystemExit(3)])
def test_whatever_a_session_raises_its_mail_is_answered(
    open_runtime: Open, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    set_policy(monkeypatch, fast_policy())
    runtime = open_runtime()
    coordinator = runtime.coordinator
    answer(coordinator.create_session("alice"))
    broken = crash_handler(
        monkeypatch, SessionActor, Command, suits=lambda _: not broken, error=error
    )
    futures = [
        coordinator.coordinate_threads("alice", [{"name": f"n-{n}"}]) for n in range(5)
    ]
    assert error is failure(futures[0]).cause
    answers(futures[1:])
    check_views(runtime)


def test_who_watches_a_session_hears_that_it_failed(
    open_runtime: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_policy(monkeypatch, fast_policy())
    runtime = open_runtime()
    answer(runtime.coordinator.create_session("alice"))
    watched = runtime._services.sessions["alice"]
    monitor = Waiter(runtime._dispatcher, "monitor")
    monitor.actor_ref.watch(watched)
    settle(runtime)
    crash_handler(monkeypatch, SessionActor, Command)
    failure(runtime.coordinator.coordinate_threads("alice", [{"name": "a"}]))
    wait_until(runtime, lambda: bool(monitor.seen))
    (told,) = monitor.seen
    assert isinstance(told, Terminated)
    assert (watched, "failed") == (told.cell, told.reason)
    assert "a defect" == str(told.exception)


def test_a_run_whose_start_was_durable_when_its_session_crashed_is_executed(
    open_runtime: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_policy(monkeypatch, fast_policy(restarts_max=0))
    runtime = open_runtime()
    notes = answer(runtime.session("alice").create_thread("notes", thread_id="t"))
    actor(runtime, "alice")._names.clear()  # so that it asks the writer itself
    broken = crash_handler(
        monkeypatch,
        SessionActor,
        Settled,
        suits=lambda settled: isinstance(settled.request, RunCommand),
    )
    run = runtime.coordinator.execute_workflow_in_session(
        "alice", "notes", op_id="run-1"
    )
    assert ActorCrashed is type(failure(run))
    assert 1 == len(broken)
    wait_until(runtime, lambda: runtime._services.finished_runs == {"success": 1})
    (stored,) = answer(runtime.coordinator.list_runs("t"))
    assert ("success", 2) == (stored.status, stored.attempt)
    assert "idle" == answer(notes.get()).status


# Quarantine


def test_a_session_that_keeps_crashing_is_quarantined_and_then_comes_back(
    open_runtime: Open,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    set_policy(monkeypatch, fast_policy())
    runtime = open_runtime()
    alice = runtime.session("alice")
    notes = answer(alice.create_thread("notes", thread_id="t"))
    with monkeypatch.context() as patch:
        broken = crash_handler(patch, SessionActor, Command)
        while len(broken) < 3:
            assert ActorCrashed is type(failure(alice.create_thread("x")))
        refused: list[Any] = [alice.create_thread("x"), notes.rename("y"), notes.run()]
        errors = [failure(future) for future in refused]
        assert 3 == len(broken)
    assert {ActorQuarantined} == {type(error) for error in errors}
    assert [f.op_id for f in refused] == [error.op_id for error in errors]
    assert all(0 < e.retry_after_s <= 0.2 for e in errors)  # type: ignore[attr-defined]
    numbers = runtime.statistics()
    assert (3, 1) == (numbers.restarts, numbers.quarantines)
    assert 1 == numbers.actors["session", "quarantined"]
    assert 3 == numbers.dispatcher.dead_letters_by_reason["quarantined"]
    records = [one for one in caplog.records if one.name == "weft.actors"]
    actions = [getattr(one, "action", "") for one in records]
    assert ["restart", "restart", "quarantine"] == actions
    assert "notes" == answer(notes.get()).thread_name  # reads go on
    wait_until(runtime, lambda: type(actor(runtime, "alice")) is SessionActor)
    assert {"runs": 1} == answer(notes.run())
    assert 0 == runtime.statistics().actors["session", "quarantined"]
    check_views(runtime)


def test_what_crashes_again_after_its_quarantine_goes_back_at_once(
    open_runtime: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_policy(monkeypatch, fast_policy(restarts_max=1, quarantine_s=0.02))
    runtime = open_runtime()
    alice = runtime.session("alice")
    answer(alice.open())
    crash_handler(monkeypatch, SessionActor, Command)
    for _ in range(2):
        assert ActorCrashed is type(failure(alice.create_thread("x")))
    for quarantines in (1, 2):
        ping(runtime)  # who asked is answered in the turn that counts it
        assert quarantines == runtime.statistics().quarantines
        wait_until(runtime, lambda: type(actor(runtime, "alice")) is SessionActor)
        assert ActorCrashed is type(failure(alice.create_thread("x")))
    ping(runtime)
    assert 3 == runtime.statistics().quarantines


def test_a_run_goes_on_while_its_session_is_quarantined(
    open_runtime: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_policy(monkeypatch, fast_policy(restarts_max=0, quarantine_s=LONG_S))
    stop = Stop()

    def work(context: Any, _config: Any) -> Any:
        stop.here()
        yield context.session_id

    runtime = open_runtime(workflows={"work": work})
    notes = answer(runtime.session("alice").create_thread("notes", "work"))
    result = notes.run()
    stop.reached()
    with monkeypatch.context() as patch:
        crash_handler(patch, SessionActor, Command)
        assert ActorCrashed is type(failure(notes.rename("memos")))
    stop.open()
    assert "alice" == answer(result)
    check_views(runtime)


def test_a_thread_that_comes_to_a_quarantined_session_has_it_as_its_parent(
    open_runtime: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_policy(monkeypatch, fast_policy(restarts_max=0))
    stop = Stop()

    def work(context: Any, _config: Any) -> Any:
        yield context.session_id
        stop.here()
        yield context.session_id

    runtime = open_runtime(workflows={"work": work})
    notes = answer(runtime.session("bob").create_thread("notes", "work", thread_id="t"))
    answer(runtime.session("alice").open())
    result = notes.run()
    stop.reached()
    with monkeypatch.context() as patch:
        crash_handler(patch, SessionActor, Command, suits=is_of("alice"))
        failure(runtime.session("alice").create_thread("x"))
    answer(notes.transfer_to("alice", if_running="move"))
    assert ActorQuarantined is type(failure(runtime.thread("t").run()))
    stop.open()
    assert "alice" == answer(result)
    wait_until(runtime, lambda: type(actor(runtime, "alice")) is SessionActor)
    answer(runtime.thread("t").run())
    check_views(runtime)


def test_only_those_who_fail_have_a_history(
    open_runtime: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = {"period_s": 0.001, "reset_after_s": 0.001, "quarantine_s": 0.001}
    set_policy(monkeypatch, fast_policy(**short))
    runtime = open_runtime()
    root: Any = runtime._root.actor
    crash_handler(monkeypatch, SessionActor, Command)
    for n in range(20):
        failure(runtime.session(f"s-{n}").create_thread("x"))
        wait_until(
            runtime,
            lambda n=n: type(actor(runtime, f"s-{n}")) is SessionActor,  # type: ignore[misc]
        )
    assert len(root._restarts._histories) < 20


# A thread that crashes under a command that waits for it


def test_a_command_that_waits_for_a_run_survives_a_crash_of_the_thread(
    open_runtime: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = open_runtime()
    notes = answer(runtime.session("alice").create_thread("notes"))
    answer(notes.run())
    with monkeypatch.context() as patch:
        broken = crash_handler(patch, ThreadActor, Hold)
        moved = answer(notes.transfer_to("bob", if_running="wait"))
    assert 1 == len(broken)
    assert "bob" == moved.session_id
    assert {"runs": 2} == answer(notes.run())


def test_a_run_that_brings_its_actor_down_each_time_is_given_up(
    open_runtime: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = open_runtime()
    notes = answer(
        runtime.session("alice").create_thread("notes", "count", thread_id="t")
    )
    with monkeypatch.context() as patch:
        broken = crash_handler(patch, ThreadActor, Yielded)
        assert WorkflowExecutionError is type(failure(notes.run()))
        wait_until(runtime, lambda: answer(notes.get()).status == "error")
    assert 5 == len(broken)
    (run,) = answer(runtime.coordinator.list_runs("t"))
    assert ("error", 5) == (run.status, run.attempt)
    assert 3 == answer(notes.run())
    check_views(runtime)
