"""Every schedule, depth first: for cases so small that there are few.

Guarantees: no two schedules are the same within the depth; all of them come, unless
the limit comes first.
"""

from collections.abc import Iterator, Sequence

from weft.actors.testing.strategy import Event

__all__ = ["Prescribed", "schedules"]


class Prescribed:
    """Decides as prescribed, then always 0; remembers what else it could have.

    Args:
        prescribed: the first choices.
        depth: how many choices are enumerated.
    """

    def __init__(self, prescribed: Sequence[int], depth: int) -> None:
        self.choices: list[int] = []
        self.limits: list[int] = []
        self._prescribed = prescribed
        self._depth = depth

    def pick(self, events: Sequence[Event]) -> int:
        """Return the index of the event that happens next."""
        return self.number(len(events))

    def number(self, limit: int) -> int:
        """Return a number below the limit."""
        place = len(self.choices)
        choice = self._prescribed[place] if place < len(self._prescribed) else 0
        self.choices.append(choice)
        self.limits.append(limit if place < self._depth else 1)
        return choice

    def following(self) -> list[int] | None:
        """Return the choices of the next schedule; None after the last."""
        for place in reversed(range(len(self.choices))):
            if self.choices[place] + 1 < self.limits[place]:
                return [*self.choices[:place], self.choices[place] + 1]
        return None


def schedules(depth: int, schedules_max: int) -> Iterator[Prescribed]:
    """Yield a strategy for each schedule; run a scenario with it before the next.

    Args:
        depth: how many choices are enumerated.
        schedules_max: where to stop.
    """
    prescribed: list[int] | None = []
    for _ in range(schedules_max):
        if prescribed is None:
            return
        strategy = Prescribed(prescribed, depth)
        yield strategy
        prescribed = strategy.following()
