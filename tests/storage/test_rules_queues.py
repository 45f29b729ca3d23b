"""Runs that queue, are tried again, make room for others; their steps.

Part of the contract: every test runs on every store.
"""

import pytest

from tests.storage.client import START_US, Client
from tests.storage.invariants import broken
from tests.storage.running import START, run, states, thread, with_a_thread, write
from weft.storage.errors import (
    StaleRevision,
    ThreadBusy,
)
from weft.storage.operations import (
    AppendState,
    Failure,
    FinishRun,
    ForkThread,
    RecordStep,
    RemoveThreads,
    ResumeRun,
    RetryRun,
    StartRun,
)
from weft.storage.operations import encode_value as raw

client = pytest.fixture(with_a_thread)


# -- queues, retries, steps ----------------------------------------------------------

NO = Failure("OSError", "no")


def queued(client: Client) -> list[str]:
    return [run_id for run_id, _ in client.see(lambda s: list(s.queued_runs("t")))]


def test_a_run_queues_behind_the_one_in_progress_and_begins_by_itself(
    client: Client,
) -> None:
    client.do(START)
    for run_id in ("r2", "r3"):
        waits = client.do(
            StartRun(thread_id="t", run_id=run_id, workflow="w", if_busy="enqueue")
        )
        assert ("pending", 0) == (waits.status, waits.attempt)
    assert ["r2", "r3"] == queued(client)
    assert ThreadBusy is type(client.refuse(ResumeRun(thread_id="t", run_id="r2")))
    client.do(FinishRun(thread_id="t", run_id="r"))
    begun = client.do(ResumeRun(thread_id="t", run_id="r2", workflow_version="9"))
    assert ("running", 1, "9") == (begun.status, begun.attempt, begun.workflow_version)
    assert ThreadBusy is type(client.refuse(ResumeRun(thread_id="t", run_id="r3")))
    client.do(
        FinishRun(thread_id="t", run_id="r3", attempt=0, status="interrupted", error=NO)
    )
    assert [] == queued(client)
    assert "r2" == thread(client).run_id
    assert [] == client.see(broken)


def test_a_run_is_rejected_by_one_that_is_to_begin_before_it(client: Client) -> None:
    start = StartRun(thread_id="t", run_id="r2", workflow="w", behind="r1")
    error = client.refuse(start)
    assert ThreadBusy is type(error)
    assert "r1" == error.run_id


def test_a_delayed_run_leaves_its_thread_idle(client: Client) -> None:
    client.do(
        StartRun(
            thread_id="t", run_id="late", workflow="w", not_before_us=START_US + 10**9
        )
    )
    assert "idle" == thread(client).status
    client.do(START)
    assert ["late"] == queued(client)
    assert [] == client.see(broken)


def test_a_removed_thread_takes_its_queue_and_its_steps_along(client: Client) -> None:
    client.do(START)
    client.do(RecordStep(thread_id="t", run_id="r", attempt=1, rev=1, name="one"))
    client.do(StartRun(thread_id="t", run_id="r2", workflow="w", if_busy="enqueue"))
    client.do(RemoveThreads(threads=("t",), even_busy=True))
    assert [] == client.see(lambda s: list(s.scan("R", b"")))
    assert [] == client.see(broken)


def test_a_failed_attempt_keeps_its_thread_and_can_write_no_more(
    client: Client,
) -> None:
    client.do(START)
    retry = RetryRun(thread_id="t", run_id="r", attempt=1, error=NO, not_before_us=7)
    client.do(retry)
    left = run(client)
    assert ("pending", 2, 1, 7) == (
        left.status,
        left.attempt,
        left.failures,
        left.not_before_us,
    )
    assert {"type": "OSError", "message": "no"} == left.error
    assert StaleRevision is type(client.refuse(write(rev=1)))
    assert ThreadBusy is type(
        client.refuse(StartRun(thread_id="t", run_id="r2", workflow="w"))
    )
    assert [] == client.see(broken)
    assert 2 == client.do(ResumeRun(thread_id="t", run_id="r")).attempt
    assert 3 == client.do(ResumeRun(thread_id="t", run_id="r")).attempt


def test_the_first_record_of_a_step_stands_until_its_run_ends(client: Client) -> None:
    client.do(START)
    step = RecordStep(
        thread_id="t", run_id="r", attempt=1, rev=1, name="one", value=raw(1)
    )
    assert client.do(step)
    client.do(ResumeRun(thread_id="t", run_id="r"))
    assert StaleRevision is type(client.refuse(step))
    again = RecordStep(
        thread_id="t", run_id="r", attempt=2, rev=1, name="one", value=raw(2)
    )
    assert not client.do(again)
    recorded = client.see(lambda s: s.step("r", "one"))
    assert recorded is not None
    assert (1, 1) == (recorded.value, recorded.attempt)
    client.do(FinishRun(thread_id="t", run_id="r", attempt=2))
    assert client.see(lambda s: s.step("r", "one")) is None
    assert [] == client.see(broken)


# -- making room ---------------------------------------------------------------------


@pytest.mark.parametrize("status", ["success", "error", "interrupted", "timeout"])
def test_a_run_that_is_rolled_back_leaves_no_state_whatever_it_comes_to(
    client: Client, status: str
) -> None:
    client.do(AppendState(thread_id="t", state_id="s0", values=raw("before")))
    before = states(client)
    client.do(START)
    client.do(write("s1", rev=1))
    client.do(StartRun(thread_id="t", run_id="q", workflow="w", if_busy="enqueue"))
    room = StartRun(
        thread_id="t",
        run_id="r2",
        workflow="w",
        if_busy="rollback",
        instead_of=("q",),
    )
    assert "pending" == client.do(room).status
    assert ["r2"] == queued(client)
    finish = FinishRun(
        thread_id="t",
        run_id="r",
        status=status,  # type: ignore[arg-type]
        state_id="s2",
        values=raw("end"),
    )
    assert ("interrupted", None) == (
        (ref := client.do(finish)).status,
        ref.state,
    )
    assert before == states(client)
    assert ("interrupted", "RolledBack") == (
        run(client).status,
        (run(client).error or {})["type"],
    )
    client.do(ResumeRun(thread_id="t", run_id="r2"))
    assert 2 == client.do(write("s3", run_id="r2", rev=1)).step
    assert [] == client.see(broken)


def test_a_run_that_is_interrupted_keeps_what_it_wrote(client: Client) -> None:
    client.do(START)
    client.do(write("s1", rev=1))
    client.do(StartRun(thread_id="t", run_id="r2", workflow="w", if_busy="interrupt"))
    assert "interrupt" == run(client).superseding
    assert "success" == client.do(FinishRun(thread_id="t", run_id="r")).status
    assert ["s1"] == [state.state_id for state in states(client)]


def test_a_state_takes_its_run_to_another_version(client: Client) -> None:
    client.do(START)
    client.do(write("s1", rev=1, workflow_version="2"))
    assert "2" == run(client).workflow_version


def test_a_copy_is_whole_and_owned_once(client: Client) -> None:
    client.do(START)
    for number in range(3):
        client.do(write(f"s{number}", rev=1))
    copy = client.do(
        ForkThread(
            thread_id="t",
            step=2,
            new_thread_id="u",
            name="copy",
            session_id="b",
            create_session=True,
        )
    )
    assert ("u", "b", "copy", "idle") == (
        copy.thread_id,
        copy.session_id,
        copy.thread_name,
        copy.status,
    )
    copied = client.see(lambda s: list(s.states("u")))
    assert [(2, "s1", "s0"), (1, "s0", None)] == [
        (state.step, state.state_id, state.parent_id) for state in copied
    ]
    assert 3 == client.do(AppendState(thread_id="u", state_id="x", values=raw(1))).step
    assert [] == client.see(broken)
