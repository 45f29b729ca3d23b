"""Forgetting on demand."""

from typing import Any

import pytest

from tests.actors.conftest import Open
from tests.actors.support import Stop, answer, failure
from weft.actors import Coordinator, Runtime
from weft.storage import InvalidArgument, ThreadNotFound


@pytest.fixture
def runtime(open_runtime: Open) -> Runtime:
    """Return a runtime in memory: what stores do is tested with the stores."""
    return open_runtime()


@pytest.fixture
def thread_id(coordinator: Coordinator) -> str:
    """Return a thread with five states in session a, which b gave away."""
    answer(coordinator.create_session("a"))
    answer(coordinator.create_session("b"))
    made = answer(coordinator.coordinate_threads("b", [{"name": "one"}]))["one"]
    answer(coordinator.transfer_thread_between_sessions(made, "b", "a"))
    for n in range(5):
        answer(coordinator.append_state(made, n))
    return made


def steps(coordinator: Coordinator, thread_id: str) -> list[int]:
    return [state.step for state in answer(coordinator.thread_history(thread_id))]


def test_inactive_associations_are_forgotten(
    coordinator: Coordinator, thread_id: str
) -> None:
    assert 0 == answer(coordinator.cleanup_inactive_associations())
    assert 1 == answer(coordinator.cleanup_inactive_associations(max_age_days=0))
    assert 0 == answer(coordinator.cleanup_inactive_associations(max_age_days=0))
    rows = answer(coordinator.list_associations_by_thread(thread_id))
    assert ["a"] == [row.session_id for row in rows]
    assert answer(coordinator.validate_session_consistency("b")) == []


def test_a_history_is_forgotten_but_for_the_newest_states(
    coordinator: Coordinator, thread_id: str
) -> None:
    assert 3 == answer(coordinator.delete_history(thread_id, keep_latest=2))
    assert [5, 4] == steps(coordinator, thread_id)
    assert 2 == answer(coordinator.delete_history(thread_id))
    assert answer(coordinator.get_thread_state(thread_id)) is None
    assert answer(coordinator.get_thread(thread_id)).thread_name == "one"


def test_a_workflow_begins_without_a_state_when_its_history_was_forgotten(
    runtime: Runtime, coordinator: Coordinator
) -> None:
    thread = answer(runtime.session("a").create_thread("count"))
    assert {"runs": 1} == answer(thread.run())
    assert {"runs": 2} == answer(thread.run())
    assert 2 == answer(coordinator.delete_history(thread.thread_id))
    assert {"runs": 1} == answer(thread.run())


def test_the_state_that_a_run_would_be_resumed_from_stays(open_runtime: Open) -> None:
    stop = Stop()

    def slow(_context: Any, _config: Any) -> Any:
        yield 1
        yield 2
        stop.here()

    runtime = open_runtime(workflows={"slow": slow})
    thread = answer(runtime.session("a").create_thread("one", workflow="slow"))
    run = thread.run()
    stop.reached()
    assert 1 == answer(runtime.coordinator.delete_history(thread.thread_id))
    stop.open()
    answer(run)
    assert [2] == steps(runtime.coordinator, thread.thread_id)[-1:]


def test_a_thread_that_is_not_there_is_told(coordinator: Coordinator) -> None:
    error = failure(coordinator.delete_history("nobody"))
    assert isinstance(error, ThreadNotFound)


@pytest.mark.parametrize("days", [-1, "30", None, True, float("nan"), 1e9])
def test_an_age_that_is_none_is_refused(coordinator: Coordinator, days: Any) -> None:
    error = failure(coordinator.cleanup_inactive_associations(max_age_days=days))
    assert isinstance(error, InvalidArgument)


@pytest.mark.parametrize("keep", [-1, 1.5, "2", None, True])
def test_a_number_of_states_that_is_none_is_refused(
    coordinator: Coordinator, thread_id: str, keep: Any
) -> None:
    error = failure(coordinator.delete_history(thread_id, keep_latest=keep))
    assert isinstance(error, InvalidArgument)
    assert 5 == len(steps(coordinator, thread_id))
