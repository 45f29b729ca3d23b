"""Exploring: one scenario under many schedules, and what is left of one that fails.

::

    def two_clients(simulation):
        simulation.spawn(alice(simulation))
        simulation.spawn(bob(simulation))
        simulation.run()
        assert simulation.check().clean

    explore(two_clients, range(1000), workflows=[summarise], crashes_max=2)
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import msgspec

from weft.actors.testing.exhaustive import schedules
from weft.actors.testing.shrink import plainest
from weft.actors.testing.simulation import Simulation
from weft.actors.testing.strategy import Replay, Strategy, Uniform

__all__ = ["Explored", "ScenarioFailed", "explore", "explore_all"]

Scenario = Callable[[Simulation], None]
"""Spawns clients, runs, and raises if what came out is wrong."""

SHRINK_TRIES_MAX: Final = 400
"""How often a failing schedule is tried to be made plainer, about a second's worth."""


class Explored(msgspec.Struct):
    """What was tried.

    Attributes:
        schedules: how many.
        steps: events, of all of them.
        crashes: deaths of the simulated process.
        complete: every schedule there is was tried.
    """

    schedules: int = 0
    steps: int = 0
    crashes: int = 0
    complete: bool = False


class ScenarioFailed(AssertionError):
    """A schedule under which the scenario fails; its cause is what it raised.

    Attributes:
        seed: it was found with; None if schedules were enumerated.
        choices: replay it with ``Simulation(strategy=Replay(choices))``.
        trace: what happens in it, a sentence each.
    """

    def __init__(
        self, seed: int | None, choices: list[int], trace: list[str], cause: Exception
    ) -> None:
        where = "" if seed is None else f"seed {seed}, "
        steps = "\n".join(f"  {line[:160]}" for line in trace)
        super().__init__(
            f"{type(cause).__name__}: {cause}\n{where}choices {choices}:\n{steps}"
        )
        self.seed = seed
        self.choices = choices
        self.trace = trace


def explore(
    scenario: Scenario,
    seeds: Iterable[int],
    *,
    strategy: Callable[[int], Strategy] = Uniform,
    **options: Any,
) -> Explored:
    """Run a scenario once for each seed.

    Args:
        scenario: what to run.
        seeds: of the strategies.
        strategy: makes one of a seed.
        **options: of :class:`~weft.actors.testing.simulation.Simulation`.

    Returns:
        what was tried.

    Raises:
        ScenarioFailed: at the first seed that fails, with its schedule made plain.
    """
    chosen = ((seed, strategy(seed)) for seed in seeds)
    return _explore(scenario, chosen, options)


def explore_all(
    scenario: Scenario, *, depth: int, schedules_max: int = 10_000, **options: Any
) -> Explored:
    """Run a scenario under every schedule there is; for small ones.

    Args:
        scenario: what to run.
        depth: how many choices are enumerated; later ones are the plainest.
        schedules_max: where to stop.
        **options: of :class:`~weft.actors.testing.simulation.Simulation`.

    Returns:
        what was tried; ``complete`` if ``schedules_max`` was not reached.

    Raises:
        ScenarioFailed: at the first schedule that fails.
    """
    chosen = ((None, one) for one in schedules(depth, schedules_max))
    explored = _explore(scenario, chosen, options)
    explored.complete = explored.schedules < schedules_max
    return explored


def _explore(
    scenario: Scenario,
    strategies: Iterator[tuple[int | None, Strategy]],
    options: dict[str, Any],
) -> Explored:
    explored = Explored()
    for seed, strategy in strategies:
        with Simulation(seed or 0, strategy=strategy, **options) as simulation:
            try:
                scenario(simulation)
            except Exception as error:
                raise _plain(scenario, seed, strategy.choices, options) from error
        explored.schedules += 1
        explored.steps += simulation.steps
        explored.crashes += simulation.crashes
    return explored


def _plain(
    scenario: Scenario, seed: int | None, choices: list[int], options: dict[str, Any]
) -> ScenarioFailed:
    failures: dict[tuple[int, ...], tuple[Simulation, Exception]] = {}

    def fails(tried: list[int]) -> bool:
        replay = Replay(tried)
        with Simulation(seed or 0, strategy=replay, trace=True, **options) as one:
            try:
                scenario(one)
            except Exception as error:  # noqa: BLE001 - kept, and raised in the end
                failures[tuple(tried)] = one, error
                return True
        return False

    fails(choices)
    least = plainest(choices, fails, SHRINK_TRIES_MAX)
    simulation, error = (
        failures[tuple(least)]
        if tuple(least) in failures
        else (failures[tuple(choices)])
    )
    return ScenarioFailed(seed, least, simulation.trace, error)
