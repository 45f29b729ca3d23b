"""The simulation as users of Weft see it: virtual time, clients, crashes, no sleeps."""

from collections.abc import Generator
from functools import partial
from typing import Any

import pytest

from weft.actors import Future
from weft.actors.testing import Crashed, NoProgressError, Simulation
from weft.storage import DeadlineExceeded, StoreReadOnly, ThreadBusy


def count(_context: Any, config: Any) -> Generator[int, None, str]:
    yield from range(config.get("to", 3))
    return "done"


WORKFLOWS = {"default": count}


def test_a_workflow_runs_without_os_threads_and_sleeps() -> None:
    with Simulation(seed=1, workflows=WORKFLOWS) as simulation:
        creating = simulation.session("alice").create_thread("notes")
        assert not creating.done()
        notes = simulation.result(creating)
        assert "done" == simulation.result(notes.run({"to": 2}))
        assert [1, 0] == [state.values for state in notes.history().get()]
        assert simulation.check().clean
        assert [] == simulation.errors


def test_get_of_what_is_pending_raises_in_a_client() -> None:
    def impatient(simulation: Simulation) -> Generator[Any, Any, None]:
        with pytest.raises(RuntimeError, match="get"):
            simulation.session("alice").open().get()
        yield None

    with Simulation() as simulation:
        client = simulation.spawn(impatient(simulation))
        simulation.run()
        assert client.done


def test_clients_take_turns_and_each_gets_its_answer() -> None:
    def client(simulation: Simulation, name: str) -> Generator[Any, Any, str]:
        thread = yield simulation.session("alice").create_thread(name)
        yield thread.run()
        record = yield thread.get()
        return str(record.thread_name)

    with Simulation(seed=3, workflows=WORKFLOWS) as simulation:
        clients = [simulation.spawn(client(simulation, name)) for name in "xyz"]
        simulation.run()
        assert ["x", "y", "z"] == [one.result for one in clients]


def test_an_answer_that_fails_is_raised_in_the_client() -> None:
    def client(simulation: Simulation) -> Generator[Any, Any, str]:
        thread = yield simulation.session("alice").create_thread("notes")
        running = thread.run()
        try:
            yield thread.remove()
        except ThreadBusy:
            yield running
            return "busy"
        return "removed"

    found = set()
    for seed in range(20):
        with Simulation(seed, workflows=WORKFLOWS) as simulation:
            one = simulation.spawn(client(simulation))
            simulation.run()
            found.add(one.result)
    assert "busy" in found


def test_time_passes_only_when_it_is_told_to() -> None:
    with Simulation() as simulation:
        creating = simulation.session("alice").open(timeout_s=3.0)
        before = simulation.sources.clock_us()
        simulation.run()
        assert before == creating.get().created_at_us
        simulation.advance(2.5)
        assert before + 2_500_000 == simulation.sources.clock_us()


def test_a_deadline_passes_in_virtual_time() -> None:
    with Simulation() as simulation:
        creating = simulation.session("alice").open(timeout_s=3.0)
        simulation.process.timers.call_next()
        simulation.run()
        with pytest.raises(DeadlineExceeded):
            creating.get()


def test_a_timer_is_called_in_order_and_once() -> None:
    called: list[int] = []
    with Simulation() as simulation:
        now = simulation.sources.monotonic_ns()
        for delay in (3, 1, 2):
            simulation.process.timers.call_at(
                now + delay * 10**9, partial(called.append, delay)
            )
        dropped = simulation.process.timers.call_at(now, lambda: called.append(0))
        assert dropped.cancel()
        assert not dropped.cancel()
        simulation.advance(2.0)
        assert [1, 2] == called
        simulation.advance(5.0)
        assert [1, 2, 3] == called


def test_a_crash_loses_answers_but_nothing_that_was_committed() -> None:
    with Simulation(workflows=WORKFLOWS) as simulation:
        simulation.session("alice").open()
        simulation.run()
        simulation.crash("after")
        lost = simulation.session("bob").open(op_id="b")
        simulation.run()
        with pytest.raises(Crashed):
            lost.get()
        again = simulation.session("bob").open(op_id="b")
        simulation.run()
        assert 2 == again.get().created_seq
        assert 1 == simulation.crashes


@pytest.mark.parametrize("point", ["before", "inside", None])
def test_what_was_not_committed_is_gone(point: Any) -> None:
    with Simulation() as simulation:
        lost = simulation.session("alice").open()
        simulation.crash(point)
        simulation.run()
        with pytest.raises(Crashed):
            lost.get()
        with simulation.store.read() as snapshot:
            assert 0 == snapshot.seq


def test_a_run_is_taken_over_after_a_crash() -> None:
    with Simulation(seed=5, workflows=WORKFLOWS) as simulation:
        notes = simulation.result(simulation.session("alice").create_thread("notes"))
        lost = notes.run(op_id="r")
        while notes.state().get() is None:
            simulation.run(1, until_quiet=False)
        simulation.crash()
        with pytest.raises(Crashed):
            lost.get()
        simulation.run()
        assert "done" == simulation.result(notes.run(op_id="r"))


def test_a_simulation_that_goes_on_for_ever_is_ended() -> None:
    def restless(_simulation: Simulation) -> Generator[Any, Any, None]:
        while True:
            yield None

    with Simulation() as simulation:
        simulation.spawn(restless(simulation))
        with pytest.raises(NoProgressError, match="100 steps"):
            simulation.run(100)


def test_errors_that_nobody_hears_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    with Simulation() as simulation:
        monkeypatch.setattr(simulation.store, "apply", _broken_disk)
        opening = simulation.session("alice").open()
        simulation.run()
        with pytest.raises(StoreReadOnly):
            opening.get()
        assert "could not be written" in simulation.errors[0]


def _broken_disk(_operations: Any) -> Any:
    raise StoreReadOnly("The disk is gone.")


def test_a_result_that_does_not_come_by_itself_is_named() -> None:
    with Simulation() as simulation, pytest.raises(RuntimeError, match="timer"):
        simulation.result(Future())


def test_the_same_seed_makes_the_same_ids() -> None:
    def ids() -> list[str]:
        with Simulation(seed=9) as simulation:
            made = [simulation.session("a").create_thread(name) for name in "xyz"]
            simulation.run()
            return [one.get().thread_id for one in made]

    assert ids() == ids()
