"""The stores that keep one contract, and a client for each."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.storage.client import Client
from tests.storage.desk import WAIT_S, Desk
from tests.storage.workload import Workload
from weft.storage import LmdbStore, MemoryStore
from weft.storage.store import TreeStore


@pytest.fixture(params=["memory", "lmdb"])
def store(request: pytest.FixtureRequest, tmp_store: Path) -> Iterator[TreeStore]:
    """Return an empty store: each test that asks for it runs once for each kind."""
    made = MemoryStore() if request.param == "memory" else LmdbStore(tmp_store)
    yield made
    made.close()


@pytest.fixture(scope="session")
def original() -> MemoryStore:
    """Return a store with a long history, for tests to damage copies of it."""
    store = MemoryStore()
    Workload(Client(store), seed=1).run(1200)
    return store


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


@pytest.fixture
def desk(store: TreeStore) -> Iterator[Desk]:
    """Return a running writer."""
    desk = Desk(store)
    desk.writer.start()
    yield desk
    assert desk.writer.close(WAIT_S)


@pytest.fixture
def gated(store: TreeStore) -> Iterator[Desk]:
    """Return a running writer whose groups wait for the test."""
    desk = Desk(store, gated=True)
    desk.writer.start()
    yield desk
    desk.open_gate(1000)
    assert desk.writer.close(WAIT_S)
