"""Threads that come and go, alone or in batches: effects, answers, refusals.

Part of the contract: every test runs on every store.
"""

from typing import Any

import pytest

from tests.storage.client import START_US, Client
from tests.storage.invariants import broken
from tests.storage.ownership import (
    names,
    row,
    session,
    thread,
    threads,
    told,
    transfer,
    with_two_sessions,
)
from weft.storage import Tombstone
from weft.storage.errors import (
    InvalidArgument,
    NameTaken,
    SessionNotFound,
    StaleRevision,
    ThreadBusy,
    ThreadExists,
    ThreadNotFound,
)
from weft.storage.keys import thread_key
from weft.storage.operations import (
    PARTS_MAX,
    AppendState,
    Batch,
    CloseSession,
    CreateThreads,
    FinishRun,
    NewThread,
    RemoveThreads,
    RenameThread,
    StartRun,
    TransferThreads,
    UpdateSession,
    UpdateThread,
)
from weft.storage.operations import encode_value as raw

client = pytest.fixture(with_two_sessions)


# -- threads come --------------------------------------------------------------------


def test_threads_are_created_as_they_were_asked_for(client: Client) -> None:
    new = NewThread(
        "t", "name", workflow="w", config=raw({"c": 1}), metadata=raw({"m": 2})
    )
    outcome = client.outcome(CreateThreads(session_id="b", threads=(new,)))
    (created,) = outcome.result
    now_us = START_US + client.number
    assert created == thread(client, "t")
    assert ("t", "b", "name", "w", "idle") == (
        created.thread_id,
        created.session_id,
        created.thread_name,
        created.workflow,
        created.status,
    )
    assert ({"c": 1}, {"m": 2}) == (created.config, created.metadata)
    assert (now_us, now_us) == (created.created_at_us, created.updated_at_us)
    assert (1, 4, 4) == (created.rev, created.created_seq, created.updated_seq)
    assert [("b", "adopted", "t", None)] == told(outcome)
    assert created == outcome.events[0].thread


def test_a_new_thread_has_an_active_association(client: Client) -> None:
    found = row(client, "a", "t1")
    assert ("a/t1", "one", True, 1, "session_thread", {}) == (
        found.association_id,
        found.thread_name,
        found.is_active,
        found.version,
        found.association_type,
        found.metadata,
    )


@pytest.mark.parametrize(
    ("pairs", "error"),
    [
        (("t3:three", "t1:four"), ThreadExists),
        (("t3:three", "t3:four"), ThreadExists),
        (("t3:three", "t4:one"), NameTaken),
        (("t3:three", "t4:three"), NameTaken),
    ],
)
def test_threads_are_created_all_or_none(
    client: Client, pairs: tuple[str, ...], error: type[NameTaken | ThreadExists]
) -> None:
    assert error is type(client.refuse(threads("a", *pairs)))


def test_a_taken_name_says_who_holds_it(client: Client) -> None:
    error = client.refuse(threads("a", "t3:one"))
    assert NameTaken is type(error)
    assert {"thread_name": "one", "held_by": "t1"} == error.details
    assert ("a", "t3") == (error.session_id, error.thread_id)


def test_sessions_may_use_the_same_names(client: Client) -> None:
    client.do(threads("b", "t3:one"))
    assert ({"one": "t3"}, "t1") == (names(client, "b"), names(client, "a")["one"])


def test_a_missing_session_is_created_with_its_threads_if_asked(
    client: Client,
) -> None:
    assert SessionNotFound is type(client.refuse(threads("s", "t3:x")))
    outcome = client.outcome(threads("s", "t3:x", create=True))
    assert [("s", "session", None, None), ("s", "adopted", "t3", None)] == told(outcome)
    created = client.see(lambda s: s.session("s"))
    assert created is not None
    assert ("open", {}, None) == (created.status, created.metadata, created.user_id)
    client.do(threads("s", "t4:y", create=True))
    assert created == client.see(lambda s: s.session("s"))


def test_no_session_is_left_behind_when_its_threads_are_refused(client: Client) -> None:
    assert NameTaken is type(client.refuse(threads("s", "t3:x", "t4:x", create=True)))
    assert ThreadNotFound is type(
        client.refuse(transfer("t9", "s", create_session=True))
    )
    assert client.see(lambda s: s.session("s")) is None


# -- threads go ----------------------------------------------------------------------


def test_threads_are_removed_by_id_or_name(client: Client) -> None:
    outcome = client.outcome(RemoveThreads(session_id="a", threads=("one", "t2")))
    assert ["t1", "t2"] == outcome.result
    assert [("a", "released", "t1", None), ("a", "released", "t2", None)] == told(
        outcome
    )
    assert {} == names(client, "a")
    assert not row(client, "a", "t1").is_active


def test_threads_are_removed_whoever_owns_them_by_id_only(client: Client) -> None:
    client.do(threads("b", "t3:three"))
    assert ThreadNotFound is type(client.refuse(RemoveThreads(threads=("one",))))
    assert ["t1", "t3"] == client.do(RemoveThreads(threads=("t1", "t3")))


@pytest.mark.parametrize(
    "operation",
    [
        RemoveThreads(session_id="a", threads=("one", "none")),
        RemoveThreads(session_id="a", threads=("one", "t3")),
        RemoveThreads(session_id="a", threads=("one", "t1")),
        RemoveThreads(threads=("t1", "t1")),
        RemoveThreads(session_id="b", threads=("t1",)),
    ],
)
def test_threads_are_removed_all_or_none(
    client: Client, operation: RemoveThreads
) -> None:
    client.do(threads("b", "t3:three"))
    assert ThreadNotFound is type(client.refuse(operation))


def test_a_name_counts_before_an_id(client: Client) -> None:
    client.do(RenameThread(thread_id="t1", new_name="t2"))
    assert ["t1"] == client.do(RemoveThreads(session_id="a", threads=("t2",)))


def test_a_removed_thread_leaves_a_tombstone_that_refuses_implicit_writes(
    client: Client,
) -> None:
    client.do(RemoveThreads(threads=("t1",)))
    stone = client.see(lambda s: s.get(thread_key("t1")))
    assert Tombstone("t1", 1, START_US + client.number, 4) == stone
    for operation in (
        AppendState(thread_id="t1", state_id="s", values=raw(1)),
        StartRun(thread_id="t1", run_id="r", workflow="w"),
        FinishRun(thread_id="t1", run_id="r"),
        RenameThread(thread_id="t1", new_name="x"),
        transfer("t1", "b"),
        RemoveThreads(threads=("t1",)),
    ):
        error = client.refuse(operation)
        assert ThreadNotFound is type(error)
        assert ("t1", True) == (error.thread_id, "was removed" in error.message)


def test_an_explicit_create_is_a_new_life_without_the_old_states(
    client: Client,
) -> None:
    client.do(AppendState(thread_id="t1", state_id="s1", values=raw(1)))
    client.do(StartRun(thread_id="t1", run_id="r", workflow="w"))
    client.do(FinishRun(thread_id="t1", run_id="r"))
    client.do(RemoveThreads(threads=("t1",)))
    (again,) = client.do(threads("b", "t1:reborn"))
    assert (2, "b", "idle") == (again.rev, again.session_id, again.status)
    assert [] == client.see(lambda s: list(s.states("t1")))
    assert [] == client.see(lambda s: list(s.runs("t1")))
    assert client.see(lambda s: s.run("r")) is None
    ref = client.do(AppendState(thread_id="t1", state_id="s2", values=raw(2)))
    assert 1 == ref.step
    late = AppendState(thread_id="t1", state_id="late", values=raw(3), rev=1)
    assert StaleRevision is type(client.refuse(late))
    assert [] == client.see(broken)


def test_lives_of_a_thread_in_one_group_do_not_mix(client: Client) -> None:
    outcomes = client.group(
        AppendState(thread_id="t1", state_id="old", values=raw(1)),
        StartRun(thread_id="t2", run_id="old", workflow="w"),
        RemoveThreads(threads=("t1", "t2"), even_busy=True),
        threads("b", "t1:x", "t2:y"),
        AppendState(thread_id="t1", state_id="new", values=raw(2)),
        StartRun(thread_id="t2", run_id="old", workflow="w"),
    )
    assert [None] * 6 == [outcome.error for outcome in outcomes]
    assert ["new"] == client.see(lambda s: [x.state_id for x in s.states("t1")])
    assert (2, 2) == (thread(client, "t1").rev, thread(client, "t2").rev)
    assert 1 == client.see(lambda s: s.counters).states
    assert [] == client.see(broken)


def test_lives_of_a_thread_in_one_batch_do_not_mix(client: Client) -> None:
    client.do(AppendState(thread_id="t1", state_id="oldest", values=raw(0)))
    create = threads("b", "t1:x")
    client.do(
        Batch(
            parts=(
                AppendState(thread_id="t1", state_id="older", values=raw(1)),
                RemoveThreads(threads=("t1",)),
                create,
                AppendState(thread_id="t1", state_id="old", values=raw(2)),
                RemoveThreads(threads=("t1",)),
                create,
                AppendState(thread_id="t1", state_id="new", values=raw(3)),
            )
        )
    )
    (state,) = client.see(lambda s: list(s.states("t1")))
    assert ("new", 1, None, 3) == (
        state.state_id,
        state.step,
        state.parent_id,
        state.rev,
    )
    assert [] == client.see(broken)


def test_a_thread_that_comes_back_to_its_session_has_its_first_row_again(
    client: Client,
) -> None:
    before = row(client, "a", "t1")
    client.do(RemoveThreads(threads=("t1",)))
    client.do(threads("a", "t1:again"))
    after = row(client, "a", "t1")
    assert (2, True, "again") == (after.version, after.is_active, after.thread_name)
    assert before.created_at_us == after.created_at_us


# -- batches and limits --------------------------------------------------------------


def test_a_batch_mixes_operations_and_answers_each(client: Client) -> None:
    parts = (
        session("c"),
        threads("c", "t3:three"),
        transfer("t1", "c"),
        RenameThread(thread_id="t1", new_name="uno"),
        AppendState(thread_id="t3", state_id="s", values=raw(1)),
        RemoveThreads(session_id="a", threads=("two",)),
        CloseSession(session_id="a"),
        UpdateSession(session_id="c", user_id="u"),
    )
    outcome = client.outcome(Batch(parts=parts))
    assert len(parts) == len(outcome.result)
    assert (4, 4) == (outcome.seq, client.store.seq)
    assert ("c", ["t2"], "closed") == (
        outcome.result[0].session_id,
        outcome.result[5],
        outcome.result[6].status,
    )
    assert {"uno": "t1", "three": "t3"} == names(client, "c")
    assert [] == client.see(broken)


@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_a_batch_with_any_part_refused_changes_nothing(
    client: Client, place: int
) -> None:
    parts: list[Any] = [
        session("c"),
        transfer("t1", "b"),
        RemoveThreads(threads=("t2",)),
    ]
    bad = RenameThread(thread_id="none", new_name="x")
    assert ThreadNotFound is type(
        client.refuse(Batch(parts=(*parts[:place], bad, *parts[place:])))
    )


def test_an_operation_takes_from_one_to_a_thousand_threads(client: Client) -> None:
    many = tuple(f"x{n}:x{n}" for n in range(PARTS_MAX))
    ids = tuple(pair.partition(":")[0] for pair in many)
    assert InvalidArgument is type(client.refuse(threads("a", *many, "one:more")))
    assert PARTS_MAX == len(client.do(threads("a", *many)))
    for too_many in (
        TransferThreads(thread_ids=(*ids, "t1"), to_session_id="b"),
        RemoveThreads(threads=(*ids, "t1")),
        TransferThreads(thread_ids=(), to_session_id="b"),
        RemoveThreads(threads=()),
        threads("a"),
    ):
        assert InvalidArgument is type(client.refuse(too_many))
    client.do(TransferThreads(thread_ids=ids, to_session_id="b"))
    assert list(ids) == client.do(RemoveThreads(threads=ids))
    assert [] == client.see(broken)


def test_a_batch_takes_up_to_a_thousand_parts(client: Client) -> None:
    parts = tuple(session(f"s{n}") for n in range(PARTS_MAX))
    assert InvalidArgument is type(
        client.refuse(Batch(parts=(*parts, session("more"))))
    )
    assert PARTS_MAX == len(client.do(Batch(parts=parts)))


def test_a_status_by_hand_is_counted_and_left_to_a_run_in_progress(
    client: Client,
) -> None:
    client.do(UpdateThread(thread_id="t1", status="interrupted"))
    assert "interrupted" == thread(client, "t1").status
    assert 1 == client.see(lambda seen: seen.counters.threads["interrupted"])
    client.do(UpdateThread(thread_id="t1", metadata=raw({"k": 1})))
    assert "interrupted" == thread(client, "t1").status
    client.do(UpdateThread(thread_id="t1", status="idle"))
    client.do(StartRun(run_id="r", thread_id="t1", workflow="w"))
    error = client.refuse(UpdateThread(thread_id="t1", status="idle"))
    assert isinstance(error, ThreadBusy)
    assert "busy" == thread(client, "t1").status
