"""Savers of LangGraph checkpoints side by side: durable puts per second.

``python -m bench.langgraph_savers [--seconds 3] [--rounds 3]`` (needs
``weft[langgraph]`` and ``langgraph-checkpoint-sqlite``).

Each caller is an OS thread, or with ``async`` a task, with a LangGraph thread of its
own; it puts one checkpoint after the other, each with one changed channel of 1 KB and
three unchanged ones, and waits for each. SqliteSaver and AsyncSqliteSaver as they
come, with ``synchronous=FULL``: WAL, one lock. Rounds alternate between the savers, so
that a slow spell of the disk hits both; the figure is the median. A raw append and
fsync of 4 KB is measured beside each round.
"""

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from threading import Barrier, Thread
from typing import Any, Final

from langgraph.checkpoint.base import BaseCheckpointSaver, Checkpoint, empty_checkpoint
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from weft.integrations.langgraph import WeftSaver

CALLERS: Final = (1, 64)
VALUE: Final = "x" * 1024


@contextmanager
def weft_saver(path: Path) -> Iterator[BaseCheckpointSaver[Any]]:
    with WeftSaver.open(path / "weft") as saver:
        yield saver


@contextmanager
def sqlite_saver(path: Path) -> Iterator[BaseCheckpointSaver[Any]]:
    with SqliteSaver.from_conn_string(str(path / "checkpoints.sqlite")) as saver:
        saver.setup()
        saver.conn.execute("PRAGMA synchronous=FULL")
        yield saver


@asynccontextmanager
async def async_weft_saver(path: Path) -> AsyncIterator[BaseCheckpointSaver[Any]]:
    async with WeftSaver.open(path / "weft") as saver:
        yield saver


@asynccontextmanager
async def async_sqlite_saver(path: Path) -> AsyncIterator[BaseCheckpointSaver[Any]]:
    place = str(path / "checkpoints.sqlite")
    async with AsyncSqliteSaver.from_conn_string(place) as saver:
        await saver.setup()
        await saver.conn.execute("PRAGMA synchronous=FULL")
        yield saver


SAVERS: Final = {"weft": weft_saver, "sqlite": sqlite_saver}
ASYNC_SAVERS: Final = {"weft": async_weft_saver, "sqlite": async_sqlite_saver}

Figures = tuple[float, float, float]
"""Puts per second, and the 50th and 99th percentile in milliseconds."""


class Caller:
    """Makes one checkpoint after the other, on a thread of its own."""

    def __init__(self, saver: Any, thread_id: str) -> None:
        self.saver = saver
        self.versions = {name: saver.get_next_version(None, None) for name in "abcd"}
        self.changed = dict(self.versions)
        self.step = 0
        self.config: Any = {
            "configurable": {"thread_id": thread_id, "checkpoint_ns": ""}
        }

    def next(self) -> tuple[Any, Checkpoint, Any, Any]:
        """Return the arguments of the next put."""
        if self.step:
            version = self.saver.get_next_version(self.versions["a"], None)
            self.versions["a"] = version
            self.changed = {"a": version}
        checkpoint: Checkpoint = empty_checkpoint()
        checkpoint["channel_values"] = dict.fromkeys("abcd", VALUE)
        checkpoint["channel_versions"] = dict(self.versions)
        metadata = {"source": "loop", "step": self.step}
        self.step += 1
        return self.config, checkpoint, metadata, self.changed


def put_until(caller: Caller, deadline: float, took: list[float]) -> None:
    """Put checkpoints until a moment; note how long each took."""
    while (began := time.perf_counter()) < deadline:
        caller.config = caller.saver.put(*caller.next())
        took.append(time.perf_counter() - began)


async def aput_until(caller: Caller, deadline: float, took: list[float]) -> None:
    """Do as `put_until`."""
    while (began := time.perf_counter()) < deadline:
        caller.config = await caller.saver.aput(*caller.next())
        took.append(time.perf_counter() - began)


def rate(open_saver: Callable[[Path], Any], callers: int, seconds: float) -> Figures:
    """Return the figures of callers that are OS threads."""
    took: list[list[float]] = [[] for _ in range(callers)]
    with tempfile.TemporaryDirectory() as place, open_saver(Path(place)) as saver:
        ready = Barrier(callers + 1)

        def call(number: int) -> None:
            caller = Caller(saver, f"thread-{number}")
            ready.wait()
            put_until(caller, time.perf_counter() + seconds, took[number])

        os_threads = [Thread(target=call, args=(n,)) for n in range(callers)]
        for one in os_threads:
            one.start()
        ready.wait()
        began = time.perf_counter()
        for one in os_threads:
            one.join()
        return figures(took, time.perf_counter() - began)


def rate_of_tasks(
    open_saver: Callable[[Path], Any], callers: int, seconds: float
) -> Figures:
    """Return the figures of callers that are tasks."""
    took: list[list[float]] = [[] for _ in range(callers)]

    async def run(place: Path) -> Figures:
        async with open_saver(place) as saver:
            made = [Caller(saver, f"thread-{n}") for n in range(callers)]
            began = time.perf_counter()
            tasks = [
                aput_until(caller, began + seconds, took[n])
                for n, caller in enumerate(made)
            ]
            await asyncio.gather(*tasks)
            return figures(took, time.perf_counter() - began)

    with tempfile.TemporaryDirectory() as place:
        return asyncio.run(run(Path(place)))


def figures(took: list[list[float]], elapsed: float) -> Figures:
    every = sorted(one for caller in took for one in caller)
    return (
        len(every) / elapsed,
        every[len(every) // 2] * 1e3,
        every[int(len(every) * 0.99)] * 1e3,
    )


def raw_fsyncs(seconds: float = 0.3) -> float:
    """Return appends of 4 KB, each with its fsync, per second."""
    with tempfile.TemporaryFile() as file:
        deadline, count = time.perf_counter() + seconds, 0
        while time.perf_counter() < deadline:
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())
            count += 1
    return count / seconds


def compare(kind: str, callers: int, rounds: int, seconds: float) -> None:
    """Print the medians of some rounds of one number of callers."""
    savers: dict[str, Any] = dict(SAVERS if kind == "sync" else ASYNC_SAVERS)
    measure = rate if kind == "sync" else rate_of_tasks
    found: dict[str, list[Figures]] = {name: [] for name in savers}
    raw = []
    for _ in range(rounds):
        for name, open_saver in savers.items():
            raw.append(raw_fsyncs())
            found[name].append(measure(open_saver, callers, seconds))
    medians = {}
    for name, one in found.items():
        puts, p50, p99 = (
            statistics.median(column) for column in zip(*one, strict=True)
        )
        medians[name] = puts
        print(
            f"{kind:5} {callers:3} callers  {name:6} {puts:8.0f} puts/s"
            f"  p50 {p50:7.2f} ms  p99 {p99:7.2f} ms"
        )
    ratio = medians["weft"] / medians["sqlite"]
    print(
        f"{kind:5} {callers:3} callers  weft / sqlite {ratio:.2f}"
        f"  (raw fsyncs/s {statistics.median(raw):.0f})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    for kind in ("sync", "async"):
        for callers in CALLERS:
            compare(kind, callers, given.rounds, given.seconds)


if __name__ == "__main__":
    main()
