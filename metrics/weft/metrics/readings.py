"""Which number of the rooms below stands behind which metric.

Pure: statistics in, counts by metric name and label values out. A metric of the
catalogue that is not read here fails a test.
"""

from collections.abc import Mapping
from typing import Final, TypeVar

import msgspec

from weft.actors import RuntimeStatistics
from weft.actors.retention import RetentionStatistics
from weft.metrics.exemplars import ExemplarsByKey
from weft.metrics.families import Histograms, Key, Numbers
from weft.storage.check import CheckStatisticsSnapshot
from weft.storage.operations import Repair
from weft.storage.store import StoreStatistics
from weft.storage.writer import WriterStatistics

__all__ = ["Readings", "read"]

Count = TypeVar("Count")

_US_PER_S: Final = 1_000_000
_NS_PER_S: Final = 1_000_000_000
_REPAIRED: Final = {"repaired": "applied", "refused": "refused", "failed": "failed"}
_ALL: Final[Key] = ()
"""The key of a metric without labels."""


class Readings(msgspec.Struct):
    """Counts by metric name."""

    numbers: dict[str, Numbers]
    histograms: dict[str, Histograms]
    exemplars: dict[str, ExemplarsByKey] = {}


def read(statistics: RuntimeStatistics) -> Readings:
    """Return what a runtime counted, under the names it is exposed by.

    Args:
        statistics: of a runtime.
    """
    writer = statistics.writer
    dispatcher = statistics.dispatcher
    return Readings(
        numbers={
            **_written(writer),
            **_stored(statistics.store),
            **_acted(statistics),
            **_executed(statistics),
            **_checked(statistics.check),
            **_retained(statistics.retention),
        },
        histograms={
            "weft_operation_duration_seconds": _keyed(writer.duration_ns),
            "weft_operation_queue_wait_seconds": {_ALL: writer.queue_wait_ns},
            "weft_commit_duration_seconds": {_ALL: writer.commit_ns},
            "weft_commit_decide_seconds": {_ALL: statistics.store.decide_ns},
            "weft_commit_flush_seconds": {_ALL: statistics.store.flush_ns},
            "weft_commit_reply_seconds": {_ALL: statistics.reply_ns},
            "weft_commit_group_operations": {_ALL: writer.group_operations},
            "weft_actor_mailbox_wait_seconds": _keyed(dispatcher.mailbox_wait),
            "weft_actor_turn_duration_seconds": _keyed(dispatcher.turn_time),
            "weft_gc_pause_seconds": _keyed(statistics.collector.pauses),
            "weft_check_duration_seconds": {_ALL: statistics.check.duration_ns},
        },
    )


def _written(writer: WriterStatistics) -> dict[str, Numbers]:
    return {
        "weft_operations_total": _paired(writer.operations),
        "weft_operations_refused_total": _keyed(writer.refusals),
        "weft_operations_in_flight": {_ALL: writer.in_flight},
        "weft_repairs_total": _repairs(writer.operations),
        "weft_writer_queue_operations": {_ALL: writer.queued},
        "weft_writer_lag_seconds": {_ALL: writer.lag_ns / _NS_PER_S},
        "weft_store_read_only": {_ALL: writer.read_only},
    }


def _repairs(operations: Mapping[tuple[str, str], int]) -> dict[Key, int]:
    """Return what became of the operations that only repairs submit."""
    return {
        (word,): operations.get((Repair.__name__, outcome), 0)
        for word, outcome in _REPAIRED.items()
    }


def _stored(store: StoreStatistics) -> dict[str, Numbers]:
    counters, engine = store.counters, store.engine
    return {
        "weft_sessions": _keyed(counters.sessions),
        "weft_threads": _keyed(counters.threads),
        "weft_runs": _keyed(counters.runs),
        "weft_states": {_ALL: counters.states},
        "weft_interactions": {_ALL: counters.interactions},
        "weft_items": {_ALL: counters.items},
        "weft_associations": {_ALL: counters.associations},
        "weft_tombstones": {_ALL: counters.tombstones},
        "weft_store_last_seq": {_ALL: store.seq},
        "weft_store_map_size_bytes": {_ALL: engine.map_size_bytes},
        "weft_store_used_bytes": {_ALL: engine.used_bytes},
        "weft_store_free_bytes": {_ALL: engine.free_bytes},
        "weft_store_disk_free_bytes": {_ALL: engine.disk_free_bytes or 0},
        "weft_store_file_bytes": {_ALL: engine.file_bytes},
        "weft_store_readers": {_ALL: engine.readers},
        "weft_store_oldest_reader_commits": {_ALL: engine.oldest_reader_commits},
        "weft_store_entries": _keyed(engine.entries),
    }


def _acted(statistics: RuntimeStatistics) -> dict[str, Numbers]:
    dispatcher = statistics.dispatcher
    return {
        "weft_actors": _paired(statistics.actors),
        "weft_actor_mailbox_messages": {_ALL: dispatcher.queued},
        "weft_dispatcher_lag_seconds": {_ALL: dispatcher.lag_ns / _NS_PER_S},
        "weft_asks_in_flight": {_ALL: statistics.asks},
        "weft_actor_messages_refused_total": {_ALL: dispatcher.refused},
        "weft_actor_long_turns_total": _keyed(dispatcher.long_turns),
        "weft_dead_letters_total": _keyed(dispatcher.dead_letters_by_reason),
        "weft_dispatcher_crashes_total": {_ALL: dispatcher.crashes},
        "weft_actors_started_total": _keyed(statistics.started),
        "weft_actors_stopped_total": _paired(statistics.stopped),
        "weft_actor_restarts_total": _keyed(statistics.restarts_by_kind),
        "weft_actor_quarantines_total": {_ALL: statistics.quarantines},
        "weft_gc_pause_max_seconds": {
            _ALL: statistics.collector.pause_max_ns / _NS_PER_S
        },
    }


def _executed(statistics: RuntimeStatistics) -> dict[str, Numbers]:
    pool = statistics.pool
    return {
        "weft_runs_finished_total": _keyed(statistics.runs),
        "weft_pool_os_threads": {_ALL: pool.threads},
        "weft_pool_idle_os_threads": {_ALL: pool.idle},
        "weft_pool_queue_jobs": {_ALL: pool.queued},
        "weft_pool_jobs_total": {_ALL: pool.done},
        "weft_pool_waiting_jobs": {_ALL: pool.waiting},
        "weft_pool_abandoned_os_threads": {_ALL: pool.abandoned},
        "weft_pending_runs": {_ALL: statistics.runs_pending},
        "weft_limits_waiting_runs": {_ALL: statistics.runs_held},
        "weft_stale_writes_total": {_ALL: statistics.stale_writes},
        **_elsewhere(statistics),
    }


def _elsewhere(statistics: RuntimeStatistics) -> dict[str, Numbers]:
    loops, workers = statistics.loops, statistics.processes
    return {
        "weft_event_loops": {
            ("working",): loops.loops - loops.blocked,
            ("blocked",): loops.blocked,
        },
        "weft_event_loop_runs": {_ALL: loops.running},
        "weft_event_loop_finished_runs_total": {_ALL: loops.done},
        "weft_worker_processes": {
            ("busy",): workers.processes - workers.idle,
            ("idle",): workers.idle,
        },
        "weft_worker_waiting_runs": {_ALL: workers.queued},
        "weft_worker_deaths_total": {_ALL: workers.died},
    }


def _retained(retention: RetentionStatistics) -> dict[str, Numbers]:
    return {
        "weft_retention_forgotten_total": _keyed(retention.forgotten),
        "weft_retention_rounds_total": {_ALL: retention.rounds},
        "weft_retention_failures_total": {_ALL: retention.failures},
    }


def _checked(check: CheckStatisticsSnapshot) -> dict[str, Numbers]:
    return {
        "weft_checks_total": {_ALL: check.checks},
        "weft_check_inconsistencies": _keyed(check.last_findings),
        "weft_check_findings_total": _keyed(check.findings),
        "weft_check_last_clean_timestamp_seconds": {
            _ALL: (check.last_clean_at_us or 0) / _US_PER_S
        },
    }


def _keyed(counts: Mapping[str, Count]) -> dict[Key, Count]:
    return {(word,): count for word, count in counts.items()}


def _paired(counts: Mapping[tuple[str, str], int]) -> Numbers:
    return dict(counts.items())
