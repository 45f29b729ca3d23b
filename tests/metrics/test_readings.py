"""Every metric shows the number that belongs to it, and no number is left out."""

import pytest

from tests.metrics.made import CHECK, DISPATCHER, STATISTICS, WRITER
from weft.metrics.catalogue import CATALOGUE, Metric
from weft.metrics.readings import read

READINGS = read(STATISTICS)
ADDED_BY_THE_COLLECTOR = {"weft_build_info", "weft_collector_duration_seconds"}

NUMBERS = {
    "weft_operations_total": {
        ("CreateThreads", "applied"): 201,
        ("StartRun", "refused"): 202,
        ("Repair", "applied"): 207,
        ("Repair", "refused"): 208,
        ("Repair", "failed"): 209,
    },
    "weft_repairs_total": {("repaired",): 207, ("refused",): 208, ("failed",): 209},
    "weft_operations_refused_total": {("NameTaken",): 204},
    "weft_operations_in_flight": {(): 205},
    "weft_writer_lag_seconds": {(): 206},
    "weft_store_free_bytes": {(): 317},
    "weft_store_disk_free_bytes": {(): 318},
    "weft_dispatcher_lag_seconds": {(): 109},
    "weft_asks_in_flight": {(): 520},
    "weft_writer_queue_operations": {(): 203},
    "weft_store_read_only": {(): 1},
    "weft_store_last_seq": {(): 301},
    "weft_sessions": {("open",): 302, ("closed",): 303},
    "weft_threads": {("idle",): 304, ("busy",): 305},
    "weft_runs": {("success",): 306},
    "weft_states": {(): 307},
    "weft_interactions": {(): 308},
    "weft_items": {(): 330},
    "weft_associations": {(): 309},
    "weft_tombstones": {(): 310},
    "weft_store_map_size_bytes": {(): 311},
    "weft_store_used_bytes": {(): 312},
    "weft_store_file_bytes": {(): 313},
    "weft_store_readers": {(): 314},
    "weft_store_entries": {("S",): 315, ("X",): 316},
    "weft_checks_total": {(): 401},
    "weft_check_last_clean_timestamp_seconds": {(): 1_700_000_000.25},
    "weft_actor_mailbox_messages": {(): 103},
    "weft_dead_letters_total": {("stopped",): 104, ("quarantined",): 105},
    "weft_actor_messages_refused_total": {(): 106},
    "weft_actor_long_turns_total": {("user",): 107},
    "weft_dispatcher_crashes_total": {(): 108},
    "weft_pool_os_threads": {(): 501},
    "weft_pool_idle_os_threads": {(): 502},
    "weft_pool_queue_jobs": {(): 503},
    "weft_pool_jobs_total": {(): 504},
    "weft_actors": {("session", "idle"): 505, ("thread", "running"): 506},
    "weft_runs_finished_total": {("success",): 507, ("error",): 508},
    "weft_actor_restarts_total": {("session",): 510, ("thread",): 511},
    "weft_actors_started_total": {("session",): 512, ("thread",): 513},
    "weft_actors_stopped_total": {
        ("session", "passivated"): 514,
        ("thread", "removed"): 515,
    },
    "weft_actor_quarantines_total": {(): 516},
    "weft_gc_pause_max_seconds": {(): 0.517},
    "weft_pool_waiting_jobs": {(): 519},
    "weft_pool_abandoned_os_threads": {(): 520},
    "weft_event_loops": {("working",): 501, ("blocked",): 20},
    "weft_event_loop_runs": {(): 523},
    "weft_event_loop_finished_runs_total": {(): 524},
    "weft_worker_processes": {("busy",): 499, ("idle",): 26},
    "weft_worker_waiting_runs": {(): 528},
    "weft_worker_deaths_total": {(): 529},
    "weft_limits_waiting_runs": {(): 530},
    "weft_pending_runs": {(): 531},
    "weft_stale_writes_total": {(): 532},
    "weft_retention_forgotten_total": {("operations",): 510, ("states",): 511},
    "weft_retention_rounds_total": {(): 512},
    "weft_retention_failures_total": {(): 513},
}


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_stands_under_its_name(name: str) -> None:
    assert NUMBERS[name] == READINGS.numbers[name]


def test_findings_are_told_by_kind_for_the_last_check_and_for_all() -> None:
    last = READINGS.numbers["weft_check_inconsistencies"]
    assert {("damaged_record",): 403} == {k: v for k, v in last.items() if v}
    found = READINGS.numbers["weft_check_findings_total"]
    assert {("log_gap",): 402} == {k: v for k, v in found.items() if v}


def test_a_histogram_stands_under_its_name() -> None:
    expected = {
        "weft_operation_duration_seconds": {
            ("StartRun",): WRITER.duration_ns["StartRun"]
        },
        "weft_commit_duration_seconds": {(): WRITER.commit_ns},
        "weft_operation_queue_wait_seconds": {(): WRITER.queue_wait_ns},
        "weft_commit_decide_seconds": {(): STATISTICS.store.decide_ns},
        "weft_commit_flush_seconds": {(): STATISTICS.store.flush_ns},
        "weft_commit_reply_seconds": {(): STATISTICS.reply_ns},
        "weft_commit_group_operations": {(): WRITER.group_operations},
        "weft_check_duration_seconds": {(): CHECK.duration_ns},
        "weft_gc_pause_seconds": {
            ("0",): STATISTICS.collector.pauses["0"],
            ("2",): STATISTICS.collector.pauses["2"],
        },
        "weft_actor_mailbox_wait_seconds": {
            ("session",): DISPATCHER.mailbox_wait["session"],
            ("thread",): DISPATCHER.mailbox_wait["thread"],
        },
        "weft_actor_turn_duration_seconds": {
            ("session",): DISPATCHER.turn_time["session"],
            ("juggler",): DISPATCHER.turn_time["juggler"],
        },
    }
    assert expected == READINGS.histograms


@pytest.mark.parametrize("metric", CATALOGUE, ids=lambda metric: metric.name)
def test_every_metric_of_the_catalogue_is_read(metric: Metric) -> None:
    read_here = READINGS.numbers if metric.buckets is None else READINGS.histograms
    assert (metric.name in read_here) != (metric.name in ADDED_BY_THE_COLLECTOR)


def test_nothing_is_read_that_the_catalogue_does_not_know() -> None:
    known = {metric.name for metric in CATALOGUE}
    assert known >= {*READINGS.numbers, *READINGS.histograms}
