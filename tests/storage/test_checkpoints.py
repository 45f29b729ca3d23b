"""Checkpoints in the store: the same on every store, fenced, whole, gone together."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.storage.client import Client
from tests.storage.samples import build_world, checkpoint, writes
from tests.storage.strategies import given_ids
from weft.storage import (
    CheckpointReader,
    CopyCheckpoints,
    DeleteCheckpoints,
    InvalidArgument,
    LmdbStore,
    NewValue,
    NewWrite,
    PutCheckpoint,
    PutWrites,
    RemoveThreads,
    Snapshot,
    StaleRevision,
    ThreadBusy,
    ThreadNotFound,
    TransferThreads,
)
from weft.storage import keys_checkpoints as keys
from weft.storage.keys import KEY_SIZE_BYTES_MAX, place
from weft.storage.operations import encode_value
from weft.storage.operations_checkpoints import BLOB_SIZE_BYTES_MAX

texts = st.text(min_size=0, max_size=300)
versions = st.one_of(
    st.integers(0, 2**63 - 1), st.floats(0, 1e9), st.text(min_size=1, max_size=60)
)


def put(
    client: Client,
    checkpoint_id: str,
    parent_id: str | None = None,
    *,
    thread_id: str = "t1",
    namespace: str = "",
    **channels: str,
) -> Any:
    """Put a checkpoint whose channels' versions are given; each is new in it."""
    return client.do(
        PutCheckpoint(
            thread_id=thread_id,
            checkpoint_ns=namespace,
            checkpoint_id=checkpoint_id,
            parent_id=parent_id,
            versions=dict(channels),
            data=("null", b""),
            metadata=("null", b""),
            values=tuple(
                NewValue(name, version, ("bytes", f"{name} {version}".encode()))
                for name, version in channels.items()
            ),
        )
    )


def ids(snapshot: Snapshot, thread_id: str = "t1", namespace: str = "") -> list[str]:
    reader = CheckpointReader(snapshot)
    return [one.checkpoint_id for one in reader.checkpoints(thread_id, namespace)]


def kinds(snapshot: Snapshot, thread_id: str = "t1") -> list[str]:
    return [key[0] for key, _ in snapshot.graph_entries(thread_id)]


def everything(snapshot: Snapshot) -> list[bytes]:
    return [key for key, _ in snapshot.entries("C")]


@pytest.fixture
def world(client: Client) -> Client:
    build_world(client)
    return client


# Keys


@given(given_ids, texts, given_ids, given_ids, st.integers(-4, 2**31 - 1), versions)
def test_every_key_fits_and_tells_its_kind(
    thread_id: str, text: str, an_id: str, task_id: str, index: int, version: Any
) -> None:
    made = {
        keys.checkpoint_key(thread_id, text, an_id),
        keys.pending_write_key(thread_id, text, an_id, task_id, index),
        keys.channel_key(thread_id, text, text, version),
        keys.writer_key(thread_id),
        keys.writer_run_key(thread_id, an_id),
    }
    for key in made:
        tree, raw = place(key)
        assert ("C", key) == (tree, keys.entry_key(thread_id, raw))
        assert len(raw) <= KEY_SIZE_BYTES_MAX
        assert key == keys.moved(keys.moved(key, "other"), thread_id)
    assert an_id == keys.run_of(thread_id, keys.writer_run_key(thread_id, an_id)[-1])
    assert keys.run_of(thread_id, keys.writer_key(thread_id)[-1]) is None


def test_a_version_is_a_value_of_its_own_by_type_and_text() -> None:
    made = [keys.channel_key("t", "", "c", v) for v in (1, "1", 1.5, "1.5", "01.5")]
    assert len(made) == len(set(made))


# Reading what was written


def test_a_checkpoint_is_read_with_its_values_and_writes(world: Client) -> None:
    assert "c1" == put(world, "c1", a="1.1", b="1.2")
    world.do(
        PutWrites(
            thread_id="t1",
            checkpoint_ns="",
            checkpoint_id="c1",
            task_id="task-z",
            task_path="~1",
            writes=(NewWrite(1, "b", ("x", b"2")), NewWrite(0, "a", ("x", b"1"))),
        )
    )
    world.do(writes("t1"))

    def look(snapshot: Snapshot) -> Any:
        reader = CheckpointReader(snapshot)
        found = reader.checkpoint("t1")
        assert found is not None
        order = [(w.task_id, w.index) for w in reader.writes(found)]
        return found.checkpoint_id, reader.values(found), order

    values = {"a": ("bytes", b"a 1.1"), "b": ("bytes", b"b 1.2")}
    order = [("task", 0), ("task-z", 0), ("task-z", 1)]
    assert ("c1", values, order) == world.see(look)


def test_checkpoints_come_newest_first_and_by_namespace(world: Client) -> None:
    for checkpoint_id in ("c2", "c1", "c3"):
        put(world, checkpoint_id)
        put(world, checkpoint_id, namespace="inner:1|deep")
    assert ["c3", "c2", "c1"] == world.see(ids)
    with world.store.read() as snapshot:
        reader = CheckpointReader(snapshot)
        older = [c.checkpoint_id for c in reader.checkpoints("t1", "", "c3")]
        assert ["c2", "c1"] == older
        assert {"", "inner:1|deep"} == set(reader.namespaces("t1"))
        assert ["t1"] == list(reader.threads())
        assert reader.checkpoint("t1", "", "c9") is None
        assert reader.checkpoint("t2") is None


def test_a_write_that_is_there_stays_but_a_special_one_is_replaced(
    world: Client,
) -> None:
    put(world, "c1")

    def write(index: int, data: bytes) -> int:
        written: int = world.do(
            PutWrites(
                thread_id="t1",
                checkpoint_ns="",
                checkpoint_id="c1",
                task_id="task",
                writes=(NewWrite(index, "a", ("x", data)),),
            )
        )
        return written

    assert [1, 0] == [write(0, b"first"), write(0, b"second")]
    assert [1, 1] == [write(-1, b"first"), write(-1, b"second")]
    with world.store.read() as snapshot:
        reader = CheckpointReader(snapshot)
        found = reader.checkpoint("t1")
        assert found is not None
        assert [b"second", b"first"] == [w.data[1] for w in reader.writes(found)]


# Life and death


def test_a_thread_is_created_only_if_it_never_lived(world: Client) -> None:
    world.do(checkpoint("t9", session_id="new session"))
    thread = world.see(lambda s: s.thread("t9"))
    assert thread is not None
    assert "new session" == thread.session_id
    assert ThreadNotFound is type(world.refuse(checkpoint("t8")))
    assert ThreadNotFound is type(world.refuse(checkpoint("t0", session_id="a")))
    world.do(RemoveThreads(threads=("t9",)))
    assert ThreadNotFound is type(world.refuse(checkpoint("t9", session_id="a")))


def test_a_removed_thread_leaves_no_entry_and_the_others_keep_theirs(
    world: Client,
) -> None:
    world.do(checkpoint("t3", run_id="r"))
    before = world.see(everything)
    world.do(checkpoint("t1", run_id="r"))
    world.do(writes("t1", run_id="r"))
    world.do(RemoveThreads(threads=("t1",)))
    assert before == world.see(everything)


def test_a_removal_in_the_group_of_the_write_finds_it(world: Client) -> None:
    outcomes = world.group(
        checkpoint("t1", run_id="r"), RemoveThreads(threads=("t1",)), writes("t1")
    )
    assert [None, None, ThreadNotFound] == [
        None if one.error is None else type(one.error) for one in outcomes
    ]
    assert [] == world.see(everything)


# Who may write


def test_a_run_that_was_followed_is_stale_until_the_thread_ends(world: Client) -> None:
    for run_id in ("old", "old", "new"):
        world.do(checkpoint("t1", run_id=run_id))
    for operation in (checkpoint("t1", run_id="old"), writes("t1", run_id="old")):
        assert StaleRevision is type(world.refuse(operation))
    world.do(checkpoint("t1"))  # somebody who does not say who it is
    world.do(checkpoint("t3", run_id="old"))  # another thread, another matter


def test_beside_wefts_own_run_nobody_writes(world: Client) -> None:
    assert ThreadBusy is type(world.refuse(checkpoint("t2")))
    assert ThreadBusy is type(world.refuse(checkpoint("t2", run_id="r2")))
    assert StaleRevision is type(world.refuse(checkpoint("t2", run_id="r2", attempt=2)))
    assert StaleRevision is type(world.refuse(checkpoint("t2", run_id="r3", attempt=1)))
    world.do(checkpoint("t2", run_id="r2", attempt=1))


def test_a_transfer_stales_a_named_rev_and_keeps_the_run(world: Client) -> None:
    world.do(checkpoint("t2", run_id="r2", attempt=1, rev=1))
    world.do(TransferThreads(thread_ids=("t2",), to_session_id="b", even_busy=True))
    assert StaleRevision is type(
        world.refuse(checkpoint("t2", run_id="r2", attempt=1, rev=1))
    )
    world.do(checkpoint("t2", run_id="r2", attempt=1))


def test_a_state_is_appended_in_the_transaction_of_its_checkpoint(
    world: Client,
) -> None:
    brought: Any = {"state_id": "s9", "state": encode_value({"n": 1})}
    assert StaleRevision is type(
        world.refuse(checkpoint("t2", run_id="r2", attempt=2, **brought))
    )
    world.do(checkpoint("t2", run_id="r2", attempt=1, **brought))
    with world.store.read() as snapshot:
        state = snapshot.state("t2")
        found = CheckpointReader(snapshot).checkpoint("t2")
    assert state is not None
    assert found is not None
    assert ("s9", "r2", {"n": 1}) == (state.state_id, state.run_id, state.values)
    assert found.created_seq == state.created_seq


# Deleting and copying


def test_pruning_keeps_the_newest_of_each_namespace_and_its_values(
    world: Client,
) -> None:
    put(world, "c1", a="1.1", b="1.1")
    put(world, "c2", "c1", a="2.1")
    put(world, "c1", namespace="inner", a="1.1")
    world.do(writes("t1"))  # on c1
    assert 1 == world.do(DeleteCheckpoints(thread_id="t1", keep_latest=True))
    assert ["c2"] == world.see(ids)
    assert ["c1"] == world.see(lambda s: ids(s, namespace="inner"))
    expected = ["channel", "channel", "checkpoint", "checkpoint"]
    assert expected == sorted(world.see(kinds))
    assert 2 == world.do(DeleteCheckpoints(thread_id="t1"))
    assert [] == world.see(everything)


def test_pruning_keeps_what_a_sum_of_writes_is_made_of(world: Client) -> None:
    parent = None
    for number in range(1, 7):
        values = (NewValue("sum", f"{number}.1", ("x", b"")),) if number == 3 else ()
        world.do(
            PutCheckpoint(
                thread_id="t1",
                checkpoint_ns="",
                checkpoint_id=f"c{number}",
                parent_id=parent,
                versions={"sum": f"{number}.1"},
                data=("null", b""),
                metadata=("null", b""),
                deltas=("sum",),
                values=values,
            )
        )
        parent = f"c{number}"
    assert 2 == world.do(DeleteCheckpoints(thread_id="t1", keep_latest=True))
    assert ["c6", "c5", "c4", "c3"] == world.see(ids)


def test_the_checkpoints_of_a_run_go_and_its_late_writes_stay_out(
    world: Client,
) -> None:
    world.do(checkpoint("t1", run_id="old"))
    put(world, "c2", "c1", words="2.1")
    with world.store.read() as snapshot:
        found = list(CheckpointReader(snapshot).threads_of_run("old"))
    assert ["t1"] == found
    assert 1 == world.do(DeleteCheckpoints(thread_id="t1", run_ids=("old",)))
    assert ["c2"] == world.see(ids)
    assert [] == world.see(lambda s: list(CheckpointReader(s).threads_of_run("old")))
    world.do(checkpoint("t1", run_id="new"))
    assert StaleRevision is type(world.refuse(checkpoint("t1", run_id="old")))


def test_a_copy_has_all_of_its_own(world: Client) -> None:
    world.do(checkpoint("t1", run_id="r"))
    world.do(writes("t1"))
    copy = CopyCheckpoints(thread_id="t1", to_thread_id="t9", session_id="b")
    assert 4 == world.do(copy)
    world.do(RemoveThreads(threads=("t1",)))
    with world.store.read() as snapshot:
        reader = CheckpointReader(snapshot)
        found = reader.checkpoint("t9")
        assert found is not None
        assert {"words": ("msgpack", b"\xa2hi")} == reader.values(found)
        assert ["t9"] == [write.thread_id for write in reader.writes(found)]
        assert ["t9"] == list(reader.threads_of_run("r"))
    assert InvalidArgument is type(
        world.refuse(CopyCheckpoints(thread_id="t9", to_thread_id="t9", session_id="b"))
    )


def test_a_value_beyond_the_limit_is_refused_at_the_edge() -> None:
    data = ("bytes", bytes(BLOB_SIZE_BYTES_MAX + 1))
    with pytest.raises(InvalidArgument, match="16777217 bytes"):
        PutWrites(
            thread_id="t",
            checkpoint_ns="",
            checkpoint_id="c",
            task_id="task",
            writes=(NewWrite(0, "a", data),),
        )


def test_what_was_committed_is_there_after_the_store_was_closed(
    lmdb_store: LmdbStore,
) -> None:
    client = Client(lmdb_store)
    build_world(client)
    put(client, "c1", a="1.1")
    expected = client.see(everything)
    lmdb_store.close()
    again = LmdbStore(lmdb_store.directory)
    with again.read() as snapshot:
        assert expected == everything(snapshot)
    again.close()
