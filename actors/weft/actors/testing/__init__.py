"""Deterministic simulation: virtual time, chosen orders, crashes, no sleeps.

Begin with :class:`Simulation`; run a scenario under many seeds with :func:`explore`.
The same seed gives the same run.
"""

from weft.actors.testing.client import Client, Script
from weft.actors.testing.explore import (
    Explored,
    ScenarioFailed,
    explore,
    explore_all,
)
from weft.actors.testing.linearizability import (
    Call,
    Model,
    linearizable,
    unlinearizable,
)
from weft.actors.testing.simulation import Crashed, NoProgressError, Simulation
from weft.actors.testing.strategy import Pct, Replay, Strategy, Uniform

__all__ = [
    "Call",
    "Client",
    "Crashed",
    "Explored",
    "Model",
    "NoProgressError",
    "Pct",
    "Replay",
    "ScenarioFailed",
    "Script",
    "Simulation",
    "Strategy",
    "Uniform",
    "explore",
    "explore_all",
    "linearizable",
    "unlinearizable",
]
