"""Rounds: every engine in turn, in processes of their own, in a rotated order.

What is compared is measured within seconds of each other, several times over: a
machine's disk and clock wander by more than many a difference.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from bench.machine import fsync_p50_us
from bench.messaging import ACTORS, ActorName, MessagingMeasurement, MessagingSpec
from bench.spec import Case, EngineName, Kind, Measurement, Spec

__all__ = ["Cell", "Plan", "Result", "run"]

CHILD_TIMEOUT_S: Final = 300.0
"""A measurement takes its seconds and a few more."""

T = TypeVar("T", Measurement, MessagingMeasurement)


class Plan(msgspec.Struct, frozen=True):
    """What to measure.

    Attributes:
        seconds: of each measurement.
        messages: of each sort, in each messaging measurement; 0 leaves them out.
    """

    engines: tuple[EngineName, ...]
    cases: tuple[Case, ...]
    kinds: tuple[Kind, ...]
    callers: tuple[int, ...]
    seconds: float
    rounds: int
    messages: int


class Cell(msgspec.Struct, frozen=True):
    """What one engine did in one case, in each round."""

    case: Case
    kind: Kind
    callers: int
    engine: EngineName
    rounds: list[Measurement]


class Result(msgspec.Struct, frozen=True):
    """Everything that was measured.

    Attributes:
        fsync_us: the raw flush before each round, median.
        cells: in the order of the plan.
        messaging: by actor, in each round.
    """

    fsync_us: list[float]
    cells: list[Cell]
    messaging: dict[ActorName, list[MessagingMeasurement]]


def run(plan: Plan, directory: Path) -> Result:
    """Carry a plan out.

    Args:
        plan: what to measure.
        directory: on the disk to measure; a folder in it is used and removed.
    """
    cells = [Cell(*key, rounds=[]) for key in _keys(plan)]
    result = Result([], cells, {name: [] for name in ACTORS if plan.messages})
    for number in range(plan.rounds):
        result.fsync_us.append(fsync_p50_us(directory))
        for cell in _rotated(cells, number):
            _tell(f"round {number + 1}/{plan.rounds}: {cell.case}, {cell.callers}"
                  f" {cell.kind}, {cell.engine}")  # fmt: skip
            cell.rounds.append(_measure(cell, plan.seconds, directory))
        for name, measured in result.messaging.items():
            _tell(f"round {number + 1}/{plan.rounds}: messaging, {name}")
            spec = MessagingSpec(name, plan.messages)
            measured.append(_child(spec, MessagingMeasurement))
    _tell("")
    return result


def _keys(plan: Plan) -> Iterator[tuple[Case, Kind, int, EngineName]]:
    for case in plan.cases:
        for callers in plan.callers:
            for kind in plan.kinds:
                for engine in plan.engines:
                    # Its calls block: it has no other kind.
                    if engine != "sqlite3" or kind == "threads":
                        yield case, kind, callers, engine


def _rotated(cells: list[Cell], number: int) -> Iterator[Cell]:
    """Yield the cells with the engines of each case in another order each round."""
    together: dict[tuple[Case, int, Kind], list[Cell]] = {}
    for cell in cells:
        together.setdefault((cell.case, cell.callers, cell.kind), []).append(cell)
    for rivals in together.values():
        first = number % len(rivals)
        yield from rivals[first:] + rivals[:first]


def _measure(cell: Cell, seconds: float, directory: Path) -> Measurement:
    folder = tempfile.mkdtemp(prefix="weft-bench-", dir=directory)
    try:
        spec = Spec(cell.engine, cell.case, cell.kind, cell.callers, seconds, folder)
        return _child(spec, Measurement)
    finally:
        shutil.rmtree(folder)


def _child(spec: Spec | MessagingSpec, kind: type[T]) -> T:
    root = str(Path(__file__).parent.parent)
    paths = [root, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    process = subprocess.run(
        [sys.executable, "-m", "bench.child"],
        input=msgspec.json.encode(spec),
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        timeout=CHILD_TIMEOUT_S,
        check=False,
    )
    if process.returncode:
        raise RuntimeError(f"{spec} ended with code {process.returncode}")
    return msgspec.json.decode(process.stdout, type=kind)


def _tell(line: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)
