"""What concerns two shards is one commit, and both show it."""

import threading
import time
from typing import TYPE_CHECKING

import psycopg
import pytest

from tests.cluster.local import LocalCluster, ids_on
from tests.cluster.shards.looking import (
    GATES,
    WAIT_S,
    WORKFLOWS,
    create,
    names,
    remembered,
)
from weft.cluster.reshard import reshard
from weft.cluster.slots import slot_of
from weft.storage import (
    CreateThreads,
    NameTaken,
    NewThread,
    Operation,
    SessionClosed,
    SessionNotFound,
    Thread,
    ThreadBusy,
    ThreadNotFound,
    TransferThreads,
    new_id,
)

if TYPE_CHECKING:
    from weft.actors import Future


def test_a_transfer_between_shards_is_one_commit_and_both_sessions_show_it(
    cluster: LocalCluster, pair: tuple[str, str]
) -> None:
    here, there = pair
    thread_id = create(cluster, here, "notes")
    moved = cluster.runtime.coordinator.transfer_thread_between_sessions(
        thread_id, here, there
    ).get(timeout=WAIT_S)
    assert (there, 2) == (moved.session_id, moved.rev)
    assert [] == names(cluster, here)
    assert {} == remembered(cluster)[here]
    assert {"notes": thread_id} == remembered(cluster)[there]
    log = cluster.runtime.coordinator.list_operations(thread_id=thread_id, limit=99)
    assert 1 == sum(one.kind == "TransferThreads" for one in log.get(timeout=WAIT_S))


@pytest.mark.parametrize("way", ["there", "back"])
def test_a_transfer_that_is_refused_changes_nothing_on_either_shard(
    cluster: LocalCluster, pair: tuple[str, str], way: str
) -> None:
    source, target = pair if way == "there" else pair[::-1]
    thread_id = create(cluster, source, "notes")
    create(cluster, target, "notes")
    coordinator = cluster.runtime.coordinator
    with pytest.raises(NameTaken):
        coordinator.transfer_thread_between_sessions(thread_id, source, target).get(
            timeout=WAIT_S
        )
    with pytest.raises(ThreadNotFound):
        coordinator.transfer_thread_between_sessions(thread_id, target, source).get(
            timeout=WAIT_S
        )
    nobody = ids_on(1 if way == "there" else 0, 2, 1, new_id())[0]
    with pytest.raises(SessionNotFound):
        coordinator.transfer_thread_between_sessions(thread_id, source, nobody).get(
            timeout=WAIT_S
        )
    assert ["notes"] == names(cluster, source)
    assert {"notes": thread_id} == remembered(cluster)[source]


def test_a_transfer_creates_its_session_on_the_other_shard_if_it_is_to(
    cluster: LocalCluster, pair: tuple[str, str]
) -> None:
    thread_id = create(cluster, pair[0], "notes")
    fresh = ids_on(1, 2, 1, new_id())[0]
    cluster.runtime.thread(thread_id).transfer_to(fresh).get(timeout=WAIT_S)
    assert ["notes"] == names(cluster, fresh)


def test_opposite_transfers_at_once_all_happen_and_nobody_waits_for_ever(
    cluster: LocalCluster, pair: tuple[str, str]
) -> None:
    here, there = pair
    mine = [create(cluster, here, f"a{n}") for n in range(12)]
    yours = [create(cluster, there, f"b{n}") for n in range(12)]
    move = cluster.runtime.coordinator.transfer_thread_between_sessions
    moving: list[Future[Thread]] = []
    for a, b in zip(mine, yours, strict=True):
        moving += [move(a, here, there), move(b, there, here)]
    for future in moving:
        future.get(timeout=WAIT_S)
    assert sorted(f"b{n}" for n in range(12)) == names(cluster, here)
    assert sorted(f"a{n}" for n in range(12)) == names(cluster, there)
    assert set(yours) == set(remembered(cluster)[here].values())
    assert set(mine) == set(remembered(cluster)[there].values())


def test_two_transfers_of_one_thread_at_once_have_one_winner(
    cluster: LocalCluster, pair: tuple[str, str]
) -> None:
    here, there = pair
    other = ids_on(1, 2, 2, here)[1]
    cluster.runtime.coordinator.create_session(other).get(timeout=WAIT_S)
    move = cluster.runtime.coordinator.transfer_thread_between_sessions
    for n in range(5):
        thread_id = create(cluster, here, f"t{n}")
        asked = [move(thread_id, here, there), move(thread_id, here, other)]
        won = 0
        for future in asked:
            try:
                future.get(timeout=WAIT_S)
                won += 1
            except ThreadNotFound:
                pass
        assert 1 == won
        assert [thread_id] == [
            one
            for session_id in (here, there, other)
            for one in remembered(cluster)[session_id].values()
            if one == thread_id
        ]


def test_a_batch_over_both_shards_is_all_or_nothing(
    cluster: LocalCluster, pair: tuple[str, str]
) -> None:
    here, there = pair
    moves = create(cluster, there, "moves")
    parts: list[Operation] = [
        CreateThreads(session_id=here, threads=(NewThread(new_id(), "x"),)),
        CreateThreads(session_id=there, threads=(NewThread(new_id(), "x"),)),
        TransferThreads(thread_ids=(moves,), to_session_id=here),
    ]
    made = cluster.runtime.coordinator.transact(parts).get(timeout=WAIT_S)
    assert [here, there, here] == [threads[0].session_id for threads in made]
    assert ["moves", "x"] == names(cluster, here)
    assert ["x"] == names(cluster, there)
    assert {"moves", "x"} == set(remembered(cluster)[here])
    assert {"x"} == set(remembered(cluster)[there])
    again: list[Operation] = [
        CreateThreads(session_id=here, threads=(NewThread(new_id(), "y"),)),
        CreateThreads(session_id=there, threads=(NewThread(new_id(), "x"),)),
    ]
    with pytest.raises(NameTaken):
        cluster.runtime.coordinator.transact(again).get(timeout=WAIT_S)
    assert ["moves", "x"] == names(cluster, here)


def test_a_session_is_closed_with_its_threads_moved_to_another_shard(
    cluster: LocalCluster, pair: tuple[str, str]
) -> None:
    here, there = pair
    for n in range(3):
        create(cluster, here, f"t{n}")
    cluster.runtime.coordinator.close_session(here, there).get(timeout=WAIT_S)
    assert ["t0", "t1", "t2"] == names(cluster, there)
    assert {"t0", "t1", "t2"} == set(remembered(cluster)[there])
    with pytest.raises(SessionClosed):
        cluster.runtime.coordinator.create_thread_with_session(here, {}, "late").get(
            timeout=WAIT_S
        )


def test_runs_are_executed_where_the_thread_is_and_go_on_after_a_transfer(
    cluster: LocalCluster, pair: tuple[str, str]
) -> None:
    here, there = pair
    coordinator = cluster.runtime.coordinator
    thread_id = create(cluster, here, "notes")
    first = coordinator.execute_workflow_in_session(here, "notes", {"name": "Ada"})
    assert {"hello": "Ada", "step": 2} == first.get(timeout=WAIT_S)
    coordinator.transfer_thread_between_sessions(thread_id, here, there).get(
        timeout=WAIT_S
    )
    seen = list(coordinator.stream_workflow_in_session(there, "notes", {"name": "B"}))
    assert [1, 2] == [state["step"] for state in seen]
    history = coordinator.thread_history(thread_id).get(timeout=WAIT_S)
    assert 4 == len(history)
    ran = cluster.post.shards[1].runtime.statistics().runs
    assert 1 <= ran["success"]


def test_a_busy_thread_is_refused_waited_for_or_cancelled_across_shards(
    cluster: LocalCluster, pair: tuple[str, str]
) -> None:
    here, there = pair
    coordinator = cluster.runtime.coordinator
    gate = GATES[here] = threading.Event()
    thread_id = create(cluster, here, "notes")
    run = coordinator.start_run(
        {"gate": here}, thread_id=thread_id, workflow="wait"
    ).get(timeout=WAIT_S)
    move = coordinator.transfer_thread_between_sessions
    with pytest.raises(ThreadBusy):
        move(thread_id, here, there).get(timeout=WAIT_S)
    waits = move(thread_id, here, there, if_running="wait")
    assert not waits.done()
    gate.set()
    assert there == waits.get(timeout=WAIT_S).session_id
    ended = coordinator.get_run(run.run_id).get(timeout=WAIT_S)
    assert ended is not None
    assert "success" == ended.status


def test_a_peer_that_hears_nothing_holds_an_answer_up_for_a_second_at_most(
    cluster: LocalCluster, pair: tuple[str, str]
) -> None:
    here, there = pair
    thread_id = create(cluster, here, "notes")
    cluster.post.deaf = {0}
    try:
        began_s = time.monotonic()
        cluster.runtime.coordinator.transfer_thread_between_sessions(
            thread_id, here, there
        ).get(timeout=WAIT_S)
        assert time.monotonic() - began_s < 5.0
    finally:
        cluster.post.deaf = set()
    # Its memory is behind, and decides nothing: the name is free, and is known to be.
    create(cluster, here, "notes")
    assert 1 == cluster.post.shards[1].report(1, "").unheard


def test_a_new_process_tells_what_the_one_before_committed_and_did_not_tell(
    cluster: LocalCluster, pair: tuple[str, str]
) -> None:
    here, there = pair
    thread_id = create(cluster, here, "notes")
    old = cluster.post.shards[1]
    old.runtime.store.tell = len  # it dies between the commit and the telling
    move = cluster.runtime.coordinator.transfer_thread_between_sessions
    move(thread_id, here, there).get(timeout=WAIT_S)
    assert {"notes": thread_id} == remembered(cluster)[here]
    old.runtime.close(1.0)
    cluster.start(1)
    mail = [to for to, changed in cluster.post.told if here in changed.session_ids]
    assert [0] == mail
    asked = cluster.post.run(0, cluster.post.shards[0].views([here]))
    assert [{}] == [view.threads for view in asked.result(WAIT_S)]


def test_a_peer_is_told_where_its_sessions_are_after_slots_have_moved(
    server: str,
) -> None:
    """The map that a shard began with is a hint, for all slots but its own."""
    name = f"weft_moved_{time.time_ns()}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    dsn = server.replace("/postgres?", f"/{name}?")
    here, there = (ids_on(shard, 3, 1)[0] for shard in (0, 1))
    with LocalCluster(dsn, 3, WORKFLOWS) as moved:
        for session_id in (here, there):
            moved.runtime.coordinator.create_session(session_id).get(timeout=WAIT_S)
        thread_id = create(moved, here, "notes")
        for shard in reshard(dsn, [slot_of(here)], 2):
            moved.post.shards[shard].runtime.close(0.0)
            moved.start(shard)
        create(moved, here, "more")  # resident on its new shard
        move = moved.runtime.coordinator.transfer_thread_between_sessions
        move(thread_id, here, there).get(timeout=WAIT_S)
        assert {"more"} == set(remembered(moved)[here])
        assert {"notes"} == set(remembered(moved)[there])


def test_after_all_of_this_the_database_is_consistent(cluster: LocalCluster) -> None:
    assert [] == cluster.runtime.check().inconsistencies
    assert [] == cluster.defects
