"""``RESULTS.md``: what was reached, ratios, pictures, and absolute figures last."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

from bench.goals import Cells, goals_of
from bench.harness import Plan, Result
from bench.machine import Machine
from bench.peers.registry import PEERS, versions
from bench.plots import draw, lacking_plots
from bench.report import render
from bench.spec import Case, EngineName

__all__ = ["write_results"]

_CASES: Final[tuple[Case, ...]] = ("create", "transfer", "append")
_FLOORS: Final[tuple[EngineName, ...]] = ("sqlite3", "sqlite-group", "lmdb-group")

_HEAD: Final = """# Results

Written by `python -m bench`; do not edit. What each line is, and what the peers do and
do not do for an operation, is said in [README.md](README.md) and in the programs.

An operation is durable when it is answered: each system flushes, and its data were
counted again afterwards. Systems were measured in turns, each in a process of its own.
Ratios outlive the machine, absolute figures do not; a processor or a disk that is busy
with other work moves both. The flushes and loads below tell how busy they were.
"""

_NOTES: Final = """
Every system is taken at its best way of waiting and, up to the callers named, at its
best number of them: more callers than {most} only queue at most peers. PostgreSQL's CPU
time is spent in its own processes and not in these figures.
"""


def write_results(
    machine: Machine, plan: Plan, result: Result, folder: Path, note: str = ""
) -> None:
    """Write the page and its pictures.

    Args:
        machine: where it was measured.
        plan: what was measured.
        result: the figures.
        folder: where ``RESULTS.md`` and ``plots`` go.
        note: what a reader has to know about this run.
    """
    parts = [
        _HEAD,
        _machine(machine, plan, result) + (f"- {note}\n" if note else ""),
        _goals(result),
        _missing(result),
        _against_all(result),
        _other_ratios(result),
        _pictures(result, folder),
        "## Absolute figures\n\n```text\n" + render(machine, plan, result) + "\n```\n",
        _other_figures(result),
    ]
    page = "\n".join(part for part in parts if part)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "RESULTS.md").write_text(page, encoding="utf-8")


def _machine(machine: Machine, plan: Plan, result: Result) -> str:
    found = machine.versions | versions()
    flushes = ", ".join(f"{value:,.0f}" for value in result.fsync_us)
    loads = ", ".join(f"{value:.1f}" for value in result.load)
    return (
        "## Machine\n\n"
        f"- {machine.processors} x {machine.processor}, {machine.system},"
        f" {machine.file_system}\n"
        f"- Python {machine.python}; "
        + ", ".join(f"{name} {number}" for name, number in found.items())
        + f"\n- {plan.rounds} rounds, {plan.seconds:g} s a measurement\n"
        f"- raw flush of 4 KiB before each round, p50: {flushes} us\n"
        f"- load average before each round: {loads}\n"
    )


def _goals(result: Result) -> str:
    rows = [
        (goal.what, goal.wanted, goal.measured or "-", _verdict(goal.reached))
        for goal in goals_of(result)
    ]
    head = ("goal", "wanted", "measured", "")
    return f"## Goals\n\n{_table(head, rows)}"


def _verdict(reached: bool | None) -> str:
    if reached is None:
        return "not measured"
    return "reached" if reached else "**not reached**"


def _missing(result: Result) -> str:
    hints = [*result.missing.items(), *result.specials.missing.items()]
    lines = [f"- {name}: {hint}\n" for name, hint in hints]
    return "## Missing peers\n\n" + "".join(lines) if lines else ""


def _against_all(result: Result) -> str:
    """Return Weft's throughput as a multiple of everybody's."""
    cells = Cells(result.cells)
    engines = (*_FLOORS, "weft-plain", "weft-store", "weft-one-core", *PEERS)
    rows = [
        (engine, *(_multiple(cells, case, engine) for case in _CASES))
        for engine in engines
        if any(cells.best(case, engine) for case in _CASES)
    ]
    if not rows:
        return ""
    most = max(cell.callers for cell in result.cells)
    head = ("Weft's throughput as a multiple of", *_CASES)
    return f"## Ratios\n\n{_table(head, rows)}{_NOTES.format(most=most)}"


def _multiple(cells: Cells, case: Case, engine: EngineName) -> str:
    mine, other = cells.best(case, "weft"), cells.best(case, engine)
    if mine is None or other is None:
        return "-"
    pairs = zip(mine.rounds, other.rounds, strict=True)
    ratio = median(one.rate / two.rate for one, two in pairs)
    cpu = _median(mine.rounds, "cpu_us"), _median(other.rounds, "cpu_us")
    return f"{ratio:.3g} (CPU {cpu[0] / cpu[1]:.2g})"


def _other_ratios(result: Result) -> str:
    found = result.specials
    rows: list[tuple[str, str]] = [
        (
            f"loop in C over the store alone, {group} in flight: CPU of an operation",
            f"{_ratio(limits, found.store[group], 'cpu_us'):.2f}",
        )
        for group, limits in found.c_loop.items()
    ]
    rows += [
        (
            f"{name}: ask, hop, tell as multiples of weft-light",
            ", ".join(_mail_ratios(result, rounds)),
        )
        for name, rounds in found.mail.items()
        if result.messaging
    ]
    rows += [
        (f"beside a CPU-bound OS thread, {name}: throughput kept",
         f"{_median(rounds, 'kept'):.0%}")
        for name, rounds in found.hogs.items()
    ]  # fmt: skip
    return _table(("other ratios", ""), rows) if rows else ""


def _mail_ratios(result: Result, rounds: Sequence[Any]) -> Iterator[str]:
    light = result.messaging["weft-light"]
    for cost in ("ask_p50_us", "hop_us", "tell_us"):
        yield f"{_median(rounds, cost) / _median(light, cost):.2g}"


def _pictures(result: Result, folder: Path) -> str:
    hint = lacking_plots()
    if hint is not None:
        return f"## Plots\n\n{hint}\n"
    drawn = draw(result, folder / "plots")
    return "## Plots\n\n" + "\n".join(
        f"![{words}](plots/{name})\n" for name, words in drawn
    )


def _other_figures(result: Result) -> str:
    rows = [
        (what, f"{number:,.4g} {unit}")
        for source in (_sizes, _moments, _mails)
        for what, number, unit in source(result)
    ]
    return _table(("other figures, medians", ""), rows) if rows else ""


_Figure = tuple[str, float, str]


def _sizes(result: Result) -> Iterator[_Figure]:
    found = result.specials
    kinds = {"300 sessions": found.growth, "any session": found.growth_everywhere}
    for where, growth in kinds.items():
        for threads, rounds in growth.items():
            words = f"operation on {threads:,} threads, {where}"
            yield f"{words}: CPU", _median(rounds, "cpu_us"), "us"
            yield f"{words}: throughput", _median(rounds, "rate"), "/s"
    for number, sessions in found.memory.items():
        words = f"{number:,} resident sessions with a thread each"
        yield words, _median(sessions, "heap_bytes") / 1e6, "MB"
    for group, limits in found.c_loop.items():
        yield f"loop in C, groups of {group}", _median(limits, "rate"), "/s"
        yield f"loop in C, groups of {group}: CPU", _median(limits, "cpu_us"), "us"
    for group, stores in found.store.items():
        yield f"store alone, {group} submitters", _median(stores, "rate"), "/s"
        yield f"store alone, {group} submitters: CPU", _median(stores, "cpu_us"), "us"


def _moments(result: Result) -> Iterator[_Figure]:
    found = result.specials
    if found.runs:
        yield "run of nothing, p50", _median(found.runs, "run_p50_us"), "us"
        yield "commit beside it, p50", _median(found.runs, "commit_p50_us"), "us"
    if found.reads:
        words = "session with 10 threads, CPU"
        yield f"{words}: sqlite3's join", _median(found.reads, "sqlite_us"), "us"
        yield f"{words}: list_threads", _median(found.reads, "weft_us"), "us"
        yield f"{words}: names and ids", _median(found.reads, "names_us"), "us"
        yield f"{words}: waking it", _median(found.reads, "wake_us"), "us"
    if found.startup:
        yield "start to first answer", _median(found.startup, "whole_s"), "s"
        yield "of that from opening on", _median(found.startup, "open_s"), "s"
    if found.replay:
        yield "replay: lines", _median(found.replay, "lines"), ""
        yield "replay: wall", _median(found.replay, "elapsed_s"), "s"
        yield "replay: CPU", _median(found.replay, "cpu_s"), "s"


def _mails(result: Result) -> Iterator[_Figure]:
    for name, rounds in result.specials.mail.items():
        yield f"{name}: ask, p50", _median(rounds, "ask_p50_us"), "us"
        yield f"{name}: hop", _median(rounds, "hop_us"), "us"
        yield f"{name}: tell to 1,000", _median(rounds, "tell_us"), "us"


def _median(rounds: Iterable[Any], name: str) -> float:
    values: list[float] = [getattr(measured, name) for measured in rounds]
    return median(values)


def _ratio(mine: Iterable[Any], other: Iterable[Any], name: str) -> float:
    pairs = zip(mine, other, strict=True)
    values: list[float] = [
        getattr(one, name) / getattr(two, name) for one, two in pairs
    ]
    return median(values)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
