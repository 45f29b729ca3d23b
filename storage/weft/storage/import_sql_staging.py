"""Where the rows of a source are sorted by thread, on disk, in constant memory.

A nameless SQLite database, which is a temporary file without a name: it is gone with
its process, however that ends. It takes about as much room as the source.
"""

import sqlite3
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

import msgspec

from weft.storage.ids import NAME_SIZE_BYTES_MAX
from weft.storage.import_sql_rows import (
    AssociationRow,
    Listing,
    SessionRow,
    ThreadRow,
)
from weft.storage.import_sql_settle import Known, Settled
from weft.storage.records import EMPTY

__all__ = ["Staging"]

_KINDS: Final[dict[type, int]] = {ThreadRow: 0, AssociationRow: 1, Listing: 2}
_encode: Final = msgspec.msgpack.Encoder().encode
_DECODERS: Final[list[msgspec.msgpack.Decoder[Any]]] = [
    msgspec.msgpack.Decoder(kind) for kind in _KINDS
]
_decode_session: Final = msgspec.msgpack.Decoder(SessionRow).decode
_decode_settled: Final = msgspec.msgpack.Decoder(Settled).decode

_SCHEMA: Final = """
    PRAGMA temp_store = FILE;
    PRAGMA journal_mode = OFF;
    PRAGMA synchronous = OFF;
    CREATE TABLE session (
        session_id TEXT PRIMARY KEY, made INTEGER, lists INTEGER, data BLOB
    ) WITHOUT ROWID;
    CREATE TABLE claim (thread_id TEXT, kind INTEGER, row INTEGER, data BLOB);
    CREATE TABLE association (association_id TEXT PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE settled (
        thread_id TEXT PRIMARY KEY, session_id TEXT, name TEXT,
        created_us INTEGER, data BLOB
    ) WITHOUT ROWID;
"""

# Who is older keeps the name; a thread whose age nobody knows is younger than all.
_COLLISIONS: Final = """
    CREATE TABLE collision AS SELECT thread_id FROM (
        SELECT thread_id, row_number() OVER (
            PARTITION BY session_id, name ORDER BY created_us IS NULL, created_us,
            thread_id
        ) AS place FROM settled
    ) WHERE place > 1 ORDER BY thread_id
"""

Claim = ThreadRow | AssociationRow | Listing


class Staging:
    """Rows of a source, and what was made of them; close it."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.executescript(_SCHEMA)
        self._database.execute("BEGIN")

    def close(self) -> None:
        """Throw everything away."""
        self._database.close()

    def add_session(self, session: SessionRow, *, made: bool = False) -> bool:
        """Add a session, unless there is one of its id; whether it was added."""
        values = (session.session_id, made, session.lists, _encode(session))
        found = self._database.execute(
            "INSERT OR IGNORE INTO session VALUES (?, ?, ?, ?)", values
        )
        return found.rowcount == 1

    def make_session(self, session_id: str) -> None:
        """Add a session that has no record, unless it is there."""
        nothing = (None, None, EMPTY, False, None, None)
        self.add_session(SessionRow(0, session_id, *nothing), made=True)

    def known(self, session_id: str) -> Known:
        """Return what the source says of a session."""
        found = self._database.execute(
            "SELECT lists FROM session WHERE session_id = ? AND NOT made", (session_id,)
        ).fetchone()
        return Known(found is not None, found is not None and bool(found[0]))

    def add_claim(self, claim: Claim) -> None:
        """Add a row that speaks of a thread."""
        values = (claim.thread_id, _KINDS[type(claim)], claim.row, _encode(claim))
        self._database.execute("INSERT INTO claim VALUES (?, ?, ?, ?)", values)

    def take_association_id(self, association_id: str) -> bool:
        """Return whether an association is the first of its id."""
        found = self._database.execute(
            "INSERT OR IGNORE INTO association VALUES (?)", (association_id,)
        )
        return found.rowcount == 1

    def listed(self) -> Iterator[str]:
        """Yield the ids of all threads that something speaks of."""
        self._database.execute("CREATE TABLE listed AS SELECT thread_id FROM claim")
        query = "SELECT DISTINCT thread_id FROM listed ORDER BY thread_id"
        return (row[0] for row in self._database.execute(query))

    def claims(self) -> Iterator[Iterator[Claim]]:
        """Yield for each thread the rows that speak of it."""
        query = "SELECT thread_id, kind, data FROM claim ORDER BY thread_id, kind, row"
        found = self._database.execute(query)
        for _, rows in groupby(found, key=itemgetter(0)):
            yield (_DECODERS[kind].decode(data) for _, kind, data in rows)

    def add_settled(self, thread: Settled) -> None:
        """Add a thread as it is to be, with the sessions that it leans on."""
        for row in thread.rows:
            self.make_session(row.session_id)
        place = (thread.thread_id, thread.session_id, thread.name, thread.created_us)
        self._database.execute(
            "INSERT INTO settled VALUES (?, ?, ?, ?, ?)", (*place, _encode(thread))
        )

    def index(self) -> None:
        """Make ready to be asked for what was settled."""
        self._database.execute("CREATE INDEX by_name ON settled (session_id, name)")

    def collisions(self) -> Iterator[Settled]:
        """Yield the threads whose name an older one of their session has."""
        self._database.execute(_COLLISIONS)
        query = "SELECT thread_id FROM collision ORDER BY rowid"
        for (thread_id,) in self._database.execute(query):
            (data,) = self._database.execute(
                "SELECT data FROM settled WHERE thread_id = ?", (thread_id,)
            ).fetchone()
            yield _decode_settled(data)

    def free_name(self, thread: Settled) -> str:
        """Return a name made of a thread's own and its id, free in its session."""
        for number in range(1, 1 << 30):
            tail = f"~{thread.thread_id}" + (f"~{number}" if number > 1 else "")
            size_bytes = NAME_SIZE_BYTES_MAX - len(tail.encode())
            name = thread.name.encode()[:size_bytes].decode(errors="ignore") + tail
            found = self._database.execute(
                "SELECT 1 FROM settled WHERE session_id = ? AND name = ?",
                (thread.session_id, name),
            )
            if found.fetchone() is None:
                return name
        raise AssertionError("a session has a thousand million threads of one name")

    def rename(self, thread: Settled) -> None:
        """Put a thread back under its new name."""
        self._database.execute(
            "UPDATE settled SET name = ?, data = ? WHERE thread_id = ?",
            (thread.name, _encode(thread), thread.thread_id),
        )

    def sessions(self) -> Iterator[tuple[SessionRow, bool, bool]]:
        """Yield all sessions: whether each was made, and whether it has threads."""
        query = """
            SELECT data, made, EXISTS (
                SELECT 1 FROM settled WHERE settled.session_id = session.session_id
            ) FROM session ORDER BY session_id
        """
        for data, made, owns in self._database.execute(query):
            yield _decode_session(data), bool(made), bool(owns)

    def threads(self) -> Iterator[Settled]:
        """Yield all threads, ordered by id."""
        query = "SELECT data FROM settled ORDER BY thread_id"
        for (data,) in self._database.execute(query):
            yield _decode_settled(data)

    def count(self) -> int:
        """Return how many sessions and threads there are to be."""
        query = "SELECT (SELECT count(*) FROM session) + (SELECT count(*) FROM settled)"
        found: Any = self._database.execute(query).fetchone()
        return int(found[0])
