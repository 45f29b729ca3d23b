"""What Weft has set itself to reach, and whether it did: one row for each goal.

Ratios are of measurements of the same round, and the median of the rounds counts. Where
systems wait in different ways, each is taken at its best.
"""

from collections.abc import Callable, Iterable, Iterator
from statistics import median
from typing import Final

import msgspec

from bench.growth import GrowthMeasurement
from bench.harness import Cell, Result
from bench.reads import ReadsMeasurement
from bench.spec import Case, EngineName, Kind, Measurement

__all__ = ["Cells", "Goal", "goals_of"]

_OWNED: Final[tuple[Case, ...]] = ("create", "transfer")
_ALL: Final[tuple[Case, ...]] = ("create", "transfer", "append")
_CPU_LIMITS_US: Final[dict[Kind, float]] = {
    "asyncio": 30, "messages": 30, "threads": 40,
}  # fmt: skip


class Goal(msgspec.Struct, frozen=True):
    """One row.

    Attributes:
        what: is measured.
        wanted: the limit, with its unit.
        measured: the figures.
        reached: None if it was not measured.
    """

    what: str
    wanted: str
    measured: str
    reached: bool | None


class Cells:
    """The measured cells, to be looked up.

    Args:
        cells: of a result.
    """

    def __init__(self, cells: Iterable[Cell]) -> None:
        self._cells = {(c.case, c.kind, c.callers, c.engine): c for c in cells}

    def get(
        self, case: Case, kind: Kind, callers: int, engine: EngineName
    ) -> Cell | None:
        """Return one cell, if it was measured."""
        return self._cells.get((case, kind, callers, engine))

    def best(
        self, case: Case, engine: EngineName, callers: int | None = None
    ) -> Cell | None:
        """Return an engine's fastest cell in a case, of all or with so many callers."""
        mine = [
            cell
            for cell in self._cells.values()
            if (cell.case, cell.engine) == (case, engine)
            and callers in {None, cell.callers}
        ]
        return max(mine, key=_rate, default=None)


def goals_of(result: Result) -> list[Goal]:
    """Return all goals with what was measured for them."""
    cells = Cells(result.cells)
    return [
        *_single(cells),
        *_against_group_commit(cells),
        *_against_others(cells),
        *_appends(cells),
        *_tails(result),
        *_processor(cells),
        *_extras(cells),
        *_specials(result),
        *_limits(result),
    ]


def _single(cells: Cells) -> Iterator[Goal]:
    yield _compare(
        "1 caller: throughput as a multiple of sqlite3 FULL", 0.5,
        {case: (cells.get(case, "threads", 1, "weft"),
                cells.get(case, "threads", 1, "sqlite3")) for case in _OWNED},
    )  # fmt: skip


def _against_group_commit(cells: Cells) -> Iterator[Goal]:
    limits: tuple[tuple[Kind, str, float], ...] = (
        ("threads", "OS threads", 1.3), ("asyncio", "asyncio tasks", 1.5),
    )  # fmt: skip
    for kind, words, limit in limits:
        for callers in (64, 256):
            yield _compare(
                f"{callers} {words}: throughput as a multiple of sqlite-group",
                limit,
                {case: (cells.get(case, kind, callers, "weft"),
                        cells.get(case, kind, callers, "sqlite-group"))
                 for case in _OWNED},
            )  # fmt: skip


def _against_others(cells: Cells) -> Iterator[Goal]:
    rivals: tuple[tuple[EngineName, str, float], ...] = (
        ("postgres", "PostgreSQL at 16 callers", 4),
        ("sqlalchemy", "SQLAlchemy at its best", 40),
    )
    for engine, words, limit in rivals:
        for callers in (64, 256):
            yield _compare(
                f"{callers} callers: throughput as a multiple of {words}", limit,
                {case: (cells.best(case, "weft", callers), cells.best(case, engine))
                 for case in _OWNED},
            )  # fmt: skip


def _appends(cells: Cells) -> Iterator[Goal]:
    words = "append 1 KB, 64 callers: throughput as a multiple of"
    for kind in _CPU_LIMITS_US:
        pair = (
            cells.get("append", kind, 64, "weft"),
            cells.get("append", kind, 64, "sqlite-group"),
        )
        yield _compare(f"{words} sqlite-group, {kind}", 1.2, {"append": pair})
    saver = (cells.best("append", "weft", 64), cells.best("append", "langgraph"))
    yield _compare(f"{words} SqliteSaver", 4, {"append": saver})


def _tails(result: Result) -> Iterator[Goal]:
    found: dict[str, tuple[float, float]] = {}
    for case, rounds in result.specials.tails.items():
        middle = sorted(rounds, key=lambda m: m.p99_us / m.limit_us)[len(rounds) // 2]
        found[case] = (middle.p99_us / 1e3, middle.limit_us / 1e3)
    words = [f"{case} {p99:.1f} of {limit:.1f}" for case, (p99, limit) in found.items()]
    yield Goal(
        "64 OS threads: p99 in ms",
        "<= 2 x callers / throughput + p99 of a raw flush in the same seconds",
        ", ".join(words),
        all(p99 <= limit for p99, limit in found.values()) if found else None,
    )


def _processor(cells: Cells) -> Iterator[Goal]:
    for kind, limit_us in _CPU_LIMITS_US.items():
        mine = {case: cells.get(case, kind, 256, "weft") for case in _ALL}
        costs: dict[str, float] = {
            case: _median(cell, _cpu_us) for case, cell in mine.items() if cell
        }
        yield _at_most(f"256 {kind}: CPU us of an operation", limit_us, costs, "us")


def _extras(cells: Cells) -> Iterator[Goal]:
    ratios: dict[str, float] = {}
    for case in _ALL:
        whole = cells.get(case, "messages", 256, "weft")
        plain = cells.get(case, "messages", 256, "weft-plain")
        if whole and plain:
            ratios[case] = _ratio(whole, plain, _cpu_us)
    yield _at_most(
        "actors, operation log and feed: CPU as a multiple of the store without them",
        2, ratios, "x",
    )  # fmt: skip


def _specials(result: Result) -> Iterator[Goal]:
    found = result.specials
    yield _at_most(
        "a run that does nothing: p50 beyond its two commits", 1,
        _middle(m.own_us / 1e3 for m in found.runs), "ms",
    )  # fmt: skip
    yield from _reads(found.reads)
    yield _growth(found.growth, "300 sessions")
    yield _growth(found.growth_everywhere, "any session, woken first")
    yield from _startup(result)
    yield _at_least(
        f"replay, {found.logs_name}, 152 at once: CPU share of wall time", 80,
        _middle(m.busy * 100 for m in found.replay), "%",
    )  # fmt: skip
    kept = {
        name.partition(", ")[2]: median(m.kept for m in rounds) * 100
        for name, rounds in found.hogs.items()
        if name.startswith("weft, ")
    }
    yield _at_least(
        "beside a CPU-bound OS thread, 64 callers: throughput kept", 25, kept, "%"
    )


def _reads(reads: list[ReadsMeasurement]) -> Iterator[Goal]:
    words = "session with 10 threads"
    yield _at_least(
        f"{words}: records read, as a multiple of sqlite3's join", 1,
        _middle(m.sqlite_us / m.weft_us for m in reads), "x",
    )  # fmt: skip
    yield _at_least(
        f"{words}: names and ids, as a multiple of sqlite3's join", 1,
        _middle(m.sqlite_us / m.names_us for m in reads), "x",
    )  # fmt: skip
    yield _at_most(f"{words}: waking it", 50, _middle(m.wake_us for m in reads), "us")


def _growth(found: dict[int, list[GrowthMeasurement]], where: str) -> Goal:
    ratios = {}
    if len(found) > 1:
        small, large = found[min(found)], found[max(found)]
        pairs = list(zip(large, small, strict=True))
        ratios = {"CPU": median(a.cpu_us / b.cpu_us for a, b in pairs)}
    words = f"{max(found):,} threads to {min(found):,}" if found else "10^6 to 10^3"
    return _at_most(f"cost of an operation, {where}, {words}", 1.3, ratios, "x")


def _startup(result: Result) -> Iterator[Goal]:
    rounds, sizes = result.specials.startup, result.specials.growth
    words = f"start after kill -9, {max(sizes):,} threads" if sizes else "start"
    yield _at_most(
        f"{words}: process to first durable answer", 1,
        _middle(m.whole_s for m in rounds), "s",
    )  # fmt: skip
    yield _at_most(
        f"{words}: anonymous memory", 150,
        _middle(m.heap_bytes / 1e6 for m in rounds), "MB",
    )  # fmt: skip


def _limits(result: Result) -> Iterator[Goal]:
    found = result.specials
    for group, rounds in found.store.items():
        pairs = zip(rounds, found.c_loop.get(group, []), strict=False)
        yield _at_least(
            f"store alone, {group} submitters: throughput as a multiple of a loop in C",
            0.7, _middle(mine.rate / limit.rate for mine, limit in pairs), "x",
        )  # fmt: skip


def _middle(values: Iterable[float]) -> dict[str, float]:
    """Return the median as the only figure of a goal; nothing if there is none."""
    found = list(values)
    return {"": median(found)} if found else {}


def _compare(
    what: str, limit: float, pairs: dict[Case, tuple[Cell | None, Cell | None]]
) -> Goal:
    ratios: dict[str, float] = {
        case: _ratio(mine, other, lambda measured: measured.rate)
        for case, (mine, other) in pairs.items()
        if mine is not None and other is not None
    }
    return _at_least(what, limit, ratios, "x")


def _at_least(what: str, limit: float, found: dict[str, float], unit: str) -> Goal:
    reached = all(value >= limit for value in found.values()) if found else None
    return Goal(what, f">= {limit:g} {unit}", _words(found, unit), reached)


def _at_most(what: str, limit: float, found: dict[str, float], unit: str) -> Goal:
    reached = all(value <= limit for value in found.values()) if found else None
    return Goal(what, f"<= {limit:g} {unit}", _words(found, unit), reached)


def _words(found: dict[str, float], unit: str) -> str:
    texts = [f"{name} {value:.3g} {unit}".strip() for name, value in found.items()]
    return ", ".join(texts)


def _ratio(mine: Cell, other: Cell, of: Callable[[Measurement], float]) -> float:
    pairs = zip(mine.rounds, other.rounds, strict=True)
    return median(of(one) / of(two) for one, two in pairs)


def _median(cell: Cell, of: Callable[[Measurement], float]) -> float:
    return median(map(of, cell.rounds))


def _rate(cell: Cell) -> float:
    return median(measured.rate for measured in cell.rounds)


def _cpu_us(measured: Measurement) -> float:
    return measured.cpu_us
