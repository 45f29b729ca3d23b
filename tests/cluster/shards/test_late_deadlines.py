"""A deadline that ends while the writer has the operation in its hand."""

import time
from collections.abc import Sequence
from threading import Event

import pytest

from tests.cluster.local import LocalCluster
from tests.cluster.shards.looking import WAIT_S, create, names
from weft.cluster.shard_store import ShardStore
from weft.storage import DeadlineExceeded, Operation, Outcome, new_id

NEVER = Event()


def proved(cluster: LocalCluster) -> int:
    """How many commits have proved fences of other shards."""
    stores = [shard.runtime.store for shard in cluster.post.shards.values()]
    return sum(store.cluster_statistics().across for store in stores)


def test_an_operation_whose_deadline_ends_behind_the_writers_look_proves_its_peer(
    cluster: LocalCluster, pair: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer has found it in time; its caller is answered before it is sent."""
    here, there = pair
    thread_id, op_id = create(cluster, here, "notes"), new_id()
    apply, written = ShardStore.apply, Event()

    def apply_late(store: ShardStore, operations: Sequence[Operation]) -> list[Outcome]:
        if all(one.op_id != op_id for one in operations):
            return apply(store, operations)
        until_s = time.monotonic() + WAIT_S
        while op_id in store.across and time.monotonic() < until_s:
            NEVER.wait(0.002)
        try:
            return apply(store, operations)
        finally:
            written.set()

    transfer = cluster.runtime.coordinator.transfer_thread_between_sessions
    before = proved(cluster)
    with monkeypatch.context() as patch:
        patch.setattr(ShardStore, "apply", apply_late)
        asked = transfer(thread_id, here, there, op_id=op_id, timeout_s=0.1)
        with pytest.raises(DeadlineExceeded):
            asked.get(timeout=WAIT_S)
        assert written.wait(WAIT_S)
    assert 1 == proved(cluster) - before
    answer = transfer(thread_id, here, there, op_id=op_id).get(timeout=WAIT_S)
    assert there == answer.session_id
    assert ([], ["notes"]) == (names(cluster, here), names(cluster, there))
