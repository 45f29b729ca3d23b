"""Rounds: every engine in turn, in processes of their own, in a rotated order.

What is compared is measured within seconds of each other, several times over: a
machine's disk and clock wander by more than many a difference.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from bench.machine import fsync_p50_us
from bench.messaging import ACTORS, ActorName, MessagingMeasurement, MessagingSpec
from bench.peers.registry import PEERS, missing
from bench.residents import (
    RESIDENTS,
    PrepareSpec,
    ResidentsMeasurement,
    ResidentsName,
    ResidentsSpec,
)
from bench.spec import Case, EngineName, Kind, Measurement, Spec, fits
from bench.specials import Amount, Specials, measure_specials, prepare_specials
from bench.stock_limit import LimitMeasurement, LimitSpec

__all__ = ["Cell", "Plan", "Result", "run"]

CHILD_TIMEOUT_S: Final = 900.0
"""A measurement takes its seconds and a few more; making a store of two million
sessions takes two minutes."""

STOCK_SPACE_BYTES: Final = 24 << 30
"""Address space for stock actors: some 2,900, and the machine stays usable."""

T = TypeVar("T")


class Plan(msgspec.Struct, frozen=True):
    """What to measure.

    Attributes:
        seconds: of each measurement.
        messages: of each sort, in each messaging measurement; 0 leaves them out.
        residents: sessions in one process; 0 leaves them out.
        amount: of the measurements that are no closed loops.
    """

    engines: tuple[EngineName, ...]
    cases: tuple[Case, ...]
    kinds: tuple[Kind, ...]
    callers: tuple[int, ...]
    seconds: float
    rounds: int
    messages: int
    residents: int
    amount: Amount


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
        load: what else wanted a processor before each round, in processes.
        cells: in the order of the plan.
        messaging: by actor, in each round.
        residents: by sort, in each round.
        stock_limit: where Pykka's actors end; None if residents were left out.
        specials: what is no closed loop of callers.
        missing: engines that were not measured, and what would have to be installed.
    """

    fsync_us: list[float]
    cells: list[Cell]
    messaging: dict[ActorName, list[MessagingMeasurement]]
    residents: dict[ResidentsName, list[ResidentsMeasurement]]
    stock_limit: LimitMeasurement | None
    specials: Specials
    missing: dict[EngineName, str]
    load: list[float]


def run(plan: Plan, directory: Path) -> Result:
    """Carry a plan out.

    Args:
        plan: what to measure.
        directory: on the disk to measure; a folder in it is used and removed.
    """
    cells = [Cell(*key, rounds=[]) for key in _keys(plan)]
    result = Result(
        fsync_us=[],
        cells=cells,
        messaging={name: [] for name in ACTORS if plan.messages},
        residents={name: [] for name in RESIDENTS if plan.residents},
        stock_limit=_stock_limit(plan),
        specials=prepare_specials(plan.amount, directory, _child),
        missing={name: hint for name in plan.engines if (hint := missing(name))},
        load=[],
    )
    store = _prepared(plan, directory)
    for number in range(plan.rounds):
        tell = partial(_tell_in, f"round {number + 1}/{plan.rounds}")
        result.fsync_us.append(fsync_p50_us(directory))
        result.load.append(os.getloadavg()[0])
        for cell in _rotated(cells, number):
            tell(f"{cell.case}, {cell.callers} {cell.kind}, {cell.engine}")
            cell.rounds.append(_measure(cell, plan.seconds, directory))
        _measure_actors(plan, result, store, tell)
        measure_specials(plan.amount, result.specials, directory, _child, tell)
    _tell("")
    return result


def _measure_actors(
    plan: Plan, result: Result, store: str, tell: Callable[[str], None]
) -> None:
    for name, measured in result.messaging.items():
        tell(f"messaging, {name}")
        spec = MessagingSpec(name, plan.messages)
        measured.append(_child(spec, MessagingMeasurement))
    for sort, counted in result.residents.items():
        tell(f"residents, {sort}")
        resident = ResidentsSpec(sort, store, plan.residents)
        counted.append(_child(resident, ResidentsMeasurement))


def _stock_limit(plan: Plan) -> LimitMeasurement | None:
    if not plan.residents:
        return None
    _tell("stock actors, as many as can be")
    return _child(LimitSpec(plan.residents, STOCK_SPACE_BYTES), LimitMeasurement)


def _prepared(plan: Plan, directory: Path) -> str:
    """Make the store whose sessions become resident; return where it is."""
    place = directory / "residents"
    if plan.residents:
        _tell(f"making a store of 2 x {plan.residents:,} sessions")
        _child(PrepareSpec(str(place), plan.residents), type(None))
    return str(place)


def _keys(plan: Plan) -> Iterator[tuple[Case, Kind, int, EngineName]]:
    for case in plan.cases:
        for callers in plan.callers:
            for kind in plan.kinds:
                for engine in plan.engines:
                    if engine not in PEERS and fits(engine, case, kind):
                        yield case, kind, callers, engine
        yield from _peer_keys(plan, case)


def _peer_keys(plan: Plan, case: Case) -> Iterator[tuple[Case, Kind, int, EngineName]]:
    for engine in plan.engines:
        peer = PEERS.get(engine)
        if peer is None or case not in peer.cases or peer.kind not in plan.kinds:
            continue
        if missing(engine) is None:
            for callers in sorted({min(n, peer.callers_max) for n in plan.callers}):
                yield case, peer.kind, callers, engine


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


def _child(spec: msgspec.Struct, kind: type[T]) -> T:
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


def _tell_in(round_: str, line: str) -> None:
    _tell(f"{round_}: {line}")


def _tell(line: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)
