"""The schema and statements of both SQLite engines: three tables and the states.

Threads, sessions and ``session_thread_associations`` as such applications have them:
unique by session and thread, indexed by session, by thread and by ``is_active``.
There is no operation log, no idempotency key and no feed, names need not be unique, and
no foreign key is enforced: SQLite does less here than Weft, never more.
"""

import sqlite3
import time
from pathlib import Path
from typing import Final

import msgspec

from bench.work import CONFIG, Append, Counts, Create, Transfer, Work, World
from weft.storage import new_id

__all__ = [
    "Change",
    "Refused",
    "apply",
    "change_of",
    "count",
    "create",
    "open_database",
]

DATABASE: Final = "bench.db"
_CACHE_KIB: Final = 65_536

_PRAGMAS: Final = f"""
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA cache_size = -{_CACHE_KIB};
"""

_SCHEMA: Final = """
CREATE TABLE sessions (
    session_id TEXT PRIMARY KEY, user_id TEXT, status TEXT NOT NULL, metadata TEXT,
    created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE threads (
    thread_id TEXT PRIMARY KEY, session_id TEXT NOT NULL, thread_name TEXT NOT NULL,
    config TEXT, status TEXT NOT NULL, metadata TEXT, rev INTEGER NOT NULL,
    created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE session_thread_associations (
    association_id TEXT PRIMARY KEY, session_id TEXT NOT NULL,
    thread_id TEXT NOT NULL, thread_name TEXT NOT NULL,
    created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
    is_active BOOLEAN DEFAULT TRUE, association_type TEXT DEFAULT 'session_thread',
    metadata TEXT, UNIQUE (session_id, thread_id)
);
CREATE INDEX association_session ON session_thread_associations (session_id);
CREATE INDEX association_thread ON session_thread_associations (thread_id);
CREATE INDEX association_active ON session_thread_associations (is_active);
CREATE TABLE states (
    state_id TEXT NOT NULL, thread_id TEXT NOT NULL, step INTEGER NOT NULL,
    state BLOB NOT NULL, metadata TEXT, created_at INTEGER NOT NULL,
    UNIQUE (thread_id, step)
);
"""

_HAS_SESSION: Final = "SELECT 1 FROM sessions WHERE session_id = ? AND status = 'open'"
_HAS_THREAD: Final = "SELECT 1 FROM threads WHERE thread_id = ?"
_OWNS: Final = "SELECT 1 FROM threads WHERE thread_id = ? AND session_id = ?"
_ADD_SESSION: Final = "INSERT INTO sessions VALUES (?, NULL, 'open', '{}', ?, ?)"
_ADD_THREAD: Final = "INSERT INTO threads VALUES (?, ?, ?, ?, 'idle', '{}', 1, ?, ?)"
_ASSOCIATE: Final = """
INSERT INTO session_thread_associations
SELECT ?, session_id, thread_id, thread_name, ?, ?, TRUE, 'session_thread', '{}'
FROM threads WHERE thread_id = ?
ON CONFLICT (session_id, thread_id)
DO UPDATE SET is_active = TRUE, updated_at = excluded.updated_at
"""
_DISSOCIATE: Final = """
UPDATE session_thread_associations SET is_active = FALSE, updated_at = ?
WHERE session_id = ? AND thread_id = ?
"""
_MOVE: Final = """
UPDATE threads SET session_id = ?, rev = rev + 1, updated_at = ? WHERE thread_id = ?
"""
_ADD_STATE: Final = """
INSERT INTO states SELECT ?, ?, coalesce(max(step), 0) + 1, ?, '{}', ?
FROM states WHERE thread_id = ?
"""

_encode: Final = msgspec.json.Encoder().encode

Statement = tuple[str, tuple[object, ...]]


class Refused(Exception):
    """An operation that the data does not allow; nothing was changed."""


class Change(msgspec.Struct, frozen=True):
    """An operation as statements, made on the caller's side.

    Attributes:
        checks: each must find a row before anything is written.
        writes: what is done then.
    """

    checks: tuple[Statement, ...]
    writes: tuple[Statement, ...]


def change_of(work: Work) -> Change:
    """Return the statements of an operation."""
    now_us = time.time_ns() // 1000
    match work:
        case Create():
            thread = (new_id(), work.session_id, work.name, _encode(CONFIG).decode())
            return Change(
                ((_HAS_SESSION, (work.session_id,)),),
                (
                    (_ADD_THREAD, (*thread, now_us, now_us)),
                    (_ASSOCIATE, (new_id(), now_us, now_us, thread[0])),
                ),
            )
        case Transfer(thread_id, here, there):
            return Change(
                ((_OWNS, (thread_id, here)), (_HAS_SESSION, (there,))),
                (
                    (_DISSOCIATE, (now_us, here, thread_id)),
                    (_MOVE, (there, now_us, thread_id)),
                    (_ASSOCIATE, (new_id(), now_us, now_us, thread_id)),
                ),
            )
        case Append(thread_id, _, values):
            row = (new_id(), thread_id, values, now_us, thread_id)
            return Change(((_HAS_THREAD, (thread_id,)),), ((_ADD_STATE, row),))


def apply(database: sqlite3.Connection, change: Change) -> None:
    """Do a change, inside the caller's transaction.

    Raises:
        Refused: a check found nothing.
    """
    for statement in change.checks:
        if database.execute(*statement).fetchone() is None:
            raise Refused(statement)
    for statement in change.writes:
        database.execute(*statement)


def open_database(directory: Path) -> sqlite3.Connection:
    """Open the database for use by any OS thread, one at a time."""
    database = sqlite3.connect(
        directory / DATABASE, isolation_level=None, check_same_thread=False
    )
    database.executescript(_PRAGMAS)
    return database


def create(directory: Path, world: World) -> sqlite3.Connection:
    """Make a database that holds the world."""
    database = open_database(directory)
    database.executescript(_SCHEMA)
    database.execute("BEGIN")
    for session_id in world.session_ids:
        database.execute(_ADD_SESSION, (session_id, 0, 0))
    for thread in world.threads:
        database.execute(_ADD_THREAD, (*thread, "{}", 0, 0))
        database.execute(_ASSOCIATE, (new_id(), 0, 0, thread[0]))
    database.execute("COMMIT")
    return database


def count(directory: Path) -> Counts:
    """Count what a database holds; an owner must have its active association."""
    database = open_database(directory)
    (threads, revisions) = database.execute(
        "SELECT count(*), sum(rev) FROM threads JOIN session_thread_associations"
        " USING (session_id, thread_id) WHERE is_active"
    ).fetchone()
    (states,) = database.execute("SELECT count(*) FROM states").fetchone()
    database.close()
    return Counts(threads, revisions - threads, states)
