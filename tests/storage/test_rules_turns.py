"""Turns: the runs of a thread are counted as they begin, and no number comes twice.

Part of the contract: every test runs on every store.
"""

import pytest

from tests.storage.client import Client
from tests.storage.running import START, thread, with_a_thread
from weft.storage import Snapshot
from weft.storage.operations import (
    CreateThreads,
    FinishRun,
    NewThread,
    RemoveThreads,
    ResumeRun,
    StartRun,
    TransferThreads,
)

client = pytest.fixture(with_a_thread)

NEXT = StartRun(thread_id="t", run_id="next", workflow="w", if_busy="enqueue")


def turns(client: Client, *run_ids: str) -> list[int]:
    def look(snapshot: Snapshot) -> list[int]:
        runs = map(snapshot.run, run_ids)
        return [run.turn for run in runs if run is not None]

    return client.see(look)


def finish(client: Client, *, undo: bool = False) -> None:
    client.do(FinishRun(thread_id="t", run_id="r", attempt=1, undo=undo))


def test_a_run_has_its_turn_when_it_begins(client: Client) -> None:
    client.do(START)
    client.do(NEXT)
    assert [1, 0] == turns(client, "r", "next")
    finish(client)
    client.do(ResumeRun(thread_id="t", run_id="next"))
    assert [1, 2] == turns(client, "r", "next")


def test_another_attempt_is_no_other_turn(client: Client) -> None:
    client.do(START)
    client.do(ResumeRun(thread_id="t", run_id="r"))
    assert ([1], 1) == (turns(client, "r"), thread(client).turns)


def test_the_turn_of_a_run_that_was_undone_does_not_come_again(client: Client) -> None:
    client.do(START)
    finish(client, undo=True)
    client.do(NEXT)
    assert [1, 2] == turns(client, "r", "next")


def test_turns_go_on_where_a_thread_is_moved_to(client: Client) -> None:
    client.do(START)
    finish(client)
    client.do(
        TransferThreads(thread_ids=("t",), to_session_id="b", create_session=True)
    )
    client.do(NEXT)
    assert [1, 2] == turns(client, "r", "next")


def test_turns_go_on_in_a_threads_next_life(client: Client) -> None:
    client.do(START)
    client.do(RemoveThreads(threads=("t",), even_busy=True))
    client.do(CreateThreads(session_id="a", threads=(NewThread("t", "name"),)))
    client.do(NEXT)
    assert [2] == turns(client, "next")
