"""Whose turn it is when messages cross: a crash, a take-over, an early beginning."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.actors.conftest import Open
from tests.actors.crashing import crash_handler
from tests.actors.support import (
    LONG_S,
    GatedStore,
    Stop,
    answer,
    failure,
    settle,
)
from weft.actors import ExecutionContext, Runtime, ThreadHandle
from weft.actors.cell import Cell
from weft.actors.children import Children
from weft.actors.future import Future
from weft.actors.messages import (
    Passivate,
    Resume,
    Returned,
    RunCommand,
    Settled,
    Yielded,
)
from weft.actors.run_messages import Due
from weft.actors.thread import ThreadActor
from weft.storage import (
    MemoryStore,
    Run,
    RunInterrupted,
    StartRun,
    WorkflowExecutionError,
)
from weft.storage.records import EMPTY


class Walk:
    """A workflow that notes its tag and attempt at its beginning, and stops once."""

    def __init__(self) -> None:
        self.stop = Stop()
        self.began: list[tuple[str, int]] = []

    def __call__(self, context: ExecutionContext, config: Any) -> Any:
        self.began.append((config["tag"], context.attempt))
        if config.get("stops"):
            self.stop.here()
        yield config["tag"]


@pytest.fixture
def walk() -> Walk:
    return Walk()


def thread_of(runtime: Runtime) -> ThreadHandle:
    return answer(
        runtime.session("alice").create_thread("notes", "walk", thread_id="t")
    )


def actor_of(runtime: Runtime) -> ThreadActor:
    actor = runtime._services.threads["t"].actor
    assert isinstance(actor, ThreadActor)
    return actor


def stored(runtime: Runtime) -> list[Run]:
    return answer(runtime.coordinator.list_runs("t"))


def resume_in(
    monkeypatch: pytest.MonkeyPatch, runtime: Runtime, order: tuple[str, ...]
) -> None:
    """Have a session resume the runs of a broken actor in an order of our own."""

    def take_over(self: Children, thread_id: str) -> None:
        with runtime.store.read() as snapshot:
            thread = snapshot.thread(thread_id)
            assert thread is not None
            assert thread.run_id is not None
            run = snapshot.run(thread.run_id)
            keys = [key for key, _ in snapshot.queued_runs(thread_id)]
            queued = [one for key in keys if (one := snapshot.run(key)) is not None]
        assert run is not None
        found = {"live": [run], "queued": queued}
        for one in [one for word in order for one in found[word]]:
            self.resume(Resume(one, thread))

    monkeypatch.setattr(Children, "_take_over", take_over)


@pytest.mark.parametrize("order", [None, ("queued", "live"), ("queued",)])
def test_after_a_crash_the_run_in_progress_goes_on_before_the_queued_one(
    open_runtime: Open,
    monkeypatch: pytest.MonkeyPatch,
    walk: Walk,
    order: tuple[str, ...] | None,
) -> None:
    runtime = open_runtime(workflows={"walk": walk.__call__})
    notes = thread_of(runtime)
    crash_handler(
        monkeypatch,
        ThreadActor,
        Yielded,
        suits=lambda message: message.attempt == 1 and walk.began == [("a", 1)],
    )
    if order is not None:
        resume_in(monkeypatch, runtime, order)
    first = notes.run({"tag": "a", "stops": True}, op_id="a")
    walk.stop.reached()
    queued = answer(notes.start_run({"tag": "b"}))
    walk.stop.open()
    assert WorkflowExecutionError is type(failure(first))
    assert "b" == answer(runtime.coordinator.join_run(queued.run_id))
    assert "a" == answer(notes.run({"tag": "a"}, op_id="a"))
    assert [("a", 1), ("a", 2), ("b", 1)] == walk.began
    assert ["success", "success"] == [run.status for run in stored(runtime)]
    operations = runtime.statistics().writer.operations
    refused = sum(n for (_, result), n in operations.items() if result == "refused")
    assert (order is not None) == bool(refused)
    assert {} == runtime._services.waiting_runs


def resume_when_stored(runtime: Runtime, op_id: str) -> list[Run]:
    """Have a run taken over as soon as it is durable, ahead of its start's answer."""
    told: list[Run] = []
    cell: Cell[Any] = runtime._services.threads["t"]

    def trace(_cell: Cell[Any], _message: Any) -> None:
        if told:
            return
        with runtime.store.read() as snapshot:
            known = snapshot.operation(op_id)
            thread, runs = snapshot.thread("t"), list(snapshot.runs("t"))
        if known is not None and thread is not None:
            told.extend(run for run in runs if run.config == {"tag": op_id})
            runtime._dispatcher.post_system(cell, Resume(told[0], thread))

    runtime._dispatcher.trace = trace
    return told


@pytest.mark.parametrize("queued", [True, False])
def test_a_run_that_was_taken_over_before_its_start_was_answered_is_executed_once(
    open_runtime: Open, monkeypatch: pytest.MonkeyPatch, walk: Walk, queued: bool
) -> None:
    gated = GatedStore(MemoryStore())
    runtime = open_runtime(store=gated, workflows={"walk": walk.__call__})
    notes = thread_of(runtime)
    crash_handler(monkeypatch, ThreadActor, Due)
    if queued:
        answer(notes.start_run({"tag": "a", "stops": True}))
        walk.stop.reached()
    answer(notes.start_run({"tag": "z"}, after_seconds=3600))  # so that it is resident
    with gated.shut(runtime):
        start = notes.start_run({"tag": "b"}, op_id="b")
        settle(runtime)
        runtime._dispatcher.post(runtime._services.threads["t"], Due())
        assert WorkflowExecutionError is type(failure(start))
        told = resume_when_stored(runtime, "b")
    walk.stop.open()
    assert "b" == answer(notes.run({"tag": "b"}, op_id="b"))
    assert [queued] == [run.is_queued for run in told]
    assert 1 == [tag for tag, _ in walk.began].count("b")
    runs = [one.run for one in actor_of(runtime)._line]
    assert [{"tag": "z"}] == [run.config for run in runs if run is not None]


def at_work(
    open_runtime: Open, walk: Callable[..., Any], stop: Stop
) -> tuple[GatedStore, Runtime, ThreadHandle, Future[Any]]:
    """Return a thread on which run ``a`` has come to a stop, and where; its answer."""
    gated = GatedStore(MemoryStore())
    runtime = open_runtime(store=gated, workflows={"walk": walk})
    notes = thread_of(runtime)
    first = notes.run({"tag": "a"})
    stop.reached()
    return gated, runtime, notes, first


def watch_for_returns(runtime: Runtime) -> threading.Event:
    """Return what is set once the step of a run has come back to its thread."""
    returned = threading.Event()

    def trace(_cell: Cell[Any], message: Any) -> None:
        if isinstance(message, Returned):
            returned.set()

    runtime._dispatcher.trace = trace
    return returned


def test_a_repeated_start_in_the_background_answers_while_its_run_begins(
    open_runtime: Open,
) -> None:
    """It was kept waiting for the run's end, and answered with the result."""
    stop = Stop()

    def wait(_context: ExecutionContext, config: Any) -> Any:
        stop.here()
        return config["tag"]

    gated, runtime, notes, first = at_work(open_runtime, wait, stop)
    queued = answer(notes.start_run({"tag": "b"}, op_id="b"))
    returned = watch_for_returns(runtime)
    with gated.shut(runtime):  # the end of the one before, and then the repetition
        stop.open()
        assert returned.wait(LONG_S)
        settle(runtime)
        again = notes.start_run({"tag": "b"}, op_id="b")
    assert "a" == answer(first)
    assert queued.run_id == answer(again).run_id
    assert "b" == answer(runtime.coordinator.join_run(queued.run_id))


def test_who_waits_for_a_run_whose_place_was_taken_as_it_was_to_begin_is_told_so(
    open_runtime: Open,
) -> None:
    stop = Stop()

    def wait(_context: ExecutionContext, config: Any) -> Any:
        if config["tag"] == "a":
            stop.here()
        return config["tag"]

    gated, runtime, notes, first = at_work(open_runtime, wait, stop)
    second = notes.run({"tag": "b"})
    settle(runtime)
    returned = watch_for_returns(runtime)
    with gated.shut(runtime):  # the end of the first, and then who takes the place
        stop.open()
        assert returned.wait(LONG_S)
        settle(runtime)
        third = notes.run({"tag": "c"}, if_running="interrupt")
    assert ["a", "c"] == [answer(first), answer(third)]
    error = failure(second)
    assert WorkflowExecutionError is type(error)
    assert RunInterrupted is type(error.cause)
    assert "took its place" in str(error.cause)


def test_a_start_that_finds_its_actor_gone_is_executed_by_the_next_one(
    open_runtime: Open,
) -> None:
    """The writer was asked without the actor, which was idle and has gone meanwhile."""
    runtime = open_runtime()
    notes = answer(runtime.session("alice").create_thread("notes", thread_id="t"))
    answer(notes.run())
    settle(runtime)
    gone: Cell[Any] = runtime._services.threads["t"]
    start = StartRun(op_id="o", thread_id="t", run_id="r", workflow="default")
    (outcome,) = runtime.store.apply([start])
    future: Future[Any] = Future()
    command = RunCommand("o", "r", "t", None, None, None, EMPTY, future)
    runtime._dispatcher.post(gone, Passivate())
    runtime._dispatcher.post(gone, Settled(command, outcome))
    assert {"runs": 2} == answer(future)
    assert runtime._services.threads["t"] is not gone
    assert ["success", "success"] == [run.status for run in stored(runtime)]
