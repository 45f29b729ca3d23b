"""How long calls take that are made again and again, by one caller or by many.

Guarantees: the time of a call is from the yield before it to the next one of the same
caller, so what a caller does between its calls counts; nothing counts before the first
call of the first caller; a call costs some 0.3 us to time.
"""

import time
from array import array
from collections.abc import Iterator

import msgspec

from weft.daemon.progress import Show

__all__ = ["Figure", "Stopwatch"]


class Figure(msgspec.Struct, frozen=True):
    """What one measurement came to.

    Attributes:
        what: was done.
        callers: who asked at once.
        count: of answers.
        per_second: of them.
        p50_ms: what half of the callers waited at the most.
        p99_ms: what all but a hundredth waited at the most.
        max_ms: the longest wait.
        cpu_us: of this process, for each.
        per_flush: operations that shared one commit; None where none was made.
    """

    what: str
    callers: int
    count: int
    per_second: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    cpu_us: float
    per_flush: float | None = None


class Stopwatch:
    """Times calls for some seconds, and makes a figure of them.

    Args:
        seconds: from the first call on.
        show: told the progress, per mille and 1,000.
    """

    def __init__(self, seconds: float, show: Show) -> None:
        self._seconds, self._show = seconds, show
        self._took_s = array("d")
        self._began_cpu_s = self._began_s = 0.0

    def calls(self) -> Iterator[None]:
        """Yield for each call to be made; the call is what follows the yield.

        The first caller's first call begins the measurement.
        """
        before_s = time.perf_counter()
        if not self._began_s:
            self._began_cpu_s, self._began_s = time.process_time(), before_s
        while (passed_s := before_s - self._began_s) < self._seconds:
            self._show(int(1000 * passed_s / self._seconds), 1000)
            yield
            now_s = time.perf_counter()
            self._took_s.append(now_s - before_s)
            before_s = now_s

    def figure(self, what: str, callers: int, flushes: int = 0) -> Figure:
        """Return what was measured; there was a call at least.

        Args:
            what: was done.
            callers: who asked at once.
            flushes: how many commits there were meanwhile.
        """
        passed_s = time.perf_counter() - self._began_s
        cpu_s = time.process_time() - self._began_cpu_s
        took_s, number = sorted(self._took_s), len(self._took_s)

        def quantile_ms(share: float) -> float:
            return round(1000 * took_s[int(share * (number - 1))], 3)

        return Figure(
            what=what,
            callers=callers,
            count=number,
            per_second=round(number / passed_s, 1),
            p50_ms=quantile_ms(0.5),
            p99_ms=quantile_ms(0.99),
            max_ms=quantile_ms(1),
            cpu_us=round(1e6 * cpu_s / number, 1),
            per_flush=round(number / flushes, 1) if flushes else None,
        )
