"""The root: it activates, routes, publishes, takes over and drains."""

from pathlib import Path
from typing import Any

import pytest

from tests.actors.conftest import Open
from tests.actors.support import LONG_S, Stop, WrappedStore, answer, failure, settle
from weft.actors import ExecutionContext, Future, Runtime
from weft.actors.messages import Drain, Ping
from weft.actors.root import Root
from weft.storage import (
    MemoryStore,
    RemoveThreads,
    SessionNotFound,
    StoreCorrupt,
    ThreadNotFound,
)


def test_the_root_answers_a_ping(runtime: Runtime) -> None:
    assert runtime._root.ask(Ping(), timeout=LONG_S) is None
    assert "urn:weft:root:root" == runtime._root.actor_urn


def test_mail_for_a_thread_finds_its_owner(runtime: Runtime) -> None:
    answer(runtime.session("alice").create_thread("notes", thread_id="t"))
    assert {"runs": 1} == answer(runtime.thread("t").run())
    answer(runtime.thread("t").transfer_to("bob"))
    assert {"runs": 2} == answer(runtime.thread("t").run())
    parent = runtime._services.threads["t"].parent
    assert parent is runtime._services.sessions["bob"]


def test_what_nobody_owns_is_refused_by_the_writer_and_logged(
    runtime: Runtime,
) -> None:
    calls: list[Future[Any]] = [
        runtime.thread("nobody").run(),
        runtime.thread("nobody").rename("x"),
        runtime.thread("nobody").transfer_to("bob"),
        runtime.coordinator.transact([RemoveThreads(threads=("nobody",))]),
    ]
    assert {ThreadNotFound} == {type(failure(call)) for call in calls}
    records = answer(runtime.coordinator.list_operations())
    assert {call.op_id for call in calls} == {record.op_id for record in records}
    assert {"refused"} == {record.outcome for record in records}
    assert {} == runtime._services.sessions


class CorruptOnce(WrappedStore):
    """A store whose next read fails when it is told so."""

    corrupt = False

    def read(self) -> Any:
        if self.corrupt:
            self.corrupt = False
            raise StoreCorrupt("A page is damaged.")
        return super().read()


def test_a_session_that_cannot_be_activated_is_not_half_there(
    open_runtime: Open,
) -> None:
    store = CorruptOnce(MemoryStore())
    runtime = open_runtime(store=store)
    settle(runtime)
    store.corrupt = True
    future = runtime.session("alice").create_thread("notes")
    assert StoreCorrupt is type(failure(future))
    settle(runtime)
    assert {} == runtime._services.sessions
    assert {"runs": 1} == answer(
        answer(runtime.session("alice").create_thread("notes")).run()
    )


def test_news_that_cannot_be_handed_out_are_answered_all_the_same(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed: list[Any] = []
    real = Root._tell

    def tell(self: Root, *arguments: Any) -> None:
        if not failed:
            failed.append(arguments)
            raise RuntimeError("a defect")
        real(self, *arguments)

    monkeypatch.setattr(Root, "_tell", tell)
    assert "alice" == answer(runtime.coordinator.create_session("alice")).session_id
    assert 1 == len(failed)
    assert "bob" == answer(runtime.coordinator.create_session("bob")).session_id


def test_runs_of_several_sessions_are_taken_over_at_the_next_open(
    tmp_store: Path, open_runtime: Open
) -> None:
    stop, attempts = Stop(), []

    def work(context: ExecutionContext, _config: Any) -> Any:
        attempts.append((context.session_id, context.attempt))
        yield context.attempt
        if context.attempt == 1:
            stop.here()
        yield "end"

    first = open_runtime(tmp_store, workflows={"work": work})
    for session_id in ("alice", "bob"):
        thread = first.session(session_id).create_thread(
            "notes", "work", thread_id=f"t-{session_id}"
        )
        answer(thread).stream()
    stop.reached()
    while len(attempts) < 2:
        settle(first)
    first.close(timeout_s=0.0)
    stop.open()
    again = open_runtime(tmp_store, workflows={"work": work})
    for session_id in ("alice", "bob"):
        result = again.coordinator.execute_workflow_in_session(
            session_id, "notes", workflow="echo"
        )
        assert {} == answer(result)  # it queues behind the one that is taken over
        runs = answer(again.coordinator.list_runs(f"t-{session_id}"))
        assert ["echo", "work"] == [run.workflow for run in runs]
        assert ["success", "success"] == [run.status for run in runs]
        assert 2 == runs[1].attempt
    assert {("alice", 1), ("bob", 1), ("alice", 2), ("bob", 2)} == set(attempts)


def test_draining_is_over_when_no_run_is_in_progress(open_runtime: Open) -> None:
    stop = Stop()
    runtime = open_runtime(workflows={"work": lambda _c, _k: stop.here()})
    notes = answer(runtime.session("alice").create_thread("notes", "work"))
    result = notes.run()
    stop.reached()
    drained: Future[None] = Future()
    runtime._root.tell(Drain(drained))
    settle(runtime)
    assert not drained.done()
    stop.open()
    assert answer(drained) is None
    assert answer(result) is None


def test_an_unknown_session_is_refused_by_the_writer(runtime: Runtime) -> None:
    call = runtime.coordinator.execute_workflow_in_session("nobody", "notes")
    assert SessionNotFound is type(failure(call))
    record = answer(runtime.coordinator.get_operation(str(call.op_id)))
    assert record is not None
    assert ("StartRun", "refused") == (record.kind, record.outcome)
