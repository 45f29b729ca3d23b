"""Measurements that are no closed loop of callers: each once a round, beside its rival.

Reads, a run, latencies beside a probe, an OS thread that computes, stores of several
sizes, a start after kill -9, the loop in C, a replay, other people's messages, memory.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal, Protocol, TypeVar, get_args

import msgspec

from bench.c_loop import CLoopMeasurement, CLoopSpec, lacking, measure_c_loop
from bench.growth import (
    GrowthMeasurement,
    GrowthSpec,
    PrepareGrowthSpec,
    measure_growth,
    prepare_growth,
)
from bench.hog import HogMeasurement, HogSpec, measure_hog
from bench.noop_run import RunMeasurement, RunSpec, measure_run
from bench.peers.mail import (
    MAIL_PEERS,
    MailMeasurement,
    MailName,
    MailSpec,
    lacking_mail,
    measure_mail,
)
from bench.reads import ReadsMeasurement, ReadsSpec, measure_reads
from bench.replaying import ReplayMeasurement, ReplaySpec, measure_replay
from bench.residents import ResidentsMeasurement, ResidentsSpec
from bench.spec import Case, Kind, Measurement, Spec
from bench.startup import StartupMeasurement, StartupSpec, measure_startup
from bench.tail import TailMeasurement, TailSpec, measure_tail

__all__ = [
    "SPECIALS",
    "SPECIAL_MEASURES",
    "Amount",
    "SpecialName",
    "Specials",
    "measure_specials",
    "prepare_specials",
]

SpecialName = Literal[
    "reads", "run", "tail", "hog", "growth", "startup", "c-loop", "replay", "mail",
    "memory",
]  # fmt: skip
SPECIALS: Final[tuple[SpecialName, ...]] = get_args(SpecialName)

_EXAMPLES: Final = Path(__file__).parent.parent / "examples" / "logs"

TAIL_CASES: Final[tuple[Case, ...]] = ("create", "transfer", "append")
HOG_KINDS: Final[tuple[Kind, ...]] = ("threads", "messages")

SPECIAL_MEASURES: Final[dict[type, Callable[[Any], Any]]] = {
    ReadsSpec: measure_reads,
    RunSpec: measure_run,
    TailSpec: measure_tail,
    HogSpec: measure_hog,
    PrepareGrowthSpec: prepare_growth,
    GrowthSpec: measure_growth,
    StartupSpec: measure_startup,
    CLoopSpec: measure_c_loop,
    ReplaySpec: measure_replay,
    MailSpec: measure_mail,
}
"""What a child process does with each specification."""

T = TypeVar("T")


class RunChild(Protocol):
    """Carries a specification out in a process of its own."""

    def __call__(self, spec: msgspec.Struct, kind: type[T]) -> T:
        """Return what was measured."""


class Amount(msgspec.Struct, frozen=True):
    """How much of each.

    Attributes:
        names: what to measure.
        seconds: of each window.
        threads: sizes of the stores, smallest first.
        residents: numbers of resident sessions.
        groups: submitters of the store, and operations in a group of the loop in C.
        sessions: to read.
        runs: of the workflow that does nothing.
        messages: of each sort.
        logs: a folder of chat logs; None for the examples.
        concurrency: logs replayed at once.
    """

    names: tuple[SpecialName, ...] = SPECIALS
    seconds: float = 2.0
    threads: tuple[int, ...] = (1000, 10_000, 100_000, 1_000_000)
    residents: tuple[int, ...] = (1000, 10_000, 100_000, 1_000_000)
    groups: tuple[int, ...] = (64, 512)
    sessions: int = 2000
    runs: int = 300
    messages: int = 20_000
    logs: str | None = None
    concurrency: int = 152


class Specials(msgspec.Struct):
    """What was measured, in each round; empty where it was left out.

    Attributes:
        runs: of a workflow that does nothing.
        tails: by case; 64 OS threads.
        hogs: by engine and kind of callers.
        growth: by number of threads in the store; 300 of its sessions.
        growth_everywhere: the same with all its sessions.
        c_loop: by size of the group.
        store: Weft's store alone, by number of submitters; beside the loop in C.
        mail: by peer.
        memory: by number of resident sessions with one thread each.
        missing: what would have to be installed.
        logs: what was replayed.
    """

    reads: list[ReadsMeasurement] = []
    runs: list[RunMeasurement] = []
    tails: dict[Case, list[TailMeasurement]] = {}
    hogs: dict[str, list[HogMeasurement]] = {}
    growth: dict[int, list[GrowthMeasurement]] = {}
    growth_everywhere: dict[int, list[GrowthMeasurement]] = {}
    startup: list[StartupMeasurement] = []
    c_loop: dict[int, list[CLoopMeasurement]] = {}
    store: dict[int, list[Measurement]] = {}
    replay: list[ReplayMeasurement] = []
    mail: dict[MailName, list[MailMeasurement]] = {}
    memory: dict[int, list[ResidentsMeasurement]] = {}
    missing: dict[str, str] = {}
    logs: str = ""

    @property
    def logs_name(self) -> str:
        """The folder of the logs that were replayed."""
        return Path(self.logs).name


class _Round:
    """One round of all of them."""

    def __init__(
        self, amount: Amount, found: Specials, directory: Path, child: RunChild
    ) -> None:
        self.amount = amount
        self.found = found
        self.directory = directory
        self.child = child

    def reads(self) -> None:
        amount = self.amount
        with _folder(self.directory) as folder:
            spec = ReadsSpec(folder, amount.sessions, amount.sessions // 10)
            self.found.reads.append(self.child(spec, ReadsMeasurement))

    def run(self) -> None:
        with _folder(self.directory) as folder:
            spec = RunSpec(folder, self.amount.runs)
            self.found.runs.append(self.child(spec, RunMeasurement))

    def tail(self) -> None:
        for case in TAIL_CASES:
            with _folder(self.directory) as folder:
                spec = TailSpec(case, "threads", 64, self.amount.seconds, folder)
                measured = self.child(spec, TailMeasurement)
            self.found.tails.setdefault(case, []).append(measured)

    def hog(self) -> None:
        for kind in HOG_KINDS:
            for engine in ("weft", "sqlite-group"):
                with _folder(self.directory) as folder:
                    spec = HogSpec(engine, kind, 64, self.amount.seconds, folder)
                    measured = self.child(spec, HogMeasurement)
                self.found.hogs.setdefault(f"{engine}, {kind}", []).append(measured)

    def growth(self) -> None:
        kinds = ((False, self.found.growth), (True, self.found.growth_everywhere))
        for threads in self.amount.threads:
            place = str(_store_of(self.directory, threads))
            for everywhere, found in kinds:
                spec = GrowthSpec(place, everywhere, self.amount.seconds)
                measured = self.child(spec, GrowthMeasurement)
                found.setdefault(threads, []).append(measured)

    def startup(self) -> None:
        place = _store_of(self.directory, self.amount.threads[-1])
        measured = self.child(StartupSpec(str(place)), StartupMeasurement)
        self.found.startup.append(measured)

    def c_loop(self) -> None:
        for group in self.amount.groups:
            if "C loop" not in self.found.missing:
                with _folder(self.directory) as folder:
                    loop = CLoopSpec(group, self.amount.seconds, folder)
                    limit = self.child(loop, CLoopMeasurement)
                self.found.c_loop.setdefault(group, []).append(limit)
            with _folder(self.directory) as folder:
                seconds = self.amount.seconds
                spec = Spec("weft-store", "create", "messages", group, seconds, folder)
                measured = self.child(spec, Measurement)
            self.found.store.setdefault(group, []).append(measured)

    def replay(self) -> None:
        with _folder(self.directory) as folder:
            spec = ReplaySpec(self.found.logs, folder, self.amount.concurrency)
            self.found.replay.append(self.child(spec, ReplayMeasurement))

    def mail(self) -> None:
        for name in MAIL_PEERS:
            if name not in self.found.missing:
                spec = MailSpec(name, self.amount.messages)
                measured = self.child(spec, MailMeasurement)
                self.found.mail.setdefault(name, []).append(measured)

    def memory(self) -> None:
        for number in self.amount.residents:
            spec = ResidentsSpec("one thread", "", number)
            measured = self.child(spec, ResidentsMeasurement)
            self.found.memory.setdefault(number, []).append(measured)


_METHODS: Final[dict[SpecialName, Callable[[_Round], None]]] = {
    "reads": _Round.reads,
    "run": _Round.run,
    "tail": _Round.tail,
    "hog": _Round.hog,
    "growth": _Round.growth,
    "startup": _Round.startup,
    "c-loop": _Round.c_loop,
    "replay": _Round.replay,
    "mail": _Round.mail,
    "memory": _Round.memory,
}


def prepare_specials(amount: Amount, directory: Path, child: RunChild) -> Specials:
    """Make the stores that all rounds share, and see what is missing.

    Args:
        amount: how much will be measured.
        directory: on the disk to measure.
        child: runs a specification in a process of its own.
    """
    found = Specials(logs=amount.logs or str(_EXAMPLES))
    if "c-loop" in amount.names and (hint := lacking(directory)):
        found.missing["C loop"] = hint
    if "mail" in amount.names:
        hints = {name: lacking_mail(name) for name in MAIL_PEERS}
        found.missing |= {name: hint for name, hint in hints.items() if hint}
    sizes = set(amount.threads if "growth" in amount.names else ())
    if "startup" in amount.names:
        sizes.add(amount.threads[-1])
    for threads in sorted(sizes):
        place = str(_store_of(directory, threads))
        child(PrepareGrowthSpec(place, threads), type(None))
    return found


def measure_specials(
    amount: Amount,
    found: Specials,
    directory: Path,
    child: RunChild,
    tell: Callable[[str], None],
) -> None:
    """Measure one round of them.

    Args:
        amount: how much.
        found: what is measured is added there.
        directory: as it was prepared.
        child: runs a specification in a process of its own.
        tell: is told what is being measured.
    """
    all_of_them = _Round(amount, found, directory, child)
    for name in amount.names:
        tell(name)
        _METHODS[name](all_of_them)


def _store_of(directory: Path, threads: int) -> Path:
    return directory / f"threads-{threads}"


@contextmanager
def _folder(directory: Path) -> Iterator[str]:
    folder = tempfile.mkdtemp(prefix="weft-bench-", dir=directory)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
