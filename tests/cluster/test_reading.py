"""Reading a database that ends a transaction, or refuses: it is told by name."""

import select
from collections.abc import Iterator

import psycopg
import pytest

pytest.importorskip("psycopg", reason="needs the extra [cluster]: psycopg")

from psycopg.conninfo import conninfo_to_dict

from tests.storage.client import Client
from weft.cluster import DatabaseRefused
from weft.cluster.line import Broken
from weft.cluster.postgres import PostgresStore
from weft.storage import CreateSession


@pytest.fixture
def store(address: str) -> Iterator[PostgresStore]:
    """Return a store whose reads may be idle for 50 ms."""
    name = conninfo_to_dict(address)["dbname"]
    made = PostgresStore(address, pulse_s=3600.0)
    Client(made).do(CreateSession(session_id="a"))
    with psycopg.connect(address, autocommit=True) as connection:
        setting = "idle_in_transaction_session_timeout = 50"
        connection.execute(f'ALTER DATABASE "{name}" SET {setting}'.encode())
    made._readers.close()
    yield made
    made.close()


def test_a_read_that_was_idle_for_too_long_is_told_so_and_the_next_is_well(
    store: PostgresStore,
) -> None:
    with store.read() as snapshot:
        connection = snapshot._reading._line._connection
        assert connection is not None
        assert select.select([connection], [], [], 20.0)[0], "the server hangs up"
        with pytest.raises(Broken, match="idle-in-transaction"):
            snapshot.session("a")
    with store.read() as snapshot:
        assert snapshot.session("a") is not None


def test_a_read_that_the_server_refuses_is_told_by_name(store: PostgresStore) -> None:
    with store.read() as snapshot, pytest.raises(DatabaseRefused, match="division"):
        snapshot._reading.rows("SELECT 1 / 0")
