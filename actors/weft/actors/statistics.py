"""What a runtime counted, in one piece, for whoever shows it."""

from typing import Any

import msgspec

from weft.actors.collector import CollectorStatistics
from weft.actors.dispatcher import DispatcherStatistics
from weft.actors.retention import RetentionStatistics
from weft.actors.services import Services
from weft.storage import StoreStatistics, WriterStatistics

__all__ = ["RuntimeStatistics", "actors_of"]


class RuntimeStatistics(msgspec.Struct, frozen=True):
    """What a runtime did and holds.

    Attributes:
        dispatcher: turns, mailbox waits; of the process, which may have more runtimes.
        writer: operations, commits.
        store: records and bytes.
        check: what the consistency checks found.
        pool: the executor's own statistics.
        actors: resident ones, by ``(kind, state)``; a state is idle, running or
            quarantined.
        runs: how many ended here, by status.
        restarts: actors that were replaced after a failure.
        restarts_by_kind: the same, by kind.
        started: actors that became resident, by kind.
        stopped: those that did not stay, by ``(kind, reason)``; a reason is
            passivated, failed, rebuilt or removed.
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
