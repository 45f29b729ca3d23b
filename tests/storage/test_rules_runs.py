"""Runs and states: one run at a time on a thread, and every write fenced.

Part of the contract: every test runs on every store.
"""

import pytest

from tests.storage.client import START_US, Client
from tests.storage.invariants import broken
from tests.storage.running import START, run, states, thread, with_a_thread, write
from weft.storage.errors import (
    InvalidArgument,
    SessionNotFound,
    StaleRevision,
    ThreadBusy,
    ThreadNotFound,
)
from weft.storage.operations import (
    CreateThreads,
    Failure,
    FinishRun,
    NewThread,
    RemoveThreads,
    ResumeRun,
    StartRun,
    TransferThreads,
)
from weft.storage.operations import encode_value as raw

client = pytest.fixture(with_a_thread)


# -- starting ------------------------------------------------------------------------


def test_a_started_run_holds_its_thread(client: Client) -> None:
    outcome = client.outcome(
        StartRun(
            session_id="a",
            thread_name="name",
            run_id="r",
            workflow="w",
            workflow_version="3",
            config=raw({"c": 1}),
        )
    )
    now_us = START_US + client.number
    started = outcome.result
    assert started == run(client)
    assert ("r", "t", "w", "3", "running", 1) == (
        started.run_id,
        started.thread_id,
        started.workflow,
        started.workflow_version,
        started.status,
        started.attempt,
    )
    assert ({"c": 1}, None, None) == (started.config, started.result, started.error)
    assert (now_us, now_us, None) == (
        started.created_at_us,
        started.started_at_us,
        started.finished_at,
    )
    held = thread(client)
    assert ("busy", "r", 1, 1) == (held.status, held.run_id, held.run_attempt, held.rev)
    assert [("a", "run", held)] == [
        (e.session_id, e.change, e.thread) for e in outcome.events
    ]
    assert [("r", "t")] == client.see(lambda s: list(s.live_runs()))


def test_a_second_run_is_told_which_one_is_in_its_way(client: Client) -> None:
    client.do(START)
    second = StartRun(thread_id="t", run_id="r2", workflow="w")
    error = client.refuse(second)
    assert ThreadBusy is type(error)
    assert ("r", "t", "a") == (error.run_id, error.thread_id, error.session_id)


def test_a_run_id_is_used_once(client: Client) -> None:
    client.do(START)
    client.do(FinishRun(thread_id="t", run_id="r"))
    assert ThreadBusy is type(client.refuse(START))


def test_a_run_needs_a_thread_that_is_there(client: Client) -> None:
    for operation, error in (
        (StartRun(thread_id="u", run_id="r", workflow="w"), ThreadNotFound),
        (
            StartRun(thread_id="t", session_id="b", run_id="r", workflow="w"),
            ThreadNotFound,
        ),
        (
            StartRun(session_id="a", thread_name="x", run_id="r", workflow="w"),
            ThreadNotFound,
        ),
        (
            StartRun(session_id="b", thread_name="x", run_id="r", workflow="w"),
            SessionNotFound,
        ),
        (StartRun(session_id="a", run_id="r", workflow="w"), InvalidArgument),
        (StartRun(run_id="r", workflow="w"), InvalidArgument),
    ):
        assert error is type(client.refuse(operation))


# -- states --------------------------------------------------------------------------


def test_states_chain_by_step_and_parent(client: Client) -> None:
    client.do(START)
    outcome = client.outcome(write("s1", values=raw({"n": 1}), metadata=raw({"m": 1})))
    assert ("s1", "t", 1) == (
        outcome.result.state_id,
        outcome.result.thread_id,
        outcome.result.step,
    )
    assert [("a", "state")] == [(e.session_id, e.change) for e in outcome.events]
    assert 2 == client.do(write("s2")).step
    second, first = states(client)
    assert (2, "s1", "s2") == (second.step, second.parent_id, second.values)
    assert (1, None, {"n": 1}, {"m": 1}, "r") == (
        first.step,
        first.parent_id,
        first.values,
        first.metadata,
        first.run_id,
    )


def test_a_state_may_be_written_by_hand_while_no_run_does(client: Client) -> None:
    client.do(write(run_id=None))
    assert states(client)[0].run_id is None
    client.do(START)
    error = client.refuse(write(run_id=None))
    assert ThreadBusy is type(error)
    assert {"run_id": "r"} == error.details


def test_only_the_present_attempt_of_the_present_run_may_write(client: Client) -> None:
    assert StaleRevision is type(client.refuse(write()))
    client.do(START)
    assert StaleRevision is type(client.refuse(write(run_id="other")))
    assert StaleRevision is type(client.refuse(write(attempt=2)))
    client.do(write())
    client.do(ResumeRun(thread_id="t", run_id="r"))
    assert StaleRevision is type(client.refuse(write("late")))
    client.do(write("s2", attempt=2))
    client.do(FinishRun(thread_id="t", run_id="r", attempt=2))
    assert StaleRevision is type(client.refuse(write("later", attempt=2)))
    assert ["s2", "s"] == [state.state_id for state in states(client)]


def test_a_write_of_an_older_revision_is_refused(client: Client) -> None:
    client.do(START)
    move = TransferThreads(
        thread_ids=("t",), to_session_id="b", create_session=True, even_busy=True
    )
    client.do(move)
    error = client.refuse(write(rev=1))
    assert StaleRevision is type(error)
    assert {"stored_rev": 2, "given_rev": 1} == error.details
    client.do(write(rev=2))
    assert [2] == [state.rev for state in states(client)]


def test_several_states_in_one_group_take_steps_in_order(client: Client) -> None:
    client.group(START, *[write(f"s{n}") for n in range(1, 6)])
    assert [5, 4, 3, 2, 1] == [state.step for state in states(client)]
    assert [] == client.see(broken)


# -- resuming and ending -------------------------------------------------------------


def test_a_resumed_run_is_its_next_attempt(client: Client) -> None:
    started = client.do(START)
    outcome = client.outcome(ResumeRun(thread_id="t", run_id="r", workflow_version="2"))
    resumed = outcome.result
    assert resumed == run(client)
    assert (2, "2", "running") == (
        resumed.attempt,
        resumed.workflow_version,
        resumed.status,
    )
    assert started.created_at_us == resumed.created_at_us < resumed.started_at_us
    assert (2, "r") == (thread(client).run_attempt, thread(client).run_id)
    assert [("a", "run")] == [(e.session_id, e.change) for e in outcome.events]
    assert "2" == client.do(ResumeRun(thread_id="t", run_id="r")).workflow_version


def test_only_a_run_in_progress_is_resumed_or_finished(client: Client) -> None:
    for operation in (
        ResumeRun(thread_id="t", run_id="r"),
        FinishRun(thread_id="t", run_id="r"),
    ):
        assert StaleRevision is type(client.refuse(operation))
    client.do(START)
    client.do(FinishRun(thread_id="t", run_id="r"))
    assert StaleRevision is type(client.refuse(ResumeRun(thread_id="t", run_id="r")))
    assert StaleRevision is type(client.refuse(FinishRun(thread_id="t", run_id="r")))


def test_an_old_attempt_does_not_finish_the_run(client: Client) -> None:
    client.do(START)
    client.do(ResumeRun(thread_id="t", run_id="r"))
    error = client.refuse(FinishRun(thread_id="t", run_id="r"))
    assert StaleRevision is type(error)
    assert ("t", "r") == (error.thread_id, error.details["run_id"])


@pytest.mark.parametrize(
    ("status", "left"),
    [
        ("success", "idle"),
        ("error", "error"),
        ("timeout", "error"),
        ("interrupted", "interrupted"),
    ],
)
def test_an_ended_run_frees_its_thread(client: Client, status: str, left: str) -> None:
    client.do(START)
    client.do(write("s1"))
    outcome = client.outcome(
        FinishRun(
            thread_id="t",
            run_id="r",
            status=status,  # type: ignore[arg-type]
            result=raw({"n": 1}),
            state_id="s2",
            values=raw("last"),
        )
    )
    now_us = START_US + client.number
    ended = run(client)
    assert (status, {"n": 1}, now_us) == (
        ended.status,
        ended.result,
        ended.finished_at_us,
    )
    assert (left, None, 0) == (
        thread(client).status,
        thread(client).run_id,
        thread(client).run_attempt,
    )
    ref = outcome.result
    assert ("r", "t", status, "s2", 2) == (
        ref.run_id,
        ref.thread_id,
        ref.status,
        ref.state.state_id,
        ref.state.step,
    )
    assert ["last", "s1"] == [state.values for state in states(client)]
    assert [] == client.see(lambda s: list(s.live_runs()))
    assert [] == client.see(broken)
    client.do(StartRun(thread_id="t", run_id="next", workflow="w"))


def test_a_failed_run_says_why(client: Client) -> None:
    client.do(START)
    failure = Failure("ValueError", "no such line")
    ref = client.do(FinishRun(thread_id="t", run_id="r", status="error", error=failure))
    assert ref.state is None
    assert {"type": "ValueError", "message": "no such line"} == run(client).error


@pytest.mark.parametrize("status", ["pending", "running"])
def test_a_run_does_not_end_in_progress(client: Client, status: str) -> None:
    client.do(START)
    operation = FinishRun(thread_id="t", run_id="r", status=status)  # type: ignore[arg-type]
    assert InvalidArgument is type(client.refuse(operation))


# -- busy threads --------------------------------------------------------------------


def test_a_busy_thread_stays_unless_the_caller_insists(client: Client) -> None:
    client.do(START)
    assert ThreadBusy is type(client.refuse(RemoveThreads(threads=("t",))))
    move = TransferThreads(thread_ids=("t",), to_session_id="b", create_session=True)
    error = client.refuse(move)
    assert ThreadBusy is type(error)
    assert "r" == error.run_id


def test_a_run_goes_along_with_its_thread(client: Client) -> None:
    client.do(START)
    move = TransferThreads(
        thread_ids=("t",), to_session_id="b", create_session=True, even_busy=True
    )
    client.do(move)
    assert ("b", "busy", "r") == (
        thread(client).session_id,
        thread(client).status,
        thread(client).run_id,
    )
    resumed = client.do(ResumeRun(thread_id="t", run_id="r"))
    assert (2, 2) == (resumed.attempt, resumed.rev)
    client.do(FinishRun(thread_id="t", run_id="r", attempt=2))
    assert [] == client.see(broken)


def test_the_run_of_a_removed_thread_is_fenced_and_gone(client: Client) -> None:
    client.do(START)
    client.do(write("s1"))
    client.do(RemoveThreads(threads=("t",), even_busy=True))
    assert ThreadNotFound is type(client.refuse(write("late")))
    assert ThreadNotFound is type(client.refuse(FinishRun(thread_id="t", run_id="r")))
    assert client.see(lambda s: s.run("r")) is None
    assert [] == client.see(lambda s: list(s.live_runs()))
    client.do(CreateThreads(session_id="a", threads=(NewThread("t", "name"),)))
    assert StaleRevision is type(client.refuse(write("later")))
    assert StaleRevision is type(client.refuse(FinishRun(thread_id="t", run_id="r")))
    assert [] == states(client)
    assert [] == client.see(broken)
