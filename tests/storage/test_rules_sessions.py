"""Sessions: made, changed, closed; what the user did in them.

Part of the contract: every test runs on every store.
"""

import pytest

from tests.storage.client import START_US, Client
from tests.storage.invariants import broken
from tests.storage.ownership import (
    names,
    session,
    thread,
    threads,
    told,
    transfer,
    with_two_sessions,
)
from weft.storage import Session
from weft.storage.errors import (
    InvalidArgument,
    NameTaken,
    SessionClosed,
    SessionExists,
    SessionNotFound,
    ThreadBusy,
)
from weft.storage.operations import (
    Batch,
    CloseSession,
    CreateSession,
    RemoveThreads,
    StartRun,
    TrackInteraction,
    UpdateSession,
)
from weft.storage.operations import encode_value as raw

client = pytest.fixture(with_two_sessions)


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
    error = client.refuse(session("a"))
    assert SessionExists is type(error)
    assert "a" == error.session_id
    before = client.see(lambda s: s.session("a"))
    again = CreateSession(session_id="a", user_id="other", open_existing=True)
    assert before == client.do(again) == client.see(lambda s: s.session("a"))


def test_a_closed_session_is_not_opened(client: Client) -> None:
    client.do(CloseSession(session_id="b"))
    again = CreateSession(session_id="b", open_existing=True)
    assert SessionClosed is type(client.refuse(again))
    assert SessionExists is type(client.refuse(session("b")))


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
    assert NameTaken is type(client.refuse(CloseSession(session_id="a", move_to="b")))
    assert InvalidArgument is type(
        client.refuse(CloseSession(session_id="a", move_to="a"))
    )
    assert SessionNotFound is type(
        client.refuse(CloseSession(session_id="a", move_to="z"))
    )
    client.do(StartRun(thread_id="t2", run_id="r", workflow="w"))
    assert ThreadBusy is type(client.refuse(CloseSession(session_id="a")))


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
        error = client.refuse(operation)
        assert (SessionClosed, "b") == (type(error), error.session_id)


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
