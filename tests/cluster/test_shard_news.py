"""What a shard tells others of a commit group."""

import pytest

pytest.importorskip("psycopg", reason="needs the extra [cluster]: psycopg")

from weft.cluster.shard_news import Changed, changes_by_shard
from weft.storage import CreateSession, Outcome, Session
from weft.storage.records import EMPTY, Thread
from weft.storage.rules import Event

SHARDS = {"here": 0, "there": 1, "far": 2}
OPERATION = CreateSession(op_id="o", at_us=1, session_id="here")


def thread(session_id: str, name: str = "n", run_id: str | None = None) -> Thread:
    return Thread(
        thread_id="t", session_id=session_id, thread_name=name, workflow=None,
        config_raw=EMPTY, status="idle", metadata_raw=EMPTY, created_at_us=1,
        updated_at_us=1, rev=1, created_seq=1, updated_seq=1, run_id=run_id,
    )  # fmt: skip


def moved(source: str, to: str, name: str = "n", run_id: str | None = None) -> Outcome:
    events = [
        Event(1, source, "released", thread(source), to),
        Event(1, to, "adopted", thread(to, name, run_id), source),
    ]
    return Outcome(OPERATION, 1, events=events)


def told(*outcomes: Outcome) -> dict[int, Changed]:
    return changes_by_shard(outcomes, SHARDS.__getitem__, 0)


def test_a_peer_is_told_which_names_have_changed_hands() -> None:
    found = told(moved("there", "here", "new"))
    assert {
        1: Changed((), ("t",), names=(("there", "n"),)),
        0: Changed((), (), ("t",)),
    } == (found)


def test_a_run_that_comes_along_is_told_of() -> None:
    found = told(moved("here", "there", run_id="r"))
    assert Changed((), (), ("t",), ("t",), (("there", "n"),)) == found[1]


def test_a_group_is_one_note_to_each_peer_and_the_last_move_counts() -> None:
    found = told(moved("there", "here"), moved("here", "far"))
    assert {0, 1, 2} == found.keys()
    assert (("t",), ()) == (found[0].left, found[0].came)
    assert ((), ("t",)) == (found[2].left, found[2].came)


def test_a_session_whose_own_record_changed_is_read_as_a_whole() -> None:
    session = Session(
        session_id="there", user_id=None, status="closed", metadata_raw=EMPTY,
        created_at_us=1, updated_at_us=1, rev=1, created_seq=1, updated_seq=1,
    )  # fmt: skip
    closed = Outcome(
        OPERATION, 1, events=[Event(1, "there", "session", session=session)]
    )
    assert Changed(("there",)) == told(closed)[1]


def test_what_stays_on_one_shard_is_told_nobody() -> None:
    assert {} == told(moved("here", "here"))
