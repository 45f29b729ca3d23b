"""Operations on a graph's checkpoints, as data; part of :data:`Operation`.

Each names one thread and who writes: see :class:`GraphWrite` for the fence.
"""

from msgspec import Raw

from weft.storage.checkpoints import Blob, NewValue, NewWrite, Version
from weft.storage.errors import InvalidArgument
from weft.storage.operation_base import BaseOperation
from weft.storage.records import NIL

__all__ = [
    "BLOB_SIZE_BYTES_MAX",
    "CopyCheckpoints",
    "DeleteCheckpoints",
    "NewValue",
    "NewWrite",
    "PutCheckpoint",
    "PutWrites",
]

BLOB_SIZE_BYTES_MAX = 16 << 20
"""One serialized value; as for every other value in the store."""


class GraphWrite(BaseOperation, frozen=True, kw_only=True, tag=True):
    """What the writes of a graph have in common.

    Attributes:
        thread_id: whose checkpoints.
        session_id: create the thread there if it never lived; None to refuse.
        run_id: who writes. A run that another one has followed is refused.
        attempt: of a run of Weft's own, which must be the one in progress; None for a
            run that only LangGraph knows.
        rev: what the thread's ``rev`` must be; None for whatever it is.
    """

    thread_id: str
    session_id: str | None = None
    run_id: str | None = None
    attempt: int | None = None
    rev: int | None = None


class PutCheckpoint(GraphWrite, frozen=True, kw_only=True, tag=True):
    """Write a checkpoint, and the channels that are new in it.

    See :class:`weft.storage.checkpoints.Checkpoint` for the other fields.

    Attributes:
        values: of the channels that are new.
        state_id: of a state of the thread that is appended in the same transaction;
            None for none.
        state: what that state holds, encoded.
    """

    checkpoint_ns: str
    checkpoint_id: str
    parent_id: str | None = None
    versions: dict[str, Version]
    data: Blob
    metadata: Blob
    deltas: tuple[str, ...] = ()
    values: tuple[NewValue, ...] = ()
    state_id: str | None = None
    state: Raw = NIL

    def __post_init__(self) -> None:
        _check_sizes((self.data, self.metadata, *(v.data for v in self.values)))


class PutWrites(GraphWrite, frozen=True, kw_only=True, tag=True):
    """Write what a task has done on top of a checkpoint, which may come later.

    A write that is there already stays, but on the special channels it is replaced.
    """

    checkpoint_ns: str
    checkpoint_id: str
    task_id: str
    task_path: str = ""
    writes: tuple[NewWrite, ...]

    def __post_init__(self) -> None:
        _check_sizes(tuple(write.data for write in self.writes))


class DeleteCheckpoints(BaseOperation, frozen=True, kw_only=True, tag=True):
    """Delete checkpoints of a thread, which stays.

    Attributes:
        run_ids: those that these runs wrote; None for all but what is kept.
        keep_latest: keep the newest of each namespace, and what its value is made of.
    """

    thread_id: str
    run_ids: tuple[str, ...] | None = None
    keep_latest: bool = False


class CopyCheckpoints(BaseOperation, frozen=True, kw_only=True, tag=True):
    """Copy all of a thread's checkpoints to another one.

    Attributes:
        session_id: create the other thread there if it never lived; None to refuse.
    """

    thread_id: str
    to_thread_id: str
    session_id: str | None = None


def _check_sizes(blobs: tuple[Blob, ...]) -> None:
    for kind, data in blobs:
        if len(data) > BLOB_SIZE_BYTES_MAX:
            raise InvalidArgument(
                f"A serialized {kind} value has {len(data)} bytes; "
                f"at most {BLOB_SIZE_BYTES_MAX} are allowed."
            )


GraphOperation = PutCheckpoint | PutWrites | DeleteCheckpoints | CopyCheckpoints
