"""The figures as pictures: PNGs of some 30 KB, where matplotlib is installed.

Lines are medians of the rounds; the thin bars are the lowest and the highest round.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any, Final

from bench.harness import Cell, Result
from bench.peers.blocking import package
from bench.spec import ENGINES, Case, EngineName, Kind

__all__ = ["draw", "lacking_plots"]

_SIZE_INCH: Final = (8.6, 4.4)
_DPI: Final = 80

_LINES: Final[dict[str, str]] = {"threads": "-", "asyncio": "--", "messages": ":"}
_OURS: Final[frozenset[EngineName]] = frozenset(
    {"weft", "weft-one-core", "weft-store", "weft-plain"}
)
_CASES: Final[tuple[Case, ...]] = ("create", "transfer", "append")
_CDF_CALLERS: Final = 64


def lacking_plots() -> str | None:
    """Return what has to be installed to draw; None if nothing."""
    found = find_spec("matplotlib") is not None
    return None if found else "missing: pip install matplotlib"


def draw(result: Result, folder: Path) -> list[tuple[str, str]]:
    """Draw what was measured.

    Args:
        result: the figures.
        folder: made if it is missing.

    Returns:
        name of each file and what it shows.
    """
    folder.mkdir(parents=True, exist_ok=True)
    matplotlib = package("matplotlib")
    matplotlib.use("Agg")
    pyplot = package("matplotlib.pyplot")
    drawn: list[tuple[str, str]] = []
    for name, words, paint in _pictures(result):
        figure, axes = pyplot.subplots(figsize=_SIZE_INCH, dpi=_DPI)
        paint(axes)
        axes.set_title(words, fontsize=10)
        axes.grid(alpha=0.3, which="both", linewidth=0.5)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize=6, loc="center left", bbox_to_anchor=(1.01, 0.5))
        figure.tight_layout()
        figure.savefig(folder / name, metadata={"Software": None})
        pyplot.close(figure)
        drawn.append((name, words))
    return drawn


_Picture = tuple[str, str, Callable[[Any], None]]


def _pictures(result: Result) -> Iterator[_Picture]:
    for case in _CASES:
        cells = _shown([cell for cell in result.cells if cell.case == case])
        if cells:
            words = f"{case}: durable operations per second against callers"
            yield f"throughput-{case}.png", words, _throughput(cells)
            words = f"{case}: latency, {_CDF_CALLERS} callers (fewer where noted)"
            yield f"latency-{case}.png", words, _latency(cells)
    found = result.specials
    if found.growth:
        words = "cost of an operation against the size of the store"
        yield "growth.png", words, _growth(result)
    if found.memory:
        words = "memory against resident sessions of one thread each"
        yield "memory.png", words, _memory(result)


def _shown(cells: Sequence[Cell]) -> list[Cell]:
    """Return Weft with each kind of callers, the others with what suits them best."""
    best: dict[EngineName, tuple[float, Kind]] = {}
    for cell in cells:
        found = median(measured.rate for measured in cell.rounds), cell.kind
        best[cell.engine] = max(best.get(cell.engine, found), found)
    return [
        cell
        for cell in cells
        if cell.engine == "weft" or cell.kind == best[cell.engine][1]
    ]


def _throughput(cells: Sequence[Cell]) -> Callable[[Any], None]:
    lines: dict[tuple[EngineName, Kind], list[Cell]] = {}
    for cell in cells:
        lines.setdefault((cell.engine, cell.kind), []).append(cell)

    def paint(axes: Any) -> None:
        for (engine, kind), line in lines.items():
            rates = [[measured.rate for measured in cell.rounds] for cell in line]
            places = [cell.callers for cell in line]
            _line(axes, places, rates, f"{engine}, {kind}", _style(engine, kind))
        _logarithmic(axes, "callers", "operations/s")
        axes.set_xticks(sorted({cell.callers for cell in cells}))
        axes.get_xaxis().set_major_formatter(_plain())

    return paint


def _line(
    axes: Any,
    places: Sequence[int],
    rounds: Sequence[Sequence[float]],
    label: str,
    style: dict[str, Any] | None = None,
) -> None:
    middle = [median(values) for values in rounds]
    below = [value - min(values) for value, values in zip(middle, rounds, strict=True)]
    above = [max(values) - value for value, values in zip(middle, rounds, strict=True)]
    axes.errorbar(
        places, middle, yerr=[below, above], label=label, marker="o", markersize=3,
        elinewidth=0.6, **style or {"linewidth": 2},
    )  # fmt: skip


def _style(engine: EngineName, kind: Kind) -> dict[str, Any]:
    """Return a colour for each engine, thick for ours, and a stroke for each kind."""
    return {
        "color": package("matplotlib").colormaps["tab20"](ENGINES.index(engine)),
        "alpha": 1.0 if engine in _OURS else 0.7,
        "linewidth": 2.2 if engine in _OURS else 1.2,
        "linestyle": _LINES[kind],
    }


def _latency(cells: Sequence[Cell]) -> Callable[[Any], None]:
    def paint(axes: Any) -> None:
        for cell in _busiest(cells):
            rounds = [measured.quantiles_us for measured in cell.rounds]
            middle = [median(values) / 1e3 for values in zip(*rounds, strict=True)]
            shares = [n / (len(middle) - 1) for n in range(len(middle))]
            words = f"{cell.engine}, {cell.callers} {cell.kind}"
            style = _style(cell.engine, cell.kind)
            axes.plot(middle, shares, label=words, **style)
        axes.set_xscale("log")
        axes.set_xlabel("ms from call to durable answer")
        axes.set_ylabel("share of operations")

    return paint


def _busiest(cells: Sequence[Cell]) -> Iterable[Cell]:
    """Return of each engine and kind the cell with most callers up to 64."""
    found: dict[tuple[EngineName, Kind], Cell] = {}
    for cell in cells:
        if cell.callers <= _CDF_CALLERS:
            before = found.get((cell.engine, cell.kind))
            if before is None or before.callers < cell.callers:
                found[cell.engine, cell.kind] = cell
    return found.values()


def _growth(result: Result) -> Callable[[Any], None]:
    found = result.specials
    lines = {"300 sessions": found.growth, "any session": found.growth_everywhere}

    def paint(axes: Any) -> None:
        for where, growth in lines.items():
            sizes, rounds = list(growth), list(growth.values())
            cpu = [[m.cpu_us for m in measured] for measured in rounds]
            wall = [[1e6 / m.rate for m in measured] for measured in rounds]
            _line(axes, sizes, cpu, f"CPU, {where}")
            _line(axes, sizes, wall, f"wall, {where}, 64 callers share it")
        axes.set_xscale("log")
        axes.set_ylim(bottom=0)
        axes.set_xlabel("threads in the store")
        axes.set_ylabel("us")

    return paint


def _memory(result: Result) -> Callable[[Any], None]:
    memory = sorted(result.specials.memory.items())

    def paint(axes: Any) -> None:
        used = [[m.heap_bytes / 1e6 for m in rounds] for _, rounds in memory]
        _line(axes, [number for number, _ in memory], used, "anonymous memory")
        _logarithmic(axes, "resident sessions", "MB")

    return paint


def _logarithmic(axes: Any, across: str, up: str) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel(across)
    axes.set_ylabel(up)


def _plain() -> Any:
    return package("matplotlib.ticker").ScalarFormatter()
