"""A store on its way into a database, a step at a time."""

from contextlib import ExitStack
from pathlib import Path

import psycopg

from tests.cluster.conftest import EMPTY
from tests.storage.client import dump
from weft.cluster.address import Address
from weft.cluster.cut_over import CutOver
from weft.cluster.live_copy import LiveCopy
from weft.cluster.migration_target import Target
from weft.cluster.migration_walk import NOT_COPIED, ORIGIN_KEY
from weft.storage import LmdbStore
from weft.storage.departure import Place
from weft.storage.store import TreeStore

Trees = dict[Place, bytes]


def empty(address: str) -> None:
    """Make the database as it was when its schema had been made."""
    with psycopg.connect(Address.of(address).dsn, autocommit=True) as connection:
        connection.execute(EMPTY)


def trees_at(address: str) -> Trees:
    """Return all entries of a database."""
    with psycopg.connect(Address.of(address).dsn) as connection:
        return _trees(connection)


def _trees(connection: psycopg.Connection) -> Trees:
    rows = connection.execute("SELECT tree::text, key, value FROM weft_entry")
    return {(tree, key): data for tree, key, data in rows}


def trees_of(store: TreeStore) -> Trees:
    """Return all entries of a store in a directory or in memory."""
    found = dump(store).items()
    return {(tree, key): data for tree, items in found for key, data in items}


def without_origin(found: Trees) -> Trees:
    """Return entries without the one that tells of the migration."""
    return {place: data for place, data in found.items() if place != ("M", ORIGIN_KEY)}


class Journey:
    """A store in a new directory, and the steps of its way into a database.

    Args:
        directory: the data directory.
        address: of the database.
        chunk_entries: of a step.
        sync: flush what is written to the directory.
    """

    def __init__(
        self,
        directory: Path,
        address: str,
        chunk_entries: int = 2000,
        *,
        sync: bool = True,
    ) -> None:
        self.directory, self.address = directory, address
        self._chunk_entries = chunk_entries
        self.store = LmdbStore(directory, sync=sync)
        self._open = ExitStack()
        self._look = self._open.enter_context(
            psycopg.connect(Address.of(address).dsn, autocommit=True)
        )

    def begin(self) -> LiveCopy:
        """Have the copy begin."""
        self.departure = self.store.depart()
        self.target = Target(Address.of(self.address))
        self._open.callback(self.target.close)
        self.copy = LiveCopy(self.departure, self.target, self._chunk_entries)
        return self.copy

    def cut_over(self) -> CutOver:
        """Return the cut-over; nothing is done yet."""
        to = Address.of(self.address)
        return CutOver(self.store, self.departure, self.target, to)

    def assert_true(self) -> None:
        """Assert what the copy promises after each step."""
        source, target = trees_of(self.store), _trees(self._look)
        for place in source.keys() | target.keys():
            passed = self.copy._walk.is_past(place)
            if passed and place not in self.copy._waiting | NOT_COPIED:
                assert source.get(place) == target.get(place), place

    def close(self) -> None:
        """Close everything."""
        self.store.close()
        self._open.close()
