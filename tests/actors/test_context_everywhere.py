"""A context does the same on OS threads, on an event loop and in processes."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.actors import telling
from tests.actors.conftest import Open
from tests.actors.executor_contract import KINDS
from tests.actors.support import answer, answers, failure
from weft.actors import (
    Executors,
    PoolExecutor,
    ProcessExecutor,
    RunPolicy,
    Runtime,
    ThreadHandle,
)
from weft.actors.workflow import Kind, Workflow
from weft.storage import InvalidArgument, WorkflowExecutionError

of_each_kind = pytest.mark.parametrize("kind", KINDS)


def thread_of(open_runtime: Open, made: Workflow) -> tuple[Runtime, ThreadHandle]:
    runtime = open_runtime(workflows={made.name: made})
    return runtime, answer(runtime.session("alice").create_thread("notes", made.name))


@of_each_kind
def test_a_step_is_executed_once_in_all_attempts(
    open_runtime: Open, tmp_path: Path, kind: Kind
) -> None:
    path = tmp_path / "effects"
    made = telling.on(kind, telling.pay, telling.QUICK)
    _, notes = thread_of(open_runtime, made)
    assert [1, None, 3] == answer(notes.run({"path": str(path)}))
    assert ["pay", "none", "again"] == path.read_text().split()


@of_each_kind
def test_what_the_code_emits_is_read_along_in_order(
    open_runtime: Open, kind: Kind
) -> None:
    _, notes = thread_of(open_runtime, telling.on(kind, telling.tell))
    assert [
        ("messages", "he"),
        ("messages", "llo"),
        ("states", {"a": 1}),
        ("custom", {"half": b"way"}),
        ("states", {"a": 2}),
    ] == list(notes.stream(mode=("states", "custom", "messages")))
    assert {"a": 2} == answer(notes.run())  # nobody reads along


@of_each_kind
def test_code_that_says_it_is_alive_is_not_given_up(
    open_runtime: Open, kind: Kind
) -> None:
    made = telling.on(kind, telling.beat, telling.WATCHED)
    _, notes = thread_of(open_runtime, made)
    assert "alive" == answer(notes.run({"for_s": 1.2}))


@of_each_kind
def test_a_run_that_waits_for_a_place_is_not_silent(
    open_runtime: Open, kind: Kind
) -> None:
    made = telling.on(kind, telling.beat, RunPolicy(heartbeat_s=0.2))
    made = msgspec.structs.replace(made, concurrency_max=1)
    runtime, notes = thread_of(open_runtime, made)
    other = answer(runtime.session("alice").create_thread("other", made.name))
    runs = [notes.run({"for_s": 0.5}), other.run({"for_s": 0.0})]
    assert ["alive", "alive"] == answers(runs)


@of_each_kind
def test_code_that_falls_silent_is_given_up_and_its_thread_usable(
    open_runtime: Open, tmp_path: Path, kind: Kind
) -> None:
    until = tmp_path / "go on"
    made = telling.on(kind, telling.fall_silent, telling.WATCHED)
    runtime, notes = thread_of(open_runtime, made)
    error = failure(notes.run({"until": str(until)}))
    try:
        assert isinstance(error, WorkflowExecutionError)
        assert "heartbeat" in str(error.cause)
        assert {"runs": 1} == answer(notes.run(workflow="default"))
        runs = answer(runtime.coordinator.list_runs(notes.thread_id))
        assert {"timeout", "success"} == {run.status for run in runs}
    finally:
        until.touch()


@of_each_kind
def test_a_context_variable_that_a_run_sets_is_its_own(
    open_runtime: Open, kind: Kind
) -> None:
    made = telling.on(kind, telling.remember)
    one = Executors(PoolExecutor(1), processes=ProcessExecutor(1))
    runtime = open_runtime(workflows={made.name: made}, executor=one)
    notes = answer(runtime.session("alice").create_thread("notes", made.name))
    for word in ("one", "two"):  # on the same OS thread, in the same process
        assert ["nothing", word] == list(notes.stream({"say": word}))


@of_each_kind
def test_a_step_that_is_refused_raises_where_it_was_asked(
    open_runtime: Open, kind: Kind
) -> None:
    _, notes = thread_of(open_runtime, telling.on(kind, telling.ask_wrongly))
    assert InvalidArgument is type(failure(notes.run()).cause)


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_os_threads_of_a_run_may_speak_at_the_same_time(
    open_runtime: Open, kind: Kind
) -> None:
    _, notes = thread_of(open_runtime, telling.on(kind, telling.talk_at_once))
    read: list[Any] = []
    result: Any = None
    stream = notes.stream({"threads": 6, "parts": 20}, mode=("custom", "states"))
    for mode, data in stream:
        read.append(data if mode == "custom" else None)
        result = data
    assert [[number, number] for number in range(6)] == result
    assert read.pop() is None
    for number in range(6):
        parts = [part for who, part in read if who == number]
        assert list(range(20)) == parts


def test_an_os_thread_that_outlives_its_run_speaks_for_no_other(
    open_runtime: Open,
) -> None:
    leave = telling.on("processes", telling.leave_behind)
    ask = telling.on("processes", telling.ask_who_was_left)
    runtime = open_runtime(workflows={"leave": leave, "ask": ask})
    notes = answer(runtime.session("alice").create_thread("notes", "leave"))
    answer(notes.run())
    assert [["RunInterrupted"]] == list(notes.stream(workflow="ask", mode="states"))
