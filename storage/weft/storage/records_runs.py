"""What the store keeps of runs: the run, what its steps came to, its states' places.

Free-form data stays encoded until somebody looks at it; times are as in
:mod:`weft.storage.records`.
"""

from datetime import datetime
from typing import Any, Final, Literal

import msgspec

from weft.storage.record_base import EMPTY, Record, datetime_from_us

__all__ = [
    "Run",
    "RunRef",
    "RunStatus",
    "StateRef",
    "StepResult",
    "Superseding",
]

_decode: Final = msgspec.msgpack.decode

RunStatus = Literal["pending", "running", "success", "error", "timeout", "interrupted"]

Superseding = Literal["", "interrupt", "rollback"]
"""How a run is to make room for a later one: end as it is, or leave no state behind."""


class Run(Record, frozen=True, array_like=True, gc=False):
    """One execution of a thread's workflow.

    Attributes:
        attempt: 0 while it is queued; grows when the run is resumed or tried again;
            with ``rev`` it fences late writes.
        error: ``{"type", "message"}`` of the failure, None otherwise; of a run that
            will be tried again, of the last attempt.
        failures: attempts that failed by themselves, crashes not counted.
        not_before_us: when a pending run may begin.
        timeout_us: how long it may take from its first beginning; 0 for ever.
        deadline_us: when that is over; 0 before it has begun, or for never.
        base_step: the thread's last step before it began.
        superseding: a later run wants its place, and how.
        began_seq: the operation that first began it; 0 before that.
        turn: its number among the runs of its thread, as they began; 0 before that.
    """

    run_id: str
    thread_id: str
    workflow: str
    workflow_version: str
    config_raw: msgspec.Raw
    status: RunStatus
    attempt: int
    error: dict[str, str] | None
    result_raw: msgspec.Raw
    created_at_us: int
    started_at_us: int
    finished_at_us: int | None
    rev: int
    created_seq: int
    updated_seq: int
    failures: int = 0
    not_before_us: int = 0
    timeout_us: int = 0
    deadline_us: int = 0
    base_step: int = 0
    superseding: Superseding = ""
    metadata_raw: msgspec.Raw = EMPTY
    began_seq: int = 0
    turn: int = 0

    @property
    def is_queued(self) -> bool:
        """Whether it has not begun yet: no thread names it as the one in progress."""
        return self.attempt == 0 and self.finished_at_us is None

    @property
    def is_in_progress(self) -> bool:
        """Whether it holds its thread, at work or between two attempts."""
        return self.attempt > 0 and self.finished_at_us is None

    @property
    def config(self) -> dict[str, Any]:
        """The thread's config updated with the run's, a fresh copy."""
        value: dict[str, Any] = _decode(self.config_raw)
        return value

    @property
    def metadata(self) -> dict[str, Any]:
        """The caller's data, which its workflow is not told; a fresh copy."""
        value: dict[str, Any] = _decode(self.metadata_raw)
        return value

    @property
    def result(self) -> Any:
        """What the workflow returned or yielded last."""
        return _decode(self.result_raw)

    @property
    def created_at(self) -> datetime:
        """When the run was accepted."""
        return datetime_from_us(self.created_at_us)

    @property
    def started_at(self) -> datetime:
        """When the present attempt began."""
        return datetime_from_us(self.started_at_us)

    @property
    def finished_at(self) -> datetime | None:
        """When the run ended, None while it goes on."""
        end_us = self.finished_at_us
        return None if end_us is None else datetime_from_us(end_us)


class StateRef(Record, frozen=True, array_like=True, gc=False):
    """The answer to a state that was appended: where it stands."""

    state_id: str
    thread_id: str
    step: int


class StepResult(Record, frozen=True, array_like=True, gc=False):
    """What a step of a run came to; kept while the run is in progress.

    Attributes:
        name: the step's, unique within the run.
        attempt: the one that executed it.
    """

    run_id: str
    name: str
    value_raw: msgspec.Raw
    attempt: int
    created_at_us: int
    rev: int
    created_seq: int
    updated_seq: int

    @property
    def value(self) -> Any:
        """What the step's function returned, a fresh copy."""
        return _decode(self.value_raw)


class RunRef(Record, frozen=True, array_like=True, gc=False):
    """The answer to a run that was finished: how, and its last state if it had one."""

    run_id: str
    thread_id: str
    status: RunStatus
    state: StateRef | None
