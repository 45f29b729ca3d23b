"""``weft bench``: what this machine and this disk give, in a few seconds.

A runtime of its own is opened in a temporary directory on the disk, or a daemon is
asked; then the same is done again and again, by one caller and by many.

Guarantees:
    * no store is touched that was there before: the directory is new and removed at
      the end, and a daemon is only asked what it answers without writing;
    * what is timed is what callers wait for, from asking to the durable answer;
    * what makes the figures worth less is told beside them.

The figures are of this moment. Comparisons with other systems are not here.
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count as numbers
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import msgspec

from weft.daemon.doctor_command import NETWORKED, file_system_of
from weft.daemon.opening import SWITCH_INTERVAL_S
from weft.daemon.printing import emit, print_json, print_records
from weft.daemon.progress import Show, progress
from weft.daemon.stopwatch import Figure, Stopwatch
from weft.storage.progress import part

if TYPE_CHECKING:
    from weft.actors import Runtime
    from weft.daemon.remote import Remote
    from weft.daemon.target import Target

__all__ = ["Plan", "bench_daemon", "bench_disk"]

PAGE_SIZE_BYTES: Final = 4096
IN_MEMORY: Final = frozenset({"tmpfs", "ramfs"})

FLUSH_MS_MIN: Final = 0.01
"""Flash alone takes longer: what is faster ended in a cache."""

COLUMNS: Final = {
    "WHAT": "what",
    "CALLERS": "callers",
    "A SECOND": "per_second",
    "P50 MS": "p50_ms",
    "P99 MS": "p99_ms",
    "MAX MS": "max_ms",
    "CPU US": "cpu_us",
    "A FLUSH": "per_flush",
}


class Plan(msgspec.Struct, frozen=True):
    """How to measure.

    Attributes:
        seconds: for each figure.
        callers: how many ask at once.
        output: table, json or jsonl.
        quiet: show no progress.
    """

    seconds: float
    callers: int
    output: str = "table"
    quiet: bool = False


def bench_disk(directory: Path, plan: Plan) -> None:
    """Measure a runtime in a new directory, and print the figures.

    Args:
        directory: on the disk; the new directory is made in it and removed.
        plan: how to measure.

    Raises:
        OSError: nothing can be written there.
    """
    place = directory.resolve()
    with (
        TemporaryDirectory(prefix=".weft-bench-", dir=place) as scratch,
        progress("bench, per mille", quiet=plan.quiet, output=plan.output) as show,
    ):
        first, *others = _watches(plan, show, 6)
        flush = _flushes(Path(scratch) / "flushes", first)
        figures = asyncio.run(_embedded(Path(scratch) / "data", plan.callers, others))
    kind = file_system_of(place)
    notes = [*_doubts(kind, flush), *_load()]
    _print(f"{place} ({kind})", plan, [flush, *figures], notes)


def _watches(plan: Plan, show: Show, parts: int) -> list[Stopwatch]:
    ends = [1000 * number // parts for number in range(parts + 1)]
    return [Stopwatch(plan.seconds, part(show, *pair)) for pair in pairwise(ends)]


def _flushes(path: Path, watch: Stopwatch) -> Figure:
    """Append a page and flush it, again and again: what no store can beat."""
    page = bytes(PAGE_SIZE_BYTES)
    with path.open("wb", buffering=0) as file:
        for _ in watch.calls():
            file.write(page)
            os.fsync(file.fileno())
    return watch.figure("flush of 4 KiB", 1)


async def _embedded(data: Path, many: int, watches: list[Stopwatch]) -> list[Figure]:
    from weft.actors import Runtime

    async with Runtime.open(
        data, switch_interval_s=SWITCH_INTERVAL_S, collector=True
    ) as runtime:
        coordinator, names = runtime.coordinator, numbers()
        homes = [f"session-{number}" for number in range(many + 1)]
        made = [runtime.session(home).create_thread(home) for home in homes]
        threads = [(await thread).thread_id for thread in made]
        moves = [numbers(1) for _ in homes]

        def create(caller: int) -> Awaitable[Any]:
            return runtime.session(homes[caller]).create_thread(f"new-{next(names)}")

        def append(caller: int) -> Awaitable[Any]:
            return coordinator.append_state(threads[caller], {"said": "a word"})

        def transfer(caller: int) -> Awaitable[Any]:
            to = homes[caller + next(moves[caller]) % 2]  # there and back
            return runtime.thread(threads[caller]).transfer_to(to)

        def read(caller: int) -> Awaitable[Any]:
            return coordinator.get_thread_state(threads[caller])

        steps: tuple[tuple[str, int, Callable[[int], Awaitable[Any]]], ...] = (
            ("create", 1, create),
            ("create", many, create),
            ("append", many, append),
            ("transfer", many, transfer),
            ("read", 1, read),
        )
        return [
            await _together(runtime, what, callers, step, watch)
            for (what, callers, step), watch in zip(steps, watches, strict=True)
        ]


async def _together(
    runtime: "Runtime",
    what: str,
    callers: int,
    step: Callable[[int], Awaitable[Any]],
    watch: Stopwatch,
) -> Figure:
    def flushes() -> int:
        return runtime.statistics().writer.group_operations.count

    async def call(caller: int) -> None:
        for _ in watch.calls():
            await step(caller)

    before = flushes()
    await asyncio.gather(*(call(caller) for caller in range(callers)))
    return watch.figure(what, callers, flushes() - before)


def bench_daemon(target: "Target", plan: Plan) -> None:
    """Measure a daemon from outside, and print the figures.

    Args:
        target: the daemon.
        plan: how to measure.
    """
    steps = (
        ("answer from memory", "/ok", 1),
        ("answer from memory", "/ok", plan.callers),
        ("read of the store", "/sessions?limit=1", plan.callers),
    )
    with progress("bench, per mille", quiet=plan.quiet, output=plan.output) as show:
        watches = _watches(plan, show, len(steps))
        figures = [
            _asked(target, what, path, callers, watch)
            for (what, path, callers), watch in zip(steps, watches, strict=True)
        ]
    with target.remote() as remote:
        place = remote.place
    notes = ["CPU is that of the callers, who share one process; nothing was written."]
    _print(place, plan, figures, [*notes, *_load()])


def _asked(
    target: "Target", what: str, path: str, callers: int, watch: Stopwatch
) -> Figure:
    def call(remote: "Remote") -> None:
        for _ in watch.calls():
            remote.ask("GET", path)

    with ExitStack() as stack, ThreadPoolExecutor(callers) as pool:
        remotes = [stack.enter_context(target.remote()) for _ in range(callers)]
        for remote in remotes:
            remote.ask("GET", path)  # the connection is not what is timed
        list(pool.map(call, remotes))
        return watch.figure(what, callers)


def _doubts(kind: str, flush: Figure) -> Iterator[str]:
    if kind in IN_MEMORY:
        yield "This is memory, where a flush costs nothing: name a disk with --data."
    elif flush.p50_ms < FLUSH_MS_MIN:
        yield "No flash is as fast as this flush: the disk may forget it at power loss."
    if kind in NETWORKED:
        yield f"LMDB's locks do not hold on {kind}: keep stores on a local disk."


def _load() -> Iterator[str]:
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    if load > cores:
        yield f"Others are at work here: a load of {load:.1f} on {cores} cores."


def _print(place: str, plan: Plan, figures: list[Figure], notes: list[str]) -> None:
    rows = [msgspec.structs.asdict(figure) for figure in figures]
    if plan.output == "json":
        python = ".".join(map(str, sys.version_info[:3]))
        about = {"place": place, "python": python, "cores": os.cpu_count()}
        print_json(about | {"figures": rows, "notes": notes})
        return
    if plan.output == "table":
        emit(f"{place}\n")
    print_records(rows, COLUMNS, plan.output)
    sys.stderr.writelines(f"weft: {note}\n" for note in notes)
