"""What whoever serves a run needs of it: where it stands, its data, its undoing."""

from typing import Any

import pytest

from tests.actors.conftest import Open
from tests.actors.support import Stop, answer, failure
from weft.actors import ExecutionContext, Runtime, Stream, ThreadHandle
from weft.actors.run_messages import Mark
from weft.storage import Overloaded, ThreadBusy


def two(context: ExecutionContext, _config: Any) -> Any:
    context.emit({"event": "a", "data": 1}, mode="parts")
    yield {"n": 1}
    context.emit({"event": "b", "data": 2}, mode="parts")
    yield {"n": 2}


def blank() -> Stream[Any]:
    return Stream(lambda: Overloaded("The reader is too slow."))


def thread_of(runtime: Runtime, workflow: str) -> ThreadHandle:
    return answer(runtime.session("alice").create_thread("notes", workflow))


def test_marks_say_behind_which_operation_something_was_told(
    open_runtime: Open,
) -> None:
    thread = thread_of(open_runtime(workflows={"two": two}), "two")
    stream = blank()
    run = answer(thread.start_run(stream=stream, mode=("marks", "parts")))
    began = run.began_seq
    expected = [
        ("marks", Mark(began, 1, begins=True)),
        ("parts", {"event": "a", "data": 1}),
        ("marks", Mark(began + 1, 1)),
        ("parts", {"event": "b", "data": 2}),
        ("marks", Mark(began + 2, 1)),
    ]
    assert expected == list(stream)
    states = answer(thread.history())
    assert [began + 2, began + 1] == [state.created_seq for state in states]


def test_who_joins_late_is_told_where_the_run_stands(open_runtime: Open) -> None:
    stop = Stop()

    def hold(_context: ExecutionContext, _config: Any) -> Any:
        yield {"n": 1}
        stop.here()

    runtime = open_runtime(workflows={"hold": hold})
    thread = thread_of(runtime, "hold")
    run = answer(thread.start_run())
    stop.reached()
    stream = runtime.coordinator.join_stream(run.run_id, mode="marks")
    assert Mark(run.began_seq + 1, 1, joined=True) == next(stream)
    stop.open()
    assert [] == list(stream)


def test_a_runs_metadata_are_kept_from_its_workflow(open_runtime: Open) -> None:
    def tell(_context: ExecutionContext, config: Any) -> Any:
        return config

    thread = thread_of(open_runtime(workflows={"tell": tell}), "tell")
    run = answer(thread.start_run({"a": 1}, metadata={"b": 2}))
    assert {"b": 2} == run.metadata
    assert {"a": 1} == answer(thread.run({"a": 1}, metadata={"b": 2}))


def test_a_run_that_is_cancelled_and_undone_leaves_no_state(
    open_runtime: Open,
) -> None:
    stop = Stop()

    def hold(_context: ExecutionContext, _config: Any) -> Any:
        yield {"n": 1}
        stop.here()
        yield {"n": 2}

    runtime = open_runtime(workflows={"hold": hold})
    thread = thread_of(runtime, "hold")
    answer(thread.append_state({"n": 0}))
    run = answer(thread.start_run())
    stop.reached()
    assert answer(runtime.coordinator.cancel_run(run.run_id, undo=True))
    stop.open()
    assert "RolledBack" in str(failure(runtime.coordinator.join_run(run.run_id)))
    assert [{"n": 0}] == [state.values for state in answer(thread.history())]
    assert "interrupted" == answer(thread.get()).status


def test_a_run_is_forgotten_once_it_has_ended(open_runtime: Open) -> None:
    stop = Stop()
    runtime = open_runtime(workflows={"hold": lambda _context, _config: stop.here()})
    thread = thread_of(runtime, "hold")
    run = answer(thread.start_run())
    forget = runtime.coordinator.delete_run
    with pytest.raises(ThreadBusy, match="Cancel it first"):
        answer(forget(thread.thread_id, run.run_id))
    stop.open()
    answer(runtime.coordinator.join_run(run.run_id))
    assert answer(forget(thread.thread_id, run.run_id))
    assert None is answer(runtime.coordinator.get_run(run.run_id))
    assert not answer(forget(thread.thread_id, run.run_id))
    assert [] == runtime.check().inconsistencies
