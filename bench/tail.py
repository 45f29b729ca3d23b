"""How long the slowest hundredth of the callers wait, against what the disk did then.

With C callers in a closed loop and a throughput of X, an operation takes C / X on
average. Twice that and the p99 of a raw flush of the same seconds is what a fair queue
with whole groups should stay under.
"""

from pathlib import Path

import msgspec

from bench.callers import Window, drive
from bench.probe import Flushes, Probe
from bench.spec import Case, Kind
from bench.weft_runtime import WeftRuntime
from bench.work import World

__all__ = ["TailMeasurement", "TailSpec", "measure_tail"]

_WARM_UP_SHARE = 0.2


class TailSpec(msgspec.Struct, frozen=True, tag=True):
    """Measure Weft's latencies beside a probe of the disk.

    Attributes:
        directory: an empty folder.
    """

    case: Case
    kind: Kind
    callers: int
    seconds: float
    directory: str


class TailMeasurement(msgspec.Struct, frozen=True):
    """Latency, and what it is judged by.

    Attributes:
        p99_us: of an operation.
        fair_us: twice the callers divided by the throughput.
        flushes: raw ones, of the same seconds.
    """

    p99_us: float
    fair_us: float
    flushes: Flushes

    @property
    def limit_us(self) -> float:
        """What the p99 should stay under."""
        return self.fair_us + self.flushes.p99_us


def measure_tail(spec: TailSpec) -> TailMeasurement:
    """Measure Weft and the disk at once.

    Raises:
        AssertionError: an answered operation is not in the store.
    """
    directory, world = Path(spec.directory), World(spec.case)
    engine = WeftRuntime.create(directory, world)
    loops = [world.work(n, spec.callers) for n in range(spec.callers)]
    warm = drive(engine, spec.kind, loops, spec.seconds * _WARM_UP_SHARE)
    with Probe(directory) as probe:
        window = drive(engine, spec.kind, loops, spec.seconds)
    engine.close()
    answered = len(warm.latencies_ns) + len(window.latencies_ns)
    found, expected = WeftRuntime.count(directory), world.expected(answered)
    if found != expected:
        raise AssertionError(f"{spec}: answered {expected}, stored {found}")
    return _measurement(window, spec.callers, probe.flushes)


def _measurement(window: Window, callers: int, flushes: Flushes) -> TailMeasurement:
    latencies_ns = sorted(window.latencies_ns)
    number = len(latencies_ns)
    fair_us = 2 * callers * window.elapsed_s / number * 1e6
    return TailMeasurement(latencies_ns[number * 99 // 100] / 1e3, fair_us, flushes)
