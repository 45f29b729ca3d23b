"""A line to the database: opened when it is needed, closed when it is in doubt."""

import psycopg
import pytest

from tests.storage.client import Client, dump
from tests.storage.samples import build_world
from weft.cluster import line as lines
from weft.cluster import open_store
from weft.cluster.line import Broken, Line, Refused
from weft.storage import MemoryStore


def test_it_is_opened_when_it_is_needed_and_again_after_it_broke(server: str) -> None:
    line = Line(server)
    assert not line.is_open
    ((pid,),) = line.ask("SELECT pg_backend_pid()")
    with psycopg.connect(server) as connection:
        connection.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
    with pytest.raises(Broken):
        line.ask("SELECT 1")
    assert (False, [(1,)], 2) == (line.is_open, line.ask("SELECT 1"), line.opened)
    line.close()


def test_what_the_server_refuses_leaves_it_open(server: str) -> None:
    line = Line(server)
    with pytest.raises(Refused) as caught:
        line.ask("SELECT 1 / 0")
    assert ("22012", False, True) == (
        caught.value.state,
        caught.value.is_transient,
        line.is_open,
    )
    line.close()


def test_a_statement_that_takes_too_long_is_given_up(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = Line(server)
    line.ask("SELECT 1")
    monkeypatch.setattr(lines, "STATEMENT_TIMEOUT_S", 0.1)
    with pytest.raises(Broken):
        line.ask("SELECT pg_sleep(30)")
    assert not line.is_open


def test_a_server_that_is_not_there_is_told(tmp_path: object) -> None:
    with pytest.raises(Broken, match="No such file"):
        Line(f"postgresql:///x?host={tmp_path}").ask("SELECT 1")


def test_a_store_may_do_without_prepared_statements(address: str) -> None:
    expected = MemoryStore()
    build_world(Client(expected))
    store = open_store(f"{address}&weft_prepare=0")
    build_world(Client(store))
    assert [] == store._line.ask("SELECT name FROM pg_prepared_statements")
    assert dump(expected) == dump(store)
    store.close()
