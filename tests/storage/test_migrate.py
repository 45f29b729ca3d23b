"""Migration: the shapes of a source, and the objects of a running program."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.storage.client import Client, dump, in_memory
from tests.storage.importing import no_database
from tests.storage.invariants import broken
from tests.storage.migrating import database, image, load, places
from tests.storage.original import AT_US, MIGRATED
from weft.storage.migrate import Drift, ImportReport, NotImportable, migrate_sessions
from weft.storage.store import TreeStore

DAY = 1_704_067_200_000_000
"""The first of January 2024."""

# The constraints are the original's; what else its two tables had is not known.
SCHEMA = """
CREATE TABLE sessions (session_id TEXT PRIMARY KEY);
CREATE TABLE threads (thread_id TEXT PRIMARY KEY);
CREATE TABLE session_thread_associations (
    association_id TEXT PRIMARY KEY,
    session_id TEXT NOT NULL,
    thread_id TEXT NOT NULL,
    thread_name TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    is_active BOOLEAN DEFAULT TRUE,
    association_type TEXT DEFAULT 'session_thread',
    metadata TEXT,
    FOREIGN KEY (session_id) REFERENCES sessions(session_id),
    FOREIGN KEY (thread_id) REFERENCES threads(thread_id),
    UNIQUE(session_id, thread_id)
);
CREATE INDEX idx_session_thread_associations_session_id
ON session_thread_associations(session_id);
"""


store = pytest.fixture(in_memory)


# -- shapes of a source --------------------------------------------------------------


def test_the_schema_of_the_document_comes_in(tmp_path: Path, store: TreeStore) -> None:
    path = database(
        tmp_path / "db",
        SCHEMA,
        """
        INSERT INTO sessions VALUES ('a'), ('b');
        INSERT INTO threads VALUES ('t');
        INSERT INTO session_thread_associations VALUES
            ('x', 'a', 't', 'n', '2024-01-01', '2024-01-01T00:00:01Z', 1, 'own', '{}'),
            ('y', 'b', 't', 'm', '2024-01-01', '2024-01-01 00:00:02', 0, NULL, NULL);
        """,
    )
    report, findings = load(store, path)
    assert ([], []) == (findings, report.ignored)
    rows = Client(store).see(lambda s: list(s.associations_by_thread("t")))
    assert [
        ("x", "a", "n", True, "own", 1, DAY, DAY + 1_000_000),
        ("y", "b", "m", False, "session_thread", 1, DAY, DAY + 2_000_000),
    ] == [
        (
            row.association_id,
            row.session_id,
            row.thread_name,
            row.is_active,
            row.association_type,
            row.version,
            row.created_at_us,
            row.updated_at_us,
        )
        for row in rows
    ]


def test_an_association_table_alone_is_enough(tmp_path: Path, store: TreeStore) -> None:
    path = database(
        tmp_path / "db",
        SCHEMA,
        """
        DROP TABLE sessions; DROP TABLE threads;
        INSERT INTO session_thread_associations VALUES
            ('x', 'a', 't', 'n', 1704067200, 1704067200.5, 1, 'session_thread', '{}'),
            ('y', 'b', 't', 'n', 1704067200000, 1704067200000, 0, 'x', '{}'),
            ('z', 'b', 'gone', 'n', 1704067200, 1704067200, 0, 'x', '{}');
        """,
    )
    report, findings = load(store, path)
    assert {"session": 2, "thread": 1, "association": 2} == report.imported
    assert ["orphan_association"] == [found.kind for found in findings]
    thread = Client(store).see(lambda s: s.thread("t"))
    assert thread is not None
    assert (DAY, DAY + 500_000) == (thread.created_at_us, thread.updated_at_us)


def test_sessions_with_lists_alone_are_enough(tmp_path: Path, store: TreeStore) -> None:
    path = database(
        tmp_path / "db",
        """
        CREATE TABLE sessions (session_id TEXT PRIMARY KEY, thread_ids TEXT, extra TEXT)
            WITHOUT ROWID;
        INSERT INTO sessions VALUES ('a', '["t1", "t2"]', 1), ('b', '["t2"]', 2);
        """,
    )
    report, findings = load(store, path)
    assert ["sessions.extra"] == report.ignored
    assert [("duplicate_owner", "sessions", 2)] == [*places(findings)]
    rows = Client(store).see(lambda s: list(s.associations("a")))
    assert [("t1", MIGRATED), ("t2", MIGRATED)] == [
        (row.thread_name, row.metadata) for row in rows
    ]


def test_a_text_that_is_no_utf_8_is_a_bad_cell_and_not_the_end(
    tmp_path: Path, store: TreeStore
) -> None:
    path = database(
        tmp_path / "db",
        """
        CREATE TABLE sessions (session_id TEXT, thread_ids TEXT);
        INSERT INTO sessions VALUES ('ok', '[]'), (CAST(x'ff41' AS TEXT), '[]');
        """,
    )
    report, findings = load(store, path)
    assert ({"session": 1}, 1) == (report.imported, report.bad)
    assert [("refused_id", "sessions", 2)] == [*places(findings)]


def other_tables(path: Path) -> None:
    database(path, "CREATE TABLE sessions (session_id TEXT)")


def other_columns(path: Path) -> None:
    database(path, "CREATE TABLE session_thread_associations (thread_id TEXT)")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (no_database, "not a readable database"),
        (other_tables, "no table session_thread_associations, nor"),
        (
            other_columns,
            "session_thread_associations of the database has no session_id",
        ),
    ],
)
def test_what_is_no_such_database_is_refused(
    tmp_path: Path, store: TreeStore, spoil: Any, words: str
) -> None:
    spoil(tmp_path / "db")
    before = dump(store)
    with pytest.raises(NotImportable, match=words):
        load(store, tmp_path / "db")
    assert before == dump(store)


def test_a_file_that_is_not_there_is_told_as_such(
    tmp_path: Path, store: TreeStore
) -> None:
    with pytest.raises(FileNotFoundError):
        load(store, tmp_path / "none.db")
    assert [] == list(tmp_path.iterdir())


def test_a_database_that_is_in_use_is_read_at_one_moment(
    tmp_path: Path, store: TreeStore
) -> None:
    path = database(
        tmp_path / "db",
        "PRAGMA journal_mode = WAL",
        SCHEMA,
        "INSERT INTO sessions VALUES ('a')",
    )
    with closing(sqlite3.connect(path)) as owner:
        owner.execute("INSERT INTO sessions VALUES ('not committed')")
        report, _ = load(store, path)
        owner.rollback()
    assert {"session": 1} == report.imported


# -- from objects --------------------------------------------------------------------


def move(
    store: TreeStore, sessions: Any, threads: Any = None, **options: Any
) -> tuple[ImportReport, list[Drift]]:
    findings: list[Drift] = []
    how: dict[str, Any] = {"now_us": AT_US, "threads": threads} | options
    report = migrate_sessions(sessions, store, findings.append, **how)
    with store.read() as snapshot:
        assert [] == broken(snapshot)
    return report, findings


def test_sessions_that_carry_only_ids_get_associations(store: TreeStore) -> None:
    sessions = [
        SimpleNamespace(
            session_id="a",
            thread_ids=["t1", "t2"],
            created_at=datetime(2024, 1, 1, tzinfo=UTC),
        ),
        {"session_id": "b", "thread_ids": ("t3",), "metadata": {"k": 1}},
    ]
    threads = {
        "t1": SimpleNamespace(metadata={"name": "first"}),
        "t2": SimpleNamespace(metadata={}),
        "t3": {"metadata": {"name": "third", "x": 1}, "created_at": "2024-01-01"},
    }
    report, findings = move(store, sessions, threads)
    assert ({"session": 2, "thread": 3, "association": 3}, []) == (
        report.imported,
        findings,
    )
    with store.read() as snapshot:
        found = image(snapshot)
    assert {
        ("a", "t1"): ("first", True, MIGRATED, AT_US, AT_US, "a/t1"),
        ("a", "t2"): ("t2", True, MIGRATED, AT_US, AT_US, "a/t2"),
        ("b", "t3"): ("third", True, MIGRATED, DAY, DAY, "b/t3"),
    } == found["association"]
    assert (None, "open", {}, DAY, DAY) == found["session"]["a"]
    before = dump(store)
    assert {} == move(store, sessions, threads, now_us=AT_US + 9)[0].imported
    assert before == dump(store)


def test_a_thread_that_cannot_be_found_is_taken_off_the_list(store: TreeStore) -> None:
    sessions = [{"session_id": "a", "thread_ids": ["t1", "gone"]}]
    report, findings = move(store, sessions, {"t1": {}}.get)
    assert 1 == report.imported["thread"]
    assert [("orphan_thread", "sessions", 1)] == [*places(findings)]


def test_without_a_look_up_each_listed_thread_is_there(store: TreeStore) -> None:
    sessions = [{"session_id": "a", "thread_ids": ["t1"]}, {"session_id": 5}]
    report, findings = move(store, iter(sessions), dry_run=True)
    assert (1, 1) == (report.imported["thread"], report.bad)
    assert 0 == store.seq
    assert (report, findings) == move(store, sessions)


def test_a_thread_of_two_lists_goes_to_the_session_that_its_record_names(
    store: TreeStore,
) -> None:
    sessions = [{"session_id": i, "thread_ids": ["t"]} for i in "ab"]
    _, findings = move(store, sessions, {"t": {"metadata": {"session_id": "b"}}})
    assert [("duplicate_owner", "sessions", 1)] == [*places(findings)]
    assert ["t"] == Client(store).see(lambda s: [n for n, _ in s.names("b")])
