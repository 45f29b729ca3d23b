"""Bringing the original system into a store, and looking whether it is as expected."""

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.storage.invariants import broken
from tests.storage.original import AT_US, Original
from weft.storage.check import check
from weft.storage.import_sql_drift import BROKEN
from weft.storage.migrate import Drift, ImportReport, migrate_database
from weft.storage.records import Association, Session, Thread
from weft.storage.snapshot import Snapshot
from weft.storage.store import TreeStore


def image(snapshot: Snapshot) -> dict[str, dict[Any, Any]]:
    """Return what a store holds, as the generator writes down what it expects."""
    found: dict[str, dict[Any, Any]] = {"session": {}, "thread": {}, "association": {}}
    for _, record in snapshot.scan("S", b""):
        if isinstance(record, Session):
            found["session"][record.session_id] = (
                record.user_id,
                record.status,
                record.metadata,
                record.created_at_us,
                record.updated_at_us,
            )
    for _, record in snapshot.scan("T", b""):
        if isinstance(record, Thread):
            found["thread"][record.thread_id] = (
                record.session_id,
                record.thread_name,
                record.workflow,
                record.config,
                record.metadata,
                record.created_at_us,
                record.updated_at_us,
            )
        elif isinstance(record, Association):
            pair = (record.session_id, record.thread_id)
            found["association"][pair] = (
                record.thread_name,
                record.is_active,
                record.metadata,
                record.created_at_us,
                record.updated_at_us,
                record.association_id,
            )
    return found


def places(findings: list[Drift]) -> Counter[tuple[str, str, int]]:
    return Counter((found.kind, found.table, found.row) for found in findings)


def assert_is_expected(store: TreeStore, original: Original) -> None:
    """Hold a store against what the generator expects, and against Weft's check."""
    with store.read() as snapshot:
        found = image(snapshot)
        report = check(snapshot, thorough=True)
        assert [] == broken(snapshot)
    for kind, expected in original.image.items():
        differing = {
            key: (expected.get(key), found[kind].get(key))
            for key in expected.keys() | found[kind].keys()
            if expected.get(key) != found[kind].get(key)
        }
        assert {} == differing
    assert [] == report.inconsistencies


def load(
    store: TreeStore, path: Path, **options: Any
) -> tuple[ImportReport, list[Drift]]:
    findings: list[Drift] = []
    how: dict[str, Any] = {"orphans": "orphans", "now_us": AT_US} | options
    report = migrate_database(path, store, findings.append, **how)
    told = Counter(f.kind for f in findings if f.kind not in BROKEN)
    assert told == Counter(report.drift)
    assert report.bad == len(findings) - told.total()
    return report, findings


def database(path: Path, *scripts: str) -> Path:
    with closing(sqlite3.connect(path)) as connection, connection:
        for script in scripts:
            connection.executescript(script)
    return path
