"""Threads of a process that has ended: runs are answered, resumed, or interrupted."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.actors.conftest import Open
from tests.actors.support import (
    LONG_S,
    answer,
    failure,
)
from weft.actors import ExecutionContext
from weft.storage import (
    WorkflowExecutionError,
    WorkflowNotRegistered,
)

CHILD = """
import sys, threading
from weft.actors import Runtime

def walk(context, config):
    for number in range(1, 6):
        yield {"done": number}
        if number == 3:
            print("three", flush=True)
            threading.Event().wait(60)

def count(context, config):
    yield 1

runtime = Runtime.open(sys.argv[1], workflows=[walk, count])
notes = runtime.session("alice").create_thread("notes", "walk", thread_id="t").get()
done = runtime.session("alice").create_thread("done", "count", thread_id="d").get()
assert 1 == done.run(op_id="run-0").get(timeout=20)
notes.run({"lines": 5}, op_id="run-1").get(timeout=60)
"""


@pytest.fixture
def crashed(tmp_store: Path) -> Path:
    """Return the directory of a process that was killed in the middle of a run."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(tmp_store)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    with child.stdout as out:
        assert "three\n" == out.readline()
        child.send_signal(signal.SIGKILL)
        assert -signal.SIGKILL == child.wait(LONG_S)
    return tmp_store


def test_a_killed_run_is_resumed_from_its_last_durable_state(
    crashed: Path, open_runtime: Open
) -> None:
    contexts = []

    def walk(context: ExecutionContext, config: Any) -> Any:
        contexts.append((context.state, context.attempt, context.session_id, config))
        for number in range(context.state["done"] + 1, config["lines"] + 1):
            yield {"done": number}

    runtime = open_runtime(crashed, workflows={"walk": walk})
    notes = runtime.thread("t")
    assert {"done": 5} == answer(notes.run(op_id="run-1"))
    assert [({"done": 3}, 2, "alice", {"lines": 5})] == contexts
    assert [{"done": n} for n in (5, 4, 3, 2, 1)] == [
        state.values for state in answer(notes.history())
    ]
    (run,) = answer(runtime.coordinator.list_runs("t"))
    assert ("success", 2) == (run.status, run.attempt)
    assert 1 == answer(runtime.thread("d").run(op_id="run-0"))
    assert runtime.check().clean


def test_a_killed_run_whose_workflow_is_gone_is_marked_interrupted(
    crashed: Path, open_runtime: Open
) -> None:
    runtime = open_runtime(crashed)
    notes = runtime.thread("t")
    error = failure(notes.run(op_id="run-1"))
    assert WorkflowExecutionError is type(error)
    assert "not registered" in error.message
    (run,) = answer(runtime.coordinator.list_runs("t"))
    assert ("interrupted", "WorkflowNotRegistered") == (
        run.status,
        (run.error or {}).get("type"),
    )
    assert "interrupted" == answer(notes.get()).status
    assert {"done": 3} == answer(notes.run(workflow="echo", config={"done": 3}))
    assert "idle" == answer(notes.get()).status
    assert "bob" == answer(notes.transfer_to("bob")).session_id
    assert runtime.check().clean


def test_a_repeated_run_is_answered_after_reopening_without_its_workflow(
    tmp_store: Path, open_runtime: Open
) -> None:
    first = open_runtime(tmp_store, workflows={"once": lambda _c, _k: "done"})
    notes = answer(first.session("alice").create_thread("notes", "once", thread_id="t"))
    assert "done" == answer(notes.run(op_id="run-1"))
    failed = failure(notes.run(workflow="fail", op_id="run-2"))
    answer(notes.transfer_to("bob"))
    first.close()
    again = open_runtime(tmp_store)
    coordinator = again.coordinator
    assert "done" == answer(again.thread("t").run(op_id="run-1"))
    assert "done" == answer(
        coordinator.execute_workflow_in_session("alice", "notes", op_id="run-1")
    )
    assert [] == list(
        coordinator.stream_workflow_in_session("bob", "notes", op_id="run-1")
    )
    repeated = failure(again.thread("t").run(op_id="run-2"))
    assert failed.message == repeated.message
    assert WorkflowNotRegistered is type(failure(again.thread("t").run()))
