"""Rows that callers save and delete: session and thread go along, or nothing does."""

import pytest

from tests.storage.client import Client, in_memory
from tests.storage.invariants import broken
from weft.storage import (
    Association,
    InvalidArgument,
    NameTaken,
    SessionClosed,
    SessionNotFound,
    StaleRevision,
    Thread,
    ThreadBusy,
    ThreadExists,
    ThreadNotFound,
)
from weft.storage import operations as op
from weft.storage.check import check
from weft.storage.keys import association_key, past_key, place, thread_key
from weft.storage.operations import encode_value as raw
from weft.storage.operations_associations import DeleteAssociation, SaveAssociation
from weft.storage.store import TreeStore

store = pytest.fixture(in_memory)


@pytest.fixture(autouse=True)
def world(client: Client) -> None:
    """Session a owns t (named one) with a state and u (two); g was moved to b."""
    for session_id in "ab":
        client.do(op.CreateSession(session_id=session_id))
    threads = (op.NewThread("t", "one"), op.NewThread("u", "two"))
    client.do(op.CreateThreads(session_id="a", threads=threads))
    client.do(op.CreateThreads(session_id="a", threads=(op.NewThread("g", "given"),)))
    client.do(op.TransferThreads(thread_ids=("g",), to_session_id="b"))
    client.do(op.AppendState(thread_id="t", state_id="s", values=raw(1)))


def row(client: Client, thread_id: str = "t", session_id: str = "a") -> Association:
    found = client.see(lambda s: s.association(session_id, thread_id))
    assert found is not None
    return found


def save(
    client: Client,
    thread_id: str = "t",
    name: str = "one",
    *,
    session_id: str = "a",
    is_active: bool = True,
    metadata: object = None,
) -> SaveAssociation:
    """Return a change of a row as it is now, or a new one."""
    before = client.see(lambda s: s.association(session_id, thread_id))
    return SaveAssociation(
        session_id=session_id,
        thread_id=thread_id,
        thread_name=name,
        is_active=is_active,
        metadata=raw(metadata or {}),
        seen_seq=None if before is None else before.updated_seq,
    )


def do(client: Client, operation: op.Operation) -> Association:
    saved: Association = client.do(operation)
    assert [] == client.see(broken)
    return saved


def test_metadata_is_saved_with_the_next_version_and_the_thread_stays(
    client: Client,
) -> None:
    before = client.see(lambda s: s.thread("t"))
    saved = do(client, save(client, metadata={"by": "hand"}))
    assert saved == row(client)
    assert ({"by": "hand"}, 2, True) == (saved.metadata, saved.version, saved.is_active)
    assert before == client.see(lambda s: s.thread("t"))


def test_a_row_saved_as_it_was_is_stamped_anew(client: Client) -> None:
    before = row(client)
    saved = do(client, save(client))
    assert before.updated_at < saved.updated_at
    assert before.created_at == saved.created_at


def test_another_name_renames_the_thread(client: Client) -> None:
    do(client, save(client, name="uno"))
    assert {"uno": "t", "two": "u"} == client.see(lambda s: dict(s.names("a")))


def test_a_name_that_is_taken_is_refused(client: Client) -> None:
    assert NameTaken is type(client.refuse(save(client, name="two")))


def test_an_inactive_row_ends_the_thread_and_keeps_its_metadata(client: Client) -> None:
    saved = do(client, save(client, is_active=False, metadata={"why": "done"}))
    assert (False, {"why": "done"}) == (saved.is_active, saved.metadata)
    assert client.see(lambda s: s.thread("t")) is None


def test_an_active_row_again_begins_a_new_life_under_the_next_rev(
    client: Client,
) -> None:
    do(client, save(client, is_active=False))
    saved = do(client, save(client, name="uno"))
    thread = client.see(lambda s: s.thread("t"))
    assert thread is not None
    assert ("uno", 2) == (thread.thread_name, thread.rev)
    assert (3, True) == (saved.version, saved.is_active)
    assert client.see(lambda s: s.state("t")) is None


def test_a_row_comes_back_after_the_tombstone_of_its_thread_has_gone(
    client: Client,
) -> None:
    first = row(client)
    do(client, save(client, is_active=False))
    client.do(op.Expire(tombstones=(("t", 1),)))
    saved = do(client, save(client))
    assert (3, first.created_at) == (saved.version, saved.created_at)


def test_what_another_session_owns_is_not_taken_by_its_old_row(client: Client) -> None:
    error = client.refuse(save(client, "g", "given"))
    assert ThreadExists is type(error)
    assert "g" == error.thread_id


def test_the_metadata_of_a_row_of_the_past_can_be_changed(client: Client) -> None:
    saved = do(client, save(client, "g", "given", is_active=False, metadata={"k": 1}))
    assert ({"k": 1}, False, 2) == (saved.metadata, saved.is_active, saved.version)


def test_a_new_row_makes_its_thread(client: Client) -> None:
    new = SaveAssociation(
        session_id="b", thread_id="n", thread_name="new", given_id="row-1"
    )
    saved = do(client, new)
    assert (1, "row-1") == (saved.version, saved.association_id)
    assert "n" == client.see(lambda s: dict(s.names("b")))["new"]


def test_a_row_that_was_lost_is_made_anew_for_the_thread_that_is_there(
    store: TreeStore, client: Client
) -> None:
    with store._engine.write() as trees:
        trees.delete(*place(association_key("t", "a")))
    store._recent.clear()  # as after a restart
    saved = client.do(save(client, metadata={"found": True}))
    assert ({"found": True}, 1) == (saved.metadata, saved.version)
    assert client.see(lambda s: s.state("t")) is not None
    assert client.see(lambda s: check(s, session_id="a")).clean


@pytest.mark.parametrize(
    ("operation", "error"),
    [
        (SaveAssociation(session_id="a", thread_id="t", thread_name="x"), ThreadExists),
        (SaveAssociation(session_id="a", thread_id="g", thread_name="x"), ThreadExists),
        (SaveAssociation(session_id="b", thread_id="t", thread_name="x"), ThreadExists),
        (
            SaveAssociation(
                session_id="b", thread_id="n", thread_name="x", is_active=False
            ),
            InvalidArgument,
        ),
        (
            SaveAssociation(session_id="b", thread_id="n", thread_name="x", seen_seq=3),
            StaleRevision,
        ),
        (
            SaveAssociation(session_id="z", thread_id="n", thread_name="x"),
            SessionNotFound,
        ),
        (DeleteAssociation(session_id="b", thread_id="t"), ThreadNotFound),
        (DeleteAssociation(session_id="a", thread_id="t", seen_seq=1), StaleRevision),
    ],
)
def test_what_does_not_fit_is_refused(
    client: Client, operation: op.Operation, error: type[Exception]
) -> None:
    assert error is type(client.refuse(operation))


def test_a_row_that_has_changed_since_is_not_overwritten(client: Client) -> None:
    mine = save(client, metadata={"mine": 1})
    do(client, save(client, metadata={"theirs": 1}))
    error = client.refuse(mine)
    assert StaleRevision is type(error)
    assert (error.details["given_seq"] + 4) >= error.details["stored_seq"]
    assert {"theirs": 1} == row(client).metadata


def test_a_thread_that_is_busy_does_not_end(client: Client) -> None:
    client.do(op.StartRun(thread_id="t", run_id="r"))
    assert ThreadBusy is type(client.refuse(save(client, is_active=False)))
    assert ThreadBusy is type(
        client.refuse(DeleteAssociation(session_id="a", thread_id="t"))
    )


def test_a_closed_session_keeps_its_rows_as_they_are(client: Client) -> None:
    client.do(op.CloseSession(session_id="b"))
    assert SessionClosed is type(
        client.refuse(save(client, "g", "given", session_id="b"))
    )
    gone = DeleteAssociation(session_id="b", thread_id="g")
    assert SessionClosed is type(client.refuse(gone))


@pytest.mark.parametrize("thread_id", ["t", "g"])
def test_a_deleted_row_leaves_no_trace_but_the_tombstone(
    client: Client, thread_id: str
) -> None:
    assert client.do(DeleteAssociation(session_id="a", thread_id=thread_id)) is True
    assert [] == client.see(broken)
    assert client.see(lambda s: s.association("a", thread_id)) is None
    assert client.see(lambda s: s.get(past_key("a", thread_id))) is None
    owner = client.see(lambda s: s.get(thread_key(thread_id)))
    assert ("g" == thread_id) == isinstance(owner, Thread)
