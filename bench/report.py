"""The figures as text: ratios first, since they outlive the machine."""

from collections.abc import Iterable, Iterator, Sequence
from statistics import median
from typing import Final

from bench.harness import Cell, Plan, Result
from bench.machine import Machine
from bench.messaging import MessagingMeasurement

__all__ = ["render"]

NOTES: Final = (
    "x sqlite3, x group: operations/s as a multiple of sqlite3 (always with threads,"
    " same case and callers)\n"
    "and of sqlite-group (same kind of callers); median of the rounds' ratios, lowest"
    " and highest in brackets.\n"
    "The sqlite engines have no operation log, no idempotency keys, no unique names"
    " and no feed: they do less.\n"
    "CPU: of all OS threads of the process, callers included. Every answer is fsynced,"
    " and was found in the\n"
    "store afterwards."
)

_HEAD: Final = (
    "case", "callers", "engine", "x sqlite3", "x group", "ops/s", "p50 ms", "p99 ms",
    "CPU us/op", "group",
)  # fmt: skip


def render(machine: Machine, plan: Plan, result: Result) -> str:
    """Return the whole report as plain text."""
    parts = [_machine(machine), _method(plan, result)]
    if result.cells:
        parts += [_table([_HEAD, *_rows(result.cells)]), NOTES]
    if result.messaging:
        parts.append(_messaging(result))
    return "\n\n".join(parts)


def _machine(machine: Machine) -> str:
    versions = ", ".join(f"{name} {value}" for name, value in machine.versions.items())
    return (
        f"{machine.processors} x {machine.processor}, {machine.system}, "
        f"{machine.file_system}\nPython {machine.python}, {versions}"
    )


def _method(plan: Plan, result: Result) -> str:
    probes = ", ".join(f"{value:.0f}" for value in result.fsync_us)
    return (
        f"{plan.rounds} rounds of {plan.seconds:g} s, engines in turns, a process"
        f" each; medians\nraw flush of 4 KiB before each round, p50: {probes} us"
    )


def _rows(cells: Sequence[Cell]) -> Iterator[tuple[str, ...]]:
    by_key = {(c.case, c.kind, c.callers, c.engine): c for c in cells}
    for cell in cells:
        single = by_key.get((cell.case, "threads", cell.callers, "sqlite3"))
        group = by_key.get((cell.case, cell.kind, cell.callers, "sqlite-group"))
        yield (
            cell.case,
            f"{cell.callers} {cell.kind}",
            cell.engine,
            _ratio(cell, single),
            _ratio(cell, group),
            f"{_median(m.rate for m in cell.rounds):,.0f}",
            f"{_median(m.p50_us for m in cell.rounds) / 1e3:.2f}",
            f"{_median(m.p99_us for m in cell.rounds) / 1e3:.2f}",
            f"{_median(m.cpu_us for m in cell.rounds):.0f}",
            f"{_median(m.group for m in cell.rounds):.1f}",
        )


def _ratio(cell: Cell, base: Cell | None) -> str:
    if base is None:
        return "-"
    if base is cell:
        return "1"
    ratios = [m.rate / b.rate for m, b in zip(cell.rounds, base.rounds, strict=True)]
    return f"{median(ratios):.2f} [{min(ratios):.2f} {max(ratios):.2f}]"


def _messaging(result: Result) -> str:
    head = ("messaging", "ask p50 us", "hop us", "tell to 1,000 us", "bytes/actor")
    rows = [(name, *_costs(rounds)) for name, rounds in result.messaging.items()]
    return _table([head, *rows])


def _costs(rounds: Sequence[MessagingMeasurement]) -> tuple[str, ...]:
    return (
        f"{_median(m.ask_p50_us for m in rounds):.1f}",
        f"{_median(m.hop_us for m in rounds):.2f}",
        f"{_median(m.tell_us for m in rounds):.2f}",
        f"{_median(m.actor_bytes for m in rounds):,.0f}",
    )


def _median(values: Iterable[float]) -> float:
    return median(values)


def _table(rows: Sequence[Sequence[str]]) -> str:
    """Return rows in columns; a blank line where the second cell changes."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines: list[str] = []
    for row, before in zip(rows, [rows[0], *rows], strict=False):
        if lines and len(row) == len(_HEAD) and row[:2] != before[:2]:
            lines.append("")
        cells = [
            cell.ljust(width) if n < 3 and len(row) == len(_HEAD) else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
