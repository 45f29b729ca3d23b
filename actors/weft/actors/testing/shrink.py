"""Shrinking: the least of a list that still fails.

Delta debugging (Zeller and Hildebrandt, 2002): drop chunks, smaller and smaller ones.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

__all__ = ["minimised", "plainest"]

T = TypeVar("T")


def minimised(
    items: Sequence[T], fails: Callable[[list[T]], bool], tries_max: int = 2000
) -> list[T]:
    """Return a part of the items that fails, of which no single one can go.

    Args:
        items: a list that fails.
        fails: whether a shorter one does; the same answer every time.
        tries_max: how often to ask; then the best so far is returned.
    """
    least, size = list(items), max(1, len(items) // 2)
    tries = 0
    while tries < tries_max:
        start, dropped = 0, False
        while start < len(least) and tries < tries_max:
            shorter = least[:start] + least[start + size :]
            tries += 1
            if fails(shorter):
                least, dropped = shorter, True
            else:
                start += size
        if size == 1 and not dropped:
            break
        size = size if dropped and size == 1 else max(1, size // 2)
    return least


def plainest(
    choices: Sequence[int], fails: Callable[[list[int]], bool], tries_max: int = 2000
) -> list[int]:
    """Return choices that fail, as few and as often 0 as can be.

    Args:
        choices: a list that fails; what is missing at its end counts as 0.
        fails: whether another one does.
        tries_max: how often to ask, for each of the two passes.
    """
    least = minimised(choices, fails, tries_max)
    for index in range(min(len(least), tries_max)):
        if least[index]:
            plainer = [*least[:index], 0, *least[index + 1 :]]
            if fails(plainer):
                least = plainer
    while least and not least[-1]:
        least.pop()
    return least
