"""PostgreSQL with SQL written by hand: a statement, a transaction, a flush each.

One round trip for an operation, checks included, prepared on the server; a connection
for each calling OS thread. PostgreSQL commits in groups by itself. Its CPU time is not
in the figure of the process that calls it.
"""

import time
from pathlib import Path
from threading import local
from typing import Any, Final, Self

import msgspec

from bench.peers.blocking import Blocking
from bench.peers.postgres_server import PostgresServer
from bench.relational import Refused
from bench.work import CONFIG, Append, Counts, Create, Transfer, Work, World
from weft.storage import new_id

__all__ = ["Postgres"]

_SCHEMA: Final = """
CREATE TABLE sessions (
    session_id text PRIMARY KEY, user_id text, status text NOT NULL, metadata jsonb,
    created_at bigint NOT NULL, updated_at bigint NOT NULL
);
CREATE TABLE threads (
    thread_id text PRIMARY KEY, session_id text NOT NULL, thread_name text NOT NULL,
    config jsonb, status text NOT NULL, metadata jsonb, rev integer NOT NULL,
    created_at bigint NOT NULL, updated_at bigint NOT NULL
);
CREATE TABLE session_thread_associations (
    association_id text PRIMARY KEY, session_id text NOT NULL,
    thread_id text NOT NULL, thread_name text NOT NULL,
    created_at bigint NOT NULL, updated_at bigint NOT NULL,
    is_active boolean DEFAULT TRUE, association_type text DEFAULT 'session_thread',
    metadata jsonb, UNIQUE (session_id, thread_id)
);
CREATE INDEX association_session ON session_thread_associations (session_id);
CREATE INDEX association_thread ON session_thread_associations (thread_id);
CREATE INDEX association_active ON session_thread_associations (is_active);
CREATE TABLE states (
    state_id text NOT NULL, thread_id text NOT NULL, step integer NOT NULL,
    state bytea NOT NULL, metadata jsonb, created_at bigint NOT NULL,
    UNIQUE (thread_id, step)
);
"""

_CREATE: Final = """
WITH made AS (
    INSERT INTO threads
    SELECT %(id)s, session_id, %(name)s, %(config)s::jsonb, 'idle', '{}', 1,
           %(now)s, %(now)s
    FROM sessions WHERE session_id = %(owner)s AND status = 'open'
    RETURNING session_id, thread_id, thread_name
)
INSERT INTO session_thread_associations
SELECT %(row)s, session_id, thread_id, thread_name, %(now)s, %(now)s, TRUE,
       'session_thread', '{}' FROM made
"""

_TRANSFER: Final = """
WITH moved AS (
    UPDATE threads SET session_id = %(there)s, rev = rev + 1, updated_at = %(now)s
    WHERE thread_id = %(id)s AND session_id = %(here)s
      AND EXISTS (
          SELECT 1 FROM sessions WHERE session_id = %(there)s AND status = 'open')
    RETURNING thread_id, thread_name
), left_behind AS (
    UPDATE session_thread_associations SET is_active = FALSE, updated_at = %(now)s
    FROM moved WHERE session_thread_associations.session_id = %(here)s
      AND session_thread_associations.thread_id = moved.thread_id
)
INSERT INTO session_thread_associations
SELECT %(row)s, %(there)s, thread_id, thread_name, %(now)s, %(now)s, TRUE,
       'session_thread', '{}' FROM moved
ON CONFLICT (session_id, thread_id)
DO UPDATE SET is_active = TRUE, updated_at = excluded.updated_at
"""

_APPEND: Final = """
INSERT INTO states
SELECT %(row)s, thread_id,
       (SELECT coalesce(max(step), 0) + 1 FROM states WHERE thread_id = %(id)s),
       %(state)s, '{}', %(now)s
FROM threads WHERE thread_id = %(id)s
"""

_COUNT: Final = """
SELECT count(*), sum(rev) FROM threads JOIN session_thread_associations
USING (session_id, thread_id) WHERE is_active
"""

_encode: Final = msgspec.json.Encoder().encode


class Postgres(Blocking):
    """A server of its own, and a connection per OS thread."""

    def __init__(self, server: PostgresServer) -> None:
        super().__init__()
        self._server = server
        self._local = local()

    @classmethod
    def create(cls, directory: Path, world: World) -> Self:
        server = PostgresServer(directory)
        with server.connect() as database, database.transaction():
            database.execute(_SCHEMA)
            _fill(database, world)
        return cls(server)

    def work(self, work: Work) -> None:
        database = getattr(self._local, "database", None)
        if database is None:
            database = self._local.database = self._server.connect()
        if database.execute(*_statement(work)).rowcount != 1:
            raise Refused(work)

    def close(self) -> None:
        self._server.stop()

    @classmethod
    def count(cls, directory: Path) -> Counts:
        with PostgresServer(directory) as server, server.connect() as database:
            threads, revisions = database.execute(_COUNT).fetchone()
            (states,) = database.execute("SELECT count(*) FROM states").fetchone()
        return Counts(threads, revisions - threads, states)


def _fill(database: Any, world: World) -> None:
    sessions = [(session_id,) for session_id in world.session_ids]
    with database.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO sessions VALUES (%s, NULL, 'open', '{}', 0, 0)", sessions
        )
        cursor.executemany(_CREATE, [_creation(*thread) for thread in world.threads])


def _creation(thread_id: str, session_id: str, name: str) -> dict[str, Any]:
    return {
        "id": thread_id, "owner": session_id, "name": name, "row": new_id(),
        "config": _encode(CONFIG).decode(), "now": time.time_ns() // 1000,
    }  # fmt: skip


def _statement(work: Work) -> tuple[str, dict[str, Any]]:
    own = {"row": new_id(), "now": time.time_ns() // 1000}
    match work:
        case Create(session_id, name):
            return _CREATE, _creation(new_id(), session_id, name)
        case Transfer(thread_id, here, there):
            return _TRANSFER, own | {"id": thread_id, "here": here, "there": there}
        case Append(thread_id, _, state):
            return _APPEND, own | {"id": thread_id, "state": state}
