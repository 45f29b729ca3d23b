"""What a metric is, as data: its name, its kind, its labels, its buckets.

Guarantees:
    * a label's values are a set fixed in advance; what is not in it is counted under
      ``other``, so the number of series never grows with sessions, threads or users.

Histograms. The rooms count in powers of two (:mod:`weft.storage.statistics`): bucket
i holds the integers below ``2**i``, so the exact upper bound is ``2**i - 1``, in
nanoseconds or operations. Exposed are the powers at which something can be decided,
19 of 42 for durations; what lies between and outside them is merged into the next
one, so every cumulative count stays exact.
"""

from collections.abc import Iterator
from itertools import product
from typing import Final, Literal

import msgspec

__all__ = ["NS_PER_S", "OTHER", "Buckets", "Kind", "Label", "Metric"]

Kind = Literal["counter", "gauge", "histogram"]

OTHER: Final = "other"
"""The label value of what is in no set, such as a kind that a user's actor has."""

NS_PER_S: Final = 1_000_000_000


class Label(msgspec.Struct, frozen=True):
    """A dimension of a metric.

    Attributes:
        name: as exposed.
        values: the closed set; each of them is exposed from the start, with 0. Empty
            for the constants of the build.
    """

    name: str
    values: tuple[str, ...] = ()


class Buckets(msgspec.Struct, frozen=True):
    """The bounds of a histogram.

    Attributes:
        powers: the powers of two that are exposed, ascending.
        per_unit: how many of what was counted make one exposed unit.
    """

    powers: tuple[int, ...]
    per_unit: int = 1

    @property
    def bounds(self) -> tuple[float, ...]:
        """The inclusive upper bounds, in the exposed unit."""
        return tuple((2**power - 1) / self.per_unit for power in self.powers)


class Metric(msgspec.Struct, frozen=True):
    """One metric family.

    Attributes:
        name: as in the ``# TYPE`` line of the text format.
        kind: the type.
        help: one sentence.
        labels: its dimensions.
        buckets: of a histogram.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[Label, ...] = ()
    buckets: Buckets | None = None

    def series(self) -> Iterator[tuple[str, ...]]:
        """Yield the label values that are exposed from the start."""
        return product(*(label.values for label in self.labels))
