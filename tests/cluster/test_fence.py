"""Who may write for a shard: two processes side by side, one of them fenced."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.errors import LockNotAvailable

from tests.storage.client import Client, dump
from weft.actors import Runtime
from weft.cluster import Fenced, HistoryLost
from weft.cluster.commit import COMMIT
from weft.cluster.postgres import PostgresStore
from weft.storage import CreateSession, StoreLocked

_ACQUIRE = "SELECT * FROM weft_acquire(0, gen_random_uuid(), 'other', NULL)"


def session(session_id: str, op_id: str = "") -> CreateSession:
    return CreateSession(session_id=session_id, op_id=op_id)


@contextmanager
def connected(address: str, **options: Any) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(address, **options) as connection:
        yield connection
        connection.rollback()


@pytest.mark.parametrize(
    ("lock", "fences"),
    [
        (b"SELECT 1 FROM weft_shard WHERE shard = 0 FOR KEY SHARE", False),
        (b"SELECT 1 FROM weft_shard WHERE shard = 0 FOR SHARE", True),
    ],
)
def test_only_a_full_share_lock_holds_a_take_over_back(
    emptied: str, lock: bytes, *, fences: bool
) -> None:
    with connected(emptied) as commit, connected(emptied) as other:
        commit.execute(lock)
        other.execute("SET lock_timeout = '200ms'")
        if fences:
            with pytest.raises(LockNotAvailable):
                other.execute(_ACQUIRE)
        else:
            assert other.execute(_ACQUIRE).fetchone() is not None


def test_a_take_over_waits_for_a_commit_in_flight(
    postgres_store: PostgresStore,
) -> None:
    fence = postgres_store.fence
    address = postgres_store._line._dsn
    values = ([0], [fence.epoch], [fence.incarnation], 0, uuid4(), None, b"")
    with connected(address) as commit, connected(address) as other:
        commit.execute(COMMIT.encode(), (*values, *([[]] * 18)))
        other.execute("SET lock_timeout = '200ms'")
        with pytest.raises(LockNotAvailable):
            other.execute(_ACQUIRE)


def test_who_was_taken_over_from_writes_and_reads_nothing_any_more(
    emptied: str,
) -> None:
    first = PostgresStore(emptied, pulse_s=3600.0)
    client = Client(first)
    client.do(session("a"))
    second = PostgresStore(emptied, pulse_s=3600.0)
    assert first.fence.epoch + 1 == second.fence.epoch
    before = dump(second)
    told: list[Fenced] = []
    first.on_fenced(told.append)
    for _ in range(2):
        with pytest.raises(Fenced):
            client.do(session("late"))
    assert before == dump(second)
    assert first.fenced
    assert [Fenced] == [type(error) for error in told], "once"
    with pytest.raises(Fenced), first.read():
        pass
    assert 2 == Client(second).outcome(session("b", op_id="new")).seq
    first.close()
    second.close()


def test_an_epoch_that_was_issued_twice_fences_all_the_same(
    postgres_store: PostgresStore,
) -> None:
    with psycopg.connect(postgres_store._line._dsn) as connection:
        connection.execute("UPDATE weft_shard SET incarnation = gen_random_uuid()")
    with pytest.raises(Fenced):
        Client(postgres_store).do(session("a"))


def test_a_database_that_has_gone_back_is_not_written_to(
    postgres_store: PostgresStore,
) -> None:
    client = Client(postgres_store)
    client.do(session("a"))
    with psycopg.connect(postgres_store._line._dsn) as connection:
        connection.execute("UPDATE weft_log SET end_place = weft_base(0)")
    with pytest.raises(HistoryLost):
        client.do(session("b"))
    with pytest.raises(HistoryLost):
        client.do(session("c"))


def test_the_pulse_notices_although_nobody_writes(emptied: str) -> None:
    first = PostgresStore(emptied, pulse_s=0.05)
    told: list[Fenced] = []
    first.on_fenced(told.append)
    second = PostgresStore(emptied, pulse_s=0.05)
    first._pulse._os_thread.join(10.0)
    assert (True, 1, False) == (first.fenced, len(told), second.fenced)
    first.close()
    second.close()


def test_a_proof_is_as_old_as_the_question(emptied: str) -> None:
    store = PostgresStore(emptied, pulse_s=3600.0)
    before = store.proved_age_s
    store.prove()
    assert store.proved_age_s < before + 0.5
    other = PostgresStore(emptied, pulse_s=3600.0)
    with pytest.raises(Fenced):
        store.prove()
    assert store.fenced
    store.close()
    other.close()


def test_who_does_not_take_over_is_refused_while_the_other_lives(emptied: str) -> None:
    first = PostgresStore(emptied, owner="the first")
    with pytest.raises(StoreLocked, match="the first"):
        PostgresStore(emptied, take_over=False)
    Client(first).do(session("a"))
    first.close()
    second = PostgresStore(emptied, take_over=False)
    assert first.fence.epoch + 1 == second.fence.epoch
    second.close()


def test_a_process_that_has_died_is_taken_over_from_when_its_heart_has_stopped(
    emptied: str,
) -> None:
    first = PostgresStore(emptied, pulse_s=3600.0)
    with psycopg.connect(emptied) as connection:
        connection.execute("UPDATE weft_heartbeat SET at = at - interval '1 minute'")
    second = PostgresStore(emptied, take_over=False, pulse_s=3600.0)
    assert first.fence.epoch + 1 == second.fence.epoch
    first.close()
    second.close()


def test_every_waiter_of_a_fenced_runtime_is_told_and_its_health_says_so(
    emptied: str,
) -> None:
    first = Runtime.open(emptied)
    alice = first.session("alice")
    alice.create_thread("one").get(timeout=10)
    with Runtime.open(emptied) as second:
        waiting = [alice.create_thread(f"late {n}") for n in range(20)]
        for future in waiting:
            with pytest.raises(Fenced):
                future.get(timeout=10)
        assert first.read_only
        assert "unhealthy" == first.coordinator.health_check().get(timeout=10).status
        second.session("alice").create_thread("two").get(timeout=10)
        names = [
            t.thread_name for t in second.session("alice").threads().get(timeout=10)
        ]
        assert ["one", "two"] == names
    first.close()
