"""A database with standbys: what may be lost is refused, a promotion is noticed."""

import psycopg
import pytest
from msgspec.structs import replace

from tests.cluster.postgres import PostgresServer
from tests.storage.client import Client
from weft.cluster import AsynchronousStandby, HistoryLost, open_store
from weft.cluster.line import Line
from weft.cluster.postgres import PostgresStore
from weft.cluster.replication import Replication, check, look
from weft.storage import CreateSession, StoreUnavailable

ALONE = Replication(
    is_standby=False,
    synchronous_commit="on",
    fsync=True,
    standby_names="",
    synchronous=0,
    asynchronous=0,
)


@pytest.mark.parametrize(
    ("found", "weak"),
    [
        ({}, False),
        ({"synchronous": 1}, False),
        ({"synchronous": 1, "asynchronous": 2}, False),
        ({"synchronous": 1, "synchronous_commit": "remote_apply"}, False),
        ({"asynchronous": 1}, True),
        ({"fsync": False}, True),
        ({"synchronous_commit": "off"}, True),
        ({"synchronous": 1, "synchronous_commit": "local"}, True),
        ({"synchronous": 1, "synchronous_commit": "remote_write"}, True),
    ],
)
def test_what_may_lose_an_acknowledged_commit_is_refused(
    found: dict[str, object], *, weak: bool
) -> None:
    assert weak == (replace(ALONE, **found).weakness is not None)


def test_a_standby_itself_is_refused() -> None:
    with pytest.raises(StoreUnavailable, match="standby"):
        check(replace(ALONE, is_standby=True), accept_loss=True)


def test_an_asynchronous_standby_is_refused_until_it_is_synchronous(
    postgres: PostgresServer,
) -> None:
    with PostgresServer(standby_of=postgres) as standby:
        with pytest.raises(AsynchronousStandby, match="asynchronously"):
            PostgresStore(postgres.socket_dsn)
        open_store(f"{postgres.socket_dsn}&weft_accept_loss=1").close()
        with psycopg.connect(postgres.socket_dsn, autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            connection.execute("SELECT pg_reload_conf()")
        line = Line(postgres.socket_dsn)
        while not look(line).synchronous:
            assert standby.running
        line.close()
        store = PostgresStore(postgres.socket_dsn)
        assert 1 == store.cluster_statistics().synchronous_standbys
        Client(store).do(CreateSession(session_id="a"))
        postgres.crash()
        standby.promote()
        successor = PostgresStore(standby.socket_dsn, accept_loss=True)
        with successor.read() as snapshot:
            assert snapshot.session("a") is not None
        successor.close()
        store.close()


def test_a_failover_that_lost_commits_stops_the_writer(
    postgres: PostgresServer,
) -> None:
    """The writer's own view is ahead of the database that was promoted."""
    store = PostgresStore(postgres.socket_dsn, retry_s=10.0, pulse_s=3600.0)
    client = Client(store)
    client.do(CreateSession(session_id="a"))
    with psycopg.connect(postgres.socket_dsn, autocommit=True) as connection:
        rows = connection.execute("SELECT end_place FROM weft_log").fetchall()
        client.do(CreateSession(session_id="lost"))
        connection.execute("DELETE FROM weft_entry WHERE tree IN ('L', 'O')")
        connection.execute("UPDATE weft_log SET end_place = %s", rows[0])
    store._line.close()
    with pytest.raises(HistoryLost):
        client.do(CreateSession(session_id="b"))
    store.close()
