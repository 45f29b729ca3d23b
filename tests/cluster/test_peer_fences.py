"""Whose fences a commit proves: those of all shards whose sessions it changes.

Which shards an operation concerns is noted as it arrives. What it turns out to change
has the last word, for a note may be gone, or old.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

pytest.importorskip("psycopg", reason="needs the extra [cluster]: psycopg")

import psycopg

from tests.cluster.local import ids_on
from weft.cluster.errors import ShardUnavailable
from weft.cluster.fence import Fence
from weft.cluster.line import Line
from weft.cluster.reshard import reshard
from weft.cluster.schema import install
from weft.cluster.shard_store import ShardStore
from weft.cluster.slots import slot_of
from weft.storage import (
    Batch,
    CloseSession,
    CreateSession,
    CreateThreads,
    NewThread,
    Operation,
    Outcome,
    SessionClosed,
    TransferThreads,
    new_id,
)

SHARDS = 3


class Shards:
    """Three stores, and successors of theirs.

    Attributes:
        homes: a session of each, with a thread, for the test that is under way.
        threads: those threads.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        line = Line(address)
        install(line, SHARDS)
        line.close()
        self.opened: list[ShardStore] = []
        self.now = [self.open(shard) for shard in range(SHARDS)]

    def open(self, shard: int) -> ShardStore:
        store = ShardStore(self.address, shard=shard, on_defect=_raise, pulse_s=3600.0)
        self.opened.append(store)
        return store

    def begin(self) -> None:
        prefix = new_id()
        self.homes = [ids_on(n, SHARDS, 1, prefix)[0] for n in range(SHARDS)]
        self.threads = [f"{prefix}-{n}" for n in range(SHARDS)]
        for shard, home in enumerate(self.homes):
            applied(self.now[shard], op(CreateSession, session_id=home))
            applied(self.now[shard], thread_in(home, self.threads[shard]))

    def __getitem__(self, shard: int) -> ShardStore:
        return self.now[shard]

    def thread_in(self, shard: int, thread_id: str | None = None) -> Any:
        return thread_in(self.homes[shard], thread_id or new_id())

    def move(self, source: int, to: int) -> Any:
        """Return the transfer of a shard's thread, which does not say whose it is."""
        threads = (self.threads[source],)
        return op(TransferThreads, thread_ids=threads, to_session_id=self.homes[to])

    def owner(self, thread_id: str) -> str | None:
        with self.now[0].read() as snapshot:
            thread = snapshot.thread(thread_id)
        return None if thread is None else thread.session_id

    def home_of(self, source: int) -> int:
        """Return where a shard's thread is now."""
        return self.homes.index(self.owner(self.threads[source]) or "")


def _raise(error: BaseException) -> None:
    raise error


@pytest.fixture(scope="module")
def opened(server: str) -> Iterator[Shards]:
    """Three shards that all tests of this file share."""
    name = f"weft_fences_{time.time_ns()}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    made = Shards(server.replace("/postgres?", f"/{name}?"))
    yield made
    for store in made.opened:
        store.close()


@pytest.fixture
def shards(opened: Shards) -> Shards:
    """The same, each with a session of its own for this test."""
    opened.begin()
    return opened


def op(kind: Any, **fields: Any) -> Any:
    return kind(op_id=new_id(), at_us=1, **fields)


def thread_in(session_id: str, thread_id: str) -> Any:
    made = (NewThread(thread_id, thread_id),)
    return op(CreateThreads, session_id=session_id, threads=made)


def applied(store: ShardStore, operation: Operation) -> Outcome:
    (outcome,) = store.apply([operation])
    if outcome.error is not None:
        raise outcome.error
    return outcome


def across(store: ShardStore) -> int:
    """How many commits have proved fences of other shards."""
    return store.cluster_statistics().across


def test_a_commit_proves_the_fence_of_a_peer_that_nobody_has_noted(
    shards: Shards,
) -> None:
    proved, crossed = across(shards[1]), shards[1].crossed
    applied(shards[1], shards.move(0, to=1))
    assert (1, 1) == (across(shards[1]) - proved, shards[1].crossed - crossed)
    assert 1 == shards.home_of(0)


def test_one_that_nobody_has_noted_stands_among_others_in_its_place(
    shards: Shards,
) -> None:
    proved, crossed = across(shards[1]), shards[1].crossed
    noted, unnoted = shards.move(0, to=1), shards.move(2, to=1)
    shards[1].across[noted.op_id] = (0,)
    group = [shards.thread_in(1), unnoted, noted, shards.thread_in(1)]
    outcomes = shards[1].apply(group)
    assert group == [outcome.operation for outcome in outcomes]
    assert [None] * 4 == [outcome.error for outcome in outcomes]
    assert all(outcome.events for outcome in outcomes), "each is told of, once"
    assert (1, 2) == (across(shards[1]) - proved, shards[1].crossed - crossed)


def test_a_group_that_stays_inside_proves_its_own_fence_only(shards: Shards) -> None:
    proved, crossed = across(shards[1]), shards[1].crossed
    shards[1].apply([shards.thread_in(1), shards.thread_in(1)])
    assert (proved, crossed) == (across(shards[1]), shards[1].crossed)


def test_an_operation_without_a_note_is_refused_while_its_peer_is_taken_over(
    shards: Shards, monkeypatch: pytest.MonkeyPatch
) -> None:
    stale = shards[1].fences([0])
    shards.now[0] = shards.open(0)

    def last_known(_shards: Sequence[int]) -> list[Fence]:
        return stale

    late = shards.move(0, to=1)
    with monkeypatch.context() as patch:
        patch.setattr(shards[1], "fences", last_known)
        outcomes = shards[1].apply([shards.thread_in(1), late])
    assert outcomes[0].error is None
    assert isinstance(outcomes[1].error, ShardUnavailable)
    assert 0 == shards.home_of(0)
    applied(shards[1], late)  # the refusal was not entered in the log
    assert 1 == shards.home_of(0)


def test_a_session_is_not_closed_over_a_thread_of_which_nobody_made_a_note(
    shards: Shards,
) -> None:
    """Its own shard remembers the session without that thread."""
    late = new_id()
    batch = op(Batch, parts=(shards.thread_in(0), shards.thread_in(1, late)))
    applied(shards[0], batch)
    applied(shards[1], op(CloseSession, session_id=shards.homes[1]))
    assert shards.owner(late) is None
    again = op(Batch, parts=(shards.thread_in(0, late), shards.thread_in(1)))
    with pytest.raises(SessionClosed):
        applied(shards[0], again)
    assert shards.owner(late) is None


def test_a_thread_that_has_gone_on_meanwhile_has_its_new_shard_proved_as_well(
    shards: Shards,
) -> None:
    """The note is of where it was as the operation arrived."""
    away, late = shards.move(0, to=2), shards.move(0, to=1)
    applied(shards[2], away)
    shards.now[2] = shards.open(2)
    shards[1].across[late.op_id] = (0,)
    applied(shards[1], late)
    assert shards[2].fence == shards[1]._known_fences[2]
    assert 1 == shards.home_of(0)


def test_slots_that_went_from_peer_to_peer_are_proved_where_they_are(
    shards: Shards,
) -> None:
    """The map is as old as the note; the peer's new fence brings a new one."""
    late = shards.move(0, to=1)
    shards[1].across[late.op_id] = (0,)
    reshard(shards.address, [slot_of(shards.homes[0])], 2)
    shards.now[0], shards.now[2] = shards.open(0), shards.open(2)
    applied(shards[1], late)
    assert shards[2].fence == shards[1]._known_fences[2]
    assert 1 == shards.home_of(0)
