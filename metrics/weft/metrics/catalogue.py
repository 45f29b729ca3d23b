"""Every metric of a runtime, as data.

The collector emits it, the documentation lists it, the tests walk it.

Guarantees:
    * Names begin with ``weft_`` and end in their base unit, counters in ``_total``.
    * The number of series never grows with sessions, threads or users: labels have
      closed sets of values (:mod:`weft.metrics.labels`).
"""

from typing import Final

from weft.metrics.labels import (
    ACTOR,
    ACTOR_STATE,
    CHECKS,
    COMMITS,
    DEAD_LETTER,
    FINDING,
    GENERATION,
    GROUPS,
    LOOP_STATE,
    OPERATION,
    OPERATIONS,
    OUTCOME,
    PAUSES,
    RECORD,
    REFUSAL,
    REPAIR,
    RESIDENT,
    RUN_STATUS,
    SESSION_STATUS,
    STOP_REASON,
    THREAD_STATUS,
    TREE,
    TURNS,
    WORKER_STATE,
)
from weft.metrics.metric import OTHER, Buckets, Label, Metric

__all__ = ["CATALOGUE", "OTHER", "Buckets", "Label", "Metric"]

CATALOGUE: Final[tuple[Metric, ...]] = (
    Metric(
        "weft_build_info",
        "gauge",
        "The versions that are running; always 1.",
        (Label("version"), Label("python")),
    ),
    # -- operations and the writer
    Metric(
        "weft_operations_total",
        "counter",
        "Operations decided by this process, by what became of them.",
        (OPERATION, OUTCOME),
    ),
    Metric(
        "weft_operation_duration_seconds",
        "histogram",
        "From submission to the durable answer, waiting and flush included.",
        (OPERATION,),
        OPERATIONS,
    ),
    Metric(
        "weft_operation_queue_wait_seconds",
        "histogram",
        "The part of it before the first decision of the group.",
        buckets=COMMITS,
    ),
    Metric(
        "weft_commit_decide_seconds",
        "histogram",
        "The part of a commit in which its operations are decided and put.",
        buckets=COMMITS,
    ),
    Metric(
        "weft_commit_flush_seconds",
        "histogram",
        "The part of a commit in which it becomes durable: writing and fsync.",
        buckets=COMMITS,
    ),
    Metric(
        "weft_commit_reply_seconds",
        "histogram",
        "From the end of a commit to the posting of its answers.",
        buckets=COMMITS,
    ),
    Metric(
        "weft_operations_refused_total",
        "counter",
        "Operations that the rules refused, by the error their senders got.",
        (REFUSAL,),
    ),
    Metric(
        "weft_commit_duration_seconds",
        "histogram",
        "From the first decision of a commit group to the end of its flush.",
        buckets=COMMITS,
    ),
    Metric(
        "weft_commit_group_operations",
        "histogram",
        "Operations that shared one transaction and one flush.",
        buckets=GROUPS,
    ),
    Metric(
        "weft_writer_queue_operations",
        "gauge",
        "Operations that wait for the writer.",
    ),
    Metric(
        "weft_operations_in_flight",
        "gauge",
        "Operations that were submitted and are not answered: waiting or committing.",
    ),
    Metric(
        "weft_writer_lag_seconds",
        "gauge",
        "Since when the oldest of these waits; 0 if there is none.",
    ),
    Metric(
        "weft_store_read_only",
        "gauge",
        "1 while the store cannot write, else 0.",
    ),
    # -- what the store holds
    Metric("weft_sessions", "gauge", "Stored sessions.", (SESSION_STATUS,)),
    Metric("weft_threads", "gauge", "Stored live threads.", (THREAD_STATUS,)),
    Metric("weft_runs", "gauge", "Stored runs.", (RUN_STATUS,)),
    Metric("weft_states", "gauge", "Stored states of threads."),
    Metric("weft_interactions", "gauge", "Stored interactions of users."),
    Metric("weft_items", "gauge", "Stored items of the key-value store."),
    Metric("weft_associations", "gauge", "Stored associations, active or not."),
    Metric("weft_tombstones", "gauge", "Removed threads that are still fenced."),
    Metric(
        "weft_store_last_seq",
        "gauge",
        "The number of the last applied operation; it survives restarts.",
    ),
    Metric("weft_store_map_size_bytes", "gauge", "What the store may hold."),
    Metric(
        "weft_store_used_bytes",
        "gauge",
        "What the store holds, freed pages included.",
    ),
    Metric(
        "weft_store_free_bytes",
        "gauge",
        "The part of it in freed pages, which the next commits use.",
    ),
    Metric(
        "weft_store_disk_free_bytes",
        "gauge",
        "What the file system of the store has left; 0 for a store in memory.",
    ),
    Metric("weft_store_file_bytes", "gauge", "What the store's file takes on disk."),
    Metric(
        "weft_store_readers",
        "gauge",
        "Open read transactions of all processes; one that stays grows the file.",
    ),
    Metric(
        "weft_store_oldest_reader_commits",
        "gauge",
        "Commits since the moment the oldest open reader sees; its pages stay in use.",
    ),
    Metric("weft_store_entries", "gauge", "Entries of the store's trees.", (TREE,)),
    # -- actors
    Metric(
        "weft_actors",
        "gauge",
        "Resident actors, by what they do.",
        (ACTOR, ACTOR_STATE),
    ),
    Metric(
        "weft_actor_mailbox_wait_seconds",
        "histogram",
        "From the posting of a message to the start of its turn.",
        (ACTOR,),
        TURNS,
    ),
    Metric(
        "weft_actor_turn_duration_seconds",
        "histogram",
        "From the start to the end of a turn.",
        (ACTOR,),
        TURNS,
    ),
    Metric("weft_actor_mailbox_messages", "gauge", "Messages that wait for a turn."),
    Metric(
        "weft_dispatcher_lag_seconds",
        "gauge",
        "Since when the oldest of these waits; 0 if there is none.",
    ),
    Metric(
        "weft_asks_in_flight",
        "gauge",
        "Commands of clients that are not answered yet.",
    ),
    Metric(
        "weft_actor_messages_refused_total",
        "counter",
        "Messages for which there was no room: their senders got Overloaded.",
    ),
    Metric(
        "weft_actor_long_turns_total",
        "counter",
        "Turns that took so long that the watchdog reported them.",
        (ACTOR,),
    ),
    Metric(
        "weft_dead_letters_total",
        "counter",
        "Messages that nobody handled, by why.",
        (DEAD_LETTER,),
    ),
    Metric(
        "weft_dispatcher_crashes_total",
        "counter",
        "How often the dispatcher's own loop broke, and went on.",
    ),
    Metric(
        "weft_actors_started_total",
        "counter",
        "Sessions and threads that became resident: activations.",
        (RESIDENT,),
    ),
    Metric(
        "weft_actors_stopped_total",
        "counter",
        "Sessions and threads that are resident no more, by why.",
        (RESIDENT, STOP_REASON),
    ),
    Metric(
        "weft_actor_restarts_total",
        "counter",
        "Actors that were replaced after a failure.",
        (RESIDENT,),
    ),
    Metric(
        "weft_actor_quarantines_total",
        "counter",
        "Sessions that failed so often that they were left alone for a while.",
    ),
    Metric(
        "weft_gc_pause_seconds",
        "histogram",
        "How long Python's garbage collector stopped the process.",
        (GENERATION,),
        PAUSES,
    ),
    Metric(
        "weft_gc_pause_max_seconds",
        "gauge",
        "The longest of these stops since the start.",
    ),
    # -- runs and the pool that executes them
    Metric(
        "weft_runs_finished_total",
        "counter",
        "Runs that ended in this process.",
        (RUN_STATUS,),
    ),
    Metric("weft_pool_os_threads", "gauge", "OS threads for the code of users."),
    Metric("weft_pool_idle_os_threads", "gauge", "Those of them that wait for work."),
    Metric("weft_pool_queue_jobs", "gauge", "Jobs that wait for an OS thread."),
    Metric("weft_pool_jobs_total", "counter", "Jobs that were done."),
    Metric("weft_pool_waiting_jobs", "gauge", "Runs that wait for runs they began."),
    Metric(
        "weft_pool_abandoned_os_threads",
        "gauge",
        "OS threads whose code hangs and nobody waits for.",
    ),
    Metric("weft_event_loops", "gauge", "Event loops for runs.", (LOOP_STATE,)),
    Metric("weft_event_loop_runs", "gauge", "Runs in progress on event loops."),
    Metric("weft_event_loop_finished_runs_total", "counter", "Runs that ended there."),
    Metric("weft_worker_processes", "gauge", "Processes for runs.", (WORKER_STATE,)),
    Metric("weft_worker_waiting_runs", "gauge", "Runs that wait for a process."),
    Metric(
        "weft_worker_deaths_total",
        "counter",
        "Worker processes that ended under a run, or were killed with it.",
    ),
    Metric(
        "weft_pending_runs",
        "gauge",
        "Runs that wait for their turn on a thread, their time, or another attempt.",
    ),
    Metric(
        "weft_limits_waiting_runs",
        "gauge",
        "Runs that have their turn and wait for a place within the limits.",
    ),
    Metric(
        "weft_stale_writes_total",
        "counter",
        "Writes of runs that came too late and were refused.",
    ),
    # -- retention
    Metric(
        "weft_retention_forgotten_total",
        "counter",
        "Records past their time that this process has forgotten.",
        (RECORD,),
    ),
    Metric(
        "weft_retention_rounds_total",
        "counter",
        "Finished looks of retention at all threads.",
    ),
    Metric(
        "weft_retention_failures_total",
        "counter",
        "Steps of retention that failed; they are taken again.",
    ),
    # -- consistency
    Metric(
        "weft_checks_total",
        "counter",
        "Finished consistency checks.",
    ),
    Metric(
        "weft_check_duration_seconds",
        "histogram",
        "How long consistency checks took.",
        buckets=CHECKS,
    ),
    Metric(
        "weft_check_inconsistencies",
        "gauge",
        "What the last consistency check found.",
        (FINDING,),
    ),
    Metric(
        "weft_check_findings_total",
        "counter",
        "What all consistency checks of this process found.",
        (FINDING,),
    ),
    Metric(
        "weft_check_last_clean_timestamp_seconds",
        "gauge",
        "When a check last found nothing, Unix time; 0 for never.",
    ),
    Metric(
        "weft_repairs_total",
        "counter",
        "Operations of repairs, by what became of them.",
        (REPAIR,),
    ),
    # -- itself
    Metric(
        "weft_collector_duration_seconds",
        "gauge",
        "How long it took to gather this page.",
    ),
)
