"""Operations on runs, as data; part of :data:`weft.storage.operations.Operation`.

A run is started (or queued), resumed as often as it takes, and finished. The rules are
in :mod:`weft.storage.rules_runs`.
"""

from typing import Literal

import msgspec

from weft.storage.encoding import encode_fields, encode_mapping, encode_value
from weft.storage.operation_base import BaseOperation
from weft.storage.records import EMPTY, NIL, RunStatus

__all__ = [
    "Failure",
    "FinishRun",
    "IfBusy",
    "RecordStep",
    "ResumeRun",
    "RetryRun",
    "RunOperation",
    "StartRun",
]

_Operation = BaseOperation

IfBusy = Literal["reject", "enqueue", "interrupt", "rollback"]
"""What a new run does about the one in progress: is refused, waits, has it end where it
is, or has it undone."""


class StartRun(_Operation, frozen=True, kw_only=True, tag=True):
    """Begin a run, or queue it, on a thread found by id or by name in a session.

    Attributes:
        workflow: overrides the thread's own.
        config: updates the thread's own.
        if_busy: what it does about a run in progress, or one in front of it.
        behind: a run in front of it that is not in progress yet, if there is one.
        instead_of: queued runs whose place it takes, to interrupt or roll back.
        not_before_us: when it may begin; until then it is in nobody's way.
        timeout_us: how long it may take from its first beginning; 0 for ever.
        metadata: the caller's data about it.
    """

    thread_id: str | None = None
    session_id: str | None = None
    thread_name: str | None = None
    run_id: str
    workflow: str | None = None
    workflow_version: str = ""
    config: msgspec.Raw = EMPTY
    if_busy: IfBusy = "reject"
    behind: str | None = None
    instead_of: tuple[str, ...] = ()
    not_before_us: int = 0
    timeout_us: int = 0
    metadata: msgspec.Raw = EMPTY

    def __post_init__(self) -> None:
        encode_fields(self, encode_mapping, "config", "metadata")


class ResumeRun(_Operation, frozen=True, kw_only=True, tag=True):
    """Begin a pending run, or take over one whose process died: the next attempt.

    Attributes:
        workflow_version: the code's that executes it from now on; "" leaves it.
    """

    thread_id: str
    run_id: str
    workflow_version: str = ""


class Failure(msgspec.Struct, frozen=True):
    """Why a run ended without success: an exception's type and words."""

    type: str
    message: str


class FinishRun(_Operation, frozen=True, kw_only=True, tag=True):
    """End a run; ``state_id`` and ``values`` add its last state in one transaction.

    Attributes:
        undo: take its states and checkpoints back, whatever it came to.
    """

    thread_id: str
    run_id: str
    attempt: int = 1
    status: RunStatus = "success"
    error: Failure | None = None
    result: msgspec.Raw = NIL
    state_id: str | None = None
    values: msgspec.Raw = NIL
    undo: bool = False

    def __post_init__(self) -> None:
        encode_fields(self, encode_value, "result", "values")


class RetryRun(_Operation, frozen=True, kw_only=True, tag=True):
    """End an attempt that failed; the run is pending until its next one begins.

    Attributes:
        attempt: the one that failed; its late writes are refused.
        error: why.
        not_before_us: when the next may begin.
    """

    thread_id: str
    run_id: str
    attempt: int
    error: Failure
    not_before_us: int = 0


class RecordStep(_Operation, frozen=True, kw_only=True, tag=True):
    """Record what a step of a run came to; the first record of a name stands.

    Attributes:
        attempt: the run's, the fence against its own past.
        rev: the thread's rev the writer knows.
        name: the step's, unique within the run.
    """

    thread_id: str
    run_id: str
    attempt: int
    rev: int
    name: str
    value: msgspec.Raw = NIL

    def __post_init__(self) -> None:
        encode_fields(self, encode_value, "value")


RunOperation = StartRun | ResumeRun | FinishRun | RetryRun | RecordStep
