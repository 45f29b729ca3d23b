"""The figures as text: ratios first, since they outlive the machine."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from statistics import median
from typing import Final

from bench.harness import STOCK_SPACE_BYTES, Cell, Plan, Result
from bench.machine import Machine
from bench.messaging import MessagingMeasurement
from bench.residents import ResidentsMeasurement
from bench.spec import EngineName

__all__ = ["render"]

NOTES: Final = (
    "x sqlite3, x group: operations/s as a multiple of sqlite3 (always with threads,"
    " same case and callers)\n"
    "and of sqlite-group (same kind of callers; in the case hot: of the suspended"
    " session); median of the\nrounds' ratios, lowest and highest in brackets.\n"
    "The sqlite engines have no operation log, no idempotency keys, no unique names"
    " and no feed: they do less.\n"
    "CPU: of all OS threads of the process, callers included. Every answer is fsynced,"
    " and was found in the\n"
    "store afterwards."
)

MESSAGING_NOTES: Final = (
    "\nx: of Pykka's stock actors, median of the rounds' ratios; less is better. Loop"
    " stall: the longest pause of an\nasyncio heartbeat while answers were awaited that"
    " took 50 ms each; quiet: while nothing was asked."
)

RESIDENTS_NOTES: Final = (
    "stored: woken one by one, each with the read of a store on disk; else in a bulk,"
    " the store's answer a\nconstant of the program. Reading: CPU of those reads alone,"
    " made once more; rest: what the actors take.\nOne thread: each its own name."
    " MB: of the process itself, without pages of files. Longest pause: of the\ngarbage"
    " collector in any round, with full collections, from the first session to the end"
    " of 2,000 commands.\nNot frozen: the same full collection without"
    " weft.actors.collector."
)

_COSTS: Final[tuple[tuple[Callable[[MessagingMeasurement], float], int], ...]] = (
    (lambda m: m.ask_p50_us, 1),
    (lambda m: m.hop_us, 2),
    (lambda m: m.tell_us, 2),
    (lambda m: m.actor_bytes, 0),
    (lambda m: m.loop.ask_p50_us, 1),
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
    if result.residents:
        parts.append(_residents(plan, result))
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
        group = by_key.get((cell.case, cell.kind, cell.callers, _rival(cell)))
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


def _rival(cell: Cell) -> EngineName:
    return "suspended" if cell.case == "hot" else "sqlite-group"


def _ratio(cell: Cell, base: Cell | None) -> str:
    if base is None:
        return "-"
    if base is cell:
        return "1"
    ratios = [m.rate / b.rate for m, b in zip(cell.rounds, base.rounds, strict=True)]
    return f"{median(ratios):.2f} [{min(ratios):.2f} {max(ratios):.2f}]"


def _messaging(result: Result) -> str:
    head = (
        "messaging", "ask p50 us", "x", "hop us", "x", "tell to 1,000 us", "x",
        "bytes/actor", "x", "asyncio ask p50 us", "x", "loop stall ms", "quiet ms",
    )  # fmt: skip
    stock = result.messaging["pykka"]
    rows = [(name, *_costs(mine, stock)) for name, mine in result.messaging.items()]
    return _table([head, *rows]) + MESSAGING_NOTES


def _costs(
    mine: Sequence[MessagingMeasurement], stock: Sequence[MessagingMeasurement]
) -> Iterator[str]:
    for cost, digits in _COSTS:
        yield f"{_median(map(cost, mine)):,.{digits}f}"
        pairs = zip(mine, stock, strict=True)
        yield f"{_median(cost(m) / cost(s) for m, s in pairs):.3g}"
    yield f"{_median(m.loop.stall_ms for m in mine):.1f}"
    yield f"{_median(m.loop.quiet_ms for m in mine):.1f}"


def _residents(plan: Plan, result: Result) -> str:
    head = (
        f"{plan.residents:,} sessions", "CPU s", "reading s", "rest s", "MB",
        "bytes each", "longest pause ms", "its CPU ms", "full, not frozen, ms",
    )  # fmt: skip
    rows = [
        (name, *_sizes(rounds, plan.residents))
        for name, rounds in result.residents.items()
    ]
    return f"{_table([head, *rows])}\n{_stock_limit(result)}{RESIDENTS_NOTES}"


def _sizes(rounds: Sequence[ResidentsMeasurement], sessions: int) -> tuple[str, ...]:
    heap_bytes = _median(m.heap_bytes for m in rounds)
    return (
        f"{_median(m.cpu_s for m in rounds):.2f}",
        f"{_median(m.read_s for m in rounds):.2f}",
        f"{_median(m.cpu_s - m.read_s for m in rounds):.2f}",
        f"{heap_bytes / 1e6:.0f}",
        f"{heap_bytes / sessions:.0f}",
        f"{max(m.pause_ms for m in rounds):.1f}",
        f"{max(m.pause_cpu_ms for m in rounds):.1f}",
        f"{_median(m.full_ms for m in rounds):.0f}",
    )


def _stock_limit(result: Result) -> str:
    stock = result.stock_limit
    if stock is None or stock.error is None:
        return ""
    return (
        f"Pykka's stock actors ended at {stock.actors:,} in"
        f" {STOCK_SPACE_BYTES >> 30} GiB of address space ({stock.error});\n"
        f"{stock.address_bytes / 1e6:.1f} MB of it each, and this kernel's limits end"
        f" them at {stock.kernel_max:,}.\n"
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
