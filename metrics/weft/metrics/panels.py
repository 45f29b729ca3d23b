"""The panels of the dashboard: what is shown, in which unit, and why.

From top to bottom: is it well, how fast is it, where does the time go, what does it
hold, what is consistent, who runs, who asks.
"""

from typing import Final

from weft.metrics.panel import WHERE, Panel, by, now, p99, rate, rate_by
from weft.metrics.panels_http import HTTP_ROWS

__all__ = ["ROWS"]

_AGE: Final = "time() - weft_check_last_clean_timestamp_seconds" + WHERE

ROWS: Final[tuple[tuple[str, tuple[Panel, ...]], ...]] = (
    (
        "Is it well",
        (
            Panel(
                "Read-only",
                "1 while the store cannot write.",
                "short",
                now("store_read_only"),
            ),
            Panel(
                "Lag",
                "Since when the oldest operation and the oldest message wait.",
                "s",
                now("writer_lag_seconds", "dispatcher_lag_seconds"),
            ),
            Panel(
                "Inconsistencies",
                "What the last check found, by kind; anything above 0 is a defect.",
                "short",
                by("kind", "check_inconsistencies"),
            ),
            Panel(
                "Age of the last clean check",
                "It grows to the check interval and falls back.",
                "s",
                {_AGE: "age"},
            ),
            Panel(
                "Disk left",
                "Of the file system that has the store.",
                "bytes",
                now("store_disk_free_bytes"),
            ),
            Panel(
                "Versions",
                "What runs.",
                "short",
                by("version, python", "build_info"),
            ),
        ),
    ),
    (
        "Operations",
        (
            Panel(
                "Operations by outcome",
                "Per second, by what became of them.",
                "ops",
                rate_by("outcome", "operations"),
            ),
            Panel(
                "Operations by kind",
                "Per second.",
                "ops",
                rate_by("operation", "operations"),
            ),
            Panel(
                "Refused",
                "Per second, by the error that the sender got.",
                "ops",
                rate_by("reason", "operations_refused"),
            ),
            Panel(
                "Duration",
                "From submission to the durable answer, p99 by kind.",
                "s",
                p99("operation_duration_seconds", by="operation"),
            ),
            Panel(
                "Where the time goes",
                "p99 of the parts of an operation.",
                "s",
                p99(
                    "operation_queue_wait_seconds",
                    "commit_decide_seconds",
                    "commit_flush_seconds",
                    "commit_reply_seconds",
                ),
            ),
            Panel(
                "Under way",
                "Waiting for the writer, in the writer, asked by clients.",
                "short",
                now(
                    "writer_queue_operations",
                    "operations_in_flight",
                    "asks_in_flight",
                ),
            ),
            Panel(
                "Commit",
                "Decisions and flush of a group, p99.",
                "s",
                p99("commit_duration_seconds"),
            ),
            Panel(
                "Group size",
                "Operations that share a flush, p99; it grows with the load.",
                "short",
                p99("commit_group_operations"),
            ),
            Panel(
                "Repairs",
                "Per second, by what became of them.",
                "ops",
                rate_by("outcome", "repairs"),
            ),
        ),
    ),
    (
        "Store",
        (
            Panel(
                "Bytes",
                "What the store holds, what of it is free, what the file takes.",
                "bytes",
                now("store_used_bytes", "store_free_bytes", "store_file_bytes"),
            ),
            Panel("Map", "What it may hold.", "bytes", now("store_map_size_bytes")),
            Panel(
                "Readers",
                "Open read transactions.",
                "short",
                now("store_readers"),
            ),
            Panel(
                "Oldest reader",
                "Commits behind; a line that climbs is a reader that is stuck.",
                "short",
                now("store_oldest_reader_commits"),
            ),
            Panel("Entries", "By tree.", "short", by("tree", "store_entries")),
            Panel(
                "Last operation",
                "The number in the one order.",
                "short",
                now("store_last_seq"),
            ),
            Panel("Sessions", "By status.", "short", by("status", "sessions")),
            Panel("Threads", "By status.", "short", by("status", "threads")),
            Panel("Stored runs", "By status.", "short", by("status", "runs")),
            Panel(
                "Other records",
                "What else is stored.",
                "short",
                now("states", "interactions", "items", "associations", "tombstones"),
            ),
            Panel(
                "Retention",
                "Records that were forgotten, per second.",
                "ops",
                rate_by("record", "retention_forgotten"),
            ),
            Panel(
                "Retention rounds",
                "Finished and failed, per second.",
                "ops",
                rate("retention_rounds", "retention_failures"),
            ),
        ),
    ),
    (
        "Consistency",
        (
            Panel("Checks", "Per second.", "ops", rate("checks")),
            Panel("Check duration", "p99.", "s", p99("check_duration_seconds")),
            Panel(
                "Findings",
                "Of all checks, per second, by kind.",
                "ops",
                rate_by("kind", "check_findings"),
            ),
        ),
    ),
    (
        "Actors",
        (
            Panel(
                "Resident",
                "By what they do.",
                "short",
                by("actor_type, state", "actors"),
            ),
            Panel(
                "Mailbox wait",
                "From the posting of a message to its turn, p99.",
                "s",
                p99("actor_mailbox_wait_seconds", by="actor_type"),
            ),
            Panel(
                "Turn",
                "p99; a tenth of a second stalls every actor.",
                "s",
                p99("actor_turn_duration_seconds", by="actor_type"),
            ),
            Panel(
                "Mail",
                "Messages that wait for a turn.",
                "short",
                now("actor_mailbox_messages"),
            ),
            Panel(
                "Come and go",
                "Activations per second.",
                "ops",
                rate_by("actor_type", "actors_started"),
            ),
            Panel(
                "Stopped",
                "Per second, by why.",
                "ops",
                rate_by("reason", "actors_stopped"),
            ),
            Panel(
                "Trouble",
                "Per second; all of it is 0 on a good day.",
                "ops",
                rate(
                    "actor_messages_refused",
                    "actor_long_turns",
                    "actor_restarts",
                    "actor_quarantines",
                    "dispatcher_crashes",
                ),
            ),
            Panel(
                "Dead letters",
                "Per second, by why.",
                "ops",
                rate_by("reason", "dead_letters"),
            ),
            Panel(
                "Garbage collection",
                "Pauses, p99 by generation, and the longest so far.",
                "s",
                p99("gc_pause_seconds", by="generation") | now("gc_pause_max_seconds"),
            ),
        ),
    ),
    (
        "Runs",
        (
            Panel(
                "Finished",
                "Per second, by status.",
                "ops",
                rate_by("status", "runs_finished"),
            ),
            Panel(
                "Waiting runs",
                "For their turn, for a place, for runs they began.",
                "short",
                now("pending_runs", "limits_waiting_runs", "pool_waiting_jobs"),
            ),
            Panel(
                "OS threads",
                "Of the pool for plain workflows.",
                "short",
                now(
                    "pool_os_threads",
                    "pool_idle_os_threads",
                    "pool_queue_jobs",
                    "pool_abandoned_os_threads",
                ),
            ),
            Panel(
                "Jobs",
                "Done per second, in the pool and on event loops.",
                "ops",
                rate("pool_jobs", "event_loop_finished_runs"),
            ),
            Panel(
                "Event loops",
                "And the runs on them.",
                "short",
                by("state", "event_loops") | now("event_loop_runs"),
            ),
            Panel(
                "Worker processes",
                "And the runs that wait for one.",
                "short",
                by("state", "worker_processes") | now("worker_waiting_runs"),
            ),
            Panel(
                "Lost",
                "Workers that died, late writes that were refused, per second.",
                "ops",
                rate("worker_deaths", "stale_writes"),
            ),
        ),
    ),
    *HTTP_ROWS,
    (
        "Cluster",
        (
            Panel(
                "Shards",
                "By whether they answer; nothing here without a cluster.",
                "short",
                by("condition", "cluster_shards"),
            ),
            Panel(
                "Takeovers",
                "And commands that had to be sent again, per second.",
                "ops",
                rate("cluster_takeovers", "cluster_repeated_commands"),
            ),
            Panel(
                "Epoch age",
                "Of the shard that proved its epoch longest ago; at 3 s it is silent.",
                "s",
                now("cluster_epoch_age_seconds"),
            ),
            Panel(
                "Commits to the database",
                "p99.",
                "s",
                p99("cluster_commit_duration_seconds"),
            ),
            Panel(
                "Across shards",
                "Commits with several fences, groups decided again, lost answers.",
                "ops",
                rate(
                    "cluster_across_commits",
                    "cluster_conflicts",
                    "cluster_settled_commits",
                ),
            ),
            Panel(
                "Rows of a commit",
                "p99.",
                "short",
                p99("cluster_commit_rows"),
            ),
            Panel(
                "Standbys",
                "An asynchronous one may lack what was acknowledged.",
                "short",
                by("mode", "cluster_standbys"),
            ),
        ),
    ),
)
