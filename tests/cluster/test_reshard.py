"""Slots that are moved: all whose they were are fenced, whoever else moves some."""

import threading
from collections.abc import Iterator

import psycopg
import pytest

pytest.importorskip("psycopg", reason="needs the extra [cluster]: psycopg")

from weft.cluster import DatabaseRefused, SlotMap
from weft.cluster.line import Line
from weft.cluster.reader import PostgresReader
from weft.cluster.reshard import reshard
from weft.cluster.schema import install

WAIT_S = 20.0
_WAITING = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


@pytest.fixture
def sharded(address: str) -> Iterator[str]:
    """Return the address of a database with three shards."""
    line = Line(address)
    install(line, 3)
    yield address
    line.close()


def slots(address: str) -> SlotMap:
    reader = PostgresReader(address)
    try:
        return reader.slot_map()
    finally:
        reader.close()


def test_who_got_a_slot_at_the_same_moment_is_fenced_when_it_goes_on(
    sharded: str,
) -> None:
    fenced: list[int] = []
    with (
        psycopg.connect(sharded) as another,
        psycopg.connect(sharded, autocommit=True) as look,
    ):
        another.execute("SELECT weft_reshard(ARRAY[0], 2)")
        mover = threading.Thread(target=lambda: fenced.extend(reshard(sharded, [0], 1)))
        mover.start()
        for _ in range(int(WAIT_S / 0.01)):
            if look.execute(_WAITING).fetchone() == (1,):
                break
            mover.join(0.01)
        another.commit()
        mover.join(WAIT_S)
    assert [1, 2] == fenced, "slot 0 was shard 2's when it was moved"
    assert 0 not in slots(sharded).slots_of(2)
    assert 0 in slots(sharded).slots_of(1)


def test_a_database_that_does_not_do_it_is_told_by_name(sharded: str) -> None:
    with psycopg.connect(sharded, autocommit=True) as connection:
        connection.execute("DROP FUNCTION weft_reshard(int[], int)")
    before = slots(sharded)
    with pytest.raises(DatabaseRefused, match="weft_reshard"):
        reshard(sharded, [0], 1)
    assert before == slots(sharded)
