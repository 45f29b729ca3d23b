"""What reading a session with ten threads costs, and waking one that is not resident.

The same sessions in Weft and in SQLite. Weft answers with the records of the threads,
from a snapshot, to the caller's OS thread; SQLite with the rows of a join, over the
indexes that the associations have. Waking is what a session's actor does at its first
message: it reads the session and its threads' names.
"""

import time
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from pathlib import Path
from random import Random
from typing import Any, Final

import msgspec

from bench import relational
from bench.residents import wake_all
from bench.weft_store import create_store
from bench.work import World
from weft.actors import Runtime

__all__ = ["ReadsMeasurement", "ReadsSpec", "measure_reads"]

THREADS: Final = 10

_JOIN: Final = """
SELECT threads.* FROM session_thread_associations JOIN threads
USING (session_id, thread_id) WHERE session_id = ? AND is_active
ORDER BY threads.thread_name
"""

_TURNS: Final = 10


class ReadsSpec(msgspec.Struct, frozen=True, tag=True):
    """Read so many sessions, each a few times.

    Attributes:
        directory: an empty folder.
    """

    directory: str
    sessions: int
    reads: int


class ReadsMeasurement(msgspec.Struct, frozen=True):
    """What a read costs, in microseconds; the best of ten turns taken alternately.

    Attributes:
        sqlite_us: a join, and all its rows.
        weft_us: ``coordinator.list_threads`` of a resident session.
        names_us: names and ids of the threads, without their records.
        wake_us: a session that is not resident becomes so.
    """

    sqlite_us: float
    weft_us: float
    names_us: float
    wake_us: float


def measure_reads(spec: ReadsSpec) -> ReadsMeasurement:
    """Measure reads of Weft and SQLite in turns.

    Raises:
        AssertionError: one of them did not find ten threads.
    """
    world = _world(spec.sessions)
    directory = Path(spec.directory)
    database = relational.create(directory, world)
    runtime = Runtime.open(store=create_store(directory / "weft", world))
    ids, turn = world.session_ids, spec.sessions // _TURNS
    wake_s = min(
        wake_all(runtime, ids[n * turn : (n + 1) * turn]) for n in range(_TURNS)
    )
    store, listed = runtime.store, runtime.coordinator.list_threads

    def names(session_id: str) -> Any:
        with store.read() as snapshot:
            return dict(snapshot.names(session_id))

    sqlite_us, weft_us, names_us = _best_us(
        (
            lambda session_id: database.execute(_JOIN, (session_id,)).fetchall(),
            lambda session_id: listed(session_id).get(),
            names,
        ),
        cycle(Random(0).sample(world.session_ids, spec.sessions)),
        spec.reads,
    )
    runtime.close()
    database.close()
    return ReadsMeasurement(sqlite_us, weft_us, names_us, wake_s / turn * 1e6)


def _world(sessions: int) -> World:
    world = World("create")
    world.session_ids = [f"session-{n:06}" for n in range(sessions)]
    world.threads = [
        (f"thread-{n:06}", world.session_ids[n // THREADS], f"name-{n % THREADS}")
        for n in range(sessions * THREADS)
    ]
    return world


def _best_us(
    reads: tuple[Callable[[str], Any], ...], ids: Iterator[str], number: int
) -> list[float]:
    best = [float("inf")] * len(reads)
    for _ in range(_TURNS):
        mine = list(islice(ids, number))
        for place, read in enumerate(reads):
            found: Any = ()
            began_s = time.process_time()
            for session_id in mine:
                found = read(session_id)
            took_s = time.process_time() - began_s
            if len(found) != THREADS:
                raise AssertionError(f"{len(found)} threads were found, not {THREADS}")
            best[place] = min(best[place], took_s / number * 1e6)
    return best
