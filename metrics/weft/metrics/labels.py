"""The dimensions of metrics: every label's closed set of values, and every scale.

Guarantees: no label holds an id or a name that a caller chose; the sets are those of
the rooms that count, so a new kind of operation or finding is here by itself.
"""

from collections.abc import Iterator
from typing import Final, get_args

from msgspec.structs import fields

from weft.actors.dead_letters import Reason
from weft.metrics.metric import NS_PER_S, Buckets, Label
from weft.storage.check import KINDS
from weft.storage.errors import SessionThreadException
from weft.storage.keys import TREES
from weft.storage.operations import Operation
from weft.storage.records import RunStatus
from weft.storage.rules_retention import Forgotten

__all__ = [
    "ACTOR",
    "ACTOR_STATE",
    "CHECKS",
    "COMMITS",
    "DEAD_LETTER",
    "FINDING",
    "GENERATION",
    "GROUPS",
    "LOOP_STATE",
    "OPERATION",
    "OPERATIONS",
    "OUTCOME",
    "PAUSES",
    "RECORD",
    "REFUSAL",
    "REPAIR",
    "RESIDENT",
    "RUN_STATUS",
    "SESSION_STATUS",
    "STOP_REASON",
    "THREAD_STATUS",
    "TREE",
    "TURNS",
    "WORKER_STATE",
]


def _words(literal: object) -> tuple[str, ...]:
    return tuple(str(word) for word in get_args(literal))


def _refusals() -> tuple[str, ...]:
    """Return the errors there are, by name: those of the rules refuse operations."""
    return tuple(sorted({kind.__name__ for kind in _kinds(SessionThreadException)}))


def _kinds(error: type[SessionThreadException]) -> Iterator[type]:
    yield error
    for kind in error.__subclasses__():
        if kind.__module__ == error.__module__:
            yield from _kinds(kind)


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
LOOP_STATE: Final = Label("state", ("working", "blocked"))
WORKER_STATE: Final = Label("state", ("busy", "idle"))
TREE: Final = Label("tree", TREES)
REFUSAL: Final = Label("reason", _refusals())
REPAIR: Final = Label("outcome", ("repaired", "refused", "failed"))
RECORD: Final = Label("record", tuple(field.name for field in fields(Forgotten)))
FINDING: Final = Label("kind", KINDS)

COMMITS: Final = Buckets(tuple(range(15, 34)), NS_PER_S)
"""33 us to 8.6 s: a flush takes 0.1 ms on flash, 10 ms on a disk, seconds on a sick
one."""

TURNS: Final = Buckets(tuple(range(10, 29)), NS_PER_S)
"""1 us to 0.27 s: a turn takes some microseconds; one of a tenth of a second stalls
every actor."""

OPERATIONS: Final = Buckets(tuple(range(15, 34, 2)), NS_PER_S)
"""As for commits, half as fine: there are as many of these as kinds of operations."""

CHECKS: Final = Buckets(tuple(range(20, 39)), NS_PER_S)
"""1 ms to 275 s: a check reads some 100,000 threads a second."""

PAUSES: Final = Buckets(tuple(range(14, 31)), NS_PER_S)
"""16 us to 1 s: young objects take some 10 us, a million old ones half a second."""

GROUPS: Final = Buckets(tuple(range(1, 15)))
"""1 to 16,383 operations: a group is capped at 8,192."""
