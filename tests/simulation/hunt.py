"""Hunting: cases by seed until one fails, and what is left of that one.

A failing case is reported with its seed, the acts it needs, and the plainest schedule;
``pytest tests/simulation --weft-seed=N`` runs that seed alone.
"""

import gc
import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final

import msgspec

from tests.simulation.audit import faults
from tests.simulation.plan import Act, Plan, drawn
from tests.simulation.world import Case
from weft.actors.testing import NoProgressError, Replay, Strategy, Uniform
from weft.actors.testing.shrink import minimised, plainest

__all__ = ["Hunt", "Prey", "hunted", "hunted_with", "story", "tried"]

THRESHOLDS: Final = (50_000, 20, 20)
"""For the collector: some ten cases between two collections of the young."""

NO_PROGRESS_CHOICES: Final = 1000
"""Of a case that goes on for ever only the beginning is tried to be made plainer."""


class Prey(msgspec.Struct):
    """A case that fails.

    Attributes:
        seed: it was found with.
        wrong: what is wrong.
        plan: its acts, as drawn.
        choices: its schedule.
        breaks_max: how often a session's actor could fail.
    """

    seed: int
    wrong: list[str]
    plan: Plan
    choices: list[int]
    breaks_max: int = 0


class Hunt(msgspec.Struct):
    """What was tried.

    Attributes:
        seeds: how many cases.
        steps: of all of them.
        crashes: of all of them.
        breaks: turns of sessions that failed, of all of them.
        prey: the first case that failed.
    """

    seeds: int = 0
    steps: int = 0
    crashes: int = 0
    breaks: int = 0
    prey: Prey | None = None


def hunted(
    seeds: Iterable[int],
    strategy: Callable[[int], Strategy] = Uniform,
    breaks_max: int = 0,
) -> Hunt:
    """Run the case of each seed until one fails.

    Args:
        seeds: of plans and schedules.
        strategy: makes a schedule of a seed.
        breaks_max: how often a session's actor fails in a case.
    """
    return _hunted(drawn, seeds, strategy, breaks_max)


def hunted_with(
    plan: Plan, seeds: Iterable[int], strategy: Callable[[int], Strategy] = Uniform
) -> Hunt:
    """Run one plan under the schedule of each seed until one fails."""
    return _hunted(lambda _seed: plan, seeds, strategy)


def _hunted(
    plan_of: Callable[[int], Plan],
    seeds: Iterable[int],
    strategy: Callable[[int], Strategy],
    breaks_max: int = 0,
) -> Hunt:
    hunt = Hunt()
    with _quiet():
        for seed in seeds:
            plan, chooser = plan_of(seed), strategy(seed)
            case, wrong = tried(plan, chooser, breaks_max=breaks_max)
            hunt.seeds += 1
            hunt.steps += case.simulation.steps
            hunt.crashes += case.simulation.crashes
            hunt.breaks += case.simulation.breaks
            if wrong:
                hunt.prey = Prey(seed, wrong, plan, chooser.choices, breaks_max)
                break
    return hunt


def tried(
    plan: Plan, strategy: Strategy, *, breaks_max: int = 0, trace: bool = False
) -> tuple[Case, list[str]]:
    """Run a case; return it and what is wrong."""
    case = Case(plan, strategy, breaks_max=breaks_max, trace=trace)
    try:
        case.run()
    except NoProgressError as error:
        return case, [f"no progress: {error}"]
    return case, faults(case)


def story(prey: Prey) -> str:
    """Return a failing case made plain: its few acts, its schedule, what happens."""
    with _quiet():
        choices = prey.choices[:NO_PROGRESS_CHOICES]

        def fails(plan: list[tuple[int, Act]], chosen: list[int]) -> bool:
            return bool(_replayed(prey, plan, chosen)[1])

        acts = minimised(prey.plan, lambda plan: fails(plan, choices))
        choices = plainest(choices, lambda chosen: fails(acts, chosen), 400)
        acts = minimised(acts, lambda plan: fails(plan, choices))
        case, wrong = _replayed(prey, acts, choices, trace=True)
    lines = [f"seed {prey.seed}: {prey.wrong[0]}", "made plain:", *wrong[:3]]
    lines += [f"  client {client}: {act}" for client, act in acts]
    lines += [
        f"choices {choices}",
        *(f"  {line[:160]}" for line in case.simulation.trace),
    ]
    return "\n".join(lines)


def _replayed(
    prey: Prey,
    plan: list[tuple[int, Act]],
    choices: list[int],
    *,
    trace: bool = False,
) -> tuple[Case, list[str]]:
    breaks_max = prey.breaks_max
    return tried(tuple(plan), Replay(choices), breaks_max=breaks_max, trace=trace)


@contextmanager
def _quiet() -> Iterator[None]:
    """Have errors kept but not printed, and garbage collected seldom."""
    logger = logging.getLogger("weft")
    before, logger.propagate = logger.propagate, False
    thresholds = gc.get_threshold()
    gc.set_threshold(*THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        logger.propagate = before
