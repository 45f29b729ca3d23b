"""Counting what became of the due times of crons, in plain slots.

Guarantees: only the event loop counts; any OS thread may read.
"""

from typing import Literal

from weft.metrics import CronStatistics
from weft.storage.statistics import Histogram

__all__ = ["CronCounter", "Fate"]

Fate = Literal["fired", "skipped", "failed"]


class CronCounter:
    """What one daemon did for crons."""

    def __init__(self) -> None:
        self._fates: dict[str, int] = {}
        self._lag_ns = Histogram()

    def count(self, fate: Fate) -> None:
        """Count a due time."""
        self._fates[fate] = self._fates.get(fate, 0) + 1

    def fired(self, lag_us: int) -> None:
        """Count a run that was started.

        Args:
            lag_us: since it was due, in microseconds.
        """
        self.count("fired")
        self._lag_ns.observe(max(0, lag_us) * 1000)

    def cron_statistics(self) -> CronStatistics:
        """Return the numbers so far."""
        return CronStatistics(dict(self._fates), self._lag_ns.snapshot())
