"""Shards of one database: every operation finds its shard, and shards agree."""

import time

import pytest

from tests.cluster.local import LocalCluster
from tests.cluster.shards.looking import (
    WAIT_S,
    create,
    names,
    remembered,
)
from weft.cluster.errors import NotInCluster, ShardUnavailable, WrongShard
from weft.cluster.shard_mail import Letter, decode_answers, encode, failure_of
from weft.storage import (
    CreateSession,
    CreateThreads,
    DeadlineExceeded,
    NewThread,
    ThreadNotFound,
    WorkflowExecutionError,
    new_id,
)


def test_sessions_and_threads_are_made_on_the_shard_of_their_slot(
    cluster: LocalCluster, pair: tuple[str, str]
) -> None:
    here, there = pair
    a, b = create(cluster, here, "notes"), create(cluster, there, "notes")
    assert ["notes"] == names(cluster, here)
    assert {"notes": a} == remembered(cluster)[here]
    assert {"notes": b} == remembered(cluster)[there]
    on_zero = cluster.post.shards[0].runtime.views()
    assert there not in {view.session_id for view in on_zero}


def test_a_thread_is_renamed_and_removed_by_its_id_wherever_it_is(
    cluster: LocalCluster, pair: tuple[str, str]
) -> None:
    coordinator = cluster.runtime.coordinator
    for session_id in pair:
        thread_id = create(cluster, session_id, "a")
        coordinator.rename_thread(thread_id, "b").get(timeout=WAIT_S)
        assert ["b"] == names(cluster, session_id)
        coordinator.remove_thread(thread_id).get(timeout=WAIT_S)
        assert [] == names(cluster, session_id)
    with pytest.raises(ThreadNotFound):
        coordinator.remove_thread("nobody-has-it").get(timeout=WAIT_S)


def test_an_operation_that_is_repeated_gets_its_first_answer_from_any_shard(
    cluster: LocalCluster, pair: tuple[str, str]
) -> None:
    here, there = pair
    thread_id = create(cluster, here, "notes")
    move = cluster.runtime.coordinator.transfer_thread_between_sessions
    op_id = new_id()
    first = move(thread_id, here, there, op_id=op_id).get(timeout=WAIT_S)
    move(thread_id, there, here).get(timeout=WAIT_S)
    assert first == move(thread_id, here, there, op_id=op_id).get(timeout=WAIT_S)
    assert ["notes"] == names(cluster, here)


def test_an_operation_that_is_sent_twice_at_once_happens_once(
    cluster: LocalCluster, pair: tuple[str, str]
) -> None:
    """While the first copy is in flight the second must not hear "name taken"."""
    for session_id in pair:
        op_id, thread_id = new_id(), new_id()
        letters = [
            Letter(
                CreateThreads(
                    op_id=op_id,
                    at_us=1,
                    session_id=session_id,
                    threads=(NewThread(thread_id, "twice"),),
                ),
                session_id,
                ("twice",),
                (),
                "reject",
            )
        ] * 2
        shard = pair.index(session_id)
        payload = cluster.post.send(shard, "apply", encode(letters))
        answers = decode_answers(payload.result(WAIT_S))
        assert [None, None] == [failure_of(answer) for answer in answers]
        assert answers[0] == answers[1]


def test_a_run_that_fails_tells_the_caller_its_own_error(
    cluster: LocalCluster, pair: tuple[str, str]
) -> None:
    create(cluster, pair[1], "notes")
    run = cluster.runtime.coordinator.execute_workflow_in_session(
        pair[1], "notes", workflow="fail"
    )
    with pytest.raises(WorkflowExecutionError) as caught:
        run.get(timeout=WAIT_S)
    assert isinstance(caught.value.cause, ValueError)


def test_a_letter_for_a_session_of_another_shard_is_sent_back(
    cluster: LocalCluster, pair: tuple[str, str]
) -> None:
    operation = CreateSession(session_id=pair[1] + "x", op_id=new_id(), at_us=1)
    letter = Letter(operation, pair[1], (), (), "reject")
    answered = cluster.post.send(0, "apply", encode([letter])).result(WAIT_S)
    error = failure_of(decode_answers(answered)[0])
    assert isinstance(error, WrongShard)
    assert 1 == error.details["shard"]
    assert operation.op_id == error.op_id


def test_memory_is_read_within_the_bound_or_as_of_now(
    cluster: LocalCluster, pair: tuple[str, str]
) -> None:
    here, there = pair
    thread_id = create(cluster, here, "notes")
    shard = cluster.post.shards[0]
    for linearizable in (False, True):
        asked = cluster.post.run(0, shard.views([here], linearizable=linearizable))
        assert [{"notes": thread_id}] == [view.threads for view in asked.result(WAIT_S)]
    with pytest.raises(WrongShard):
        cluster.post.run(0, shard.views([there])).result(WAIT_S)


def test_what_belongs_to_a_directory_says_so(cluster: LocalCluster) -> None:
    with pytest.raises(NotInCluster):
        cluster.runtime.backup("/nowhere")
    with pytest.raises(NotInCluster):
        cluster.runtime.store.apply([])


def test_a_timeout_is_answered_in_time_though_the_shard_hangs(
    cluster: LocalCluster, pair: tuple[str, str]
) -> None:
    cluster.post.deaf = {0, 1}
    try:
        future = cluster.runtime.coordinator.create_thread_with_session(
            pair[0], {}, "late", timeout_s=0.2
        )
        with pytest.raises(DeadlineExceeded) as caught:
            future.get(timeout=WAIT_S)
    finally:
        cluster.post.deaf = set()
    assert future.op_id == caught.value.op_id


def test_the_numbers_of_all_shards_are_added_up(cluster: LocalCluster) -> None:
    parts = [shard.statistics()[0] for shard in cluster.post.shards.values()]
    whole = cluster.runtime.statistics()
    applied = "CreateSession", "applied"
    assert whole.writer.operations[applied] == sum(
        part.writer.operations.get(applied, 0) for part in parts
    )
    assert whole.writer.commit_ns.count == sum(p.writer.commit_ns.count for p in parts)


def test_after_all_of_this_the_database_is_consistent(cluster: LocalCluster) -> None:
    assert [] == cluster.runtime.check().inconsistencies
    assert [] == cluster.defects


def test_a_shard_that_cannot_prove_its_epoch_stops_serving(
    cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    shard = cluster.post.shards[0]
    now_s = time.monotonic
    monkeypatch.setattr("weft.cluster.postgres.time.monotonic", lambda: now_s() + 3.5)
    with pytest.raises(ShardUnavailable, match="could not prove"):
        shard.check_fresh()
    asked = cluster.post.run(0, shard.apply(encode([])))
    with pytest.raises(ShardUnavailable):
        asked.result(WAIT_S)
