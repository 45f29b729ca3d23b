"""An environment is replaced between transactions only, and by whoever comes next."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from weft.storage import StoreClosed, StoreUnavailable, lmdb_environment
from weft.storage.lmdb_environment import READERS_MAX, Environment

WAIT_S = 20.0


@pytest.fixture
def environment(tmp_store: Path) -> Iterator[Environment]:
    """Return an open environment."""
    opened = Environment(tmp_store, 1 << 20, sync=True)
    yield opened
    opened.close()


def test_a_sound_environment_is_not_opened_again(environment: Environment) -> None:
    before = environment._lmdb
    environment.reopen(patience_s=0.0)
    assert before is environment._lmdb


def test_whoever_comes_next_opens_a_lost_environment(environment: Environment) -> None:
    assert environment._lmdb is not None
    environment._lmdb.close()
    environment._lmdb = None
    user = object()
    environment.begin(user).abort()
    environment.leave(user)
    assert environment._lmdb is not None


def test_what_keeps_it_from_being_opened_is_told_each_time(
    environment: Environment, tmp_store: Path
) -> None:
    assert environment._lmdb is not None
    environment._lmdb.close()
    environment._lmdb = None
    (tmp_store / "lock.mdb").unlink()
    (tmp_store / "lock.mdb").mkdir()
    for _ in "again":
        with pytest.raises(StoreUnavailable):
            environment.begin(object())
    (tmp_store / "lock.mdb").rmdir()
    environment.begin(user := object()).abort()
    environment.leave(user)


def test_growing_waits_for_a_transaction_to_end(environment: Environment) -> None:
    user = object()
    transaction = environment.begin(user)
    growing = threading.Thread(target=environment.grow)
    growing.start()
    while environment._steady.is_set():
        threading.Event().wait(0.001)
    transaction.abort()
    environment.leave(user)
    growing.join(WAIT_S)
    assert 2 << 20 == environment.facts()[0]["map_size"]


def test_a_transaction_begins_after_the_growing(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lmdb_environment, "LEAVE_TIMEOUT_S", WAIT_S)
    staying, coming = object(), object()
    transaction = environment.begin(staying)
    growing = threading.Thread(target=environment.grow)
    growing.start()
    while environment._steady.is_set():
        threading.Event().wait(0.001)
    begun = threading.Event()

    def come() -> None:
        environment.begin(coming).abort()
        begun.set()

    comer = threading.Thread(target=come)
    comer.start()
    assert not begun.wait(0.02)
    transaction.abort()
    environment.leave(staying)
    assert begun.wait(WAIT_S)
    environment.leave(coming)
    growing.join(WAIT_S)
    comer.join(WAIT_S)


def test_a_closed_environment_says_so(environment: Environment) -> None:
    environment.close()
    environment.close()
    for use in (lambda: environment.begin(object()), environment.grow):
        with pytest.raises(StoreClosed):
            use()


def test_the_table_of_readers_has_its_space_before_it_is_mapped(
    environment: Environment, tmp_store: Path
) -> None:
    environment.facts()
    table = (tmp_store / "lock.mdb").stat()
    assert table.st_size >= READERS_MAX * 64
    assert table.st_blocks * 512 >= READERS_MAX * 64
