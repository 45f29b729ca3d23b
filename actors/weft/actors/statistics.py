"""What a runtime counted, in one piece, for whoever shows it."""

from typing import Any

import msgspec

from weft.actors.collector import CollectorStatistics
from weft.actors.dispatcher import DispatcherStatistics
from weft.actors.executors import Executors
from weft.actors.loop_executor import LoopStatistics
from weft.actors.process_executor import ProcessStatistics
from weft.actors.retention import RetentionStatistics
from weft.actors.services import Services
from weft.storage import StoreStatistics, WriterStatistics
from weft.storage.statistics import Histogram, HistogramSnapshot

__all__ = ["RuntimeStatistics", "counted_by"]


class RuntimeStatistics(msgspec.Struct, frozen=True):
    """What a runtime did and holds.

    Attributes:
        dispatcher: turns, mailbox waits; of the process, which may have more runtimes.
        writer: operations, commits.
        store: records and bytes.
        check: what the consistency checks found.
        pool: of the OS threads for plain workflows, their executor's own statistics.
        loops: of the event loops for asynchronous ones.
        processes: of the worker processes.
        runs_held: runs that have their turn, and wait for a place within the limits.
        runs_pending: runs that wait for their turn, their time, or another attempt.
        stale_writes: late writes of runs that were refused.
        actors: resident ones, by ``(kind, state)``; a state is idle, running or
            quarantined.
        runs: how many ended here, by status.
        restarts: actors that were replaced after a failure.
        restarts_by_kind: the same, by kind.
        started: actors that became resident, by kind.
        stopped: those that did not stay, by ``(kind, reason)``; a reason is
            passivated, failed, rebuilt or removed.
        asks: commands that are not answered yet.
        reply_ns: from the flush of a group to the posting of its answers.
        quarantines: sessions that were put into quarantine so far.
        retention: what was forgotten.
        collector: what Python's garbage collector cost; of the process.
    """

    dispatcher: DispatcherStatistics
    writer: WriterStatistics
    store: StoreStatistics
    check: Any
    pool: Any
    actors: dict[tuple[str, str], int]
    runs: dict[str, int]
    restarts: int
    restarts_by_kind: dict[str, int] = {}
    started: dict[str, int] = {}
    stopped: dict[tuple[str, str], int] = {}
    quarantines: int = 0
    loops: LoopStatistics = LoopStatistics()
    processes: ProcessStatistics = ProcessStatistics()
    runs_held: int = 0
    runs_pending: int = 0
    stale_writes: int = 0
    asks: int = 0
    reply_ns: HistogramSnapshot = Histogram().snapshot()
    retention: RetentionStatistics = RetentionStatistics({}, 0, 0)
    collector: CollectorStatistics = CollectorStatistics()


def actors_of(services: Services) -> dict[tuple[str, str], int]:
    """Return how many actors are resident, by kind and state."""
    running, quarantined = len(services.live_runs), services.quarantined
    return {
        ("session", "idle"): len(services.sessions) - quarantined,
        ("session", "quarantined"): quarantined,
        ("thread", "running"): running,
        ("thread", "idle"): max(0, len(services.threads) - running),
    }


def counted_by(services: Services) -> dict[str, Any]:
    """Return what a runtime's actors counted, by the fields of the whole."""
    return {
        "actors": actors_of(services),
        "runs": dict(services.finished_runs),
        "restarts": services.restarts.total(),
        "restarts_by_kind": dict(services.restarts),
        "started": dict(services.started),
        "stopped": dict(services.stopped),
        "quarantines": services.quarantines,
        "runs_pending": len(services.waiting_runs),
        "stale_writes": services.stale_writes,
        "asks": len(services.asks),
        "reply_ns": services.reply_time.snapshot(),
        **_executed_by(services.executor),
    }


def _executed_by(executor: Any) -> dict[str, Any]:
    if not isinstance(executor, Executors):
        return {}
    return {
        "loops": executor.loops(),
        "processes": executor.processes(),
        "runs_held": sum(executor.waiting().values()),
    }
