"""What is left of the throughput beside an OS thread that computes without a pause.

Python lets such an OS thread keep the GIL for a switch interval each time, and every
commit gives it up several times. With the interval the daemon sets, 0.5 ms, not 5.
"""

import sys
from pathlib import Path
from threading import Event, Thread
from typing import Final

import msgspec

from bench.callers import drive
from bench.engine import ANSWER_TIMEOUT_S, Engine
from bench.spec import Kind
from bench.sqlite_group import SqliteGroup
from bench.weft_runtime import WeftRuntime
from bench.work import World

__all__ = ["HogMeasurement", "HogSpec", "measure_hog"]

SWITCH_INTERVAL_S: Final = 0.0005

_ENGINES: Final[dict[str, type[Engine]]] = {
    "weft": WeftRuntime,
    "sqlite-group": SqliteGroup,
}
_TURNS: Final = 2


class HogSpec(msgspec.Struct, frozen=True, tag=True):
    """Create threads without and with the computing OS thread, in turns.

    Attributes:
        directory: an empty folder.
    """

    engine: str
    kind: Kind
    callers: int
    seconds: float
    directory: str


class HogMeasurement(msgspec.Struct, frozen=True):
    """Operations per second."""

    alone_rate: float
    beside_rate: float

    @property
    def kept(self) -> float:
        """The share of the throughput that is left."""
        return self.beside_rate / self.alone_rate


def measure_hog(spec: HogSpec) -> HogMeasurement:
    """Measure both, in turns.

    Raises:
        AssertionError: an answered operation is not in the store.
    """
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    kind, directory, world = (
        _ENGINES[spec.engine],
        Path(spec.directory),
        World("create"),
    )
    engine = kind.create(directory, world)
    loops = [world.work(n, spec.callers) for n in range(spec.callers)]
    answered, operations, elapsed_s = 0, [0, 0], [0.0, 0.0]
    for turn in range(2 * _TURNS):
        with _Hog(active=bool(turn % 2)):
            window = drive(engine, spec.kind, loops, spec.seconds / _TURNS)
        operations[turn % 2] += len(window.latencies_ns)
        elapsed_s[turn % 2] += window.elapsed_s
        answered += len(window.latencies_ns)
    engine.close()
    found, expected = kind.count(directory), world.expected(answered)
    if found != expected:
        raise AssertionError(f"{spec}: answered {expected}, stored {found}")
    return HogMeasurement(operations[0] / elapsed_s[0], operations[1] / elapsed_s[1])


class _Hog:
    """An OS thread that computes while a ``with`` lasts."""

    def __init__(self, *, active: bool) -> None:
        self._active = active
        self._ended = Event()
        self._os_thread = Thread(target=self._compute, daemon=True)

    def _compute(self) -> None:
        total = 0
        while not self._ended.is_set():
            for number in range(1000):
                total += number * number

    def __enter__(self) -> None:
        if self._active:
            self._os_thread.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._active:
            self._os_thread.join(ANSWER_TIMEOUT_S)
