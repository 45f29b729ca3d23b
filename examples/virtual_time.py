"""Testing a workflow: no sleeps, an hour in a millisecond, crashes at every moment.

The tests are ordinary ones: ``pytest examples/virtual_time.py`` runs them, too.

    $ python examples/virtual_time.py
    it is tried again after a minute
    a crash at any moment loses nothing
    of two who want one name one gets it
"""

from collections.abc import Iterator
from typing import Any

from weft.actors import ExecutionContext, RetryPolicy, RunPolicy, workflow
from weft.actors.testing import Crashed, Script, Simulation, explore, explore_all
from weft.storage import NameTaken, RunInterrupted


@workflow(policy=RunPolicy(retry=RetryPolicy(max_attempts=3, backoff_s=60.0, jitter=0)))
def fetch(context: ExecutionContext, config: dict[str, Any]) -> dict[str, int]:
    """Fail twice, then answer."""
    if context.attempt < 3:
        raise ConnectionError("the shop is down")
    return {"attempts": context.attempt}


@workflow
def count(context: ExecutionContext, config: dict[str, Any]) -> Iterator[Any]:
    """Count to three, from wherever the last durable state says."""
    yield from range((context.state or 0) + 1, 4)


def test_it_is_tried_again_after_a_minute() -> None:
    with Simulation(seed=1, workflows=[fetch]) as simulation:
        thread = simulation.result(
            simulation.session("alice").create_thread("shop", workflow="fetch")
        )
        running = thread.run()
        simulation.advance(59.0)
        assert not running.done()
        simulation.advance(3600.0)  # takes a millisecond
        assert {"attempts": 3} == running.get()


def test_a_crash_at_any_moment_loses_nothing() -> None:
    def counted(simulation: Simulation) -> Script:
        """Do as a client does whose daemon may die: ask again, under the same key."""
        while True:
            try:
                thread = yield simulation.session("alice").create_thread(
                    "notes", workflow="count", op_id="create"
                )
                result = yield thread.run(op_id="run")
            except (Crashed, RunInterrupted):
                continue
            assert 3 == result
            history = yield thread.history()
            assert [3, 2, 1] == [state.values for state in history]  # once each
            return

    def scenario(simulation: Simulation) -> None:
        client = simulation.spawn(counted(simulation))
        simulation.run()
        assert client.done
        assert simulation.check().clean

    explored = explore(
        scenario, range(150), workflows=[count], crashes_max=2, crash_within=30
    )
    assert explored.crashes > 50


def test_of_two_who_want_one_name_one_gets_it() -> None:
    def scenario(simulation: Simulation) -> None:
        alice = simulation.session("alice")
        wanted = [alice.create_thread("notes") for _ in range(2)]
        simulation.run()
        outcomes = []
        for one in wanted:
            try:
                outcomes.append(one.get().thread_id is not None)
            except NameTaken:
                outcomes.append(False)
        assert [False, True] == sorted(outcomes)

    explored = explore_all(scenario, depth=100)
    assert explored.complete


if __name__ == "__main__":
    for name, test in list(globals().items()):
        if name.startswith("test_"):
            test()
            print(name.removeprefix("test_").replace("_", " "))
