"""``weft replay`` on a folder of chat logs: is the processor busy, or waited for?

Durable work at enough concurrency should be bound by the processor and not by the
disk: the share of CPU time in wall time says so. More than 100 % are two processors.
"""

import asyncio
import time
from pathlib import Path

import msgspec

from weft.actors import Runtime
from weft.daemon.chat import chat
from weft.daemon.opening import open_runtime
from weft.daemon.plan import line_count, plan_logs
from weft.daemon.replay import replay
from weft.daemon.replay_report import count
from weft.daemon.stop import Stop

__all__ = ["ReplayMeasurement", "ReplaySpec", "measure_replay"]


class ReplaySpec(msgspec.Struct, frozen=True, tag=True):
    """Replay logs into an empty folder."""

    logs: str
    directory: str
    concurrency: int


class ReplayMeasurement(msgspec.Struct, frozen=True):
    """What a replay took, without reading the logs and without the check behind it."""

    lines: int
    operations: int
    elapsed_s: float
    cpu_s: float

    @property
    def busy(self) -> float:
        """CPU time as a share of the wall time."""
        return self.cpu_s / self.elapsed_s


def measure_replay(spec: ReplaySpec) -> ReplayMeasurement:
    """Replay, and check what is in the store then.

    Raises:
        AssertionError: a line is not in the store, or the check found something.
    """
    logs = plan_logs(Path(spec.logs))
    lines = line_count(logs)
    with open_runtime(Path(spec.directory), [chat]) as runtime:
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        asyncio.run(replay(runtime, logs, concurrency=spec.concurrency, stop=Stop()))
        elapsed_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
        with runtime.store.read() as snapshot:
            states = count(snapshot, logs).states
        if states != lines or not runtime.check().clean:
            raise AssertionError(f"{lines} lines replayed, {states} states stored")
        return ReplayMeasurement(lines, _operations(runtime), elapsed_s, cpu_s)


def _operations(runtime: Runtime) -> int:
    counts = runtime.statistics().writer.operations
    return sum(n for (_, outcome), n in counts.items() if outcome == "applied")
