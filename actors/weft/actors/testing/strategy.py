"""Strategies: who decides what happens next, and remembers what was decided.

Everything that is left open in a simulation (which mail is delivered, how many
operations make a group, when the process dies) is asked here, one integer a time. So
the list of answers is the run: given again, it is the same run.

Guarantees: a strategy of the same seed, asked the same, answers the same; a replayed
list that is cut short goes on with zeros, the plainest schedule there is.
"""

from collections.abc import Sequence
from random import Random
from typing import Final, Protocol

__all__ = ["Event", "Pct", "Replay", "Strategy", "Uniform"]


class Event(Protocol):
    """Something that can happen next."""

    @property
    def label(self) -> str:
        """Who does what; the same for all that a party does."""
        ...

    def describe(self) -> str:
        """Return what will happen, for traces."""
        ...

    def act(self) -> None:
        """Let it happen."""


class Strategy(Protocol):
    """Decides; ``choices`` is what it decided so far."""

    choices: list[int]

    def pick(self, events: Sequence[Event]) -> int:
        """Return the index of the event that happens next."""
        ...

    def number(self, limit: int) -> int:
        """Return a number from 0 to ``limit - 1``; 0 is the plainest."""
        ...


class Uniform:
    """Picks each possible event with the same probability.

    Args:
        seed: of the pseudo-random numbers.
    """

    def __init__(self, seed: int) -> None:
        self.choices: list[int] = []
        self._random = Random(seed)  # noqa: S311 - to be repeatable is the point

    def pick(self, events: Sequence[Event]) -> int:
        """Return the index of the event that happens next."""
        return self.number(len(events))

    def number(self, limit: int) -> int:
        """Return a number below the limit."""
        choice = int(self._random.random() * limit) if limit > 1 else 0
        self.choices.append(choice)
        return choice


PCT_STEPS: Final = 256
"""Where priorities may change: within the steps of an ordinary small case."""

PCT_PATIENCE: Final = 128
"""After so many steps one more priority changes: else a party that polls would starve
the one it polls for."""


class Pct:
    """Picks the party of the highest priority, and changes priorities a few times.

    Probabilistic concurrency testing (Burckhardt et al., 2010): a defect that takes
    ``depth`` orderings shows in one of ``parties * steps ** (depth - 1)`` runs, where a
    uniform choice must get every step right.

    Args:
        seed: of the pseudo-random numbers.
        depth: one more than the number of changes.
        steps: within how many steps they fall.
    """

    def __init__(self, seed: int, depth: int = 3, steps: int = PCT_STEPS) -> None:
        self.choices: list[int] = []
        self._random = Random(seed)  # noqa: S311 - to be repeatable is the point
        self._priorities: dict[str, float] = {}
        self._changes = {self._random.randrange(steps) for _ in range(depth - 1)}
        self._picks = 0

    def pick(self, events: Sequence[Event]) -> int:
        """Return the index of the event that happens next."""
        labels = [event.label for event in events]
        index = max(range(len(labels)), key=lambda i: self._priority(labels[i]))
        impatient = self._picks % PCT_PATIENCE == PCT_PATIENCE - 1
        if impatient or self._picks in self._changes:
            lowest = min(self._priorities.values())
            self._priorities[labels[index]] = lowest - 1
            index = max(range(len(labels)), key=lambda i: self._priority(labels[i]))
        self._picks += 1
        self.choices.append(index)
        return index

    def _priority(self, label: str) -> float:
        if label not in self._priorities:
            self._priorities[label] = self._random.random()
        return self._priorities[label]

    def number(self, limit: int) -> int:
        """Return a number below the limit."""
        choice = self._random.randrange(limit)
        self.choices.append(choice)
        return choice


class Replay:
    """Decides as it was decided before.

    Args:
        choices: as some strategy made them; shortened or altered ones will do.
    """

    def __init__(self, choices: Sequence[int]) -> None:
        self.choices: list[int] = []
        self._given = list(reversed(choices))

    def pick(self, events: Sequence[Event]) -> int:
        """Return the index of the event that happens next."""
        return self.number(len(events))

    def number(self, limit: int) -> int:
        """Return a number below the limit."""
        choice = self._given.pop() % limit if self._given else 0
        self.choices.append(choice)
        return choice
