"""How much one asker may ask: a bucket of requests that fills steadily.

Guarantees: at most ``ASKERS_MAX`` buckets are kept; who could ask a burst again is
forgotten first.
"""

import time
from collections.abc import Callable
from typing import Final

__all__ = ["RateLimit"]

ASKERS_MAX: Final = 10_000
"""A bucket costs 200 bytes; somebody who asks from many addresses gets 2 MB of them."""


class RateLimit:
    """A rate for each asker.

    Args:
        per_s: requests a second, in the long run; 0 for no limit.
        burst: how many may come at once.
        clock_s: monotonic, in seconds.
    """

    def __init__(
        self, per_s: float, burst: int, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_s = per_s
        self._burst = float(burst)
        self._clock_s = clock_s
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, asker: str) -> float:
        """Let a request in, or return how long to wait, in seconds."""
        if not self._per_s:
            return 0.0
        now_s = self._clock_s()
        level, seen_s = self._buckets.get(asker, (self._burst, now_s))
        level = min(self._burst, level + (now_s - seen_s) * self._per_s)
        if level < 1:
            self._buckets[asker] = level, now_s
            return (1 - level) / self._per_s
        if asker not in self._buckets and len(self._buckets) >= ASKERS_MAX:
            self._forget(now_s)
        self._buckets[asker] = level - 1, now_s
        return 0.0

    def _forget(self, now_s: float) -> None:
        """Forget who could ask a burst again; if nobody could, the oldest half."""
        full_s = self._burst / self._per_s
        kept = {
            asker: bucket
            for asker, bucket in self._buckets.items()
            if now_s - bucket[1] < full_s
        }
        if len(kept) >= ASKERS_MAX:
            kept = dict(list(kept.items())[ASKERS_MAX // 2 :])
        self._buckets = kept
