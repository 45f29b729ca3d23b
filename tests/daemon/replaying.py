"""Replaying logs in a test, and looking at what came of it."""

import asyncio
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.daemon.image import Image, image
from weft.actors import Runtime
from weft.daemon.plan import LogPlan
from weft.daemon.replay import replay
from weft.daemon.stop import Stop
from weft.storage import LmdbStore, Snapshot
from weft.storage.store import clock_us

EXAMPLES = Path(__file__).parents[2] / "examples" / "logs"


def run_replay(
    runtime: Runtime,
    logs: Sequence[LogPlan],
    stop_after: int | None = None,
    concurrency: int = 64,
) -> int:
    """Replay, or stop after some lines; return how many operations were applied."""
    before = runtime.statistics().store.seq
    stop, seen = Stop(), 0

    def on_line() -> None:
        nonlocal seen
        seen += 1
        if seen == stop_after:
            stop.request(signal.SIGTERM)

    asyncio.run(
        replay(runtime, logs, concurrency=concurrency, stop=stop, on_line=on_line)
    )
    return runtime.statistics().store.seq - before


def forget_operations(directory: Path) -> None:
    """Let the whole operation log expire, but for its last entry."""
    store = LmdbStore(directory)
    while store.expire_operations(clock_us() + 1):
        pass
    store.close()


def states(snapshot: Snapshot, thread_id: str) -> list[Any]:
    """Return the values of a thread's states, oldest first."""
    return [state.values for state in reversed(list(snapshot.states(thread_id)))]


def image_of(directory: Path) -> Image:
    """Return the image of a store that nobody has open."""
    store = LmdbStore(directory)
    with store.read() as snapshot:
        found = image(snapshot)
    store.close()
    return found
