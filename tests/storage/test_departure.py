"""What a store notes for who copies it, and how it goes on as another one."""

import threading
from pathlib import Path

import pytest

from tests.storage.client import Client, dump
from tests.storage.desk import WAIT_S
from tests.storage.samples import build_world, new
from weft.storage import (
    CreateSession,
    CreateThreads,
    LmdbStore,
    RemoveThreads,
    StoreMoving,
    StoreReadOnly,
)
from weft.storage.departure import Departure, Place
from weft.storage.keys import TREES
from weft.storage.memory import MemoryEngine
from weft.storage.store import TreeStore

Trees = dict[Place, bytes]


@pytest.fixture
def departure(lmdb_store: LmdbStore) -> Departure:
    return lmdb_store.depart()


def image(store: TreeStore) -> Trees:
    return {
        (tree, key): data for tree, items in dump(store).items() for key, data in items
    }


def changed(before: Trees, after: Trees) -> set[Place]:
    places = before.keys() | after.keys()
    return {place for place in places if before.get(place) != after.get(place)}


def twin(store: TreeStore) -> TreeStore:
    """Return a store of its own with the same trees."""
    engine = MemoryEngine()
    with engine.write() as transaction:
        for tree, items in dump(store).items():
            transaction.put_many(tree, items)
    return TreeStore(engine)


def test_the_notes_are_what_changed_from_one_moment_to_the_next(
    lmdb_store: LmdbStore, departure: Departure
) -> None:
    client = Client(lmdb_store)
    with departure.moment():
        before = image(lmdb_store)
    build_world(client)
    client.do(RemoveThreads(threads=("t1",)))
    with departure.moment() as moment:
        after = image(lmdb_store)
    assert changed(before, after) <= moment.written
    with departure.moment() as moment:
        assert set() == moment.written


def test_a_view_shows_nothing_of_what_its_notes_lack(
    lmdb_store: LmdbStore, departure: Departure
) -> None:
    client = Client(lmdb_store)
    client.do(CreateSession(session_id="a"))
    with departure.moment() as moment:
        seen = {(t, key): data for t in TREES for key, data in moment.trees.scan(t)}
        client.do(CreateSession(session_id="b"))
        still = {(t, key): data for t in TREES for key, data in moment.trees.scan(t)}
    with departure.moment() as later:
        assert seen == still
        assert changed(seen, image(lmdb_store)) <= later.written


def test_an_aborted_transaction_changes_nothing_but_may_leave_notes(
    lmdb_store: LmdbStore, departure: Departure
) -> None:
    before = image(lmdb_store)

    def fail(transaction: object) -> None:
        transaction.put_many("S", [(b"key", b"value")])  # type: ignore[attr-defined]
        raise StoreReadOnly

    with pytest.raises(StoreReadOnly):
        lmdb_store._write(fail)
    assert before == image(lmdb_store)
    with departure.moment() as moment:
        assert {("S", b"key")} == moment.written
        assert moment.trees.get("S", b"key") is None


def test_nothing_is_noted_where_nobody_departs(lmdb_store: LmdbStore) -> None:
    departure = lmdb_store.depart()
    lmdb_store.stay()
    Client(lmdb_store).do(CreateSession(session_id="a"))
    assert set() == departure.take()


def test_one_departs_at_a_time(lmdb_store: LmdbStore) -> None:
    lmdb_store.depart()
    with pytest.raises(StoreMoving):
        lmdb_store.depart()
    lmdb_store.stay()
    lmdb_store.depart()


def test_a_writer_waits_for_the_end_of_a_halt(
    lmdb_store: LmdbStore, departure: Departure
) -> None:
    client = Client(lmdb_store)
    began, ended = threading.Event(), threading.Event()

    def write() -> None:
        began.set()
        client.do(CreateSession(session_id="late"))
        ended.set()

    writing = threading.Thread(target=write)
    with departure.halt() as moment:
        writing.start()
        assert began.wait(WAIT_S)
        assert not ended.wait(0.05)
        assert moment.trees.get("M", b"format") is not None
    assert ended.wait(WAIT_S)
    writing.join(WAIT_S)
    assert client.see(lambda snapshot: snapshot.session("late")) is not None


def test_who_waits_while_the_store_moves_is_served_by_its_successor(
    lmdb_store: LmdbStore, departure: Departure
) -> None:
    client = Client(lmdb_store)
    client.do(CreateSession(session_id="a"))
    began = threading.Event()
    answers: list[object] = []

    def write() -> None:
        began.set()
        answers.append(
            client.do(CreateThreads(session_id="a", threads=(new("t", "n"),)))
        )

    writing = threading.Thread(target=write)
    with departure.halt():
        writing.start()
        assert began.wait(WAIT_S)
        successor = twin(lmdb_store)
        lmdb_store.hand_over(successor)
    writing.join(WAIT_S)
    assert 1 == len(answers)
    assert 2 == lmdb_store.seq == successor.seq == lmdb_store.statistics().seq
    assert 1 == lmdb_store._end[0], "something was written to what stays behind"
    assert client.see(lambda snapshot: snapshot.thread("t")) is not None


def test_a_repeated_operation_gets_its_first_answer_from_the_successor(
    lmdb_store: LmdbStore, departure: Departure
) -> None:
    client = Client(lmdb_store)
    first = client.outcome(CreateSession(session_id="a", op_id="one"))
    with departure.halt():
        lmdb_store.hand_over(twin(lmdb_store))
    again = client.outcome(CreateSession(session_id="a", op_id="one"))
    assert (first.seq, first.result) == (again.seq, again.result)


def test_a_group_in_doubt_is_told_by_what_was_seen(
    lmdb_store: LmdbStore, departure: Departure
) -> None:
    from weft.storage.store import _Doubt

    client = Client(lmdb_store)
    end = lmdb_store._end
    outcomes = client.group(CreateSession(session_id="a"))
    lmdb_store._doubt = _Doubt(end, outcomes)
    with departure.halt():
        lmdb_store.hand_over(twin(lmdb_store))
    assert outcomes == lmdb_store.apply(())
    assert [] == lmdb_store.apply(())


def test_a_mark_is_left_of_what_stays_behind(tmp_path: Path) -> None:
    store = LmdbStore(tmp_path)
    client = Client(store)
    client.do(CreateSession(session_id="a"))
    departure = store.depart()
    with departure.halt():
        store.hand_over(twin(store))
    client.do(CreateSession(session_id="b"))
    store.close()
    reopened = LmdbStore(tmp_path)  # without a note that it has moved
    assert 1 == reopened.seq
    reopened.close()


def test_expiry_and_amendments_go_to_the_successor(
    lmdb_store: LmdbStore, departure: Departure
) -> None:
    client = Client(lmdb_store)
    for name in "abc":
        client.do(CreateSession(session_id=name))
    successor = twin(lmdb_store)
    with departure.halt():
        lmdb_store.hand_over(successor)
    behind = dump(lmdb_store)
    assert 2 == lmdb_store.expire_operations(1 << 62)
    assert "kept" == lmdb_store.amend(lambda _group, _log: "kept")
    assert behind == dump(lmdb_store)
    assert 1 == len(dump(successor)["L"])
