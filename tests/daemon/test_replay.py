"""Lines in file order, each exactly once, whatever happens on the way."""

import asyncio
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.daemon.conftest import WriteLog
from tests.daemon.image import Image
from tests.daemon.replaying import (
    EXAMPLES,
    forget_operations,
    image_of,
    run_replay,
    states,
)
from weft.actors import Runtime
from weft.daemon.chat import chat
from weft.daemon.plan import LogPlan, plan_logs
from weft.daemon.replay import Standing, replay, standing
from weft.daemon.replay_report import Counts, count
from weft.daemon.stop import Stop, Stopped
from weft.storage import SessionClosed, Snapshot, ThreadNotFound

RAW = """\
[12:00] <ann> where is the rake?
[12:01] <bob> tea, anyone?
[12:02] <cy> behind the shed
[12:03]  * ann pours
[12:04] <ann> found it
"""
LINKS = "0 2 -\n2 4 -\n1 3 -\n"


def assert_replayed(snapshot: Snapshot, log: LogPlan) -> None:
    """Assert that every conversation of a log is there, whole and in its place."""
    for plan in log.threads:
        thread = snapshot.thread(plan.thread_id)
        assert thread is not None
        assert (plan.thread_id, "chat") == (thread.thread_name, thread.workflow)
        assert (plan.to_session_id, "idle") == (thread.session_id, thread.status)
        rows = snapshot.associations_by_thread(plan.thread_id)
        expected = {(log.session_id, False), (plan.to_session_id, True)}
        assert expected == {(row.session_id, row.is_active) for row in rows}
        own = [step for step in log.steps if step.thread == plan]
        found = states(snapshot, plan.thread_id)
        keys = own[0].config.keys()
        said = [{key: state[key] for key in keys} for state in found]
        assert [step.config for step in own] == said
        assert list(range(1, len(own) + 1)) == [state["lines"] for state in found]
        assert len(own) == sum(found[-1]["authors"].values())


# -- what comes of it ----------------------------------------------------------------


def test_conversations_end_up_with_their_starters(
    runtime: Runtime, write_log: WriteLog
) -> None:
    (log,) = plan_logs(write_log(RAW, LINKS))
    run_replay(runtime, [log])
    with runtime.store.read() as snapshot:
        assert_replayed(snapshot, log)
        assert [] == list(snapshot.names("garden"))
        assert [("garden#0", "garden#0")] == list(snapshot.names("user:ann"))
        expected = {"ann": 2, "cy": 1}
        assert expected == states(snapshot, "garden#0")[-1]["authors"]


def test_a_line_takes_two_operations_and_a_thread_two_more(
    runtime: Runtime, write_log: WriteLog
) -> None:
    applied = run_replay(runtime, plan_logs(write_log(RAW, LINKS)))
    assert 1 + 2 * 2 + 2 * 5 == applied
    with runtime.store.read() as snapshot:
        kinds = [record.kind for record in snapshot.operations()]
    run = ["StartRun", "FinishRun"]
    first = ["CreateSession", "CreateThreads", *run, "CreateThreads", *run, *run]
    assert [*first, *run, "TransferThreads", *run, "TransferThreads"] == kinds


def test_a_log_without_conversations_is_an_empty_session(
    runtime: Runtime, write_log: WriteLog
) -> None:
    logs = plan_logs(write_log(RAW))
    assert run_replay(runtime, logs) == 1
    assert Counts(1, 1, 0, 0, 0, 0) == counted(runtime, logs)


def counted(runtime: Runtime, logs: Sequence[LogPlan]) -> Counts:
    with runtime.store.read() as snapshot:
        return count(snapshot, logs)


def test_the_example_logs_are_replayed(runtime: Runtime) -> None:
    logs = plan_logs(EXAMPLES)
    run_replay(runtime, logs)
    assert Counts(15, 3, 12, 21, 85, 21) == counted(runtime, logs)
    with runtime.store.read() as snapshot:
        for log in logs:
            assert_replayed(snapshot, log)
    assert runtime.check().clean


def test_the_real_logs_are_replayed(irc: Path, tmp_store: Path) -> None:
    logs = plan_logs(irc / "dev")
    with Runtime.open(tmp_store, workflows=[chat]) as runtime:
        run_replay(runtime, logs)
        assert Counts(268, 10, 258, 330, 2_360, 330) == counted(runtime, logs)
        with runtime.store.read() as snapshot:
            for log in logs:
                assert_replayed(snapshot, log)
        assert runtime.check().clean
        assert run_replay(runtime, logs) == 0


@pytest.mark.long
@pytest.mark.timeout(600)
def test_all_the_real_logs_are_replayed(irc: Path, tmp_store: Path) -> None:
    logs = plan_logs(irc / "train")
    with Runtime.open(tmp_store, workflows=[chat]) as runtime:
        run_replay(runtime, logs)
        assert Counts(5_471, 152, 5_319, 9_185, 59_524, 9_185) == counted(runtime, logs)
        with runtime.store.read() as snapshot:
            for log in logs:
                assert_replayed(snapshot, log)
        assert runtime.check().clean
        assert run_replay(runtime, logs) == 0


@pytest.mark.parametrize("concurrency", [1, 2])
def test_the_outcome_does_not_depend_on_how_many_logs_go_at_once(
    runtime: Runtime, concurrency: int
) -> None:
    logs = plan_logs(EXAMPLES)
    run_replay(runtime, logs, concurrency=concurrency)
    assert Counts(15, 3, 12, 21, 85, 21) == counted(runtime, logs)


def test_every_line_is_told_once_whether_it_stood_already_or_not(
    runtime: Runtime, write_log: WriteLog
) -> None:
    logs = plan_logs(write_log(RAW, LINKS))
    told: list[None] = []
    for expected in (5, 10):
        asyncio.run(
            replay(
                runtime,
                logs,
                concurrency=1,
                stop=Stop(),
                on_line=lambda: told.append(None),
            )
        )
        assert expected == len(told)


# -- doing it again ------------------------------------------------------------------


def test_a_second_replay_applies_nothing(runtime: Runtime) -> None:
    logs = plan_logs(EXAMPLES)
    assert run_replay(runtime, logs) > 0
    assert run_replay(runtime, logs) == 0
    operations = runtime.statistics().writer.operations
    assert not [key for key in operations if key[1] != "applied"]


def test_a_second_replay_applies_nothing_when_the_operation_log_has_expired(
    tmp_store: Path,
) -> None:
    logs = plan_logs(EXAMPLES)
    with Runtime.open(tmp_store, workflows=[chat]) as runtime:
        run_replay(runtime, logs)
    before = image_of(tmp_store)
    forget_operations(tmp_store)
    with Runtime.open(tmp_store, workflows=[chat]) as runtime:
        assert run_replay(runtime, logs) == 0
        assert Counts(15, 3, 12, 21, 85, 21) == counted(runtime, logs)
    assert before == image_of(tmp_store)


@pytest.mark.parametrize("lines", [1, 2, 3, 4, 5])
def test_standing_tells_how_far_a_conversation_got(
    runtime: Runtime, write_log: WriteLog, lines: int
) -> None:
    (log,) = plan_logs(write_log(RAW, LINKS))
    with pytest.raises(Stopped):
        run_replay(runtime, [log], stop_after=lines)
    with runtime.store.read() as snapshot:
        rake, tea = (standing(snapshot, log, thread) for thread in log.threads)
    nothing = Standing(created=False, line=-1, transferred=False)
    rakes = [
        Standing(created=True, line=0, transferred=False),
        Standing(created=True, line=0, transferred=False),
        Standing(created=True, line=2, transferred=False),
        Standing(created=True, line=2, transferred=False),
        Standing(created=True, line=4, transferred=True),
    ]
    teas = [
        nothing,
        Standing(created=True, line=1, transferred=False),
        Standing(created=True, line=1, transferred=False),
        Standing(created=True, line=3, transferred=True),
        Standing(created=True, line=3, transferred=True),
    ]
    assert (rakes[lines - 1], teas[lines - 1]) == (rake, tea)


@pytest.mark.parametrize("seed", range(4))
def test_a_replay_that_was_stopped_goes_on_where_it_was(
    tmp_store: Path, whole: Image, seed: int
) -> None:
    rng = random.Random(seed)
    logs = plan_logs(EXAMPLES)
    for _ in range(3):
        with (
            Runtime.open(tmp_store, workflows=[chat]) as runtime,
            pytest.raises(Stopped),
        ):
            run_replay(runtime, logs, stop_after=rng.randrange(1, 85))
        if rng.random() < 0.5:
            forget_operations(tmp_store)
    with Runtime.open(tmp_store, workflows=[chat]) as runtime:
        run_replay(runtime, logs)
        assert runtime.check().clean
    assert whole == image_of(tmp_store)


def test_a_failure_is_raised_as_it_is(runtime: Runtime, write_log: WriteLog) -> None:
    runtime.session("garden").open().get(timeout=10)
    runtime.session("garden").close().get(timeout=10)
    with pytest.raises(SessionClosed):
        run_replay(runtime, plan_logs(write_log(RAW, LINKS)))


def test_a_thread_that_was_removed_does_not_come_back_by_accident(
    runtime: Runtime, write_log: WriteLog
) -> None:
    logs = plan_logs(write_log(RAW, LINKS))
    with pytest.raises(Stopped):
        run_replay(runtime, logs, stop_after=1)
    runtime.thread("garden#0").remove().get(timeout=10)
    # its creation and its first run are answered from the log
    with pytest.raises(ThreadNotFound):
        run_replay(runtime, logs)
    with runtime.store.read() as snapshot:
        assert snapshot.thread("garden#0") is None
