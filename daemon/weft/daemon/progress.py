"""How far a long job is: a bar on a terminal, a line now and then elsewhere.

Guarantees: it goes to stderr, which leaves stdout to results; a quiet one prints
nothing; lines come every 10 s at the most often.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TextIO

__all__ = ["Show", "progress"]

LINE_INTERVAL_S: Final = 10.0

Show = Callable[[int, int], None]
"""Told how much is done, and of how much."""


@contextmanager
def progress(
    what: str,
    *,
    quiet: bool = False,
    file: TextIO | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Show]:
    """Show the progress of a job for the time of a with block.

    Args:
        what: the job, a word.
        quiet: show nothing.
        file: where to; stderr if omitted.
        clock: seconds, for the lines.
    """
    file = file or sys.stderr
    if quiet:
        yield lambda _done, _total: None
    elif file.isatty():
        with _bar(what, file) as show:
            yield show
    else:
        yield _lines(what, file, clock)


@contextmanager
def _bar(what: str, file: TextIO) -> Iterator[Show]:
    from rich import progress as bars
    from rich.console import Console

    columns = (
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.MofNCompleteColumn(),
        bars.TimeRemainingColumn(),
    )
    with bars.Progress(*columns, console=Console(file=file)) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _lines(what: str, file: TextIO, clock: Callable[[], float]) -> Show:
    next_s = clock() + LINE_INTERVAL_S

    def show(done: int, total: int) -> None:
        nonlocal next_s
        if clock() >= next_s:
            next_s = clock() + LINE_INTERVAL_S
            file.write(f"weft: {what}: {done:,} of {total:,}\n")
            file.flush()

    return show
