"""Threads that move to another session, or to another name: effects and refusals.

Part of the contract: every test runs on every store.
"""

import pytest

from tests.storage.client import Client
from tests.storage.invariants import broken
from tests.storage.ownership import (
    names,
    row,
    thread,
    threads,
    told,
    transfer,
    with_two_sessions,
)
from weft.storage.errors import (
    InvalidArgument,
    NameTaken,
    SessionNotFound,
    ThreadBusy,
    ThreadNotFound,
)
from weft.storage.operations import (
    AppendState,
    Batch,
    RenameThread,
    StartRun,
    TransferThreads,
)
from weft.storage.operations import encode_value as raw

client = pytest.fixture(with_two_sessions)


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
    assert SessionNotFound is type(client.refuse(transfer("t1", "new")))
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
    assert error is type(client.refuse(operation))


def test_a_new_name_is_for_a_single_thread(client: Client) -> None:
    operation = TransferThreads(
        thread_ids=("t1", "t2"), to_session_id="b", new_name="x"
    )
    assert InvalidArgument is type(client.refuse(operation))


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
    assert NameTaken is type(client.refuse(transfer("t1", "a", new_name="two")))


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
    assert ThreadNotFound is type(client.refuse(wrong))
    assert NameTaken is type(
        client.refuse(RenameThread(thread_id="t1", new_name="two"))
    )


def test_two_threads_swap_names_through_a_third(client: Client) -> None:
    steps = (("t1", "tmp"), ("t2", "one"), ("t1", "two"))
    parts = tuple(RenameThread(thread_id=t, new_name=n) for t, n in steps)
    client.do(Batch(parts=parts))
    assert {"one": "t2", "two": "t1"} == names(client, "a")
    assert [] == client.see(broken)
