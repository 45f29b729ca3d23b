"""Damages a store in one way at a time, below the rules.

A planter changes the trees so that exactly one finding of a check is the truth, and
returns that finding. Values are encoded properly, so their checksums are right; only
damaged records are not. Each takes threads, sessions and log entries that no other has
touched, so any number of them may damage one store.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final

from tests.storage.planters import damage, graphs, lists, log, past, runs
from tests.storage.planters.field import Field, Planted
from weft.storage.store import TreeStore

__all__ = ["HIDDEN", "PLANTERS", "Planted", "plant", "plant_possible"]

Planter = Callable[[Field], Planted]

PLANTERS: Final[dict[str, Planter]] = {
    name: value
    for module in (lists, past, runs, graphs, log, damage)
    for name, value in vars(module).items()
    if getattr(value, "__module__", "") == module.__name__
    and getattr(value, "__annotations__", {}).get("return") is Planted
}
"""Every planter, by its name."""

HIDDEN: Final = frozenset(
    planter.__name__
    for planter in (
        lists.removed_list_entry,
        lists.one_name_twice,
        lists.second_active_row,
        past.active_row_of_nothing,
        past.inactive_row_of_nothing,
        past.removed_past,
        runs.live_index_of_nothing,
        runs.live_index_of_an_ended_run,
        runs.removed_run_index,
        graphs.graph_run_of_nothing,
    )
)
"""Damages that no index of the session itself leads to."""


def plant(store: TreeStore, planters: Iterable[str]) -> list[Planted]:
    """Damage a store in these ways, by name; return the findings they must give."""
    with store._engine.write() as trees:
        field = Field(trees)
        return [PLANTERS[name](field) for name in planters]


def plant_possible(store: TreeStore, planters: Iterable[str]) -> list[Planted]:
    """Damage a store in those of these ways for which it has something left."""
    planted = []
    with store._engine.write() as trees:
        field = Field(trees)
        for name in planters:
            with suppress(StopIteration):  # raised before anything is written
                planted.append(PLANTERS[name](field))
    return planted
