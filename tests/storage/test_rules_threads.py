"""Sessions, and the threads that come, go and move: effects, answers, refusals.

Part of the contract: every test runs on every store.
"""

from typing import Any

import pytest

from tests.storage.client import START_US, Client
from tests.storage.invariants import broken
from weft.storage import Association, Outcome, Session, Thread, Tombstone
from weft.storage.errors import (
    InvalidArgument,
    NameTaken,
    SessionClosed,
    SessionExists,
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
    CreateSession,
    CreateThreads,
    FinishRun,
    NewThread,
    RemoveThreads,
    RenameThread,
    StartRun,
    TrackInteraction,
    TransferThreads,
    UpdateSession,
)
from weft.storage.operations import encode_value as raw


def session(session_id: str) -> CreateSession:
    return CreateSession(session_id=session_id)


def threads(session_id: str, *pairs: str, create: bool = False) -> CreateThreads:
    """Create threads from `id:name` pairs."""
    parted = [pair.partition(":") for pair in pairs]
    new = tuple(NewThread(thread_id, name) for thread_id, _, name in parted)
    return CreateThreads(session_id=session_id, threads=new, create_session=create)


def transfer(thread_id: str, to: str, **more: object) -> TransferThreads:
    return TransferThreads(thread_ids=(thread_id,), to_session_id=to, **more)  # type: ignore[arg-type]


def told(outcome: Outcome) -> list[tuple[str, str, str | None, str | None]]:
    """Return who is told what of which thread, and who else is in it."""
    return [
        (
            e.session_id,
            e.change,
            e.thread.thread_id if e.thread else None,
            e.counterpart,
        )
        for e in outcome.events
    ]


def names(client: Client, session_id: str) -> dict[str, str]:
    return dict(client.see(lambda s: list(s.names(session_id))))


def thread(client: Client, thread_id: str) -> Thread:
    found = client.see(lambda s: s.thread(thread_id))
    assert found is not None
    return found


def row(client: Client, session_id: str, thread_id: str) -> Association:
    found = client.see(lambda s: s.association(session_id, thread_id))
    assert found is not None
    return found


@pytest.fixture
def client(client: Client) -> Client:
    """Return a client of a store with sessions `a` and `b`; `a` owns `t1`, `t2`."""
    client.do(session("a"))
    client.do(session("b"))
    client.do(threads("a", "t1:one", "t2:two"))
    return client


# -- sessions ------------------------------------------------------------------------


def test_a_session_is_created_as_it_was_asked_for(client: Client) -> None:
    operation = CreateSession(session_id="s", user_id="u", metadata=raw({"k": [1]}))
    outcome = client.outcome(operation)
    now_us = START_US + client.number
    created = outcome.result
    assert isinstance(created, Session)
    assert created == client.see(lambda s: s.session("s"))
    assert ("s", "u", "open", {"k": [1]}) == (
        created.session_id,
        created.user_id,
        created.status,
        created.metadata,
    )
    assert (now_us, now_us) == (created.created_at_us, created.updated_at_us)
    assert (1, 4, 4) == (created.rev, created.created_seq, created.updated_seq)
    assert [("s", "session", None, None)] == told(outcome)
    assert created == outcome.events[0].session


def test_a_session_that_exists_is_refused_unless_it_may_be_opened(
    client: Client,
) -> None:
    error = client.refuse(session("a"), SessionExists)
    assert "a" == error.session_id
    before = client.see(lambda s: s.session("a"))
    again = CreateSession(session_id="a", user_id="other", open_existing=True)
    assert before == client.do(again) == client.see(lambda s: s.session("a"))


def test_a_closed_session_is_not_opened(client: Client) -> None:
    client.do(CloseSession(session_id="b"))
    again = CreateSession(session_id="b", open_existing=True)
    client.refuse(again, SessionClosed)
    client.refuse(session("b"), SessionExists)


def test_an_update_replaces_what_is_given_and_leaves_the_rest(client: Client) -> None:
    client.do(CreateSession(session_id="s", user_id="u", metadata=raw({"k": 1})))
    first = client.do(UpdateSession(session_id="s", metadata=raw({"l": 2})))
    assert ("u", {"l": 2}) == (first.user_id, first.metadata)
    outcome = client.outcome(UpdateSession(session_id="s", user_id="v"))
    assert ("v", {"l": 2}) == (outcome.result.user_id, outcome.result.metadata)
    assert (4, 6) == (outcome.result.created_seq, outcome.result.updated_seq)
    assert outcome.result == client.see(lambda s: s.session("s"))
    assert [("s", "session", None, None)] == told(outcome)
    assert outcome.result == outcome.events[0].session


def test_an_update_to_empty_metadata_is_not_no_update(client: Client) -> None:
    client.do(UpdateSession(session_id="a", metadata=raw({"k": 1})))
    assert {} == client.do(UpdateSession(session_id="a", metadata=raw({}))).metadata


def test_a_session_closes_with_its_threads_removed(client: Client) -> None:
    outcome = client.outcome(CloseSession(session_id="a"))
    assert ("closed", 2) == (outcome.result.status, outcome.result.rev)
    assert outcome.result == client.see(lambda s: s.session("a"))
    assert [
        ("a", "released", "t1", None),
        ("a", "released", "t2", None),
        ("a", "session", None, None),
    ] == told(outcome)
    assert {} == names(client, "a")
    assert client.see(lambda s: s.thread("t1")) is None
    assert [] == client.see(broken)


def test_a_session_closes_with_its_threads_moved(client: Client) -> None:
    outcome = client.outcome(CloseSession(session_id="a", move_to="b"))
    assert {"one": "t1", "two": "t2"} == names(client, "b")
    assert [("a", "released", "t1", "b"), ("b", "adopted", "t1", "a")] == told(outcome)[
        :2
    ]
    assert ("b", 2) == (thread(client, "t1").session_id, thread(client, "t1").rev)
    assert [] == client.see(broken)


def test_a_close_that_cannot_place_every_thread_is_refused_whole(
    client: Client,
) -> None:
    client.do(threads("b", "t3:two"))
    client.refuse(CloseSession(session_id="a", move_to="b"), NameTaken)
    client.refuse(CloseSession(session_id="a", move_to="a"), InvalidArgument)
    client.refuse(CloseSession(session_id="a", move_to="z"), SessionNotFound)
    client.do(StartRun(thread_id="t2", run_id="r", workflow="w"))
    client.refuse(CloseSession(session_id="a"), ThreadBusy)


def test_a_closed_session_accepts_nothing(client: Client) -> None:
    client.do(CloseSession(session_id="b"))
    for operation in (
        UpdateSession(session_id="b", user_id="u"),
        CloseSession(session_id="b"),
        threads("b", "t3:x"),
        threads("b", "t3:x", create=True),
        transfer("t1", "b"),
        transfer("t1", "b", create_session=True),
        transfer("t1", "a", from_session_id="b"),
        CloseSession(session_id="a", move_to="b"),
        RemoveThreads(session_id="b", threads=("x",)),
        StartRun(session_id="b", thread_name="x", run_id="r", workflow="w"),
        TrackInteraction(
            session_id="b", interaction_id="i", interaction_type="x", timestamp_us=1
        ),
    ):
        assert "b" == client.refuse(operation, SessionClosed).session_id


def test_an_interaction_is_kept_in_the_order_of_the_log(client: Client) -> None:
    def track(number: int) -> TrackInteraction:
        return TrackInteraction(
            session_id="a",
            interaction_id=f"i{number}",
            interaction_type="say",
            content=raw(number),
            metadata=raw({"n": number}),
            timestamp_us=-number,
        )

    outcome = client.outcome(track(1))
    assert [("a", "interaction", None, None)] == told(outcome)
    client.do(Batch(parts=(track(2), track(3))))
    found = client.see(lambda s: list(s.interactions("a")))
    assert [1, 2, 3] == [item.content for item in found]
    assert [{"n": 1}, {"n": 2}, {"n": 3}] == [item.metadata for item in found]
    assert outcome.result == found[0]
    assert [] == client.see(lambda s: list(s.interactions("b")))


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
    client.refuse(threads("a", *pairs), error)


def test_a_taken_name_says_who_holds_it(client: Client) -> None:
    error = client.refuse(threads("a", "t3:one"), NameTaken)
    assert {"thread_name": "one", "held_by": "t1"} == error.details
    assert ("a", "t3") == (error.session_id, error.thread_id)


def test_sessions_may_use_the_same_names(client: Client) -> None:
    client.do(threads("b", "t3:one"))
    assert ({"one": "t3"}, "t1") == (names(client, "b"), names(client, "a")["one"])


def test_a_missing_session_is_created_with_its_threads_if_asked(
    client: Client,
) -> None:
    client.refuse(threads("s", "t3:x"), SessionNotFound)
    outcome = client.outcome(threads("s", "t3:x", create=True))
    assert [("s", "session", None, None), ("s", "adopted", "t3", None)] == told(outcome)
    created = client.see(lambda s: s.session("s"))
    assert created is not None
    assert ("open", {}, None) == (created.status, created.metadata, created.user_id)
    client.do(threads("s", "t4:y", create=True))
    assert created == client.see(lambda s: s.session("s"))


def test_no_session_is_left_behind_when_its_threads_are_refused(client: Client) -> None:
    client.refuse(threads("s", "t3:x", "t4:x", create=True), NameTaken)
    client.refuse(transfer("t9", "s", create_session=True), ThreadNotFound)
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
    client.refuse(RemoveThreads(threads=("one",)), ThreadNotFound)
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
    client.refuse(operation, ThreadNotFound)


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
        error = client.refuse(operation, ThreadNotFound)
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
    client.refuse(late, StaleRevision)
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


# -- threads move --------------------------------------------------------------------


def test_a_transfer_moves_name_owner_and_association(client: Client) -> None:
    client.do(AppendState(thread_id="t1", state_id="s1", values=raw(1)))
    outcome = client.outcome(transfer("t1", "b", from_session_id="a"))
    (moved,) = outcome.result
    assert ("b", "one", 2) == (moved.session_id, moved.thread_name, moved.rev)
    assert moved == thread(client, "t1")
    assert ({"two": "t2"}, {"one": "t1"}) == (names(client, "a"), names(client, "b"))
    assert [("a", "released", "t1", "b"), ("b", "adopted", "t1", "a")] == told(outcome)
    assert (False, True) == (
        row(client, "a", "t1").is_active,
        row(client, "b", "t1").is_active,
    )
    assert ["s1"] == client.see(lambda s: [x.state_id for x in s.states("t1")])
    assert [] == client.see(broken)


def test_there_and_back_again_reactivates_the_first_association(
    client: Client,
) -> None:
    first = row(client, "a", "t1")
    client.do(transfer("t1", "b"))
    client.do(transfer("t1", "a"))
    back = row(client, "a", "t1")
    assert (2, True, first.created_at_us, 3) == (
        back.version,
        back.is_active,
        back.created_at_us,
        back.rev,
    )
    there = row(client, "b", "t1")
    assert (1, False) == (there.version, there.is_active)
    assert 3 == thread(client, "t1").rev
    assert [] == client.see(broken)


def test_a_transfer_may_rename_and_may_create_the_destination(client: Client) -> None:
    client.refuse(transfer("t1", "new"), SessionNotFound)
    outcome = client.outcome(transfer("t1", "new", new_name="x", create_session=True))
    assert {"x": "t1"} == names(client, "new")
    assert "x" == row(client, "new", "t1").thread_name
    assert ["session", "released", "adopted"] == [e.change for e in outcome.events]


def test_several_threads_move_from_several_sessions_at_once(client: Client) -> None:
    client.do(threads("b", "t3:three"))
    ids = ("t1", "t3")
    moved = client.do(
        TransferThreads(thread_ids=ids, to_session_id="c", create_session=True)
    )
    assert ["t1", "t3"] == [item.thread_id for item in moved]
    assert {"one": "t1", "three": "t3"} == names(client, "c")


@pytest.mark.parametrize(
    ("ids", "from_session_id", "error"),
    [
        (("t1", "t9"), None, ThreadNotFound),
        (("t1", "t3"), "a", ThreadNotFound),
        (("t2", "t1"), None, NameTaken),
        (("t1", "t1"), "a", ThreadNotFound),
        (("t2", "busy"), None, ThreadBusy),
    ],
)
def test_threads_are_transferred_all_or_none(
    client: Client,
    ids: tuple[str, ...],
    from_session_id: str | None,
    error: type[ThreadNotFound | NameTaken | ThreadBusy],
) -> None:
    client.do(threads("b", "t3:one"))
    client.do(threads("a", "busy:busy"))
    client.do(StartRun(thread_id="busy", run_id="r", workflow="w"))
    if error is not NameTaken:
        client.do(RenameThread(thread_id="t3", new_name="other"))
    operation = TransferThreads(
        thread_ids=ids, from_session_id=from_session_id, to_session_id="b"
    )
    client.refuse(operation, error)


def test_a_new_name_is_for_a_single_thread(client: Client) -> None:
    operation = TransferThreads(
        thread_ids=("t1", "t2"), to_session_id="b", new_name="x"
    )
    client.refuse(operation, InvalidArgument)


def test_a_transfer_to_the_same_session_is_a_recorded_no_op(client: Client) -> None:
    before = thread(client, "t1"), row(client, "a", "t1")
    outcome = client.outcome(transfer("t1", "a"))
    assert ([before[0]], 4) == (outcome.result, outcome.seq)
    assert before == (thread(client, "t1"), row(client, "a", "t1"))
    (record,) = client.see(lambda s: list(s.operations(3)))
    assert (4, "TransferThreads", "applied") == (
        record.seq,
        record.kind,
        record.outcome,
    )


def test_a_transfer_to_the_same_session_with_a_new_name_renames(client: Client) -> None:
    (moved,) = client.do(transfer("t1", "a", new_name="uno"))
    assert ("uno", 1) == (moved.thread_name, moved.rev)
    client.refuse(transfer("t1", "a", new_name="two"), NameTaken)


def test_two_threads_swap_sessions_in_one_batch(client: Client) -> None:
    client.do(threads("b", "t3:three"))
    client.do(Batch(parts=(transfer("t1", "b"), transfer("t3", "a"))))
    assert {"one": "t1"} == names(client, "b")
    assert {"three": "t3", "two": "t2"} == names(client, "a")


# -- threads change their name -------------------------------------------------------


def test_a_rename_changes_record_index_and_association(client: Client) -> None:
    outcome = client.outcome(RenameThread(thread_id="t1", new_name="uno"))
    assert ("uno", 1) == (outcome.result.thread_name, outcome.result.rev)
    assert {"uno": "t1", "two": "t2"} == names(client, "a")
    assert ("uno", 1) == (
        row(client, "a", "t1").thread_name,
        row(client, "a", "t1").version,
    )
    assert [("a", "renamed", "t1", "one")] == told(outcome)
    assert [] == client.see(broken)


def test_a_rename_to_its_own_name_changes_nothing_and_is_recorded(
    client: Client,
) -> None:
    before = thread(client, "t1")
    outcome = client.outcome(RenameThread(thread_id="t1", new_name="one"))
    assert (before, 4) == (outcome.result, outcome.seq)
    assert before == thread(client, "t1")


def test_a_rename_within_the_wrong_session_is_refused(client: Client) -> None:
    wrong = RenameThread(thread_id="t1", session_id="b", new_name="uno")
    client.refuse(wrong, ThreadNotFound)
    client.refuse(RenameThread(thread_id="t1", new_name="two"), NameTaken)


def test_two_threads_swap_names_through_a_third(client: Client) -> None:
    steps = (("t1", "tmp"), ("t2", "one"), ("t1", "two"))
    parts = tuple(RenameThread(thread_id=t, new_name=n) for t, n in steps)
    client.do(Batch(parts=parts))
    assert {"one": "t2", "two": "t1"} == names(client, "a")
    assert [] == client.see(broken)


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
    client.refuse(Batch(parts=(*parts[:place], bad, *parts[place:])), ThreadNotFound)


def test_an_operation_takes_from_one_to_a_thousand_threads(client: Client) -> None:
    many = tuple(f"x{n}:x{n}" for n in range(PARTS_MAX))
    ids = tuple(pair.partition(":")[0] for pair in many)
    client.refuse(threads("a", *many, "one:more"), InvalidArgument)
    assert PARTS_MAX == len(client.do(threads("a", *many)))
    for too_many in (
        TransferThreads(thread_ids=(*ids, "t1"), to_session_id="b"),
        RemoveThreads(threads=(*ids, "t1")),
        TransferThreads(thread_ids=(), to_session_id="b"),
        RemoveThreads(threads=()),
        threads("a"),
    ):
        client.refuse(too_many, InvalidArgument)
    client.do(TransferThreads(thread_ids=ids, to_session_id="b"))
    assert list(ids) == client.do(RemoveThreads(threads=ids))
    assert [] == client.see(broken)


def test_a_batch_takes_up_to_a_thousand_parts(client: Client) -> None:
    parts = tuple(session(f"s{n}") for n in range(PARTS_MAX))
    client.refuse(Batch(parts=(*parts, session("more"))), InvalidArgument)
    assert PARTS_MAX == len(client.do(Batch(parts=parts)))
