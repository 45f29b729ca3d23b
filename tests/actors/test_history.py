"""The past of a thread: looked at, copied, gone back to."""

from typing import Any

import pytest

from tests.actors.conftest import Open
from tests.actors.support import Stop, answer, failure
from weft.actors import ExecutionContext, Runtime, ThreadHandle
from weft.storage import InvalidArgument, NameTaken, ThreadNotFound


@pytest.fixture
def notes(runtime: Runtime) -> ThreadHandle:
    made = answer(
        runtime.session("alice").create_thread(
            "notes", config={"k": 1}, metadata={"m": 1}, thread_id="t"
        )
    )
    for _ in range(4):
        answer(made.run())
    return made


def test_a_thread_shows_its_latest_state_and_that_of_any_step(
    notes: ThreadHandle,
) -> None:
    assert {"runs": 4} == answer(notes.state()).values  # type: ignore[union-attr]
    assert {"runs": 2} == answer(notes.state(2)).values  # type: ignore[union-attr]
    assert answer(notes.state(5)) is None
    assert [4, 3] == [state.step for state in answer(notes.history(limit=2))]
    assert [2, 1] == [s.step for s in answer(notes.history(limit=2, before=3))]


def test_a_thread_goes_back_to_an_earlier_state(notes: ThreadHandle) -> None:
    assert 5 == answer(notes.restore(2)).step
    latest = answer(notes.state())
    assert latest is not None
    assert ({"runs": 2}, {"restored_from": 2}) == (latest.values, latest.metadata)
    assert {"runs": 3} == answer(notes.run())
    assert InvalidArgument is type(failure(notes.restore(99)))


@pytest.mark.parametrize("session", [None, "alice", "bob"])
def test_a_copy_shares_the_past_and_nothing_else(
    notes: ThreadHandle, runtime: Runtime, session: str | None
) -> None:
    copy = answer(notes.fork("copy", session, op_id="fork"))
    record = answer(copy.get())
    assert (session or "alice", "copy", 1) == (
        record.session_id,
        record.thread_name,
        record.rev,
    )
    assert ({"k": 1}, {"m": 1}) == (record.config, record.metadata)
    assert [{"runs": n} for n in (4, 3, 2, 1)] == [
        state.values for state in answer(copy.history())
    ]
    assert {"runs": 5} == answer(copy.run())
    assert {"runs": 4} == answer(notes.state()).values  # type: ignore[union-attr]
    assert copy.thread_id == answer(notes.fork("copy", session, op_id="fork")).thread_id
    assert NameTaken is type(failure(notes.fork("copy", session)))
    answer(notes.remove())
    assert {"runs": 6} == answer(copy.run())
    assert ThreadNotFound is type(failure(notes.fork("other", session)))
    assert runtime.check().clean


def test_a_copy_of_a_step_goes_another_way_from_there(
    notes: ThreadHandle, runtime: Runtime
) -> None:
    copy = answer(notes.fork("copy", step=2))
    assert [2, 1] == [state.step for state in answer(copy.history())]
    assert {"runs": 3} == answer(copy.run())
    for step in (0, 5):
        assert InvalidArgument is type(failure(notes.fork("other", step=step)))
    assert ["copy", "notes"] == [
        one.thread_name for one in answer(runtime.session("alice").threads())
    ]


def test_a_busy_thread_is_copied_without_its_run(open_runtime: Open) -> None:
    stop = Stop()

    def work(_context: ExecutionContext, _config: Any) -> Any:
        yield "half"
        stop.here()
        yield "whole"

    runtime = open_runtime(workflows={"work": work})
    notes = answer(runtime.session("alice").create_thread("notes", "work"))
    result = notes.run()
    stop.reached()
    copy = answer(notes.fork("copy"))
    assert ("idle", None) == (answer(copy.get()).status, answer(copy.get()).run_id)
    assert "half" == answer(copy.state()).values  # type: ignore[union-attr]
    stop.open()
    assert "whole" == answer(result)
    assert runtime.check().clean
