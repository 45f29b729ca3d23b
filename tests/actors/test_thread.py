"""Threads: runs one at a time, cancelled, moved, removed, repeated, resumed."""

from typing import Any

import pytest

from tests.actors.conftest import Open
from tests.actors.support import (
    LONG_S,
    GatedStore,
    Stop,
    answer,
    answers,
    failure,
    settle,
)
from weft.actors import ExecutionContext, Runtime, ThreadHandle
from weft.actors.messages import Resume
from weft.storage import (
    RemoveThreads,
    RunInterrupted,
    ThreadBusy,
    ThreadNotFound,
    WorkflowExecutionError,
)


class Walk:
    """A generator of 1, 2, 3 that stops behind each state.

    Attributes:
        seen: what each run saw of its context behind its first state.
        active: runs in progress at this moment, and the most there were.
    """

    def __init__(self) -> None:
        self.stops = [Stop() for _ in range(3)]
        self.seen: list[tuple[Any, ...]] = []
        self.active = [0, 0]

    def __call__(self, context: ExecutionContext, config: Any) -> Any:
        self.active[0] += 1
        self.active[1] = max(self.active)
        try:
            for number, stop in enumerate(self.stops, 1):
                yield number
                self.seen.append((config.get("run"), context.state, context.cancelled))
                stop.here()
        finally:
            self.active[0] -= 1

    def open(self) -> None:
        for stop in self.stops:
            stop.open()


@pytest.fixture
def walk() -> Any:
    made = Walk()
    yield made
    made.open()


@pytest.fixture
def walking(walk: Walk, open_runtime: Open) -> Runtime:
    return open_runtime(workflows={"walk": walk.__call__})


@pytest.fixture
def notes(walking: Runtime) -> ThreadHandle:
    return answer(
        walking.session("alice").create_thread("notes", "walk", thread_id="t")
    )


# One at a time


def test_concurrent_runs_of_a_thread_queue_and_each_sees_the_last(
    runtime: Runtime,
) -> None:
    notes = answer(runtime.session("alice").create_thread("notes"))
    assert [{"runs": n} for n in (1, 2, 3)] == answers([notes.run() for _ in range(3)])


def test_runs_of_a_thread_never_overlap_and_keep_the_order_they_were_asked_in(
    walk: Walk, notes: ThreadHandle
) -> None:
    futures = [notes.run({"run": number}) for number in range(5)]
    walk.open()
    assert [3] * 5 == answers(futures)
    assert [n for n in range(5) for _ in range(3)] == [row[0] for row in walk.seen]
    assert [0, 1] == walk.active


def test_runs_of_different_threads_overlap(open_runtime: Open) -> None:
    import threading

    meeting = threading.Barrier(4, timeout=LONG_S)

    def meet(_context: Any, _config: Any) -> int:
        return meeting.wait()

    runtime = open_runtime(workflows={"meet": meet})
    alice = runtime.session("alice")
    threads = answers([alice.create_thread(f"{n}", "meet") for n in range(4)])
    assert {0, 1, 2, 3} == set(answers([thread.run() for thread in threads]))


def test_each_state_is_durable_before_the_run_goes_on(
    walk: Walk, notes: ThreadHandle, walking: Runtime
) -> None:
    result = notes.run()
    for number, stop in enumerate(walk.stops, 1):
        stop.reached()
        with walking.store.read() as snapshot:
            assert number == snapshot.state("t").values  # type: ignore[union-attr]
        stop.open()
    assert 3 == answer(result)
    assert [1, 2, 3] == [row[1] for row in walk.seen]


def test_the_result_of_a_plain_function_is_written_with_the_end_of_its_run(
    gated: GatedStore, open_runtime: Open
) -> None:
    runtime = open_runtime(store=gated)
    notes = answer(runtime.session("alice").create_thread("notes"))
    answer(notes.run())
    assert [["StartRun"], ["FinishRun"]] == [
        [operation.kind for operation in group] for group in gated.groups[-2:]
    ]
    state = answer(notes.state())
    assert state is not None
    (run,) = answer(runtime.coordinator.list_runs(notes.thread_id))
    assert (run.updated_seq, run.run_id) == (state.created_seq, state.run_id)


# Cancelling


def test_a_cancelled_run_ends_at_its_next_yield(
    walk: Walk, notes: ThreadHandle, walking: Runtime
) -> None:
    result = notes.run({"run": 1})
    walk.stops[0].reached()
    run_id = str(answer(notes.get()).run_id)
    assert answer(walking.coordinator.cancel_run(run_id))
    walk.open()
    error = failure(result)
    assert WorkflowExecutionError is type(error)
    assert RunInterrupted is type(error.cause)
    run = answer(walking.coordinator.get_run(run_id))
    assert run is not None
    assert ("interrupted", 1) == (run.status, run.attempt)
    assert [2, 1] == [state.values for state in answer(notes.history())]
    assert [0, 1] == walk.active  # its finally ran
    assert "interrupted" == answer(notes.get()).status
    assert 3 == answer(notes.run())
    assert not answer(walking.coordinator.cancel_run(run_id))


def test_long_work_sees_that_it_is_cancelled(open_runtime: Open) -> None:
    begun = Stop()

    def work(context: ExecutionContext, _config: Any) -> str:
        begun.here()
        return "stopped" if context.cancelled else "went on"

    runtime = open_runtime(workflows={"work": work})
    notes = answer(runtime.session("alice").create_thread("notes", "work"))
    result = notes.run()
    begun.reached()
    answer(runtime.coordinator.cancel_run(str(answer(notes.get()).run_id)))
    begun.open()
    assert "stopped" == answer(result)


# Moving and removing a busy thread


def test_a_busy_thread_is_not_transferred_unless_asked_to(
    walk: Walk, notes: ThreadHandle
) -> None:
    result = notes.run()
    walk.stops[0].reached()
    error = failure(notes.transfer_to("bob"))
    assert ThreadBusy is type(error)
    assert answer(notes.get()).run_id == error.run_id
    assert "alice" == answer(notes.get()).session_id
    walk.open()
    assert 3 == answer(result)


def test_a_transfer_waits_for_the_run_and_goes_before_the_next(
    walk: Walk, notes: ThreadHandle, walking: Runtime
) -> None:
    first, second = notes.run({"run": 1}), notes.run({"run": 2})
    walk.stops[0].reached()
    transfer = notes.transfer_to("bob", if_running="wait")
    settle(walking)
    assert not transfer.done()
    walk.open()
    moved = answer(transfer)
    assert ("bob", "idle") == (moved.session_id, moved.status)
    assert [3, 3] == answers([first, second])
    assert [2, 2, 2, 1, 1, 1] == [state.rev for state in answer(notes.history())]


def test_a_moved_run_sees_its_new_session(walk: Walk, notes: ThreadHandle) -> None:
    result = notes.run()
    walk.stops[0].reached()
    assert 2 == answer(notes.transfer_to("bob", if_running="move")).rev
    walk.open()
    assert 3 == answer(result)


def test_a_busy_thread_is_not_removed_unless_asked_to(
    walk: Walk, notes: ThreadHandle
) -> None:
    result = notes.run()
    walk.stops[0].reached()
    assert ThreadBusy is type(failure(notes.remove()))
    walk.open()
    assert 3 == answer(result)
    assert answer(notes.remove())


def test_a_removal_waits_for_the_run_and_fails_what_is_queued(
    walk: Walk, notes: ThreadHandle, walking: Runtime
) -> None:
    first, second = notes.run(), notes.run()
    walk.stops[0].reached()
    removal = walking.coordinator.remove_thread_from_session("alice", "notes", "wait")
    settle(walking)
    assert not removal.done()
    walk.open()
    assert 3 == answer(first)
    assert answer(removal)
    assert ThreadNotFound is type(failure(second))


def test_a_removal_cancels_the_run_if_it_is_told_to(
    walk: Walk, notes: ThreadHandle, walking: Runtime
) -> None:
    result = notes.run()
    walk.stops[0].reached()
    removal = notes.remove(if_running="cancel")
    settle(walking)
    walk.open()
    assert answer(removal)
    assert RunInterrupted is type(failure(result).cause)
    assert [1] == [row[1] for row in walk.seen]


def test_a_removal_cancels_a_run_that_is_just_beginning(
    gated: GatedStore, open_runtime: Open
) -> None:
    saw = []

    def work(context: ExecutionContext, _config: Any) -> None:
        saw.append(context.cancelled)

    runtime = open_runtime(store=gated, workflows={"work": work})
    notes = answer(runtime.session("alice").create_thread("notes", "work"))
    with gated.shut(runtime):
        result = notes.run()
        settle(runtime)
        removal = notes.remove(if_running="cancel")
    assert answer(removal)
    assert answer(result) is None
    assert [True] == saw


def test_a_refused_transfer_that_waited_lets_the_thread_go_on(
    walk: Walk, notes: ThreadHandle, walking: Runtime
) -> None:
    answer(walking.session("bob").create_thread("notes"))
    first = notes.run()
    walk.stops[0].reached()
    transfer = notes.transfer_to("bob", if_running="wait")
    second = notes.run()
    walk.open()
    assert "NameTaken" == type(failure(transfer)).__name__
    assert [3, 3] == answers([first, second])


def test_a_run_on_a_removed_thread_is_refused(runtime: Runtime) -> None:
    notes = answer(runtime.session("alice").create_thread("notes"))
    answer(notes.run())
    answer(notes.remove())
    assert ThreadNotFound is type(failure(notes.run()))
    with pytest.raises(ThreadNotFound):
        list(notes.stream())


def test_a_thread_that_is_removed_under_its_run_does_not_come_back(
    walk: Walk, notes: ThreadHandle, walking: Runtime
) -> None:
    first, second, stream = notes.run(), notes.run(), notes.stream()
    walk.stops[0].reached()
    removal = RemoveThreads(threads=("t",), even_busy=True)
    assert [["t"]] == answer(walking.coordinator.transact([removal]))
    for future in (first, second):
        assert ThreadNotFound is type(failure(future))
    with pytest.raises(ThreadNotFound):
        list(stream)
    walk.open()
    assert walking._executor.close(LONG_S)
    settle(walking)
    assert ThreadNotFound is type(failure(notes.get()))
    with walking.store.read() as snapshot:
        assert [] == list(snapshot.states("t"))
        assert [] == list(snapshot.live_runs())
    assert {} == walking._services.threads
    assert {} == walking._services.live_runs
    assert walking.check().clean


def test_a_new_life_of_a_removed_thread_begins_empty(runtime: Runtime) -> None:
    alice = runtime.session("alice")
    notes = answer(alice.create_thread("notes", thread_id="t"))
    answer(notes.run())
    answer(notes.remove())
    again = answer(alice.create_thread("other", thread_id="t"))
    assert answer(again.state()) is None
    assert {"runs": 1} == answer(again.run())
    assert 2 == answer(again.get()).rev


# Repeating


def test_a_repeated_run_joins_the_one_in_progress(
    walk: Walk, notes: ThreadHandle, walking: Runtime
) -> None:
    futures = [notes.run(op_id="run-1") for _ in range(3)]
    walk.stops[0].reached()
    futures.append(
        walking.coordinator.execute_workflow_in_session("alice", "notes", op_id="run-1")
    )
    walk.open()
    assert [3] * 4 == answers(futures)
    assert 3 == answer(notes.run(op_id="run-1"))
    assert 1 == len(answer(walking.coordinator.list_runs("t")))
    assert 3 == len(walk.seen)


def test_a_repeated_run_is_answered_wherever_the_thread_is_now(
    runtime: Runtime,
) -> None:
    coordinator = runtime.coordinator
    notes = answer(runtime.session("alice").create_thread("notes", thread_id="t"))

    def run() -> Any:
        return coordinator.execute_workflow_in_session("alice", "notes", op_id="run-1")

    first = answer(run())
    answer(notes.transfer_to("bob", new_name="moved"))
    assert first == answer(run())
    assert first == answer(notes.run(op_id="run-1"))
    answer(notes.remove())
    assert ThreadNotFound is type(failure(run()))
    assert ThreadNotFound is type(failure(notes.run(op_id="run-1")))
    assert ThreadNotFound is type(failure(runtime.thread("t").run(op_id="run-1")))


def test_a_run_is_resumed_once_however_often_it_is_told(
    walk: Walk, notes: ThreadHandle, walking: Runtime
) -> None:
    result = notes.run()
    walk.stops[0].reached()
    with walking.store.read() as snapshot:
        thread = snapshot.thread("t")
        run = snapshot.run(str(thread.run_id)) if thread else None
    assert thread is not None
    assert run is not None
    walking._services.threads["t"].ask(Resume(run, thread), timeout=LONG_S)
    walk.open()
    assert 3 == answer(result)
