"""Import of LangGraph's SQLite checkpointer: its threads and their latest state.

Every ``thread_id`` becomes a thread of one session, under its own id and name, with
the channel values of its newest checkpoint as its one state; every ``checkpoint_ns``
beside the root (a subgraph's memory) becomes a thread of its own, ``thread_id|ns``.
What else the checkpoint tells, its id, time, metadata, internal channels and pending
writes, is in the state's metadata under ``langgraph``.

Guarantees:
    * the database is opened read only and read as a stream;
    * no code of anybody is run (:mod:`weft.storage.langgraph_values`);
    * each thread comes with its state in one operation, which passes the rules and the
      log as if a client had sent it;
    * repeated, it applies nothing; a thread that is there and differs is told, never
      changed; a broken row is told, and the rest goes on.
"""

import sqlite3
from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol
from uuid import NAMESPACE_URL, uuid5

import msgspec

from weft.storage.errors import SessionThreadException
from weft.storage.ids import check_id, check_name, new_id
from weft.storage.import_report import (
    BadLine,
    ImportReport,
    NotImportable,
    Tell,
)
from weft.storage.langgraph_values import Undecodable, Values
from weft.storage.operations import (
    AppendState,
    Batch,
    CreateThreads,
    NewThread,
    encode_mapping,
    encode_value,
)
from weft.storage.progress import Progress, untold
from weft.storage.rules import Refused, decide
from weft.storage.snapshot import Snapshot
from weft.storage.store import TreeStore, clock_us

__all__ = ["check_database", "import_langgraph"]

KEY: Final = "langgraph"
"""Under which a thread's and a state's metadata have what LangGraph knew."""

THREADS_MAX: Final = 100
"""Of a transaction: states may be large."""

_COLUMNS: Final = {
    "checkpoints": {
        "thread_id",
        "checkpoint_ns",
        "checkpoint_id",
        "parent_checkpoint_id",
        "type",
        "checkpoint",
        "metadata",
    },
    "writes": {
        "thread_id",
        "checkpoint_ns",
        "checkpoint_id",
        "task_id",
        "idx",
        "channel",
        "type",
        "value",
    },
}

# The primary key is in this order, so it is a scan and no sort. Beside max() SQLite
# takes the other columns from the row that has it.
_NEWEST: Final = """
    SELECT thread_id, checkpoint_ns, max(checkpoint_id), parent_checkpoint_id,
           type, checkpoint, metadata
    FROM checkpoints GROUP BY thread_id, checkpoint_ns
"""
_WRITES: Final = """
    SELECT task_id, channel, type, value FROM writes
    WHERE thread_id = ? AND checkpoint_ns = ? AND checkpoint_id = ?
    ORDER BY task_id, idx
"""
_COUNT: Final = (
    "SELECT count(*) FROM (SELECT DISTINCT thread_id, checkpoint_ns FROM checkpoints)"
)


class _Row(NamedTuple):
    thread_id: str
    namespace: str
    checkpoint_id: str
    parent_id: str | None
    kind: str | None
    checkpoint: bytes | None
    metadata: bytes | str | None


class _Found(NamedTuple):
    """A thread that is to come in."""

    number: int
    thread_id: str
    origin: dict[str, str]
    operation: Batch


class Readable(Protocol):
    """What shows a store."""

    def read(self) -> AbstractContextManager[Snapshot]:
        """Open a snapshot."""
        ...


def import_langgraph(
    path: Path,
    store: TreeStore | Readable,
    session_id: str,
    tell: Tell,
    progress: Progress | None = None,
    *,
    dry_run: bool = False,
) -> ImportReport:
    """Import a database of ``langgraph-checkpoint-sqlite``.

    Args:
        path: the database.
        store: where to; nobody else writes it meanwhile.
        session_id: the session that owns the threads; created if it is missing.
        tell: told of every thread that could not be imported.
        progress: told (done, total) threads.
        dry_run: look at everything, and change nothing; a reader of the store will do.

    Raises:
        InvalidArgument: the session's id is not acceptable.
        NotImportable: it is no database, or not of this schema.
        OSError: it cannot be read.
    """
    check_id(session_id, "session id")
    with _opened(path) as database:
        work = _Import(database, store, session_id, tell, dry_run=dry_run)
        return work.run(progress or untold)


def check_database(path: Path) -> None:
    """Look whether a file is a database that can be imported.

    Raises:
        NotImportable: it is no database, or not of this schema.
        OSError: it cannot be read.
    """
    with _opened(path):
        return


@contextmanager
def _opened(path: Path) -> Generator[sqlite3.Connection]:
    with path.open("rb"):  # a missing or unreadable file is told as such
        address = f"{path.resolve().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(address, uri=True)) as database:
            _check_schema(database)
            yield database
    except sqlite3.Error as error:
        raise NotImportable(f"{path} is not a readable database: {error}.") from error


def _check_schema(database: sqlite3.Connection) -> None:
    for table, wanted in _COLUMNS.items():
        found = {row[1] for row in database.execute(f"PRAGMA table_info({table})")}
        if not wanted <= found:
            missing = ", ".join(sorted(wanted - found))
            raise NotImportable(
                f"Table {table} of the database "
                + (f"has no {missing}." if found else "is missing."),
                details={"table": table},
            )


class _Import:
    def __init__(
        self,
        database: sqlite3.Connection,
        store: TreeStore | Readable,
        session_id: str,
        tell: Tell,
        *,
        dry_run: bool,
    ) -> None:
        self._database = database
        self._store = store
        self._session_id = session_id
        self._tell = tell
        self._dry_run = dry_run
        self._values = Values()
        self._report = ImportReport(imported={}, kept=self._values.kept)

    def run(self, progress: Progress) -> ImportReport:
        (total,) = self._database.execute(_COUNT).fetchone()
        done = 0
        rows = enumerate(map(_Row._make, self._database.execute(_NEWEST)), 1)
        while chunk := list(islice(rows, THREADS_MAX)):
            with self._store.read() as snapshot:
                found = list(self._fresh(snapshot, chunk))
            self._apply(found)
            done += len(chunk)
            progress(done, total)
        return self._report

    def _fresh(
        self, snapshot: Snapshot, chunk: list[tuple[int, _Row]]
    ) -> Iterator[_Found]:
        """Yield what is not there yet; tell of what cannot be imported."""
        for number, row in chunk:
            try:
                found = self._read(number, row)
                if snapshot.thread(found.thread_id) is None:
                    self._rehearse(snapshot, found)
                    yield found
                elif _is_there(snapshot, found):
                    self._report.unchanged += 1
                else:
                    self._bad(found.number, row.thread_id, _DIFFERS)
            except SessionThreadException as error:
                self._bad(number, row.thread_id, error.message)
            except Undecodable as error:
                self._bad(number, row.thread_id, str(error))

    def _rehearse(self, snapshot: Snapshot, found: _Found) -> None:
        decision = decide(found.operation, snapshot, snapshot.seq + 1)
        if isinstance(decision, Refused):
            raise decision.error

    def _read(self, number: int, row: _Row) -> _Found:
        for name in ("thread_id", "namespace", "checkpoint_id"):
            if not isinstance(getattr(row, name), str):
                raise Undecodable(f"its {name} is no text")
        check_id(row.checkpoint_id, "checkpoint id")
        thread_id = check_id(row.thread_id, "thread id")
        name = check_name(f"{thread_id}|{row.namespace}".removesuffix("|"))
        if row.namespace:
            thread_id = str(uuid5(NAMESPACE_URL, f"{KEY}:{name}"))
        checkpoint = self._values.decode(row.kind, row.checkpoint)
        if not isinstance(checkpoint, dict):
            raise Undecodable("its checkpoint is no mapping")
        origin = {
            "thread_id": row.thread_id,
            "checkpoint_ns": row.namespace,
            "checkpoint_id": row.checkpoint_id,
        }
        create = CreateThreads(
            session_id=self._session_id,
            threads=(NewThread(thread_id, name, metadata=_mapping({KEY: origin})),),
            create_session=True,
        )
        append = self._state(thread_id, row, checkpoint)
        batch = Batch(parts=(create, append), op_id=new_id(), at_us=clock_us())
        return _Found(number, thread_id, origin, batch)

    def _state(
        self, thread_id: str, row: _Row, checkpoint: dict[str, Any]
    ) -> AppendState:
        channels = checkpoint.get("channel_values") or {}
        if not isinstance(channels, dict):
            raise Undecodable("its channel values are no mapping")
        values: dict[str, Any] = {}
        internal: dict[str, Any] = {}
        for channel, value in channels.items():
            inside = str(channel).startswith(("__", "branch:"))
            (internal if inside else values)[channel] = value
        about = {
            "checkpoint_id": row.checkpoint_id,
            "parent_checkpoint_id": row.parent_id,
            "ts": checkpoint.get("ts"),
            "metadata": _metadata(row.metadata),
            "internal_channels": internal,
            "pending_writes": self._pending(row),
        }
        return AppendState(
            thread_id=thread_id,
            state_id=row.checkpoint_id,
            values=encode_value(values, "channel values"),
            metadata=_mapping({KEY: about}),
        )

    def _pending(self, row: _Row) -> list[list[Any]]:
        """Return what tasks of the newest checkpoint have written so far."""
        place = (row.thread_id, row.namespace, row.checkpoint_id)
        return [
            [task_id, channel, self._values.decode(kind, value)]
            for task_id, channel, kind, value in self._database.execute(_WRITES, place)
        ]

    def _apply(self, found: list[_Found]) -> None:
        if self._dry_run or not isinstance(self._store, TreeStore):
            for _ in found:
                self._count()
            return
        outcomes = self._store.apply([one.operation for one in found]) if found else []
        for one, outcome in zip(found, outcomes, strict=True):
            if outcome.error is None:
                self._count()
            else:
                self._bad(one.number, one.thread_id, outcome.error.message)

    def _count(self) -> None:
        self._report.count("thread", "imported")
        self._report.count("state", "imported")

    def _bad(self, number: int, thread_id: str, why: str) -> None:
        self._report.bad += 1
        self._tell(BadLine(number, f"thread {thread_id!r}: {why}"))


_DIFFERS: Final = "a thread of this id is there already and differs"


def _is_there(snapshot: Snapshot, found: _Found) -> bool:
    """Whether a thread came in before, from this very checkpoint."""
    thread = snapshot.thread(found.thread_id)
    return thread is not None and thread.metadata.get(KEY) == found.origin


def _metadata(data: bytes | str | None) -> Any:
    try:
        return msgspec.json.decode(data) if data else None
    except (ValueError, TypeError) as error:
        raise Undecodable(f"its metadata is no JSON: {error}") from error


def _mapping(value: dict[str, Any]) -> msgspec.Raw:
    return encode_mapping(value, "metadata")
