"""How far a long job is: a bar on a terminal, a line now and then elsewhere.

Guarantees: it goes to stderr, which leaves stdout to results; a quiet one prints
nothing; a job of less than a second shows nothing; lines come every 10 s at the most
often, as JSON every second; all tell the rate and the time left.
"""

import json
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, Final, Self, TextIO

from weft.storage.progress import untold

__all__ = ["Show", "progress"]

LINE_INTERVAL_S: Final = 10.0
JSON_INTERVAL_S: Final = 1.0
BAR_AFTER_S: Final = 1.0
"""What is done sooner needs no bar."""

Show = Callable[[int, int], None]
"""Told how much is done, and of how much."""


@contextmanager
def progress(
    what: str,
    *,
    quiet: bool = False,
    output: str = "table",
    file: TextIO | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Generator[Show]:
    """Show the progress of a job for the time of a with block.

    Args:
        what: the job, a word.
        quiet: show nothing.
        output: that of the command; ``jsonl`` shows lines of JSON.
        file: where to; stderr if omitted.
        clock: seconds.
    """
    to: TextIO = file or sys.stderr
    if quiet:
        yield untold
    elif output == "jsonl":
        yield _lines(_json_line(what), to, clock, JSON_INTERVAL_S)
    elif to.isatty():
        with _Bar(what, to, clock) as bar:
            yield bar.show
    else:
        yield _lines(_text_line(what), to, clock, LINE_INTERVAL_S)


class _Bar:
    """A bar that appears once it is worth it."""

    def __init__(self, what: str, file: TextIO, clock: Callable[[], float]) -> None:
        self._what = what
        self._file = file
        self._clock = clock
        self._began_s = clock()
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, done: int, total: int) -> None:
        """Tell how far it is."""
        if self._bar is None:
            if self._clock() - self._began_s < BAR_AFTER_S:
                return
            self._bar = self._begun()
        rate, _ = _speed(done, total, self._clock() - self._began_s)
        shown = f"{_rate(rate)}/s"
        self._bar.update(self._task, completed=done, total=total, rate=shown)

    def _begun(self) -> Any:
        from rich import progress as bars
        from rich.console import Console

        bar = bars.Progress(
            bars.TextColumn("{task.description}"),
            bars.BarColumn(),
            bars.MofNCompleteColumn(),
            bars.TextColumn("{task.fields[rate]}"),
            bars.TimeRemainingColumn(),
            console=Console(file=self._file),
        )
        self._task = bar.add_task(self._what, total=None, rate="")
        bar.start()
        return bar


Told = Callable[[int, int, float], str]
"""A line of what is done, of how much, after how many seconds."""


def _lines(
    told: Told, file: TextIO, clock: Callable[[], float], interval_s: float
) -> Show:
    began_s = clock()
    next_s = began_s + interval_s

    def show(done: int, total: int) -> None:
        nonlocal next_s
        if clock() >= next_s:
            next_s = clock() + interval_s
            file.write(told(done, total, clock() - began_s))
            file.flush()

    return show


def _text_line(what: str) -> Told:
    def told(done: int, total: int, passed_s: float) -> str:
        rate, left_s = _speed(done, total, passed_s)
        left = (
            "" if left_s is None else f", {_rate(rate)} a second, {left_s:,.0f} s left"
        )
        return f"weft: {what}: {done:,} of {total:,}{left}\n"

    return told


def _json_line(what: str) -> Told:
    def told(done: int, total: int, passed_s: float) -> str:
        rate, left_s = _speed(done, total, passed_s)
        left = None if left_s is None else round(left_s, 1)
        line = {"job": what, "done": done, "total": total}
        return json.dumps(line | {"per_second": round(rate, 1), "left_s": left}) + "\n"

    return told


def _rate(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}"  # noqa: PLR2004 - two digits


def _speed(done: int, total: int, passed_s: float) -> tuple[float, float | None]:
    """Return how many a second, and the seconds left if that can be told."""
    rate = done / passed_s if passed_s > 0 else 0.0
    return rate, (total - done) / rate if rate and total >= done else None
