"""Every operation by name: its answer, its effect, again under its op_id."""

import asyncio
from datetime import UTC
from typing import Any

import pytest

from tests.actors.changes import CHANGES, Change
from tests.actors.conftest import Open
from tests.actors.support import Stop, answer, contents, failure
from weft.actors import Coordinator, Future, HealthReport, Runtime
from weft.storage import (
    CloseSession,
    CreateSession,
    CreateThreads,
    NameTaken,
    NewThread,
    OperationMismatch,
    RemoveThreads,
    RenameThread,
    SessionClosed,
    SessionExists,
    SessionNotFound,
    ThreadBusy,
    ThreadNotFound,
    TransferThreads,
)

BY_NAME = pytest.mark.parametrize("change", CHANGES, ids=[c.name for c in CHANGES])


@pytest.fixture
def given(coordinator: Coordinator) -> Coordinator:
    """Return a coordinator of two sessions, the first of which has a thread."""
    answer(
        coordinator.create_session("alice", user_id="al", metadata={"role": "owner"})
    )
    answer(coordinator.create_session("bob"))
    answer(coordinator.create_thread_with_session("alice", {}, "notes", thread_id="t"))
    return coordinator


@BY_NAME
def test_a_change_answers_and_takes_effect(
    given: Coordinator, runtime: Runtime, change: Change
) -> None:
    assert change.answer(answer(change.call(given, "op-1")))
    with runtime.store.read() as snapshot:
        assert change.effect(snapshot)
    assert runtime.check().clean


@BY_NAME
def test_a_change_is_awaited_in_asyncio(given: Coordinator, change: Change) -> None:
    async def main() -> Any:
        return await change.call(given, "op-1")

    assert change.answer(asyncio.run(main()))


@BY_NAME
def test_a_repeated_change_gets_the_first_answer_and_changes_nothing(
    given: Coordinator, runtime: Runtime, change: Change
) -> None:
    first = answer(change.call(given, "op-1"))
    before = contents(runtime, log=True)
    future = change.call(given, "op-1")
    assert first == answer(future)
    assert "op-1" == future.op_id
    assert before == contents(runtime, log=True)


@BY_NAME
def test_an_op_id_is_generated_and_leads_to_the_log(
    given: Coordinator, change: Change
) -> None:
    future = change.call(given, None)  # type: ignore[arg-type]
    answer(future)
    record = answer(given.get_operation(str(future.op_id)))
    assert record is not None
    assert "applied" == record.outcome


def test_a_refusal_is_repeated_even_if_it_would_succeed_now(given: Coordinator) -> None:
    def call() -> Future[Any]:
        return given.create_thread_with_session("carol", {}, "x", op_id="op-1")

    first = failure(call())
    assert SessionNotFound is type(first)
    answer(given.create_session("carol"))
    again = failure(call())
    assert (SessionNotFound, first.message) == (type(again), again.message)
    assert ("carol", "op-1") == (again.session_id, again.op_id)


def test_an_op_id_cannot_be_used_for_another_kind_of_operation(
    given: Coordinator,
) -> None:
    answer(given.create_session("carol", op_id="op-1"))
    assert OperationMismatch is type(failure(given.close_session("bob", op_id="op-1")))
    assert OperationMismatch is type(
        failure(given.execute_workflow_in_session("alice", "notes", op_id="op-1"))
    )
    assert "open" == answer(given.get_session("bob")).status


# Sessions


def test_a_session_that_exists_is_refused_or_opened(given: Coordinator) -> None:
    assert SessionExists is type(failure(given.create_session("alice")))
    before = answer(given.get_session("alice"))
    assert before == answer(given.create_session("alice", if_exists="open"))
    answer(given.close_session("alice"))
    assert SessionExists is type(failure(given.create_session("alice")))
    assert SessionClosed is type(
        failure(given.create_session("alice", if_exists="open"))
    )


def test_a_session_with_a_busy_thread_is_not_closed(open_runtime: Open) -> None:
    stop = Stop()
    runtime = open_runtime(workflows={"stop": lambda _c, _k: stop.here()})
    coordinator = runtime.coordinator
    notes = answer(runtime.session("alice").create_thread("notes", "stop"))
    answer(coordinator.create_session("bob"))
    result = notes.run()
    stop.reached()
    assert ThreadBusy is type(failure(coordinator.close_session("alice")))
    assert ThreadBusy is type(failure(coordinator.close_session("alice", "bob")))
    assert "open" == answer(coordinator.get_session("alice")).status
    stop.open()
    answer(result)
    assert "closed" == answer(coordinator.close_session("alice", "bob")).status
    assert "bob" == answer(notes.get()).session_id
    assert answer(notes.run()) is None


def test_a_closed_session_keeps_its_records(given: Coordinator) -> None:
    answer(given.track_user_interaction("alice", {"type": "click"}))
    answer(given.close_session("alice"))
    assert "closed" == answer(given.get_session("alice")).status
    assert [] == answer(given.list_threads("alice"))
    assert 1 == len(answer(given.list_interactions("alice")))
    assert [] == answer(given.validate_session_consistency("alice"))


# Batches: all or nothing, over several sessions


@pytest.mark.parametrize(
    ("last", "error"),
    [
        (RenameThread(thread_id="nobody", new_name="x"), ThreadNotFound),
        (CreateSession(session_id="bob"), SessionExists),
        (
            CreateThreads(session_id="carol", threads=(NewThread("u", "notes"),)),
            NameTaken,
        ),
        (RemoveThreads(session_id="alice", threads=("notes",)), SessionClosed),
    ],
)
def test_a_batch_that_fails_at_its_end_changes_nothing(
    given: Coordinator, runtime: Runtime, last: Any, error: type[Exception]
) -> None:
    before = contents(runtime)
    batch = [
        CreateSession(session_id="carol"),
        TransferThreads(thread_ids=("t",), to_session_id="carol"),
        CloseSession(session_id="alice"),
        last,
    ]
    assert error is type(failure(given.transact(batch, op_id="op-1")))
    assert before == contents(runtime)
    assert SessionNotFound is type(failure(given.get_session("carol")))
    assert {"runs": 1} == answer(given.execute_workflow_in_session("alice", "notes"))
    assert error is type(failure(given.transact(batch, op_id="op-1")))


def test_of_several_threads_all_are_created_or_none(given: Coordinator) -> None:
    assert NameTaken is type(
        failure(given.coordinate_threads("alice", [{"name": "x"}, {"name": "notes"}]))
    )
    assert ["notes"] == [t.thread_name for t in answer(given.list_threads("alice"))]
    assert {} == answer(given.coordinate_threads("alice", []))


def test_a_part_of_a_batch_is_logged_with_the_sessions_it_concerned(
    given: Coordinator,
) -> None:
    move = TransferThreads(thread_ids=("t",), to_session_id="bob")
    answer(given.transact([move], op_id="op-1"))
    record = answer(given.get_operation("op-1"))
    assert record is not None
    assert ("Batch", {"alice", "bob"}, ("t",)) == (
        record.kind,
        set(record.session_ids),
        record.thread_ids,
    )


# Streams


def test_a_stream_is_iterated_in_plain_code(given: Coordinator) -> None:
    stream = given.stream_workflow_in_session(
        "alice", "notes", {"to": 2}, workflow="count"
    )
    assert [1, 2] == list(stream)
    assert [] == list(stream)


def test_a_stream_is_iterated_and_awaited_in_asyncio(given: Coordinator) -> None:
    def start() -> Any:
        return given.stream_workflow_in_session("alice", "notes", workflow="count")

    async def main() -> list[list[int]]:
        return [[n async for n in start()], [n async for n in await start()]]

    assert [[1, 2, 3], [1, 2, 3]] == asyncio.run(main())


def test_closing_a_stream_stops_the_reading_and_not_the_run(
    open_runtime: Open,
) -> None:
    stop = Stop()

    def work(_context: Any, _config: Any) -> Any:
        yield 1
        stop.here()
        yield 2

    runtime = open_runtime(workflows={"work": work})
    answer(runtime.session("alice").create_thread("notes", "work", thread_id="t"))
    coordinator = runtime.coordinator
    with coordinator.stream_workflow_in_session("alice", "notes", op_id="r") as stream:
        assert 1 == next(stream)
        stop.reached()
    assert [] == list(stream)
    stop.open()
    assert 2 == answer(
        coordinator.execute_workflow_in_session("alice", "notes", op_id="r")
    )


# Health


def test_a_sound_runtime_is_healthy(given: Coordinator, runtime: Runtime) -> None:
    assert runtime.check().clean
    report = answer(given.health_check())
    assert isinstance(report, HealthReport)
    assert ("healthy", []) == (report.status, report.issues)
    assert UTC is report.timestamp.tzinfo


def test_what_a_check_found_is_told_with_the_health(
    given: Coordinator, runtime: Runtime
) -> None:
    store: Any = runtime.store
    with store._engine.write() as transaction:
        for key, _ in list(transaction.scan("T", b"")):
            if key.endswith(b"\x00") and b"t" in key[:3]:
                transaction.delete("T", key)
    report = runtime.check()
    assert not report.clean
    assert report is runtime.last_report
    health = answer(given.health_check())
    assert "unhealthy" == health.status
    assert len(report.inconsistencies) == len(health.issues)
    assert answer(given.validate_session_consistency("alice"))
    assert [] == answer(given.validate_session_consistency("bob"))


@pytest.mark.parametrize("hint", [None, "alice", "somebody else"])
def test_a_state_is_appended_by_hand_whoever_is_asked(
    coordinator: Coordinator, hint: str | None
) -> None:
    answer(coordinator.create_session("alice"))
    ids = answer(coordinator.coordinate_threads("alice", [{"name": "notes"}]))
    append = coordinator.append_state
    first = answer(append(ids["notes"], {"n": 1}, session_id=hint, op_id="a"))
    again = answer(append(ids["notes"], {"n": 1}, session_id=hint, op_id="a"))
    second = answer(append(ids["notes"], [2], metadata={"by": "hand"}))
    assert first == again
    assert [1, 2] == [first.step, second.step]
    state = answer(coordinator.get_thread_state(ids["notes"]))
    assert state is not None
    assert ([2], {"by": "hand"}) == (state.values, state.metadata)
    assert isinstance(failure(append("nowhere", {})), ThreadNotFound)
