"""What the store keeps: one frozen value for each noun.

On disk a record is a msgpack array, so fields may be appended and never reordered.
Times are UTC in integer microseconds (``_us``) there and aware ``datetime`` here.
Free-form data (``metadata``, ``config``, state values) stays encoded until somebody
looks at it: routing a thread through the store must not cost decoding it.

Every record carries ``rev`` (the life and ownership it was written under),
``created_seq`` and ``updated_seq`` (the operations that made and last changed it).
"""

from datetime import datetime
from typing import Any, Final, Literal

import msgspec

from weft.storage.record_base import EMPTY, NIL, Record, datetime_from_us
from weft.storage.records_runs import (
    Run,
    RunRef,
    RunStatus,
    StateRef,
    StepResult,
    Superseding,
)

__all__ = [
    "EMPTY",
    "NIL",
    "Association",
    "Counters",
    "Interaction",
    "OperationRecord",
    "Record",
    "Run",
    "RunRef",
    "RunStatus",
    "Session",
    "State",
    "StateRef",
    "StepResult",
    "Superseding",
    "Thread",
    "Tombstone",
    "datetime_from_us",
]

_decode: Final = msgspec.msgpack.decode


class Session(Record, frozen=True, array_like=True, gc=False):
    """Somebody's working context, the owner of threads.

    Attributes:
        status: an open session accepts changes, a closed one none.
    """

    session_id: str
    user_id: str | None
    status: Literal["open", "closed"]
    metadata_raw: msgspec.Raw
    created_at_us: int
    updated_at_us: int
    rev: int
    created_seq: int
    updated_seq: int

    @property
    def metadata(self) -> dict[str, Any]:
        """The caller's data, a fresh copy."""
        value: dict[str, Any] = _decode(self.metadata_raw)
        return value

    @property
    def created_at(self) -> datetime:
        """When the session was created."""
        return datetime_from_us(self.created_at_us)

    @property
    def updated_at(self) -> datetime:
        """When the session's own record last changed."""
        return datetime_from_us(self.updated_at_us)


class Thread(Record, frozen=True, array_like=True, gc=False):
    """A named workflow or conversation, owned by one session.

    Attributes:
        rev: the fence: it grows with each change of owner or life.
        run_id: the run in progress, None on an idle thread.
        run_attempt: its attempt, so that a state's fence costs no second read.
        turns: how many runs have begun on it, in its earlier lives as well.
    """

    thread_id: str
    session_id: str
    thread_name: str
    status: Literal["idle", "busy", "interrupted", "error"]
    workflow: str | None
    config_raw: msgspec.Raw
    metadata_raw: msgspec.Raw
    created_at_us: int
    updated_at_us: int
    rev: int
    created_seq: int
    updated_seq: int
    run_id: str | None = None
    run_attempt: int = 0
    turns: int = 0

    @property
    def config(self) -> dict[str, Any]:
        """What every run of the thread starts from, a fresh copy."""
        value: dict[str, Any] = _decode(self.config_raw)
        return value

    @property
    def metadata(self) -> dict[str, Any]:
        """The caller's data, a fresh copy."""
        value: dict[str, Any] = _decode(self.metadata_raw)
        return value

    @property
    def created_at(self) -> datetime:
        """When this life of the thread began."""
        return datetime_from_us(self.created_at_us)

    @property
    def updated_at(self) -> datetime:
        """When the thread's own record last changed."""
        return datetime_from_us(self.updated_at_us)


class Tombstone(Record, frozen=True, array_like=True, gc=False):
    """What is left of a removed thread: its last ``rev``, so no late write passes.

    Attributes:
        turns: how many runs had begun on it.
    """

    thread_id: str
    rev: int
    removed_at_us: int
    created_seq: int
    turns: int = 0

    @property
    def removed_at(self) -> datetime:
        """When the thread was removed."""
        return datetime_from_us(self.removed_at_us)


class Association(Record, frozen=True, array_like=True, gc=False):
    """The row that says: this session owns, or once owned, this thread.

    It begins as the thread's own record does, for the check compares the two as bytes.

    One row per pair: a thread that comes back reactivates its first row with
    ``version + 1``; what happened in between stands in the operation log.
    """

    thread_id: str
    session_id: str
    thread_name: str
    is_active: bool
    association_type: str
    metadata_raw: msgspec.Raw
    version: int
    created_at_us: int
    updated_at_us: int
    rev: int
    created_seq: int
    updated_seq: int
    given_id: str | None = None

    @property
    def association_id(self) -> str:
        """The row's key: the imported one, or one made of its two ids."""
        return self.given_id or f"{self.session_id}/{self.thread_id}"

    @property
    def metadata(self) -> dict[str, Any]:
        """The caller's data, a fresh copy."""
        value: dict[str, Any] = _decode(self.metadata_raw)
        return value

    @property
    def created_at(self) -> datetime:
        """When the session first owned the thread."""
        return datetime_from_us(self.created_at_us)

    @property
    def updated_at(self) -> datetime:
        """When ownership last began or ended, or the name changed."""
        return datetime_from_us(self.updated_at_us)


class State(Record, frozen=True, array_like=True, gc=False):
    """One durable state of a thread; ``step`` counts from 1 within the thread."""

    state_id: str
    thread_id: str
    run_id: str | None
    step: int
    values_raw: msgspec.Raw
    metadata_raw: msgspec.Raw
    parent_id: str | None
    created_at_us: int
    rev: int
    created_seq: int
    updated_seq: int

    @property
    def ref(self) -> StateRef:
        """Where the state stands, without what it holds."""
        return StateRef(self.state_id, self.thread_id, self.step)

    @property
    def values(self) -> Any:
        """What the workflow yielded or returned, a fresh copy."""
        return _decode(self.values_raw)

    @property
    def metadata(self) -> dict[str, Any]:
        """Data about the state, a fresh copy."""
        value: dict[str, Any] = _decode(self.metadata_raw)
        return value

    @property
    def created_at(self) -> datetime:
        """When the state was written."""
        return datetime_from_us(self.created_at_us)


class Interaction(Record, frozen=True, array_like=True, gc=False):
    """Something the user did in a session."""

    interaction_id: str
    session_id: str
    thread_id: str | None
    interaction_type: str
    content_raw: msgspec.Raw
    metadata_raw: msgspec.Raw
    timestamp_us: int
    rev: int
    created_seq: int
    updated_seq: int

    @property
    def content(self) -> Any:
        """What was said or done, a fresh copy."""
        return _decode(self.content_raw)

    @property
    def metadata(self) -> dict[str, Any]:
        """The caller's data, a fresh copy."""
        value: dict[str, Any] = _decode(self.metadata_raw)
        return value

    @property
    def timestamp(self) -> datetime:
        """When it happened, as the caller said."""
        return datetime_from_us(self.timestamp_us)


class OperationRecord(Record, frozen=True, array_like=True, gc=False):
    """The log's entry of one operation, applied or refused.

    Attributes:
        seq: its place in the one order; None when refused.
        error: the stored refusal (code, message, session_id, thread_id, details).
        duration_us: from acceptance to decision.
        result_raw: the first answer, encoded.
    """

    op_id: str
    seq: int | None
    kind: str
    session_ids: tuple[str, ...]
    thread_ids: tuple[str, ...]
    outcome: Literal["applied", "refused"]
    error: msgspec.Raw
    duration_us: int
    at_us: int
    result_raw: msgspec.Raw

    @property
    def at(self) -> datetime:
        """When the operation was decided."""
        return datetime_from_us(self.at_us)


class Counters(msgspec.Struct, array_like=True):
    """How much the store holds, kept exact in every commit.

    Counting a million threads takes a second; a daemon answers sooner than that.

    Attributes:
        sessions: by status.
        threads: live threads by status.
        runs: by status.
        graph_entries: of the tree of checkpoints, its index as well.
        items: of the key-value store, expired ones as well.
    """

    sessions: dict[str, int] = {}
    threads: dict[str, int] = {}
    runs: dict[str, int] = {}
    states: int = 0
    interactions: int = 0
    associations: int = 0
    tombstones: int = 0
    graph_entries: int = 0
    items: int = 0
