"""Many schedules of one scenario: the failing one is found and made plain."""

from collections.abc import Callable, Generator
from typing import Any

import pytest

from weft.actors.testing import (
    Pct,
    Replay,
    ScenarioFailed,
    Simulation,
    explore,
    explore_all,
)
from weft.actors.testing.shrink import minimised, plainest


def reader_and_writer(simulation: Simulation) -> None:
    """Read, then write what was read and one more: a lost update, if they overlap."""

    def add_one() -> Generator[Any, Any, None]:
        session = yield simulation.session("alice").open()
        count = session.metadata.get("count", 0)
        yield simulation.coordinator.update_session(
            "alice", metadata={"count": count + 1}
        )

    simulation.spawn(add_one())
    simulation.spawn(add_one())
    simulation.run()
    assert 2 == simulation.session("alice").get().get().metadata["count"]


def careful(simulation: Simulation) -> None:
    clients = [simulation.spawn(_opens(simulation, session)) for session in ("a", "b")]
    simulation.run()
    assert all(client.done for client in clients)


def _opens(simulation: Simulation, session: str) -> Generator[Any, Any, None]:
    yield simulation.session(session).open()


def test_a_lost_update_is_found_by_every_strategy() -> None:
    finders: list[Callable[[], Any]] = [
        lambda: explore(reader_and_writer, range(50)),
        lambda: explore(reader_and_writer, range(200), strategy=Pct),
        lambda: explore_all(reader_and_writer, depth=30),
    ]
    for find in finders:
        with pytest.raises(ScenarioFailed, match="assert 2 == 1"):
            find()


def test_the_failure_can_be_replayed() -> None:
    with pytest.raises(ScenarioFailed) as caught:
        explore(reader_and_writer, range(50))
    failed = caught.value
    assert f"seed {failed.seed}" in str(failed)
    with (
        Simulation(strategy=Replay(failed.choices)) as simulation,
        pytest.raises(AssertionError),
    ):
        reader_and_writer(simulation)


def test_the_failing_schedule_is_made_plain() -> None:
    with pytest.raises(ScenarioFailed) as caught:
        explore(reader_and_writer, range(50))
    assert 5 >= sum(1 for choice in caught.value.choices if choice)
    assert any("UpdateSession" in line for line in caught.value.trace)


def test_all_schedules_of_a_small_scenario_can_be_tried() -> None:
    explored = explore_all(careful, depth=12, schedules_max=50_000)
    assert explored.complete
    assert 100 < explored.schedules


def test_exploring_stops_at_its_limit_and_says_so() -> None:
    explored = explore_all(careful, depth=12, schedules_max=10)
    assert not explored.complete
    assert 10 == explored.schedules


def test_crashes_are_part_of_what_is_explored() -> None:
    def survives(simulation: Simulation) -> None:
        simulation.session("alice").open()
        simulation.run()

    explored = explore(survives, range(50), crashes_max=1, crash_within=5)
    assert 10 < explored.crashes


def test_the_least_part_of_a_list_that_fails_is_found() -> None:
    assert [3, 7] == minimised(range(10), lambda part: {3, 7} <= set(part))
    assert [] == minimised(range(10), lambda _: True)


def test_choices_become_as_plain_as_can_be() -> None:
    def fails(choices: list[int]) -> bool:
        return len(choices) > 2 and choices[2] == 4

    assert [0, 0, 4] == plainest([5, 6, 4, 1, 2], fails)
