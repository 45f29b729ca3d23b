"""Operations: every change of the store, as data.

The same value comes from the Python call, goes through the mailboxes to the writer
and is decided by :mod:`weft.storage.rules`. An operation carries all that its
decision needs (ids, time, encoded data): the rules use no clock and no randomness, so
that every store and the simulator decide alike.

Free-form data is held encoded: a mapping given for ``metadata`` or ``config`` is
encoded as the operation is made, so that what cannot be encoded is refused at the
edge, before it can spoil a commit group.
"""

from typing import Final, Literal

import msgspec

from weft.storage.encoding import (
    VALUE_DEPTH_MAX,
    VALUE_SIZE_BYTES_MAX,
    encode_change,
    encode_fields,
    encode_mapping,
    encode_value,
)
from weft.storage.operation_base import BaseOperation
from weft.storage.operations_associations import AssociationOperation
from weft.storage.operations_checkpoints import (
    GraphOperation,
    PutCheckpoint,
    PutWrites,
)
from weft.storage.operations_items import ItemOperation
from weft.storage.operations_runs import (
    Failure,
    FinishRun,
    IfBusy,
    RecordStep,
    ResumeRun,
    RetryRun,
    RunOperation,
    StartRun,
)
from weft.storage.records import EMPTY, NIL

__all__ = [
    "DEFAULT_WORKFLOW",
    "PARTS_MAX",
    "VALUE_DEPTH_MAX",
    "VALUE_SIZE_BYTES_MAX",
    "AppendState",
    "Batch",
    "CloseSession",
    "CreateSession",
    "CreateThreads",
    "Expire",
    "Failure",
    "FinishRun",
    "ForkThread",
    "IfBusy",
    "NewThread",
    "Operation",
    "RecordStep",
    "RemoveThreads",
    "RenameThread",
    "Repair",
    "ResumeRun",
    "RetryRun",
    "StartRun",
    "TrackInteraction",
    "TransferThreads",
    "UpdateSession",
    "UpdateThread",
    "encode_mapping",
    "encode_value",
]

PARTS_MAX: Final = 1000
"""Parts of a batch, threads of one create, remove or transfer: larger ones would hold
up everybody behind them in the writer (1,000 creates are about 10 ms)."""

DEFAULT_WORKFLOW: Final = "default"
"""What a thread runs that names no workflow of its own."""

_Operation = BaseOperation


class CreateSession(_Operation, frozen=True, kw_only=True, tag=True):
    """Create a session; with ``open_existing`` an open one of this id is the answer."""

    session_id: str
    user_id: str | None = None
    metadata: msgspec.Raw = EMPTY
    open_existing: bool = False

    def __post_init__(self) -> None:
        encode_fields(self, encode_mapping, "metadata")


class UpdateSession(_Operation, frozen=True, kw_only=True, tag=True):
    """Replace a session's metadata or user; None leaves as it is."""

    session_id: str
    user_id: str | None = None
    metadata: msgspec.Raw = NIL  # msgspec decodes no union with Raw

    def __post_init__(self) -> None:
        encode_fields(self, encode_change, "metadata")


class CloseSession(_Operation, frozen=True, kw_only=True, tag=True):
    """Close a session; its threads are removed, or moved to ``move_to``."""

    session_id: str
    move_to: str | None = None


class NewThread(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thread of a :class:`CreateThreads`."""

    thread_id: str
    name: str
    workflow: str | None = None
    config: msgspec.Raw = EMPTY
    metadata: msgspec.Raw = EMPTY

    def __post_init__(self) -> None:
        encode_fields(self, encode_mapping, "config", "metadata")


class CreateThreads(_Operation, frozen=True, kw_only=True, tag=True):
    """Create threads in one session, all or none.

    Attributes:
        create_session: create the session in the same transaction if it is missing.
    """

    session_id: str
    threads: tuple[NewThread, ...]
    create_session: bool = False


class RemoveThreads(_Operation, frozen=True, kw_only=True, tag=True):
    """Remove threads with their states and runs.

    Attributes:
        session_id: the owner; None for whoever owns them.
        threads: ids, or names where a session is given.
        even_busy: remove a thread on which a run is in progress; the run is fenced.
    """

    session_id: str | None = None
    threads: tuple[str, ...]
    even_busy: bool = False


class TransferThreads(_Operation, frozen=True, kw_only=True, tag=True):
    """Move threads to another session.

    Attributes:
        from_session_id: the owner they must have; None for whoever owns them.
        new_name: the name in the new session, for a single thread.
        create_session: create the destination in the same transaction.
        even_busy: a run in progress goes along.
    """

    thread_ids: tuple[str, ...]
    from_session_id: str | None = None
    to_session_id: str
    new_name: str | None = None
    create_session: bool = False
    even_busy: bool = False


class RenameThread(_Operation, frozen=True, kw_only=True, tag=True):
    """Give a thread another name within its session."""

    thread_id: str
    session_id: str | None = None
    new_name: str


class UpdateThread(_Operation, frozen=True, kw_only=True, tag=True):
    """Update a thread's metadata and config, key by key; other keys stay.

    Attributes:
        status: what the thread is without a run, after its state was changed by hand;
            None leaves it.
    """

    thread_id: str
    session_id: str | None = None
    metadata: msgspec.Raw = EMPTY
    config: msgspec.Raw = EMPTY
    status: Literal["idle", "interrupted"] | None = None

    def __post_init__(self) -> None:
        encode_fields(self, encode_mapping, "metadata", "config")


class AppendState(_Operation, frozen=True, kw_only=True, tag=True):
    """Append a durable state.

    Attributes:
        run_id: the run that writes it; None for a state written by hand.
        attempt: the run's attempt, the fence against its own past.
        rev: the thread's rev the writer knows; None for a state written by hand.
        after_step: the thread's last step, 0 for none, as the writer knows it; None
            for whatever it is.
        workflow_version: the run goes on under this version of its workflow, whose
            rule made the state of an older one's; "" leaves it.
    """

    thread_id: str
    state_id: str
    run_id: str | None = None
    attempt: int = 1
    rev: int | None = None
    after_step: int | None = None
    values: msgspec.Raw
    metadata: msgspec.Raw = EMPTY
    workflow_version: str = ""

    def __post_init__(self) -> None:
        encode_fields(self, encode_value, "values")
        encode_fields(self, encode_mapping, "metadata")


class ForkThread(_Operation, frozen=True, kw_only=True, tag=True):
    """Copy a thread, with its states up to one of them, as a new thread.

    Attributes:
        thread_id: what is copied; a run may be in progress, it is not copied.
        step: the last state that is copied; None for all, and what graphs left.
        new_thread_id: the copy's id.
        name: the copy's name in its session.
        session_id: the copy's owner; None for that of the original.
        create_session: create the owner in the same transaction if it is missing.
    """

    thread_id: str
    step: int | None = None
    new_thread_id: str
    name: str
    session_id: str | None = None
    create_session: bool = False


class TrackInteraction(_Operation, frozen=True, kw_only=True, tag=True):
    """Record something the user did in a session."""

    session_id: str
    interaction_id: str
    thread_id: str | None = None
    interaction_type: str
    content: msgspec.Raw = NIL
    metadata: msgspec.Raw = EMPTY
    timestamp_us: int

    def __post_init__(self) -> None:
        encode_fields(self, encode_value, "content")
        encode_fields(self, encode_mapping, "metadata")


class Expire(_Operation, frozen=True, kw_only=True, tag=True):
    """Forget what retention keeps no longer; what has changed since then stays.

    Attributes:
        log: place and op id of the log's oldest entries.
        threads: id, ``updated_seq`` and last step of idle threads, to be removed.
        tombstones: thread id and ``rev``; nothing else may be left of the thread.
        associations: thread id, session id and ``version`` of inactive ones.
        runs: thread and run id of ended ones.
        states: thread id, first and last step.
        checkpoints: thread id; how many of each namespace stay, the newest; before
            when those that go were written, microseconds since the Unix epoch.
        items: namespace and key; when its time was over, likewise.
    """

    log: tuple[tuple[bytes, str], ...] = ()
    threads: tuple[tuple[str, int, int], ...] = ()
    tombstones: tuple[tuple[str, int], ...] = ()
    associations: tuple[tuple[str, str, int], ...] = ()
    runs: tuple[tuple[str, str], ...] = ()
    states: tuple[tuple[str, int, int], ...] = ()
    checkpoints: tuple[tuple[str, int, int], ...] = ()
    items: tuple[tuple[tuple[str, ...], str, int], ...] = ()


class Repair(_Operation, frozen=True, kw_only=True, tag=True):
    """Mend one finding of a check, unless the truth has moved on since.

    Attributes:
        fault: the finding's kind.
        index: which index it is about, where its kind has several.
        items: the list entries, runs or operations concerned.
        rev: the thread's, as the check saw it; None for a thread without a record.
        counts: corrections of counters, by field or ``field.status``.
        seen_seq: the moment that was checked.
    """

    fault: str
    session_id: str | None = None
    thread_id: str | None = None
    index: str = ""
    items: tuple[str, ...] = ()
    rev: int | None = None
    counts: dict[str, int] = msgspec.field(default_factory=dict)
    seen_seq: int = 0


class Batch(_Operation, frozen=True, kw_only=True, tag=True):
    """Several operations as one: all applied or none, one ``seq``.

    The parts' own ``op_id`` is not looked up: the batch is the operation.
    """

    parts: tuple[
        CreateSession
        | UpdateSession
        | CloseSession
        | CreateThreads
        | RemoveThreads
        | TransferThreads
        | RenameThread
        | UpdateThread
        | AppendState
        | TrackInteraction
        | PutCheckpoint
        | PutWrites,
        ...,
    ]


Operation = (
    CreateSession
    | UpdateSession
    | CloseSession
    | CreateThreads
    | RemoveThreads
    | TransferThreads
    | RenameThread
    | UpdateThread
    | RunOperation
    | AppendState
    | ForkThread
    | TrackInteraction
    | Expire
    | Repair
    | Batch
    | GraphOperation
    | AssociationOperation
    | ItemOperation
)
