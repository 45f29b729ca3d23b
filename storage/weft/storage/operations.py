"""Operations: every change of the store, as data.

The same value comes from the Python call, goes through the mailboxes to the writer
and is decided by :mod:`weft.storage.rules`. An operation carries all that its
decision needs (ids, time, encoded data): the rules use no clock and no randomness, so
that every store and the simulator decide alike.

Free-form data is held encoded: a mapping given for ``metadata`` or ``config`` is
encoded as the operation is made, so that what cannot be encoded is refused at the
edge, before it can spoil a commit group.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from msgspec.structs import force_setattr

from weft.storage.errors import InvalidArgument
from weft.storage.operation_base import BaseOperation
from weft.storage.operations_checkpoints import GraphOperation
from weft.storage.records import EMPTY, NIL, RunStatus

__all__ = [
    "DEFAULT_WORKFLOW",
    "PARTS_MAX",
    "VALUE_SIZE_BYTES_MAX",
    "AppendState",
    "Batch",
    "CloseSession",
    "CreateSession",
    "CreateThreads",
    "Expire",
    "Failure",
    "FinishRun",
    "NewThread",
    "Operation",
    "RemoveThreads",
    "RenameThread",
    "Repair",
    "ResumeRun",
    "StartRun",
    "TrackInteraction",
    "TransferThreads",
    "UpdateSession",
    "encode_mapping",
    "encode_value",
]

PARTS_MAX: Final = 1000
"""Parts of a batch, threads of one create, remove or transfer: larger ones would hold
up everybody behind them in the writer (1,000 creates are about 10 ms)."""

DEFAULT_WORKFLOW: Final = "default"
"""What a thread runs that names no workflow of its own."""

VALUE_SIZE_BYTES_MAX: Final = 16 << 20
"""One encoded value. A page of LMDB's map is 4 KiB; values beyond some MiB belong in
an object store, with their address here."""

_Operation = BaseOperation
_encode: Final = msgspec.msgpack.Encoder().encode
_UNENCODABLE: Final = (TypeError, ValueError, OverflowError, RecursionError)


def encode_value(value: Any, what: str = "value") -> msgspec.Raw:
    """Return a value as it is stored.

    Args:
        value: anything msgspec encodes to MessagePack.
        what: how to call it in the error.

    Raises:
        InvalidArgument: it cannot be encoded, or is larger than 16 MiB.
    """
    if value is None:
        return NIL
    try:
        data = _encode(value)
    except _UNENCODABLE as error:
        raise InvalidArgument(
            f"{what} cannot be encoded: {error}.", cause=error
        ) from error
    try:
        # Not all that MessagePack can write it can read, such as mappings as keys.
        msgspec.msgpack.decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        words = f"{what} cannot be read back: {error}."
        raise InvalidArgument(words, cause=error) from error
    if len(data) > VALUE_SIZE_BYTES_MAX:
        raise InvalidArgument(
            f"{what} has {len(data)} bytes; at most {VALUE_SIZE_BYTES_MAX} are allowed."
        )
    return msgspec.Raw(data)


def encode_mapping(value: Mapping[str, Any] | None, what: str) -> msgspec.Raw:
    """Return a mapping as it is stored; None counts as empty.

    Raises:
        InvalidArgument: not a mapping with string keys, or not encodable.
    """
    if not value:
        if value is None or isinstance(value, Mapping):
            return EMPTY
    elif isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise InvalidArgument(f"{what} must have strings as keys.")
        return encode_value(dict(value), what)
    raise InvalidArgument(f"{what} must be a mapping, not {type(value).__name__}.")


def _encode_fields(
    record: msgspec.Struct, encode: Callable[[Any, str], msgspec.Raw], *names: str
) -> None:
    for name in names:
        value = getattr(record, name)
        if type(value) is not msgspec.Raw:
            force_setattr(record, name, encode(value, name))


def _encode_change(value: Mapping[str, Any] | None, what: str) -> msgspec.Raw:
    return NIL if value is None else encode_mapping(value, what)


class CreateSession(_Operation, frozen=True, kw_only=True, tag=True):
    """Create a session; with ``open_existing`` an open one of this id is the answer."""

    session_id: str
    user_id: str | None = None
    metadata: msgspec.Raw = EMPTY
    open_existing: bool = False

    def __post_init__(self) -> None:
        _encode_fields(self, encode_mapping, "metadata")


class UpdateSession(_Operation, frozen=True, kw_only=True, tag=True):
    """Replace a session's metadata or user; None leaves as it is."""

    session_id: str
    user_id: str | None = None
    metadata: msgspec.Raw = NIL  # msgspec decodes no union with Raw

    def __post_init__(self) -> None:
        _encode_fields(self, _encode_change, "metadata")


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
        _encode_fields(self, encode_mapping, "config", "metadata")


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


class StartRun(_Operation, frozen=True, kw_only=True, tag=True):
    """Begin a run on an idle thread, found by id or by name in a session.

    Attributes:
        workflow: overrides the thread's own.
        config: updates the thread's own.
    """

    thread_id: str | None = None
    session_id: str | None = None
    thread_name: str | None = None
    run_id: str
    workflow: str | None = None
    workflow_version: str = ""
    config: msgspec.Raw = EMPTY

    def __post_init__(self) -> None:
        _encode_fields(self, encode_mapping, "config")


class ResumeRun(_Operation, frozen=True, kw_only=True, tag=True):
    """Take over a run whose process died, with the next attempt."""

    thread_id: str
    run_id: str
    workflow_version: str = ""


class AppendState(_Operation, frozen=True, kw_only=True, tag=True):
    """Append a durable state.

    Attributes:
        run_id: the run that writes it; None for a state written by hand.
        attempt: the run's attempt, the fence against its own past.
        rev: the thread's rev the writer knows; None for a state written by hand.
    """

    thread_id: str
    state_id: str
    run_id: str | None = None
    attempt: int = 1
    rev: int | None = None
    values: msgspec.Raw
    metadata: msgspec.Raw = EMPTY

    def __post_init__(self) -> None:
        _encode_fields(self, encode_value, "values")
        _encode_fields(self, encode_mapping, "metadata")


class Failure(msgspec.Struct, frozen=True):
    """Why a run ended without success: an exception's type and words."""

    type: str
    message: str


class FinishRun(_Operation, frozen=True, kw_only=True, tag=True):
    """End a run; ``state_id`` and ``values`` add its last state in one transaction."""

    thread_id: str
    run_id: str
    attempt: int = 1
    status: RunStatus = "success"
    error: Failure | None = None
    result: msgspec.Raw = NIL
    state_id: str | None = None
    values: msgspec.Raw = NIL

    def __post_init__(self) -> None:
        _encode_fields(self, encode_value, "result", "values")


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
        _encode_fields(self, encode_value, "content")
        _encode_fields(self, encode_mapping, "metadata")


class Expire(_Operation, frozen=True, kw_only=True, tag=True):
    """Forget what retention keeps no longer; what has changed since then stays.

    Attributes:
        log: place and op id of the log's oldest entries.
        threads: id, ``updated_seq`` and last step of idle threads, to be removed.
        tombstones: thread id and ``rev``; nothing else may be left of the thread.
        associations: thread id, session id and ``version`` of inactive ones.
        runs: thread and run id of ended ones.
        states: thread id, first and last step.
    """

    log: tuple[tuple[bytes, str], ...] = ()
    threads: tuple[tuple[str, int, int], ...] = ()
    tombstones: tuple[tuple[str, int], ...] = ()
    associations: tuple[tuple[str, str, int], ...] = ()
    runs: tuple[tuple[str, str], ...] = ()
    states: tuple[tuple[str, int, int], ...] = ()


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
        | AppendState
        | TrackInteraction,
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
    | StartRun
    | ResumeRun
    | AppendState
    | FinishRun
    | TrackInteraction
    | Expire
    | Repair
    | Batch
    | GraphOperation
)
