"""States and runs as JSON has them: whole records, as the Python client reads them.

What the LangGraph protocol makes of them is in :mod:`weft.daemon.http.protocol`.
"""

from datetime import datetime

import msgspec

from weft.daemon.http.views import Free, FreeMapping, View, json_of
from weft.storage import Run, State
from weft.storage.records import RunStatus, StateRef, datetime_from_us

__all__ = ["RunView", "StateRefView", "StateView"]


class StateView(View[State]):
    """A durable state of a thread; ``step`` counts from 1 within the thread."""

    state_id: str
    thread_id: str
    run_id: str | None
    step: int
    values: Free
    metadata: FreeMapping
    parent_id: str | None
    created_at: datetime
    rev: int
    created_seq: int
    updated_seq: int


class StateRefView(View[StateRef]):
    """Where a state that was appended stands."""

    state_id: str
    thread_id: str
    step: int


class RunView(msgspec.Struct):
    """One execution of a thread's workflow; ``attempt`` is 0 while it is queued."""

    run_id: str
    thread_id: str
    workflow: str
    workflow_version: str
    config: FreeMapping
    status: RunStatus
    attempt: int
    error: dict[str, str] | None
    result: Free
    metadata: FreeMapping
    created_at: datetime
    started_at: datetime
    finished_at: datetime | None
    not_before: datetime
    deadline: datetime
    timeout_us: int
    failures: int
    base_step: int
    superseding: str
    rev: int
    created_seq: int
    updated_seq: int
    began_seq: int
    turn: int

    @classmethod
    def of(cls, run: Run) -> "RunView":
        """Return the view of a record."""
        return cls(
            run_id=run.run_id,
            thread_id=run.thread_id,
            workflow=run.workflow,
            workflow_version=run.workflow_version,
            config=json_of(run.config_raw),
            status=run.status,
            attempt=run.attempt,
            error=run.error,
            result=json_of(run.result_raw),
            metadata=json_of(run.metadata_raw),
            created_at=run.created_at,
            started_at=run.started_at,
            finished_at=run.finished_at,
            not_before=datetime_from_us(run.not_before_us),
            deadline=datetime_from_us(run.deadline_us),
            timeout_us=run.timeout_us,
            failures=run.failures,
            base_step=run.base_step,
            superseding=run.superseding,
            rev=run.rev,
            created_seq=run.created_seq,
            updated_seq=run.updated_seq,
            began_seq=run.began_seq,
            turn=run.turn,
        )
