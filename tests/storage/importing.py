"""Exports of stores in memory, what comes of importing them, and what spoils it."""

import io
from collections.abc import Iterable
from pathlib import Path

from tests.storage.client import Client
from tests.storage.invariants import broken
from tests.storage.samples import REFUSED, SAMPLES, build_world
from weft.storage import MemoryStore
from weft.storage.export import export_lines
from weft.storage.import_jsonl import Importer
from weft.storage.import_report import BadLine, ImportReport
from weft.storage.store import TreeStore

__all__ = ["Lost", "export", "load", "no_database", "source", "world_lines"]


class Lost(Exception):
    """The process has died, for the test."""


def export(store: TreeStore, sessions: list[str] | None = None) -> list[bytes]:
    with store.read() as snapshot:
        return list(export_lines(snapshot, 1, sessions))


def source(lines: Iterable[bytes]) -> io.BytesIO:
    return io.BytesIO(b"".join(line + b"\n" for line in lines))


def load(
    store: TreeStore, lines: Iterable[bytes], *, resume: bool = False
) -> tuple[ImportReport, list[BadLine]]:
    bad: list[BadLine] = []
    report = Importer(store, bad.append).run(source(lines), resume=resume)
    with store.read() as snapshot:
        assert [] == broken(snapshot)
    assert len(bad) == report.bad
    return report, bad


def no_database(path: Path) -> None:
    """Put a file there that no program has a database in."""
    path.write_bytes(b"this is no database, however long it may be" * 100)


def world_lines() -> list[bytes]:
    """Return the export of a world with records of all kinds."""
    client = Client(MemoryStore())
    build_world(client)
    for refused in REFUSED.values():
        client.outcome(refused)
    client.do(SAMPLES["TrackInteraction"].applied)
    return export(client.store)
