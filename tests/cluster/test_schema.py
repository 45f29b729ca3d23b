"""The schema: made once, brought up to date, refused when it is newer."""

import threading

import psycopg
import pytest

from weft.cluster import DatabaseRefused
from weft.cluster.line import Line
from weft.cluster.reader import PostgresReader
from weft.cluster.schema import SCHEMA_VERSION, install
from weft.storage import InvalidArgument, StoreFormatError


@pytest.fixture
def line(address: str) -> Line:
    """Return a line to an empty database."""
    return Line(address)


def test_it_is_made_once(line: Line) -> None:
    assert [0, SCHEMA_VERSION] == [install(line, shards=3) for _ in range(2)]
    slots = line.ask("SELECT shard, count(*) FROM weft_slot GROUP BY shard ORDER BY 1")
    assert [(0, 21_846), (1, 21_845), (2, 21_845)] == slots
    assert [(n, n) for n in range(3)] == line.ask(
        "SELECT log, shard FROM weft_log ORDER BY log"
    )
    line.close()


def test_many_may_come_to_an_empty_database_at_once(address: str) -> None:
    found: list[int] = []

    def come() -> None:
        line = Line(address)
        found.append(install(line))
        line.close()

    comers = [threading.Thread(target=come) for _ in range(4)]
    for comer in comers:
        comer.start()
    for comer in comers:
        comer.join(30)
    assert [0, *[SCHEMA_VERSION] * 3] == sorted(found)


def test_a_newer_one_is_refused(line: Line) -> None:
    install(line)
    line.ask("INSERT INTO weft_schema VALUES (999)")
    with pytest.raises(StoreFormatError, match="999"):
        install(line)
    line.close()


@pytest.mark.parametrize("shards", [0, -1, 8_001])
def test_as_many_shards_as_cannot_be_are_refused(line: Line, shards: int) -> None:
    with pytest.raises(InvalidArgument):
        install(line, shards)
    assert not line.is_open


def test_a_database_without_a_store_is_told_as_such_to_a_reader(address: str) -> None:
    with pytest.raises(DatabaseRefused, match="no store") as told:
        PostgresReader(address)
    assert "disk" not in str(told.value), "there is none of ours"
    assert "weft_schema" not in str(told.value)


def test_nothing_that_relatives_of_postgresql_lack_is_used(address: str) -> None:
    line = Line(address)
    install(line)
    line.close()
    with psycopg.connect(address) as connection:
        rows = connection.execute(
            "SELECT prosrc FROM pg_proc WHERE proname LIKE 'weft%'"
        ).fetchall()
    assert rows
    text = " ".join(row[0] for row in rows).lower()
    for word in ("advisory", "listen", "notify", "copy "):
        assert word not in text
