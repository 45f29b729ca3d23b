"""Records as JSON has them: what the API answers with.

Times are RFC 3339 in UTC. Free-form data is JSON as it was sent; what came from Python
and has no JSON is written as close to it as there is: bytes in base64, times as text,
``NaN`` as null, the rest as :mod:`weft.storage.plain` has it.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import cache
from operator import attrgetter
from typing import Annotated, Any, Final, Generic, Literal, Self, TypeVar, get_args

import msgspec

from weft.storage import (
    Association,
    Inconsistency,
    Interaction,
    OperationRecord,
    RepairReport,
    Session,
    Thread,
)
from weft.storage.check import CheckReport
from weft.storage.plain import to_json
from weft.storage.records import EMPTY, NIL, datetime_from_us

__all__ = [
    "AssociationView",
    "CheckView",
    "FindingView",
    "InteractionView",
    "OperationView",
    "RepairView",
    "SessionView",
    "ThreadView",
    "View",
    "json_of",
]

Free = Annotated[msgspec.Raw, msgspec.Meta(description="Any JSON.")]
FreeMapping = Annotated[msgspec.Raw, msgspec.Meta(extra_json_schema={"type": "object"})]

_decode: Final = msgspec.msgpack.Decoder().decode
_encode: Final = msgspec.json.Encoder().encode
_EMPTY_JSON: Final = msgspec.Raw(b"{}")
_NULL_JSON: Final = msgspec.Raw(b"null")

R = TypeVar("R", bound=msgspec.Struct)


def json_of(raw: msgspec.Raw) -> msgspec.Raw:
    """Return a stored value as JSON.

    Args:
        raw: encoded MessagePack.
    """
    if raw == EMPTY:  # nearly always
        return _EMPTY_JSON
    if raw == NIL:
        return _NULL_JSON
    try:
        return msgspec.Raw(_encode(_decode(raw)))
    except (TypeError, ValueError, OverflowError, RecursionError):
        return msgspec.Raw(to_json(bytes(raw)))


class View(msgspec.Struct, Generic[R]):
    """A record as it is answered: its fields, free data as JSON."""

    @classmethod
    def of(cls, record: R) -> Self:
        """Return the view of a record."""
        read, free = _reader(cls)
        values = list(read(record))
        for at in free:
            values[at] = json_of(values[at])
        return cls(*values)


@cache
def _reader(view: type[View[Any]]) -> tuple[Callable[[Any], Iterable[Any]], list[int]]:
    """Return what reads a view's fields off a record, and which hold free data."""
    fields = msgspec.structs.fields(view)
    free = [at for at, one in enumerate(fields) if msgspec.Raw in get_args(one.type)]
    names = [field.name for field in fields]
    for at in free:
        names[at] += "_raw"
    return attrgetter(*names), free


class SessionView(View[Session]):
    """A session: somebody's working context, the owner of threads."""

    session_id: str
    user_id: str | None
    status: Literal["open", "closed"]
    metadata: FreeMapping
    created_at: datetime
    updated_at: datetime
    rev: int
    created_seq: int
    updated_seq: int


class ThreadView(View[Thread]):
    """A thread: a named workflow or conversation, owned by one session."""

    thread_id: str
    session_id: str
    thread_name: str
    workflow: str | None
    config: FreeMapping
    status: Literal["idle", "busy", "interrupted", "error"]
    metadata: FreeMapping
    created_at: datetime
    updated_at: datetime
    rev: int
    created_seq: int
    updated_seq: int
    run_id: str | None


class AssociationView(View[Association]):
    """The row that says: this session owns, or once owned, this thread."""

    association_id: str
    session_id: str
    thread_id: str
    thread_name: str
    is_active: bool
    association_type: str
    metadata: FreeMapping
    version: int
    created_at: datetime
    updated_at: datetime
    rev: int
    created_seq: int
    updated_seq: int


class InteractionView(View[Interaction]):
    """Something the user did in a session."""

    interaction_id: str
    session_id: str
    thread_id: str | None
    interaction_type: str
    content: Free
    metadata: FreeMapping
    timestamp: datetime
    rev: int
    created_seq: int
    updated_seq: int


class OperationView(msgspec.Struct):
    """An entry of the operation log, applied or refused.

    ``seq`` is its place in the one order, null where it was refused; ``error`` is the
    refusal (code, message, session_id, thread_id, details).
    """

    op_id: str
    seq: int | None
    kind: str
    session_ids: list[str]
    thread_ids: list[str]
    outcome: Literal["applied", "refused"]
    error: Free
    duration_us: int
    at: datetime

    @classmethod
    def of(cls, record: OperationRecord, op_id: str | None = None) -> "OperationView":
        """Return the view of a record.

        Args:
            record: the entry.
            op_id: the idempotency key as its sender knows it.
        """
        return cls(
            record.op_id if op_id is None else op_id,
            record.seq,
            record.kind,
            list(record.session_ids),
            list(record.thread_ids),
            record.outcome,
            json_of(record.error),
            record.duration_us,
            record.at,
        )


class FindingView(msgspec.Struct):
    """Where two stored copies of one fact disagree."""

    kind: str
    session_id: str | None
    thread_id: str | None
    detail: str

    @classmethod
    def of(cls, finding: Inconsistency) -> "FindingView":
        """Return the view of a finding."""
        return cls(
            finding.kind, finding.session_id, finding.thread_id, str(finding.detail)
        )


class CheckView(msgspec.Struct):
    """What a check looked at and found."""

    clean: bool
    inconsistencies: list[FindingView]
    sessions: int
    threads: int
    associations: int
    states: int
    runs: int
    operations: int
    duration_s: float
    seq: int
    finished_at: datetime

    @classmethod
    def of(cls, report: CheckReport) -> "CheckView":
        """Return the view of a report."""
        return cls(
            report.clean,
            [FindingView.of(finding) for finding in report.inconsistencies],
            report.sessions,
            report.threads,
            report.associations,
            report.states,
            report.runs,
            report.operations,
            report.duration_s,
            report.seq,
            datetime_from_us(report.finished_at_us),
        )


class RepairView(msgspec.Struct):
    """What a repair found and did."""

    session_id: str | None
    dry_run: bool
    clean: bool
    issues_found: list[FindingView]
    repairs_attempted: int
    repairs_successful: int
    repairs_refused: int
    repairs_failed: int
    fixes_applied: list[str]
    remaining: list[FindingView]
    rounds: int
    duration_s: float

    @classmethod
    def of(cls, report: RepairReport) -> "RepairView":
        """Return the view of a report."""
        return cls(
            report.session_id,
            report.dry_run,
            report.clean,
            [FindingView.of(finding) for finding in report.issues_found],
            report.repairs_attempted,
            report.repairs_successful,
            report.repairs_refused,
            report.repairs_failed,
            report.fixes_applied,
            [FindingView.of(finding) for finding in report.remaining],
            report.rounds,
            report.duration_s,
        )


def plain(value: Any) -> Any:
    """Return the answer of an operation as JSON has it."""
    match value:
        case Session():
            return SessionView.of(value)
        case Thread():
            return ThreadView.of(value)
        case Interaction():
            return InteractionView.of(value)
        case list():
            return [plain(item) for item in value]
        case msgspec.Struct():
            return msgspec.structs.asdict(value)
    return value
