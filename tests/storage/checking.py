"""Stores to be checked, copies of them to be damaged, and what a check told."""

import shutil
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from tests.storage import invariants
from tests.storage.client import dump
from tests.storage.planting import Planted
from weft.storage import LmdbStore
from weft.storage.check import CheckReport, check
from weft.storage.memory import MemoryEngine
from weft.storage.store import TreeStore

__all__ = [
    "check_store",
    "clone_in_memory",
    "clone_on_disk",
    "entries_of",
    "is_sound",
    "told",
]


def clone_in_memory(original: TreeStore) -> TreeStore:
    """Return a copy of a store, in memory."""
    engine = MemoryEngine()
    with engine.write() as trees:
        for tree, items in dump(original).items():
            trees.put_many(tree, items)
    return TreeStore(engine)


@contextmanager
def clone_on_disk(original: Path, directory: Path) -> Generator[TreeStore]:
    """Open a copy of a store on disk."""
    shutil.copytree(original, directory)
    store = LmdbStore(directory, map_size_bytes=1 << 24, sync=False)
    try:
        yield store
    finally:
        store.close()


def check_store(store: TreeStore, session_id: str | None = None) -> CheckReport:
    with store.read() as snapshot:
        return check(snapshot, session_id=session_id)


def told(report: CheckReport) -> Counter[Planted]:
    return Counter(
        Planted(f.kind, f.session_id, f.thread_id) for f in report.inconsistencies
    )


def is_sound(store: TreeStore) -> bool:
    with store.read() as snapshot:
        return not invariants.broken(snapshot)


def entries_of(store: TreeStore) -> list[tuple[str, bytes]]:
    return [
        (tree, key)
        for tree, items in dump(store).items()
        for key, _ in items
        if (tree, key) != ("M", b"format")
    ]
