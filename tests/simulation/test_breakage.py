"""Sessions whose actors break, at the moments at which that lost something once."""

from collections.abc import Iterator
from typing import Any

import pytest

from weft.actors.context import ExecutionContext
from weft.actors.errors import ActorCrashed
from weft.actors.testing import Crashed, Simulation
from weft.actors.testing.breakage import BREAK_POINTS, BreakPoint, is_of_session
from weft.actors.testing.scheduler import Channel
from weft.storage import Thread

STEPS_MAX = 200


def count(context: ExecutionContext, _config: Any) -> Iterator[dict[str, int]]:
    """Count from the last durable state to 3."""
    for number in range((context.state or {"n": 0})["n"] + 1, 4):
        yield {"n": number}


def run_until(simulation: Simulation, message: str) -> None:
    """Let things happen until a session is to handle a message of a kind."""
    for _ in range(STEPS_MAX):
        for event in simulation.process.events():
            is_turn = isinstance(event, Channel) and is_of_session(event.cell)
            if is_turn and f": {message}(" in event.describe():
                return
        simulation.run(1, until_quiet=False)
    raise AssertionError(f"no session is ever to handle a {message}")


def threads_of(simulation: Simulation) -> list[Thread]:
    with simulation.store.read() as snapshot:
        return list(snapshot.threads("a"))


def break_next(simulation: Simulation, point: BreakPoint) -> None:
    simulation.process.scheduler.breakage.armed = point


@pytest.mark.parametrize("point", BREAK_POINTS)
def test_a_session_that_breaks_is_back_and_its_command_has_one_effect(
    point: BreakPoint,
) -> None:
    with Simulation(seed=1) as simulation:
        simulation.result(simulation.session("a").open())
        creating = simulation.session("a").create_thread("notes", op_id="once")
        run_until(simulation, "Command")
        break_next(simulation, point)
        simulation.advance(60.0)
        with pytest.raises(ActorCrashed):
            creating.get()
        again = simulation.session("a").create_thread("notes", op_id="once")
        simulation.advance(60.0)
        assert again.get().thread_id in {t.thread_id for t in threads_of(simulation)}
        assert 1 == len(threads_of(simulation))
        assert simulation.check().clean
        assert [] == simulation.errors


def test_a_run_whose_takeover_broke_the_session_is_taken_over_all_the_same() -> None:
    """It stayed in progress until the store was opened again, and nobody ran it."""
    with Simulation(seed=1, workflows={"count": count}) as simulation:
        thread = simulation.result(
            simulation.session("a").create_thread("notes", workflow="count")
        )
        running = thread.run({})
        while simulation.store.seq < 3:
            simulation.run(1, until_quiet=False)
        simulation.crash()
        run_until(simulation, "Resume")
        break_next(simulation, "before")
        simulation.advance(60.0)
        with pytest.raises(Crashed):
            running.get()
        with simulation.store.read() as snapshot:
            (run,) = snapshot.runs(thread.thread_id)
        assert "success" == run.status
        assert ["idle"] == [one.status for one in threads_of(simulation)]


def test_what_waits_behind_a_command_is_answered_when_its_turn_breaks() -> None:
    """It had left the stash and was not yet handled: it was nobody's."""
    with Simulation(seed=1, workflows={"count": count}) as simulation:
        thread = simulation.result(
            simulation.session("a").create_thread("notes", workflow="count")
        )
        renaming = thread.rename("diary")
        first = thread.run({}, op_id="first")
        second = thread.run({}, op_id="second")
        run_until(simulation, "Settled")
        break_next(simulation, "inside")
        simulation.advance(60.0)
        assert renaming.done()
        with pytest.raises(ActorCrashed):
            first.get()
        assert {"n": 3} == second.get()
