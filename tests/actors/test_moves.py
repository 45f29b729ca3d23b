"""Commands and runs that meet a move: they follow the thread to its new owner."""

from pathlib import Path
from typing import Any

import pytest

from tests.actors.conftest import Open
from tests.actors.support import (
    GatedStore,
    Stop,
    Trace,
    answer,
    answers,
    failure,
    settle,
    view,
)
from weft.actors import ExecutionContext, Runtime
from weft.actors.messages import Command
from weft.storage import (
    CreateThreads,
    NewThread,
    RemoveThreads,
    ThreadNotFound,
    TransferThreads,
    UpdateSession,
)


def cell_of(runtime: Runtime, thread_id: str) -> Any:
    return runtime._services.threads[thread_id]


# Commands that meet a move


def test_commands_for_a_moving_thread_are_forwarded_to_its_new_owner(
    gated: GatedStore, open_runtime: Open
) -> None:
    runtime = open_runtime(store=gated)
    coordinator = runtime.coordinator
    notes = answer(runtime.session("alice").create_thread("notes", thread_id="t"))
    answer(coordinator.create_session("bob"))
    trace = Trace(runtime)
    with gated.shut(runtime):
        move = coordinator.transfer_thread_between_sessions("t", "alice", "bob")
        settle(runtime)
        run = coordinator.execute_workflow_in_session("alice", "notes")
        rename = notes.rename("moved")
        strict = coordinator.rename_thread("t", "mine", session_id="alice")
        settle(runtime)
        held = view(runtime, "alice")._stash._by_key["t"]
        assert 3 == len(held)
    assert "bob" == answer(move).session_id
    assert {"runs": 1} == answer(run)
    assert ("bob", "moved") == (answer(rename).session_id, answer(rename).thread_name)
    assert isinstance(failure(strict), ThreadNotFound)
    at_bob = [m for m in trace.of("session", "bob") if isinstance(m, Command)]
    assert {rename.op_id, strict.op_id} == {m.operation.op_id for m in at_bob}
    assert not view(runtime, "alice")._stash
    assert not view(runtime, "bob")._stash


def test_a_second_command_for_a_thread_waits_and_other_threads_pass(
    gated: GatedStore, open_runtime: Open
) -> None:
    runtime = open_runtime(store=gated)
    coordinator = runtime.coordinator
    for name in ("one", "two"):
        answer(runtime.session("alice").create_thread(name, thread_id=name))
    with gated.shut(runtime):
        first = coordinator.rename_thread("one", "x", session_id="alice")
        second = coordinator.rename_thread("one", "y", session_id="alice")
        other = coordinator.rename_thread("two", "z", session_id="alice")
        settle(runtime)
        assert 2 == runtime._writer.statistics().queued
    assert ["x", "y", "z"] == [
        thread.thread_name for thread in answers([first, second, other])
    ]
    kinds = [[operation.op_id for operation in group] for group in gated.groups]
    assert [[first.op_id, other.op_id], [second.op_id]] == kinds[-2:]


def test_runs_by_name_wait_for_the_thread_that_is_being_created(
    gated: GatedStore, open_runtime: Open
) -> None:
    runtime = open_runtime(store=gated)
    coordinator = runtime.coordinator
    answer(coordinator.create_session("alice"))
    with gated.shut(runtime):
        created = coordinator.coordinate_threads("alice", [{"name": "notes"}])
        runs = [
            coordinator.execute_workflow_in_session("alice", "notes") for _ in range(3)
        ]
    created_ids: dict[str, str] = answer(created)
    assert ["notes"] == list(created_ids)
    assert [{"runs": n} for n in (1, 2, 3)] == answers(runs)


def test_two_creations_of_one_name_are_decided_by_the_writer(
    gated: GatedStore, open_runtime: Open
) -> None:
    runtime = open_runtime(store=gated)
    coordinator = runtime.coordinator
    answer(coordinator.create_session("alice"))
    with gated.shut(runtime):
        futures = [
            coordinator.coordinate_threads("alice", [{"name": "notes"}])
            for _ in range(3)
        ]
    answer(futures[0])
    assert {"NameTaken"} == {type(failure(f)).__name__ for f in futures[1:]}


# A thread's actor is a child, and a move gives it another parent


class Walk:
    """A generator that stops between its states, and notes what it saw."""

    def __init__(self, steps: int) -> None:
        self.stops = [Stop() for _ in range(steps)]
        self.owners: list[str] = []

    def __call__(self, context: ExecutionContext, _config: Any) -> Any:
        for number, stop in enumerate(self.stops, 1):
            yield number
            stop.here()
            self.owners.append(context.session_id)


def test_a_thread_is_a_supervised_child_of_its_session(open_runtime: Open) -> None:
    walk = Walk(1)
    runtime = open_runtime(workflows={"walk": walk.__call__})
    notes = answer(
        runtime.session("alice").create_thread("notes", "walk", thread_id="t")
    )
    result = notes.run()
    walk.stops[0].reached()
    assert runtime._services.sessions["alice"] is cell_of(runtime, "t").parent
    assert runtime._root is runtime._services.sessions["alice"].parent
    walk.stops[0].open()
    assert 1 == answer(result)


def test_a_moved_run_goes_on_under_its_new_owner(runtime_and_walk: Any) -> None:
    runtime, walk = runtime_and_walk
    notes = answer(
        runtime.session("alice").create_thread("notes", "walk", thread_id="t")
    )
    stream = notes.stream()
    walk.stops[0].reached()
    moved = answer(notes.transfer_to("bob", if_running="move"))
    assert ("bob", "busy", 2) == (moved.session_id, moved.status, moved.rev)
    assert runtime._services.sessions["bob"] is cell_of(runtime, "t").parent
    assert {} == view(runtime, "alice")._children
    for stop in walk.stops:
        stop.open()
    assert [1, 2, 3] == list(stream)
    assert ["bob", "bob", "bob"] == walk.owners
    assert [2, 2, 1] == [state.rev for state in answer(notes.history())]
    assert ("bob", "idle") == (
        answer(notes.get()).session_id,
        answer(notes.get()).status,
    )
    assert runtime.check().clean


@pytest.fixture
def runtime_and_walk(tmp_store: Path, open_runtime: Open) -> tuple[Runtime, Walk]:
    walk = Walk(3)
    return open_runtime(tmp_store, workflows={"walk": walk.__call__}), walk


@pytest.mark.parametrize("bob_is_resident", [True, False])
def test_a_state_that_was_on_its_way_when_the_thread_moved_is_written_after_all(
    gated: GatedStore, open_runtime: Open, *, bob_is_resident: bool
) -> None:
    walk = Walk(3)
    runtime = open_runtime(store=gated, workflows={"walk": walk.__call__})
    if bob_is_resident:
        answer(runtime.session("bob").open())
    notes = answer(
        runtime.session("alice").create_thread("notes", "walk", thread_id="t")
    )
    stream = notes.stream()
    walk.stops[0].reached()
    with gated.shut(runtime):
        move = notes.transfer_to("bob", if_running="move")
        settle(runtime)
        walk.stops[0].open()
        until_queued(runtime, 2)
    assert "bob" == answer(move).session_id
    assert ["TransferThreads", "AppendState"] == [
        operation.kind
        for operation in gated.groups[-2 if len(gated.groups[-1]) == 1 else -1]
    ]
    walk.stops[1].open()
    walk.stops[2].open()
    assert [1, 2, 3] == list(stream)
    assert [3, 2, 1] == [state.values for state in answer(notes.history())]
    assert "idle" == answer(notes.get()).status


def until_queued(runtime: Runtime, count: int) -> None:
    """Wait until the writer has this much to do; a step's way there is short."""
    for _ in range(100_000):
        if runtime._writer.statistics().queued >= count:
            return
        settle(runtime)
    raise AssertionError(runtime._writer.statistics())


def test_a_thread_that_goes_and_comes_back_in_one_batch_keeps_its_run(
    open_runtime: Open,
) -> None:
    walk = Walk(2)
    runtime = open_runtime(workflows={"walk": walk.__call__})
    answer(runtime.session("bob").open())
    notes = answer(
        runtime.session("alice").create_thread("notes", "walk", thread_id="t")
    )
    result = notes.run()
    walk.stops[0].reached()
    answer(
        runtime.coordinator.transact(
            [
                TransferThreads(thread_ids=("t",), to_session_id="bob", even_busy=True),
                TransferThreads(
                    thread_ids=("t",), to_session_id="alice", even_busy=True
                ),
            ]
        )
    )
    settle(runtime)
    assert runtime._services.sessions["alice"] is cell_of(runtime, "t").parent
    walk.stops[0].open()
    walk.stops[1].open()
    assert 2 == answer(result)
    assert ["alice", "alice"] == walk.owners


@pytest.mark.parametrize("bob_is_resident", [True, False])
def test_an_id_that_is_removed_and_created_in_one_batch_is_another_thread(
    tmp_store: Path, open_runtime: Open, *, bob_is_resident: bool
) -> None:
    walk = Walk(1)
    first = open_runtime(tmp_store)
    answer(first.session("bob").open())
    first.close()
    runtime = open_runtime(tmp_store, workflows={"walk": walk.__call__})
    if bob_is_resident:
        answer(runtime.coordinator.track_user_interaction("bob", {"type": "hello"}))
    assert bob_is_resident == ("bob" in runtime._services.sessions)
    notes = answer(
        runtime.session("alice").create_thread("notes", "walk", thread_id="t")
    )
    result = notes.run()
    walk.stops[0].reached()
    answer(
        runtime.coordinator.transact(
            [
                UpdateSession(session_id="alice", user_id="al"),  # she is asked
                RemoveThreads(threads=("t",), even_busy=True),
                CreateThreads(session_id="bob", threads=(NewThread("t", "new"),)),
            ]
        )
    )
    assert isinstance(failure(result), ThreadNotFound)
    walk.stops[0].open()
    assert {"runs": 1} == answer(notes.run())
    assert {"runs": 2} == answer(
        runtime.coordinator.execute_workflow_in_session("bob", "new")
    )


def test_a_command_that_waits_for_a_run_survives_a_move_by_another_door(
    open_runtime: Open,
) -> None:
    walk = Walk(1)
    runtime = open_runtime(workflows={"walk": walk.__call__})
    coordinator = runtime.coordinator
    notes = answer(
        runtime.session("alice").create_thread("notes", "walk", thread_id="t")
    )
    answer(runtime.session("bob").open())
    result = notes.run()
    walk.stops[0].reached()
    waiting = coordinator.remove_thread_from_session("alice", "notes", "wait")
    settle(runtime)
    move = TransferThreads(thread_ids=("t",), to_session_id="bob", even_busy=True)
    answer(coordinator.transact([move]))
    walk.stops[0].open()
    assert 1 == answer(result)
    assert isinstance(failure(waiting), ThreadNotFound)
    back = coordinator.transfer_thread_between_sessions("t", "bob", "alice")
    assert "alice" == answer(back).session_id
    assert "drafts" == answer(notes.rename("drafts")).thread_name
    settle(runtime)
    assert not view(runtime, "alice")._stash
    assert not view(runtime, "bob")._stash
    assert 0 == runtime.statistics().restarts
