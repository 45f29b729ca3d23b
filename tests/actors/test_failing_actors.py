"""Actors of the runtime that fail: they answer, and begin anew from the store."""

from typing import Any

import pytest

from tests.actors.conftest import Open
from tests.actors.support import (
    Walk,
    answer,
    answers,
    failure,
)
from weft.actors import ActorCrashed, Future, Runtime
from weft.actors.messages import Command, RunCommand, Settled, Yielded
from weft.actors.session import SessionActor
from weft.actors.thread import ThreadActor
from weft.storage import (
    WorkflowExecutionError,
)


def fail_once(
    monkeypatch: pytest.MonkeyPatch, actor: Any, kind: type, suits: Any = None
) -> list[Any]:
    """Have a handler raise once, for the first message that suits."""
    handlers = dict(actor.handlers)
    broken: list[Any] = []
    real = handlers[kind]

    def handler(self: Any, message: Any) -> Any:
        if not broken and (suits is None or suits(message)):
            broken.append(message)
            raise RuntimeError("a defect")
        return real(self, message)

    monkeypatch.setattr(actor, "handlers", handlers | {kind: handler})
    return broken


def test_a_thread_whose_actor_fails_answers_and_goes_on(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = answer(runtime.session("alice").create_thread("notes"))
    broken = fail_once(monkeypatch, ThreadActor, RunCommand)
    futures = [notes.run() for _ in range(4)]
    error = failure(futures[0])
    assert WorkflowExecutionError is type(error)
    assert "a defect" == str(error.cause)
    assert [{"runs": n} for n in (1, 2, 3)] == answers(futures[1:])
    assert 1 == len(broken)
    assert 1 == runtime.statistics().restarts


def test_a_run_whose_threads_actor_fails_is_taken_over(
    walk: Walk, open_runtime: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk.stop.open()
    runtime = open_runtime(workflows={"walk": walk.__call__})
    notes = answer(
        runtime.session("alice").create_thread("notes", "walk", thread_id="t")
    )
    broken = fail_once(monkeypatch, ThreadActor, Yielded)
    result, queued = notes.run(op_id="run-1"), notes.run()
    assert WorkflowExecutionError is type(failure(result))
    assert WorkflowExecutionError is type(failure(queued))
    assert 2 == answer(notes.run(op_id="run-1"))
    assert 2 == answer(notes.run())  # behind the queued one, which was kept
    _, kept, run = answer(runtime.coordinator.list_runs("t"))
    assert ("success", 1) == (kept.status, kept.attempt)
    assert ("success", 2) == (run.status, run.attempt)
    assert 1 == len(broken)
    assert runtime._services.sessions["alice"] is runtime._services.threads["t"].parent


def test_a_run_that_is_taken_over_goes_before_the_mail_behind_it(
    walk: Walk, open_runtime: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk.stop.open()
    runtime = open_runtime(workflows={"walk": walk.__call__})
    notes = answer(
        runtime.session("alice").create_thread("notes", "walk", thread_id="t")
    )
    later: list[Future[Any]] = []

    def suits(message: Settled) -> bool:
        if isinstance(message.request, Yielded):
            later.extend(notes.run() for _ in range(3))  # mail behind this message
            return True
        return False

    fail_once(monkeypatch, ThreadActor, Settled, suits)
    failure(notes.run(op_id="run-1"))
    assert [2, 2, 2] == answers(later)
    assert 2 == answer(notes.run(op_id="run-1"))
    runs = answer(runtime.coordinator.list_runs("t"))
    assert [1, 1, 1, 2] == sorted(run.attempt for run in runs)


@pytest.mark.parametrize("kind", [Command, Settled])
def test_a_session_whose_actor_fails_reads_its_view_anew_and_answers(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch, kind: type
) -> None:
    coordinator = runtime.coordinator
    answer(runtime.session("alice").create_thread("notes", thread_id="t"))
    actor(runtime, "alice")._names.clear()  # a wrong view
    broken = fail_once(monkeypatch, SessionActor, kind)
    future = coordinator.rename_thread("t", "drafts", session_id="alice")
    waiting = coordinator.rename_thread("t", "memos", session_id="alice")
    if kind is Command:
        error = failure(future)
        assert (ActorCrashed, future.op_id) == (type(error), error.op_id)
        assert "a defect" == str(error.cause)
    else:  # what became of it is known
        assert "drafts" == answer(future).thread_name
    assert "memos" == answer(waiting).thread_name
    assert {"memos": "t"} == actor(runtime, "alice")._names
    assert {"runs": 1} == answer(
        coordinator.execute_workflow_in_session("alice", "memos")
    )
    assert 1 == len(broken)
    assert {"session": 1} == runtime.statistics().restarts_by_kind


def actor(runtime: Runtime, session_id: str) -> Any:
    """Return who has a session now."""
    return runtime._services.sessions[session_id].actor
