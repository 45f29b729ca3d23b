"""Two runs, one thread: rejected, queued, interrupted, rolled back; and delayed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.actors.conftest import Open
from tests.actors.support import Stop, answer, answers, failure, settle
from weft.actors import ExecutionContext, Runtime, ThreadHandle
from weft.storage import (
    InvalidArgument,
    RunInterrupted,
    StoreClosed,
    ThreadBusy,
    ThreadNotFound,
    WorkflowExecutionError,
)


class Slow:
    """A generator that yields its tag and stops, then yields it again."""

    def __init__(self) -> None:
        self.stop = Stop()
        self.began: list[str] = []

    def __call__(self, _context: ExecutionContext, config: Any) -> Any:
        self.began.append(config["tag"])
        yield f"{config['tag']} 1"
        if config["tag"] == "slow":
            self.stop.here()
        yield f"{config['tag']} 2"


@pytest.fixture
def slow() -> Iterator[Slow]:
    made = Slow()
    yield made
    made.stop.open()


@pytest.fixture
def working(slow: Slow, open_runtime: Open) -> Runtime:
    return open_runtime(workflows={"slow": slow.__call__})


@pytest.fixture
def notes(working: Runtime) -> ThreadHandle:
    made = answer(
        working.session("alice").create_thread("notes", "slow", thread_id="t")
    )
    answer(made.append_state("before"))
    return made


def values(notes: ThreadHandle) -> list[Any]:
    return [state.values for state in answer(notes.history())]


@pytest.mark.parametrize("options", [{}, {"if_running": "enqueue"}])
def test_three_concurrent_increments_give_three(
    runtime: Runtime, options: dict[str, Any]
) -> None:
    notes = answer(runtime.session("alice").create_thread("notes"))
    runs = [notes.run(**options) for _ in range(3)]
    assert [{"runs": n} for n in (1, 2, 3)] == answers(runs)
    made = answer(runtime.coordinator.list_runs(notes.thread_id))
    statuses = [run.status for run in made]
    assert ["success"] * 3 == statuses


def test_a_rejected_run_names_the_one_in_its_way_and_leaves_nothing(
    slow: Slow, notes: ThreadHandle, working: Runtime
) -> None:
    first = notes.run({"tag": "slow"})
    slow.stop.reached()
    error = failure(notes.run({"tag": "b"}, if_running="reject"))
    assert ThreadBusy is type(error)
    assert answer(notes.get()).run_id == error.run_id
    slow.stop.open()
    assert "slow 2" == answer(first)
    assert 1 == len(answer(working.coordinator.list_runs("t")))
    assert "b 2" == answer(notes.run({"tag": "b"}, if_running="reject"))


def test_a_run_is_rejected_by_one_that_waits_as_well(
    slow: Slow, notes: ThreadHandle
) -> None:
    futures = [notes.run({"tag": "slow"}), notes.run({"tag": "b"})]
    rejected = notes.run({"tag": "c"}, if_running="reject")
    slow.stop.open()
    assert ThreadBusy is type(failure(rejected))
    assert ["slow 2", "b 2"] == answers(futures)


def test_a_run_that_interrupts_begins_after_what_the_other_wrote(
    slow: Slow, notes: ThreadHandle, working: Runtime
) -> None:
    first, queued = notes.run({"tag": "slow"}), notes.run({"tag": "b"})
    slow.stop.reached()
    second = notes.run({"tag": "c"}, if_running="interrupt")
    error = failure(queued)
    assert (WorkflowExecutionError, RunInterrupted) == (type(error), type(error.cause))
    slow.stop.open()
    assert RunInterrupted is type(failure(first).cause)
    assert "c 2" == answer(second)
    assert ["c 2", "c 1", "slow 2", "slow 1", "before"] == values(notes)
    assert ["slow", "c"] == slow.began
    runs = answer(working.coordinator.list_runs("t"))
    assert ["success", "interrupted", "interrupted"] == [run.status for run in runs]
    assert working.check().clean


def test_a_rollback_restores_the_state_before_the_run(
    slow: Slow, notes: ThreadHandle, working: Runtime
) -> None:
    before = answer(notes.state())
    first = notes.run({"tag": "slow"})
    slow.stop.reached()
    assert ["slow 1", "before"] == values(notes)
    states = []

    def look(context: ExecutionContext, _config: Any) -> str:
        states.append(context.state)
        return "new"

    working._services.workflows._add("look", look)
    second = notes.run(workflow="look", if_running="rollback")
    settle(working)
    slow.stop.open()
    assert WorkflowExecutionError is type(failure(first))
    assert "new" == answer(second)
    assert ["before"] == states
    assert ["new", "before"] == values(notes)
    assert before == answer(notes.state(1))
    undone = answer(working.coordinator.list_runs("t"))[1]
    assert undone.error is not None
    assert ("interrupted", "RolledBack") == (undone.status, undone.error["type"])
    assert working.check().clean


def test_a_run_that_comes_to_its_end_is_rolled_back_all_the_same(
    notes: ThreadHandle, working: Runtime
) -> None:
    stop = Stop()

    def stubborn(_context: ExecutionContext, _config: Any) -> str:
        stop.here()
        return "stubborn"

    working._services.workflows._add("stubborn", stubborn)
    first = notes.run(workflow="stubborn")
    stop.reached()
    second = notes.run({"tag": "b"}, if_running="rollback")
    settle(working)
    stop.open()
    assert "RolledBack" in str(failure(first))
    assert "b 2" == answer(second)
    assert ["b 2", "b 1", "before"] == values(notes)


def test_an_unknown_strategy_is_refused_at_the_door(notes: ThreadHandle) -> None:
    assert InvalidArgument is type(failure(notes.run(if_running="both")))


# -- waiting -------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["after_seconds", "deadline_s"])
def test_a_span_of_time_that_is_none_is_refused_by_its_name(
    notes: ThreadHandle, what: str
) -> None:
    wrong: dict[str, Any] = {what: -1}
    error = failure(notes.run(**wrong))
    assert InvalidArgument is type(error)
    assert f"{what} is a number of seconds" in str(error)


def test_a_queued_run_is_pending_in_the_store_and_can_be_cancelled(
    slow: Slow, notes: ThreadHandle, working: Runtime
) -> None:
    first = notes.run({"tag": "slow"})
    slow.stop.reached()
    queued = answer(notes.start_run({"tag": "b"}))
    third = notes.run({"tag": "c"})
    assert ("pending", 0) == (queued.status, queued.attempt)
    assert queued == answer(working.coordinator.get_run(queued.run_id))
    assert answer(working.coordinator.cancel_run(queued.run_id))
    slow.stop.open()
    assert ["slow 2", "c 2"] == answers([first, third])
    assert ["slow", "c"] == slow.began
    ended = answer(working.coordinator.get_run(queued.run_id))
    assert ended is not None
    assert "interrupted" == ended.status
    assert WorkflowExecutionError is type(
        failure(working.coordinator.join_run(queued.run_id))
    )
    assert {} == working._services.waiting_runs


def test_a_delayed_run_lets_others_go_first(notes: ThreadHandle) -> None:
    delayed = notes.run({"tag": "late"}, after_seconds=0.3)
    assert "b 2" == answer(notes.run({"tag": "b"}, if_running="reject"))
    assert "late 2" == answer(delayed)
    assert ["late 2", "late 1", "b 2", "b 1", "before"] == values(notes)


def test_a_run_in_the_background_is_joined_with_its_states(
    slow: Slow, notes: ThreadHandle, working: Runtime
) -> None:
    run = answer(notes.start_run({"tag": "slow"}))
    slow.stop.reached()
    stream = working.coordinator.join_stream(run.run_id)
    joined = working.coordinator.join_run(run.run_id)
    settle(working)
    slow.stop.open()
    assert ["slow 2"] == list(stream)
    assert "slow 2" == answer(joined)
    assert "slow 2" == answer(working.coordinator.join_run(run.run_id))
    assert ThreadNotFound is type(failure(working.coordinator.join_run("nobody")))


def test_closing_answers_who_waits_and_the_run_begins_at_the_next_open(
    tmp_store: Path, open_runtime: Open
) -> None:
    first = open_runtime(tmp_store)
    notes = answer(first.session("alice").create_thread("notes", thread_id="t"))
    waiting = notes.run(after_seconds=0.5)
    run = answer(notes.start_run(after_seconds=3600.0))
    first.close(timeout_s=1.0)
    assert StoreClosed is type(failure(waiting))
    again = open_runtime(tmp_store)
    (early,) = [
        one
        for one in answer(again.coordinator.list_runs("t"))
        if one.run_id != run.run_id
    ]
    assert {"runs": 1} == answer(again.coordinator.join_run(early.run_id))
    assert run == answer(again.coordinator.get_run(run.run_id))
    assert answer(again.thread("t").remove())
    assert answer(again.coordinator.get_run(run.run_id)) is None
    assert again.check().clean
