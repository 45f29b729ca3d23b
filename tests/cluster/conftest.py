"""A PostgreSQL server for all tests of a worker, and an empty store in it for each.

Without the driver there is nothing to be tested here, and this file must load all the
same: what needs it is imported in the fixtures.
"""

import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import count
from typing import TYPE_CHECKING, Final

import pytest

from tests.storage.client import Client

if TYPE_CHECKING:
    from tests.cluster.postgres import PostgresServer
    from tests.cluster.served import Served
    from weft.cluster.postgres import PostgresStore

if find_spec("psycopg") is None and os.environ.get("WEFT_REQUIRE_ALL") != "1":
    collect_ignore_glob = ["*"]

_NUMBERS: Final = count()

EMPTY: Final = b"""
    DELETE FROM weft_entry; DELETE FROM weft_epoch_log; DELETE FROM weft_heartbeat;
    DELETE FROM weft_log; DELETE FROM weft_shard WHERE shard > 0;
    UPDATE weft_shard SET log = 0;
    INSERT INTO weft_log (log, shard, end_place) VALUES (0, 0, weft_base(0));
"""


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """Return the address of a server that no test stops."""
    from tests.cluster.postgres import PostgresServer, needs_postgres

    needs_postgres()
    given = os.environ.get("WEFT_TEST_DSN")
    if given:
        yield given
        return
    with PostgresServer() as started:
        yield started.socket_dsn


@pytest.fixture
def postgres() -> Iterator["PostgresServer"]:
    """Return a server of the test's own, to be stopped and started."""
    from tests.cluster.postgres import PostgresServer, needs_postgres

    needs_postgres()
    with PostgresServer() as started:
        yield started


@pytest.fixture
def address(server: str) -> Iterator[str]:
    """Return the address of an empty database of the test's own."""
    with _database(server) as found:
        yield found


@pytest.fixture
def other_address(server: str) -> Iterator[str]:
    """Return the address of one more."""
    with _database(server) as found:
        yield found


@contextmanager
def _database(server: str) -> Generator[str]:
    import psycopg

    name = f"weft_test_{os.getpid()}_{next(_NUMBERS)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
        user = connection.info.user
    conninfo = psycopg.conninfo.conninfo_to_dict(server)
    host, port = conninfo.get("host", ""), conninfo.get("port", "")
    password = f"&password={conninfo['password']}" if "password" in conninfo else ""
    yield f"postgresql:///{name}?host={host}&port={port}&user={user}{password}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


@pytest.fixture(scope="session")
def shared(server: str) -> str:
    """Return the address of a database with a store, emptied for each test."""
    from weft.cluster.line import Line
    from weft.cluster.schema import install

    line = Line(server)
    install(line)
    line.close()
    return server


@pytest.fixture
def emptied(shared: str) -> str:
    """Return the address of a database with an empty store."""
    import psycopg

    with psycopg.connect(shared, autocommit=True) as connection:
        connection.execute(EMPTY)
    return shared


@pytest.fixture
def postgres_store(emptied: str) -> Iterator["PostgresStore"]:
    """Return an empty store in a database."""
    from weft.cluster.postgres import PostgresStore

    made = PostgresStore(emptied, pulse_s=3600.0)
    yield made
    made.close()


# A thread that goes from shard to shard, and the daemon before them.


@pytest.fixture(params=["up", "down"])
def way(request: pytest.FixtureRequest) -> tuple[str, str]:
    """From where to where: to a log with higher numbers, or with lower ones."""
    from tests.cluster.served import HERE, THERE

    return (HERE, THERE) if request.param == "up" else (THERE, HERE)


@pytest.fixture
def served(address: str, way: tuple[str, str]) -> Iterator["Served"]:
    """Return a daemon before two shards; the thread is where its way begins."""
    from tests.cluster.served import served_on

    with served_on(address, way) as made:
        yield made


# The contract of every store (tests/storage), kept by this one.


@pytest.fixture
def store(postgres_store: "PostgresStore") -> "PostgresStore":
    """Return an empty store, as the contract's tests ask for it."""
    return postgres_store


@pytest.fixture
def client(store: "PostgresStore") -> Client:
    """Return a client of an empty store."""
    return Client(store)
