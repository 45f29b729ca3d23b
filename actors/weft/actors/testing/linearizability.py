"""Linearizability: could these answers have come from one object, one call at a time?

A history is a list of calls with the moments they were made and answered. It is
linearizable if there is an order of the calls in which a sequential object gives the
same answers and which respects time: a call that was answered before another was made
comes first. The search is Wing and Gong's (1993) with Lowe's memory of configurations
(2017). It is exponential in what overlaps, so histories are split by object first:
an object-wise linearizable history is linearizable (Herlihy and Wing, 1990).

Guarantees: the answer is exact. A call without an answer may have taken effect, or not.
"""

from collections.abc import Callable, Hashable, Iterable
from typing import Any, Generic, TypeVar

import msgspec

__all__ = ["Call", "Model", "linearizable", "unlinearizable"]

S = TypeVar("S", bound=Hashable)

NEVER = float("inf")


class Call(msgspec.Struct, frozen=True):
    """One call of a history.

    Attributes:
        key: of which object.
        request: what was asked.
        answer: what was answered; anything if it never was.
        called: when, on any clock.
        answered: when; infinite if it never was.
    """

    key: Hashable
    request: Any
    answer: Any
    called: float
    answered: float = NEVER


class Model(Generic[S]):
    """What the object is, one call at a time.

    Args:
        initial: its state at first.
        step: takes a state and a call; returns the states it may be in afterwards if
            it gave this answer: none if it could not. A call that was never answered
            may have had any.
    """

    def __init__(self, initial: S, step: Callable[[S, Call], Iterable[S]]) -> None:
        self.initial = initial
        self.step = step


def unlinearizable(history: Iterable[Call], model: Model[Any]) -> list[list[Call]]:
    """Return the parts of a history, object by object, that are not linearizable."""
    parts: dict[Hashable, list[Call]] = {}
    for call in history:
        parts.setdefault(call.key, []).append(call)
    return [part for part in parts.values() if not linearizable(part, model)]


def linearizable(calls: list[Call], model: Model[Any]) -> bool:
    """Return whether the calls of one object are linearizable."""
    calls = sorted(calls, key=lambda call: call.called)
    answered = sum(1 << i for i, call in enumerate(calls) if call.answered < NEVER)
    seen: set[tuple[int, Hashable]] = set()
    configurations: list[tuple[int, Any]] = [(0, model.initial)]
    while configurations:
        done, state = configurations.pop()
        if done & answered == answered:
            return True
        for index in _next(calls, done):
            for after in model.step(state, calls[index]):
                configuration = (done | 1 << index, after)
                if configuration not in seen:
                    seen.add(configuration)
                    configurations.append(configuration)
    return False


def _next(calls: list[Call], done: int) -> list[int]:
    """Return the calls that may come next: made before any other is answered."""
    left = [index for index in range(len(calls)) if not done >> index & 1]
    first = min(calls[index].answered for index in left)
    return [index for index in left if calls[index].called <= first]
