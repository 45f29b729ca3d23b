"""What is foreseen of a group: fetched in one go, and decided once."""

from collections.abc import Iterator

import pytest
from msgspec.structs import replace

pytest.importorskip("psycopg", reason="needs the extra [cluster]: psycopg")

from weft.cluster.foresight import Foresight
from weft.cluster.postgres import PostgresStore
from weft.storage import (
    CreateSession,
    CreateThreads,
    NameTaken,
    NewThread,
    Operation,
    Outcome,
    RemoveThreads,
    RenameThread,
    TransferThreads,
    new_id,
)
from weft.storage.check import check
from weft.storage.codec import encode
from weft.storage.keys import association_key, name_key, session_key, thread_key
from weft.storage.records import EMPTY, Thread

NUMBER = 20


@pytest.fixture
def store(address: str) -> Iterator[PostgresStore]:
    """A store with two sessions, the first of which has threads."""
    opened = PostgresStore(address, pulse_s=3600.0)
    new = tuple(NewThread(f"t{n}", f"t{n}") for n in range(NUMBER))
    opened.apply(
        [
            CreateSession(op_id=new_id(), at_us=1, session_id="a"),
            CreateSession(op_id=new_id(), at_us=1, session_id="b"),
            CreateThreads(op_id=new_id(), at_us=1, session_id="a", threads=new),
        ]
    )
    yield opened
    opened.close()


def move(thread_id: str, *, source: str | None = "a", to: str = "b") -> TransferThreads:
    return TransferThreads(
        op_id=new_id(),
        at_us=2,
        thread_ids=(thread_id,),
        from_session_id=source,
        to_session_id=to,
    )


def fetches(store: PostgresStore, operations: list[Operation]) -> tuple[int, int, int]:
    """Apply a group; return how often was fetched, sent, and sent in vain."""
    before = store.cluster_statistics()
    outcomes: list[Outcome] = store.apply(operations)
    assert [None] * len(operations) == [outcome.error for outcome in outcomes]
    after = store.cluster_statistics()
    return (
        after.fetches - before.fetches,
        after.commits - before.commits,
        after.conflicts - before.conflicts,
    )


@pytest.mark.parametrize("source", ["a", None])
@pytest.mark.parametrize(("remembered", "most"), [(True, 1), (False, 2)])
def test_a_group_of_transfers_is_fetched_for_as_a_whole(
    store: PostgresStore, source: str | None, remembered: bool, most: int
) -> None:
    """The second time for rows that the threads' records tell of."""
    if not remembered:
        store.forget()
    group: list[Operation] = [move(f"t{n}", source=source) for n in range(NUMBER)]
    fetched, *sent = fetches(store, group)
    assert fetched <= (1 if source else most)
    assert [1, 0] == sent


def test_threads_that_go_to_and_fro_need_no_fetch_at_all(store: PostgresStore) -> None:
    there: list[Operation] = [move(f"t{n}") for n in range(NUMBER)]
    back: list[Operation] = [move(f"t{n}", source="b", to="a") for n in range(NUMBER)]
    fetches(store, there)
    assert (0, 1, 0) == fetches(store, back)


def test_a_name_that_is_taken_after_all_refuses_its_own_transfer_only(
    store: PostgresStore,
) -> None:
    """That it is free was taken for granted, and the commit did not."""
    taken = (NewThread("x", "t0"),)
    store.apply([CreateThreads(op_id=new_id(), at_us=1, session_id="b", threads=taken)])
    store.forget()
    outcomes = store.apply([move("t0"), move("t1")])
    assert [NameTaken, type(None)] == [type(one.error) for one in outcomes]
    assert 1 == store.cluster_statistics().conflicts


def test_what_follows_from_a_thread_is_told_when_the_thread_is_known() -> None:
    thread = Thread(
        thread_id="t", session_id="a", thread_name="n", workflow=None,
        config_raw=EMPTY, status="idle", metadata_raw=EMPTY, created_at_us=1,
        updated_at_us=1, rev=1, created_seq=1, updated_seq=1,
    )  # fmt: skip
    seen = Foresight([move("t", source=None)], lambda _tree, _key: False)
    tree, raw = thread_key("t")[-2:]
    known: dict[tuple[str, bytes], bytes | None] = {}
    rounds = seen.rounds(known)
    first, _ = next(rounds)
    assert {(tree, raw), session_key("b")[-2:], association_key("t", "b")[-2:]} == first
    known[tree, raw] = encode(tree, raw, thread)
    rows, names = next(rounds)
    assert {association_key("t", "a")[-2:]} == rows
    assert {name_key("b", "n")[-2:]} == names
    assert [] == list(rounds)


def refused_create() -> Operation:
    names = (NewThread("u0", "t0"), NewThread("u1", "t1"))
    return CreateThreads(op_id=new_id(), at_us=2, session_id="a", threads=names)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (RenameThread(thread_id="t0", new_name="new"), move("t0", to="a")),
        (RenameThread(thread_id="t0", new_name="new"), refused_create()),
        (RemoveThreads(threads=("t0",)), refused_create()),
        (move("t0"), refused_create()),
    ],
    ids=["renamed, moved to itself", "renamed", "removed", "moved away"],
)
def test_a_name_that_is_given_up_is_deleted_though_it_was_taken_for_free(
    store: PostgresStore, first: Operation, second: Operation
) -> None:
    """What comes behind in the group has it assumed that nothing is there."""
    store.forget()  # as after a take-over: nobody knows who has the name
    store.apply([replace(one, op_id=new_id(), at_us=2) for one in (first, second)])
    with store.read() as snapshot:
        assert [] == check(snapshot).inconsistencies
    create = CreateThreads(
        op_id=new_id(), at_us=3, session_id="a", threads=(NewThread("v", "t0"),)
    )
    assert [None] == [outcome.error for outcome in store.apply([create])]
