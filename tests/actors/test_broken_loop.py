"""A dispatcher whose loop breaks: everybody is answered, and everything works on."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from tests.actors.crashing import break_loop
from tests.actors.support import (
    LONG_S,
    GatedStore,
    Walk,
    answer,
    answers,
    check_views,
    failure,
    settle,
)
from weft.actors import ActorCrashed
from weft.actors.messages import (
    Command,
    Feed,
    Hold,
    Publication,
    Recover,
    RunCommand,
    Settled,
    Sweep,
    Yielded,
)
from weft.storage import ThreadBusy, ThreadNotFound, WorkflowExecutionError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.actors.conftest import Open

IN_HAND: dict[str, Callable[[Any, Any], bool]] = {
    "a command": lambda _, m: isinstance(m, Command),
    "a run": lambda _, m: isinstance(m, RunCommand),
    "an answer": lambda c, m: isinstance(m, Settled) and c.actor_class.kind != "root",
    "an answer to a run": lambda c, m: (
        isinstance(m, Settled) and c.actor_class.kind == "thread"
    ),
    "a feed": lambda _, m: isinstance(m, Feed),
    "the writer's news": lambda _, m: isinstance(m, Publication),
    "a state": lambda _, m: isinstance(m, Yielded),
    "a hold": lambda _, m: isinstance(m, Hold),
}


@pytest.mark.parametrize("error", [ZeroDivisionError("a bug"), SystemExit()])
@pytest.mark.parametrize("what", IN_HAND)
def test_when_the_loop_breaks_everybody_is_answered_and_everything_works_on(
    gated: GatedStore, open_runtime: Open, what: str, error: BaseException
) -> None:
    walk = Walk()
    runtime = open_runtime(store=gated, workflows={"walk": walk.__call__})
    coordinator, sessions = runtime.coordinator, runtime._services.sessions
    threads = [
        answer(runtime.session("alice").create_thread(f"n-{n}", thread_id=f"t-{n}"))
        for n in range(5)
    ]
    walking = answer(runtime.session("bob").create_thread("w", "walk", thread_id="w"))
    first = walking.run(op_id="walk-1")
    walk.stop.reached()
    before = dict(sessions)
    with gated.shut(runtime):
        in_flight: list[Any] = [
            threads[0].rename("renamed"),
            threads[0].run(),  # stashed behind it
            threads[1].transfer_to("carol"),
            threads[2].run(),
            threads[3].remove(),
            coordinator.create_session("dave"),
        ]
        settle(runtime)
        in_hand = break_loop(runtime, IN_HAND[what], error)
        in_flight += [
            threads[4].rename("later"),
            threads[4].run(),
            walking.transfer_to("alice", if_running="wait"),
            walking.run(),
        ]
    walk.stop.open()
    for future in [first, *in_flight]:
        try:
            future.get(timeout=LONG_S)
        except (ActorCrashed, ThreadBusy, ThreadNotFound, WorkflowExecutionError) as e:
            named = e.op_id or future.op_id
            assert named == future.op_id
    assert 1 == len(in_hand)
    assert 1 == runtime.statistics().dispatcher.crashes
    runtime._dispatcher.trace = None
    assert before["alice"] is not sessions.get("alice")
    again = [
        coordinator.execute_workflow_in_session(
            "alice", answer(threads[4].get()).thread_name
        ),
        threads[2].run(),
        runtime.thread("w").run(),
        coordinator.coordinate_threads("dave", [{"name": "fresh"}]),
        walking.run(op_id="walk-1"),
    ]
    answers(again)
    assert {} == runtime._services.live_runs
    with runtime.store.read() as snapshot:
        assert [] == list(snapshot.live_runs())
    check_views(runtime)


def test_the_command_in_hand_when_the_loop_broke_gets_a_named_error_with_its_op_id(
    open_runtime: Open,
) -> None:
    runtime = open_runtime()
    coordinator = runtime.coordinator
    answer(coordinator.create_session("alice"))
    broken = SystemExit("a bug")
    break_loop(runtime, IN_HAND["a command"], broken)
    future = coordinator.coordinate_threads("alice", [{"name": "a"}], op_id="op-1")
    error = failure(future)
    assert ActorCrashed is type(error)
    assert ("op-1", broken) == (error.op_id, error.cause)
    again = coordinator.coordinate_threads("alice", [{"name": "a"}], op_id="op-1")
    created = answer(again)
    assert ["a"] == list(created)
    check_views(runtime)


def test_a_loop_that_breaks_stops_neither_the_sweep_nor_the_recovery(
    open_runtime: Open,
) -> None:
    runtime = open_runtime()
    root: Any = runtime._root.actor
    settle(runtime)
    timer = root._next_sweep
    for message in (Sweep(), Recover()):
        break_loop(runtime, lambda _, m, it=message: m is it, OSError())  # type: ignore[misc]
        runtime._dispatcher.post(runtime._root, message)
        settle(runtime)
        runtime._dispatcher.trace = None
    assert not timer._is_live()
    assert root._next_sweep._is_live()
    assert 2 == runtime.statistics().dispatcher.crashes


def test_a_loop_that_breaks_in_another_runtimes_turn_costs_this_one_its_views_only(
    open_runtime: Open, caplog: pytest.LogCaptureFixture
) -> None:
    mine, other = open_runtime(), open_runtime()
    for runtime in (mine, other):
        answer(runtime.session("alice").create_thread("notes", thread_id="t"))
        answer(runtime.thread("t").run())
    cell = other._services.sessions["alice"]
    break_loop(other, lambda c, m: c is cell and isinstance(m, Command), OSError())
    assert ActorCrashed is type(failure(other.thread("t").rename("x")))
    other._dispatcher.trace = None
    assert "y" == answer(mine.thread("t").rename("y")).thread_name
    assert "x" == answer(other.thread("t").rename("x")).thread_name
    check_views(mine)
    check_views(other)
    records = [one for one in caplog.records if one.name == "weft.actors"]
    assert not [one for one in records if one.levelno == logging.ERROR]
