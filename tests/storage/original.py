"""A database of the original system, with drift of every kind planted in it.

Every plant knows by itself what must become of it: the image and the findings that are
expected are written down as the rows are, and nothing of the importer is asked. Where
the plants stand is spread over the tables by their rounds.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

AT_US: Final = 1_800_000_000_000_000
"""The time of the migration."""

MIGRATED: Final = {
    "migrated": True,
    "migration_timestamp": "2027-01-15T08:00:00+00:00",
}
BASE_US: Final = 1_700_000_000_000_000
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
LONG: Final = "x" * 101

# The document's columns; without its constraints, which would forbid half the drift.
SCHEMA: Final = """
    CREATE TABLE sessions (
        session_id TEXT, user_id TEXT, status TEXT, metadata TEXT, thread_ids TEXT,
        created_at TIMESTAMP, updated_at TIMESTAMP
    );
    CREATE TABLE threads (
        thread_id TEXT, session_id TEXT, name TEXT, workflow TEXT, config TEXT,
        metadata TEXT, created_at TIMESTAMP, updated_at TIMESTAMP
    );
    CREATE TABLE session_thread_associations (
        association_id TEXT, session_id TEXT, thread_id TEXT, thread_name TEXT,
        created_at TIMESTAMP, updated_at TIMESTAMP, is_active BOOLEAN DEFAULT TRUE,
        association_type TEXT DEFAULT 'session_thread', metadata TEXT
    );
"""
ASSOCIATIONS: Final = "session_thread_associations"


def text(us: int) -> str:
    return (EPOCH + timedelta(microseconds=us)).isoformat()


class Original:
    """Rows, and what is to become of them."""

    def __init__(self) -> None:
        self.sessions: list[dict[str, Any]] = []
        self.threads: list[dict[str, Any]] = []
        self.rows: list[dict[str, Any]] = []
        self.findings: Counter[tuple[str, str, int]] = Counter()
        self.image: dict[str, dict[Any, Any]] = {
            "session": {},
            "thread": {},
            "association": {},
        }
        self._number = 0

    # -- rows -------------------------------------------------------------------------

    def number(self) -> int:
        self._number += 1
        return self._number

    def session(self, session_id: Any, **cells: Any) -> dict[str, Any]:
        """Add a healthy session, but for the cells that are given."""
        us = BASE_US + self.number() * 1_000_001
        row = {
            "session_id": session_id,
            "user_id": "u",
            "status": "active",
            "metadata": json.dumps({"k": session_id}),
            "thread_ids": [],
            "created_at": text(us),
            "updated_at": text(us + 7),
        } | cells
        self.sessions.append(row)
        found = ("u", "open", {"k": session_id}, us, us + 7)
        self.image["session"].setdefault(session_id, found)
        return row | {"row": len(self.sessions)}

    def thread(self, thread_id: Any, session: Any, name: Any, **cells: Any) -> int:
        """Add a thread's record, and return its row."""
        us = BASE_US + self.number() * 1_000_001
        row = {
            "thread_id": thread_id,
            "session_id": session,
            "name": name,
            "workflow": "w",
            "config": '{"c": 1}',
            "metadata": '{"m": [1, 2.5, null]}',
            "created_at": text(us),
            "updated_at": text(us + 7),
        } | cells
        self.threads.append(row)
        found = (session, name, "w", {"c": 1}, {"m": [1, 2.5, None]}, us, us + 7)
        self.image["thread"].setdefault(thread_id, found)
        return len(self.threads)

    def row(self, session: Any, thread: Any, name: Any, **cells: Any) -> int:
        """Add an association, and return its row."""
        us = BASE_US + self.number() * 1_000_001
        row = {
            "association_id": f"as-{len(self.rows)}",
            "session_id": session,
            "thread_id": thread,
            "thread_name": name,
            "created_at": text(us),
            "updated_at": text(us + 7),
            "is_active": 1,
            "association_type": "session_thread",
            "metadata": '{"a": "b"}',
        } | cells
        self.rows.append(row)
        given = row["association_id"]
        active = bool(row["is_active"])
        found = (name, active, {"a": "b"}, us, us + 7, given)
        self.image["association"].setdefault((session, thread), found)
        return len(self.rows)

    def whole(self, session: dict[str, Any], thread_id: str, name: str) -> int:
        """Add a thread that is right in all three places."""
        self.thread(thread_id, session["session_id"], name)
        session["thread_ids"].append(thread_id)
        return self.row(session["session_id"], thread_id, name)

    # -- what is to become of them ----------------------------------------------------

    def finds(self, kind: str, table: str, row: int) -> None:
        self.findings[kind, table, row] += 1

    def becomes(self, kind: str, key: Any, **changes: Any) -> None:
        """Say that a record comes in otherwise than its rows have it."""
        names = FIELDS[kind]
        values = dict(zip(names, self.image[kind][key], strict=True)) | changes
        self.image[kind][key] = tuple(values[name] for name in names)

    def vanishes(self, kind: str, key: Any) -> None:
        del self.image[kind][key]

    def made(self, session_id: str, thread_id: str) -> None:
        """Say that an association is made by the migration."""
        _, name, *_, created, updated = self.image["thread"][thread_id]
        found = (name, True, MIGRATED, created, updated, f"{session_id}/{thread_id}")
        self.image["association"][session_id, thread_id] = found

    def made_session(self, session_id: str) -> None:
        """Say that a session is made by the migration."""
        self.image["session"][session_id] = (None, "open", {}, AT_US, AT_US)

    def write(self, path: Path) -> None:
        """Write the database."""
        with closing(sqlite3.connect(path)) as database, database:
            database.executescript(SCHEMA)
            for row in self.sessions:
                if isinstance(row["thread_ids"], list):
                    row["thread_ids"] = json.dumps(row["thread_ids"])
            for table, rows in (
                ("sessions", self.sessions),
                ("threads", self.threads),
                (ASSOCIATIONS, self.rows),
            ):
                if rows:
                    holes = ", ".join(f":{name}" for name in rows[0])
                    names = ", ".join(rows[0])
                    order = f"INSERT INTO {table} ({names}) VALUES ({holes})"  # noqa: S608
                    database.executemany(order, rows)


FIELDS: Final = {
    "session": ("user", "status", "metadata", "created", "updated"),
    "thread": (
        "session",
        "name",
        "workflow",
        "config",
        "metadata",
        "created",
        "updated",
    ),
    "association": ("name", "active", "metadata", "created", "updated", "given"),
}

Plant = Callable[[Original, str], None]


def build(associations: int, plants: list[Plant]) -> Original:
    """Return a database of at least so many associations, with plants between."""
    original = Original()
    number = 0
    while len(original.rows) < associations:
        for plant in plants:
            number += 1
            plant(original, f"{plant.__name__}-{number:06}")
            session = original.session(f"s-{number:06}")
            for thread in range(10):
                thread_id = f"t-{number:06}-{thread}"
                original.whole(session, thread_id, f"name {thread}")
    return original
