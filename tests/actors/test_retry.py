"""Runs that are tried again, time out, fall silent, or come under another version."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.actors.conftest import Open
from tests.actors.support import LONG_S, Stop, answer, failure
from weft.actors import ExecutionContext, RetryPolicy, RunPolicy, ThreadHandle, workflow
from weft.actors.future import Future
from weft.actors.run_messages import Stepped
from weft.storage import InvalidArgument, WorkflowExecutionError
from weft.storage.records import NIL

QUICK = RetryPolicy(max_attempts=3, backoff_s=0.01, jitter=0.0, retry_on=(OSError,))


def thread_of(open_runtime: Open, *made: Any) -> ThreadHandle:
    runtime = open_runtime(workflows={one.name: one for one in made})
    return answer(
        runtime.session("alice").create_thread("notes", made[0].name, thread_id="t")
    )


def last_run(notes: ThreadHandle) -> Any:
    return answer(notes._runtime.coordinator.list_runs("t"))[0]


def status(notes: ThreadHandle, run_id: str) -> str:
    run = answer(notes._runtime.coordinator.get_run(run_id))
    assert run is not None
    return run.status


@pytest.mark.parametrize(
    ("failures", "chance", "delay_s"),
    [(1, 0.0, 1.0), (2, 0.0, 2.0), (3, 1.0, 3.6), (9, 0.0, 60.0), (5000, 0.0, 60.0)],
)
def test_waits_double_up_to_a_limit(
    failures: int, chance: float, delay_s: float
) -> None:
    assert delay_s == pytest.approx(RetryPolicy().delay_s(failures, chance))


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_attempts": 0},
        {"max_attempts": "3"},
        {"backoff_s": -1},
        {"backoff_s": float("nan")},
        {"backoff_max_s": float("inf")},
        {"factor": 0.5},
        {"factor": 1e10},
        {"jitter": 2},
        {"retry_on": [OSError]},
        {"retry_on": ("OSError",)},
        {"retry_on": bool.__call__},
    ],
)
def test_a_retry_policy_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument, match=next(iter(wrong))):
        RetryPolicy(**wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"heartbeat_s": 0.0},
        {"heartbeat_s": float("nan")},
        {"heartbeat_s": "1"},
        {"retry": 3},
        {"migrate": "rule"},
    ],
)
def test_a_policy_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument, match=next(iter(wrong))):
        RunPolicy(**wrong)


def test_the_longest_waits_are_numbers() -> None:
    policy = RetryPolicy(backoff_s=1e9, factor=1000.0, backoff_max_s=1e9)
    assert 1e9 == policy.delay_s(5000, 0.0)


@pytest.mark.parametrize("retry_on", [OSError, (OSError, KeyError), OSError | KeyError])
def test_errors_are_named_as_in_isinstance(retry_on: Any) -> None:
    policy = RetryPolicy(retry_on=retry_on)
    assert policy.allows(1, FileNotFoundError())
    assert not policy.allows(1, ValueError())


def test_a_run_is_tried_again_from_its_last_durable_state(open_runtime: Open) -> None:
    seen = []

    @workflow(policy=RunPolicy(retry=QUICK))
    def flaky(context: ExecutionContext, _config: Any) -> Any:
        seen.append((context.attempt, context.state))
        if context.state is None:
            yield "half"
        if context.attempt < 3:
            raise OSError(context.attempt)
        yield "whole"

    notes = thread_of(open_runtime, flaky)
    assert "whole" == answer(notes.run())
    assert [(1, None), (2, "half"), (3, "half")] == seen
    run = last_run(notes)
    assert ("success", 3, 2) == (run.status, run.attempt, run.failures)


def test_attempts_come_to_an_end_and_other_errors_are_final(open_runtime: Open) -> None:
    @workflow(policy=RunPolicy(retry=QUICK))
    def broken(_context: ExecutionContext, config: Any) -> Any:
        raise (OSError if config.get("passing") else ValueError)("no")

    notes = thread_of(open_runtime, broken)
    assert OSError is type(failure(notes.run({"passing": True})).cause)
    assert ("error", 3, 2) == (
        last_run(notes).status,
        last_run(notes).attempt,
        last_run(notes).failures,
    )
    assert ValueError is type(failure(notes.run()).cause)
    assert ("error", 1) == (last_run(notes).status, last_run(notes).attempt)


def test_nobody_passes_a_run_between_two_attempts_and_it_can_be_cancelled(
    open_runtime: Open,
) -> None:
    later = RetryPolicy(backoff_s=3600.0, backoff_max_s=3600.0)

    @workflow(policy=RunPolicy(retry=later))
    def failing(_context: ExecutionContext, _config: Any) -> Any:
        raise OSError

    notes = thread_of(open_runtime, failing)
    stream = notes.stream(mode="debug")
    assert "began" == next(stream)["type"]
    assert "failed" == next(stream)["type"]
    following = notes.run(workflow="echo", config={"a": 1})
    run_id = str(answer(notes.get()).run_id)
    while status(notes, run_id) != "pending":
        continue
    assert not following.done()
    while not answer(notes._runtime.coordinator.cancel_run(run_id)):
        continue
    assert {"a": 1} == answer(following)
    with pytest.raises(WorkflowExecutionError):
        list(stream)
    assert "interrupted" == status(notes, run_id)


def test_a_run_that_is_out_of_time_is_answered_and_its_late_write_is_refused(
    open_runtime: Open,
) -> None:
    stop = Stop()

    @workflow()
    def hanging(context: ExecutionContext, _config: Any) -> Any:
        yield "in time"
        stop.here()
        assert context.post is not None
        context.post(Stepped(context.run_id, context.attempt, "late", NIL, recording))
        yield "late"

    recording: Future[bool] = Future()
    notes = thread_of(open_runtime, hanging)
    error = failure(notes.run(deadline_s=0.2))
    assert TimeoutError is type(error.cause)
    assert "timeout" == last_run(notes).status
    assert {"next": 1} == answer(notes.run({"next": 1}, workflow="echo"))
    stop.open()
    assert "StaleRevision" == type(failure(recording)).__name__
    assert [{"next": 1}, "in time"] == [s.values for s in answer(notes.history())]
    runtime: Any = notes._runtime
    assert 1 == runtime._services.stale_writes


def test_a_silent_attempt_is_given_up_and_a_beating_one_is_not(
    open_runtime: Open,
) -> None:
    stop = Stop()

    @workflow(policy=RunPolicy(heartbeat_s=0.2))
    def beating(context: ExecutionContext, config: Any) -> str:
        for _ in range(5):
            if config.get("silent"):
                stop.here()
            assert not stop._opened.wait(0.1)
            context.heartbeat()
        return "alive"

    notes = thread_of(open_runtime, beating)
    assert "alive" == answer(notes.run())
    error = failure(notes.run({"silent": True}))
    assert "heartbeat" in str(error.cause)
    assert "timeout" == last_run(notes).status
    stop.open()


# -- after a crash -------------------------------------------------------------------

CHILD = """
import sys, threading
from weft.actors import RunPolicy, Runtime, workflow

@workflow(policy=RunPolicy(resumable=False))
def once(context, config):
    yield 1
    print("one", flush=True)
    threading.Event().wait(60)

@workflow
def old(context, config):
    def effect():
        with open(config["file"], "a") as file:
            file.write("effect\\n")
        return {"made": 1}
    context.step("effect", effect)
    yield {"old": 1}
    print("one", flush=True)
    threading.Event().wait(60)

@workflow
def plain(context, config):
    return config

runtime = Runtime.open(sys.argv[1], workflows=[once, old, plain])
alice = runtime.session("alice")
thread = alice.create_thread("notes", sys.argv[2], thread_id="t").get()
thread.run({"file": sys.argv[3]}, op_id="run-1")
sys.stdin.readline()
plain = {"workflow": "plain"}
thread.start_run({"n": 2}, op_id="run-2", **plain).get(timeout=20)
late = thread.start_run({"n": 3}, op_id="run-3", after_seconds=0.1, **plain)
late.get(timeout=20)
print("queued", flush=True)
threading.Event().wait(60)
"""


def crashed(tmp_store: Path, name: str, effects: Path) -> Path:
    """Return the directory of a process that was killed in the middle of a run."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(tmp_store), name, str(effects)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdin is not None
    with child.stdout as out, child.stdin as into:
        assert "one\n" == out.readline()
        into.write("\n")
        into.flush()
        assert "queued\n" == out.readline()
        child.send_signal(signal.SIGKILL)
        assert -signal.SIGKILL == child.wait(LONG_S)
    return tmp_store


def test_a_run_that_is_not_resumable_is_interrupted_and_pending_ones_begin(
    tmp_store: Path, open_runtime: Open, tmp_path: Path
) -> None:
    crashed(tmp_store, "once", tmp_path / "effects")

    @workflow(policy=RunPolicy(resumable=False))
    def once(_context: ExecutionContext, _config: Any) -> None:
        raise AssertionError("it is not resumable")

    @workflow
    def plain(_context: ExecutionContext, config: Any) -> Any:
        return config

    runtime = open_runtime(tmp_store, workflows={"once": once, "plain": plain})
    notes = runtime.thread("t")
    assert "not resumable" in failure(notes.run(op_id="run-1")).message
    assert 2 == answer(notes.run(op_id="run-2"))["n"]
    assert 3 == answer(notes.run(op_id="run-3"))["n"]
    runs = answer(runtime.coordinator.list_runs("t"))
    assert ["success", "success", "interrupted"] == [run.status for run in runs]
    assert runtime.check().clean


@pytest.mark.parametrize("migrate", [None, lambda _old, state: {"new": state["old"]}])
def test_a_run_goes_on_under_another_version_only_by_its_rule(
    tmp_store: Path, open_runtime: Open, tmp_path: Path, migrate: Any
) -> None:
    effects = tmp_path / "effects"
    crashed(tmp_store, "old", effects)
    seen = []

    @workflow(version="2", policy=RunPolicy(migrate=migrate))
    def old(context: ExecutionContext, _config: Any) -> Any:
        seen.append(context.state)
        made = context.step("effect", lambda: {"made": "again"})
        yield {"new": 2, **made}

    runtime = open_runtime(tmp_store, workflows={"old": old, "plain": lambda _c, k: k})
    repeated = runtime.thread("t").run(op_id="run-1")
    if migrate is None:
        assert "version '1'" in failure(repeated).message
        assert [] == seen
    else:
        assert {"new": 2, "made": 1} == answer(repeated)
        assert [{"new": 1}] == seen
    assert "effect\n" == effects.read_text()
    run = answer(runtime.coordinator.list_runs("t"))[-1]
    assert ("1" if migrate is None else "2") == run.workflow_version
    with runtime.store.read() as snapshot:
        assert [] == list(snapshot.steps(run.run_id))
