"""The stores that keep one contract, and a client for each."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.storage.client import Client
from weft.storage import LmdbStore, MemoryStore
from weft.storage.store import TreeStore


@pytest.fixture(params=["memory", "lmdb"])
def store(request: pytest.FixtureRequest, tmp_store: Path) -> Iterator[TreeStore]:
    """Return an empty store: each test that asks for it runs once for each kind."""
    made = MemoryStore() if request.param == "memory" else LmdbStore(tmp_store)
    yield made
    made.close()


@pytest.fixture
def client(store: TreeStore) -> Client:
    """Return a client of an empty store."""
    return Client(store)


@pytest.fixture
def lmdb_store(tmp_store: Path) -> Iterator[LmdbStore]:
    """Return an empty store on disk."""
    made = LmdbStore(tmp_store)
    yield made
    made.close()
