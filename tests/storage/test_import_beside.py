"""An export that comes into a store beside what is there, which is never changed."""

import pytest

from tests.storage.client import Client, dump, in_memory
from tests.storage.importing import export, load, world_lines
from tests.storage.samples import build_world
from weft.storage import MemoryStore
from weft.storage import operations as op
from weft.storage.operations import encode_value as raw

store = pytest.fixture(in_memory)
lines = pytest.fixture(world_lines)


def test_what_comes_in_beside_others_is_an_operation_of_the_log(
    client: Client, lines: list[bytes]
) -> None:
    client.do(op.CreateSession(session_id="mine"))
    report, bad = load(client.store, lines)
    entries = sum(line.startswith(b'{"record":"operation"') for line in lines)
    assert ([], entries) == (bad, report.skipped)
    *_, record = client.see(lambda s: list(s.operations()))
    assert ("ImportRecords", 2, {"a", "b", "c"}) == (
        record.kind,
        record.seq,
        set(record.session_ids),
    )
    thread = client.see(lambda s: s.thread("t1"))
    assert thread is not None
    assert (2, 2) == (thread.created_seq, thread.updated_seq)
    states = client.see(lambda s: [state.values for state in s.states("t1")])
    assert [{"done": 2}, {"done": 1}] == states
    client.do(op.AppendState(thread_id="t1", state_id="s3", values=raw(3)))


def test_again_beside_others_applies_nothing(
    client: Client, lines: list[bytes]
) -> None:
    client.do(op.CreateSession(session_id="mine"))
    load(client.store, lines)
    before = dump(client.store)
    report, bad = load(client.store, lines)
    assert ({}, []) == (report.imported, bad)
    del (after := dump(client.store))["M"], before["M"]
    assert before == after


def test_interactions_keep_their_order_and_stand_before_later_ones(
    client: Client,
) -> None:
    def said(word: str) -> op.TrackInteraction:
        return op.TrackInteraction(
            session_id="a", interaction_id=word, interaction_type="x", timestamp_us=1
        )

    other = Client(MemoryStore())
    other.do(op.CreateSession(session_id="a"))
    for word in ("one", "two", "three"):
        other.do(said(word))
    client.do(op.CreateSession(session_id="mine"))
    load(client.store, export(other.store))
    client.do(said("four"))
    found = client.see(lambda s: [i.interaction_id for i in s.interactions("a")])
    assert ["one", "two", "three", "four"] == found


def test_a_session_that_was_exported_alone_gets_new_numbers(
    client: Client,
) -> None:
    other = Client(MemoryStore())
    build_world(other)
    report, bad = load(client.store, export(other.store, ["a"]))
    assert [] == bad
    assert {"session": 1, "thread": 3, "association": 3, "run": 1, "state": 2} == (
        report.imported
    )
    assert 1 == client.store.seq


def test_what_is_there_and_differs_is_told_and_never_changed(client: Client) -> None:
    other = Client(MemoryStore())
    build_world(other)
    build_world(client)
    client.do(op.UpdateSession(session_id="a", user_id="somebody else"))
    client.do(op.AppendState(thread_id="t1", state_id="mine", values=raw("mine")))
    other.do(op.AppendState(thread_id="t1", state_id="theirs", values=raw("theirs")))
    other.do(op.AppendState(thread_id="t1", state_id="more", values=raw("more")))
    before = dump(client.store)
    report, bad = load(client.store, export(other.store))
    assert {} == report.imported
    assert [
        "session 'a' is there already and differs",
        "state 'theirs', step 3 of 't1', is there already and differs",
        "state 'more', step 4 of 't1', does not follow the one before it",
    ] == [line.why for line in bad]
    assert [13, 27, 28] == [line.line for line in bad]
    del (after := dump(client.store))["M"], before["M"]
    assert before == after
