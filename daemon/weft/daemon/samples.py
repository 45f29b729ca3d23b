"""What a page of metrics says, in the numbers that commands show.

Guarantees: what is not on the page is 0.
"""

from collections.abc import Mapping
from typing import Final

__all__ = ["Samples"]

Labels = frozenset[tuple[str, str]]

INFINITE: Final = float("inf")


class Samples:
    """The samples of one scrape.

    Args:
        page: the text of ``/metrics``.
    """

    def __init__(self, page: str) -> None:
        from prometheus_client.parser import text_string_to_metric_families

        self._values: dict[str, dict[Labels, float]] = {}
        for family in text_string_to_metric_families(page):
            for sample in family.samples:
                labels = frozenset(sample.labels.items())
                self._values.setdefault(sample.name, {})[labels] = sample.value

    def total(self, name: str, **labels: str) -> float:
        """Return the sum of a name's samples that have these labels."""
        wanted = labels.items()
        found = self._values.get(name, {})
        return sum(value for key, value in found.items() if wanted <= key)

    def by(self, name: str, label: str) -> dict[str, float]:
        """Return the sums of a name's samples by the values of a label, sorted."""
        sums: dict[str, float] = {}
        for key, value in self._values.get(name, {}).items():
            kind = dict(key).get(label, "")
            sums[kind] = sums.get(kind, 0.0) + value
        return dict(sorted(sums.items()))

    def quantile(
        self, name: str, quantile: float, before: "Samples | None" = None
    ) -> float | None:
        """Return a quantile of a histogram, since an earlier scrape if there is one.

        Args:
            name: of the histogram, without ``_bucket``.
            quantile: 0 to 1.
            before: what was there already.

        Returns:
            the upper end of the bucket it lies in; None where nothing was counted.
        """
        ends = self.buckets(name)
        if before is not None:
            past = before.buckets(name)
            ends = {end: count - past.get(end, 0.0) for end, count in ends.items()}
        count = max(ends.values(), default=0.0)
        if count <= 0:
            return None
        finite = [end for end in sorted(ends) if end < INFINITE]
        return next(
            (end for end in finite if ends[end] >= quantile * count),
            finite[-1] if finite else None,
        )

    def buckets(self, name: str) -> Mapping[float, float]:
        """Return how many a histogram counted up to each end of a bucket."""
        return {
            float(end): count
            for end, count in self.by(f"{name}_bucket", "le").items()
            if end
        }
