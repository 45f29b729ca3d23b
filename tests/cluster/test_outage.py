"""A database that goes away under load and comes back: nothing acknowledged is lost."""

import threading
from collections.abc import Callable

import psycopg
import pytest

from tests.cluster.postgres import PostgresServer
from tests.storage.client import Client
from weft.actors import Runtime
from weft.cluster import line
from weft.cluster.postgres import PostgresStore
from weft.storage import CreateSession, SessionThreadException, StoreUnavailable

DEADLINE_S = 30.0


def stopped(server: PostgresServer) -> None:
    server.stop()
    server.start()


def crashed(server: PostgresServer) -> None:
    server.crash()
    server.start()


def cut(server: PostgresServer) -> None:
    with psycopg.connect(server.socket_dsn) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )


@pytest.mark.parametrize("fault", [stopped, crashed, cut])
def test_under_load_the_runtime_goes_on_by_itself_and_nothing_is_lost(
    postgres: PostgresServer, fault: Callable[[PostgresServer], None]
) -> None:
    runtime = Runtime.open(postgres.socket_dsn)
    acknowledged: list[str] = []
    refused: list[BaseException] = []
    enough = threading.Event()

    def create(number: int) -> None:
        session, made = runtime.session(f"s{number}"), 0
        while not enough.is_set():
            name = f"{number}-{made}"
            try:
                thread = session.create_thread(name).get(timeout=DEADLINE_S)
            except SessionThreadException as error:
                refused.append(error)
                continue
            acknowledged.append(thread.thread_id)
            made += 1

    for number in range(4):  # a session that is not resident would have to be read
        runtime.session(f"s{number}").create_thread("first").get(timeout=DEADLINE_S)
    callers = [threading.Thread(target=create, args=(n,)) for n in range(4)]
    for caller in callers:
        caller.start()
    for _ in range(3):
        before = len(acknowledged)
        fault(postgres)
        while len(acknowledged) < before + 50:
            assert any(caller.is_alive() for caller in callers)
            enough.wait(0.01)
    enough.set()
    for caller in callers:
        caller.join(DEADLINE_S)
    assert [] == refused, "a commit waits for a database that is away for a moment"
    with runtime.store.read() as snapshot:
        missing = [one for one in acknowledged if snapshot.thread(one) is None]
    assert [] == missing
    assert [] == runtime.check().inconsistencies
    assert 0 < runtime.store.cluster_statistics().reconnects  # type: ignore[attr-defined]
    runtime.close()


def test_a_database_that_stays_away_is_told_by_name_and_comes_back(
    postgres: PostgresServer,
) -> None:
    store = PostgresStore(postgres.socket_dsn, retry_s=0.1)
    with Runtime.open(store=store) as runtime:
        session = runtime.session("a")
        session.create_thread("before").get(timeout=DEADLINE_S)
        postgres.stop()
        with pytest.raises(SessionThreadException) as caught:
            session.create_thread("away").get(timeout=DEADLINE_S)
        assert "database" in str(caught.value) or "PostgreSQL" in str(caught.value)
        assert runtime.read_only
        postgres.start()
        for number in range(100):
            try:
                session.create_thread(f"back {number}").get(timeout=DEADLINE_S)
                break
            except SessionThreadException:
                threading.Event().wait(0.05)
        else:
            pytest.fail("it did not come back")
        assert [] == runtime.check().inconsistencies


@pytest.mark.long
def test_a_server_that_hangs_holds_nobody_for_ever(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = PostgresStore(postgres.socket_dsn, retry_s=0.5, pulse_s=3600.0)
    client = Client(store)
    client.do(CreateSession(session_id="a"))
    monkeypatch.setattr(line, "STATEMENT_TIMEOUT_S", 0.3)
    monkeypatch.setattr(line, "CONNECT_TIMEOUT_S", 2)
    postgres.freeze()
    try:
        with pytest.raises(SessionThreadException):
            client.do(CreateSession(session_id="b", op_id="b"))
        with pytest.raises(StoreUnavailable), store.read():
            pass
    finally:
        postgres.thaw()
    outcome = client.outcome(CreateSession(session_id="b", op_id="b"))
    assert (2, None) == (outcome.seq, outcome.error)
    store.close()
