"""Every metric there is, as data.

The collector emits it, the documentation lists it, the tests walk it.

Guarantees:
    * Names begin with ``weft_`` and end in their base unit, counters in ``_total``.
    * A label's values are a set fixed here. What is not in it is counted under
      ``other``, so the number of series never grows with sessions, threads or users.
    * No label holds an id or a name that a caller chose.

Histograms. The rooms count in powers of two (:mod:`weft.storage.statistics`): bucket
i holds the integers below ``2**i``, so the exact upper bound is ``2**i - 1``, in
nanoseconds or operations. Exposed are the powers at which something can be decided,
19 of 42 for durations; what lies between and outside them is merged into the next
one, so every cumulative count stays exact.
"""

from collections.abc import Iterator
from itertools import product
from typing import Final, Literal, get_args

import msgspec
from msgspec.structs import fields

from weft.actors.dead_letters import Reason
from weft.storage.check import KINDS
from weft.storage.keys import TREES
from weft.storage.operations import Operation
from weft.storage.records import RunStatus
from weft.storage.rules_retention import Forgotten

__all__ = ["CATALOGUE", "OTHER", "Buckets", "Label", "Metric"]

Kind = Literal["counter", "gauge", "histogram"]

OTHER: Final = "other"
"""The label value of what is in no set, such as a kind that a user's actor has."""

NS_PER_S: Final = 1_000_000_000


class Label(msgspec.Struct, frozen=True):
    """A dimension of a metric.

    Attributes:
        name: as exposed.
        values: the closed set; each of them is exposed from the start, with 0. Empty
            for the constants of the build.
    """

    name: str
    values: tuple[str, ...] = ()


class Buckets(msgspec.Struct, frozen=True):
    """The bounds of a histogram.

    Attributes:
        powers: the powers of two that are exposed, ascending.
        per_unit: how many of what was counted make one exposed unit.
    """

    powers: tuple[int, ...]
    per_unit: int = 1

    @property
    def bounds(self) -> tuple[float, ...]:
        """The inclusive upper bounds, in the exposed unit."""
        return tuple((2**power - 1) / self.per_unit for power in self.powers)


class Metric(msgspec.Struct, frozen=True):
    """One metric family.

    Attributes:
        name: as in the ``# TYPE`` line of the text format.
        kind: the type.
        help: one sentence.
        labels: its dimensions.
        buckets: of a histogram.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[Label, ...] = ()
    buckets: Buckets | None = None

    def series(self) -> Iterator[tuple[str, ...]]:
        """Yield the label values that are exposed from the start."""
        return product(*(label.values for label in self.labels))


def _words(literal: object) -> tuple[str, ...]:
    return tuple(str(word) for word in get_args(literal))


OPERATION: Final = Label(
    "operation", tuple(kind.__name__ for kind in get_args(Operation))
)
OUTCOME: Final = Label(
    "outcome", ("applied", "refused", "replayed", "expired", "failed")
)
ACTOR: Final = Label("actor_type", ("session", "thread", "root", "system", "user"))
ACTOR_STATE: Final = Label("state", ("idle", "running", "quarantined"))
RESIDENT: Final = Label("actor_type", ("session", "thread"))
STOP_REASON: Final = Label("reason", ("passivated", "failed", "rebuilt", "removed"))
DEAD_LETTER: Final = Label("reason", tuple(Reason))
GENERATION: Final = Label("generation", ("0", "1", "2"))
SESSION_STATUS: Final = Label("status", ("open", "closed"))
THREAD_STATUS: Final = Label("status", ("idle", "busy", "interrupted", "error"))
RUN_STATUS: Final = Label("status", _words(RunStatus))
TREE: Final = Label("tree", TREES)
RECORD: Final = Label("record", tuple(field.name for field in fields(Forgotten)))
FINDING: Final = Label("kind", KINDS)

COMMITS: Final = Buckets(tuple(range(15, 34)), NS_PER_S)
"""33 us to 8.6 s: a flush takes 0.1 ms on flash, 10 ms on a disk, seconds on a sick
one."""

TURNS: Final = Buckets(tuple(range(10, 29)), NS_PER_S)
"""1 us to 0.27 s: a turn takes some microseconds; one of a tenth of a second stalls
every actor."""

CHECKS: Final = Buckets(tuple(range(20, 39)), NS_PER_S)
"""1 ms to 275 s: a check reads some 100,000 threads a second."""

PAUSES: Final = Buckets(tuple(range(14, 31)), NS_PER_S)
"""16 us to 1 s: young objects take some 10 us, a million old ones half a second."""

GROUPS: Final = Buckets(tuple(range(1, 15)))
"""1 to 16,383 operations: a group is capped at 8,192."""

CATALOGUE: Final = (
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
        COMMITS,
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
    # -- itself
    Metric(
        "weft_collector_duration_seconds",
        "gauge",
        "How long it took to gather this page.",
    ),
)
