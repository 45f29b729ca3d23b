"""Random operations leave the same bytes and answers in PostgreSQL as in LMDB."""

from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.cluster.conftest import EMPTY
from tests.storage.client import Dump, dump
from tests.storage.invariants import broken
from tests.storage.strategies import Script, complete, scripts
from weft.cluster.postgres import PostgresStore
from weft.storage import LmdbStore
from weft.storage.check import check
from weft.storage.store import TreeStore

Answers = list[tuple[object, ...]]


def played(store: TreeStore, script: Script, place: int) -> Answers:
    """Apply a script's groups; return what their senders are told."""
    told: Answers = []
    for group in script:
        whole = [complete(one, place + n) for n, one in enumerate(group)]
        place += len(group)
        told += [(o.seq, o.result, str(o.error)) for o in store.apply(whole)]
    return told


def on_disk(script: Script) -> tuple[Answers, Dump]:
    with TemporaryDirectory() as directory:
        store = LmdbStore(Path(directory), sync=False)
        told = played(store, script, 0)
        image = dump(store)
        store.close()
    return told, image


def in_a_database(address: str, script: Script, cut: int) -> tuple[Answers, Dump]:
    """Play a script; from ``cut`` on by a process that has taken over."""
    first = PostgresStore(address, pulse_s=3600.0)
    told = played(first, script[:cut], 0)
    second = PostgresStore(address, pulse_s=3600.0)
    told += played(second, script[cut:], sum(len(group) for group in script[:cut]))
    image = dump(second)
    with second.read() as snapshot:
        assert [] == broken(snapshot)
        assert [] == check(snapshot).inconsistencies
    first.close()
    second.close()
    return told, image


def check_equal_images(address: str, script: Script, cut: int) -> None:
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(EMPTY)
    assert on_disk(script) == in_a_database(address, script, cut)


FIXED = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@given(scripts(), st.integers(0, 20))
@settings(max_examples=15, deadline=None, suppress_health_check=FIXED)
def test_random_operations_leave_equal_images(
    shared: str, script: Script, cut: int
) -> None:
    check_equal_images(shared, script, cut)


@pytest.mark.long
@pytest.mark.timeout(600)
@given(scripts(operations_max=120), st.integers(0, 60))
@settings(max_examples=150, deadline=None, suppress_health_check=FIXED)
def test_many_random_operations_leave_equal_images(
    shared: str, script: Script, cut: int
) -> None:
    check_equal_images(shared, script, cut)
