"""Coordinator, synchroniser, services: the original's answers, reports and errors."""

import asyncio
import json
import threading
from collections.abc import Awaitable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, TypeVar

import pytest

from tests.actors.compat.test_original_blocks import spoil
from tests.actors.conftest import Open
from tests.actors.support import LONG_S, answer
from weft.actors import Runtime, compat
from weft.storage import SessionNotFound, WorkflowNotRegistered

T = TypeVar("T")


def wait(call: Awaitable[T]) -> T:
    async def limited() -> T:
        async with asyncio.timeout(LONG_S):
            return await call

    return asyncio.run(limited())


@pytest.fixture
def container(open_runtime: Open) -> Runtime:
    """Return a runtime: s owns count, fail and odd, b owns nothing."""
    runtime = open_runtime()
    for session_id in "sb":
        answer(runtime.coordinator.create_session(session_id, user_id="u"))
    plan: list[dict[str, Any]] = [
        {"name": "count", "workflow": "count", "thread_id": "tc", "config": {"to": 2}},
        {"name": "fail", "workflow": "fail", "thread_id": "tf"},
        {"name": "odd", "workflow": "unheard of", "thread_id": "to"},
    ]
    answer(runtime.coordinator.coordinate_threads("s", plan))
    return runtime


@pytest.fixture
def coordinator(container: Runtime) -> compat.SessionThreadCoordinator:
    """Return its coordinator."""
    found: compat.SessionThreadCoordinator = container.get(
        compat.SessionThreadCoordinator
    )
    return found


@pytest.fixture
def service(container: Runtime) -> compat.SessionService:
    """Return its session service."""
    found: compat.SessionService = container.get(compat.ISessionService)
    return found


async def states(stream: Awaitable[Any]) -> list[Any]:
    return [state async for state in await stream]


# Threads come, move and go


def test_threads_are_created_moved_and_removed(
    container: Runtime, coordinator: compat.SessionThreadCoordinator
) -> None:
    made = wait(coordinator.create_thread_with_session("s", {"k": 1}, "new"))
    assert {"k": 1} == answer(container.coordinator.get_thread(made)).config
    move = coordinator.transfer_thread_between_sessions
    assert wait(move(made, "s", "b", "other")) is True
    assert wait(coordinator.remove_thread_from_session("b", "other")) is True
    assert [] == answer(container.coordinator.list_threads("b"))


def test_what_fails_has_the_original_name_ids_and_details(
    coordinator: compat.SessionThreadCoordinator,
) -> None:
    with pytest.raises(compat.ThreadCreationError) as creation:
        wait(coordinator.create_thread_with_session("s", {}, "count"))
    assert ("s", "count") == (
        creation.value.session_id,
        creation.value.details["thread_name"],
    )
    with pytest.raises(compat.ThreadRemovalError):
        wait(coordinator.remove_thread_from_session("s", "none"))
    with pytest.raises(compat.ThreadTransferError) as transfer:
        wait(coordinator.transfer_thread_between_sessions("tc", "b", "s"))
    assert ("tc", "b") == (transfer.value.thread_id, transfer.value.session_id)


# Runs


def test_a_workflow_is_executed_and_streamed_by_name_and_by_id(
    container: Runtime, coordinator: compat.SessionThreadCoordinator
) -> None:
    threads: compat.ThreadService = container.get(compat.IThreadService)
    assert 2 == wait(coordinator.execute_workflow_in_session("s", "count"))
    assert 3 == wait(threads.execute_workflow("tc", {"to": 3}))
    stream = coordinator.stream_workflow_in_session
    assert [1, 2, 3, 4] == wait(states(stream("s", "count", {"to": 4})))
    assert [1] == wait(states(threads.stream_workflow("tc", {"to": 1})))


@pytest.mark.parametrize(
    ("session_id", "name", "cause"),
    [
        ("s", "fail", ValueError),
        ("s", "odd", WorkflowNotRegistered),
        ("s", "none", compat.ThreadRemovalError),
        ("none", "count", SessionNotFound),
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
def test_whatever_cannot_be_executed_is_one_error_with_its_cause(
    coordinator: compat.SessionThreadCoordinator,
    session_id: str,
    name: str,
    cause: type[Exception],
    *,
    streamed: bool,
) -> None:
    call: Awaitable[Any] = coordinator.execute_workflow_in_session(session_id, name)
    if streamed:
        call.close()  # type: ignore[attr-defined]
        call = states(coordinator.stream_workflow_in_session(session_id, name))
    with pytest.raises(compat.WorkflowExecutionError) as caught:
        wait(call)
    assert (session_id, name) == (caught.value.session_id, caught.value.thread_name)
    assert isinstance(caught.value.__cause__, cause)


def test_an_executor_answers_failures_like_results(container: Runtime) -> None:
    executor: compat.WorkflowExecutor = container.get(compat.IWorkflowExecutor)
    good = wait(executor.execute("tc"))
    bad = wait(executor.execute("tf", {"why": "bad"}))
    none = wait(executor.execute("none"))
    assert (True, 2, None) == (good.success, good.result, good.error)
    assert isinstance(bad.error, compat.WorkflowExecutionError)
    assert "bad" == str(bad.error.__cause__)
    assert isinstance(none.error, compat.WorkflowExecutionError)
    assert good.duration_s > 0
    assert bad.duration_s > 0
    assert [1, 2] == wait(states(executor.stream("tc")))


def test_the_state_of_a_thread_is_read_and_written(container: Runtime) -> None:
    threads: compat.ThreadService = container.get(compat.IThreadService)
    assert wait(threads.get_thread_state("tc")) is None
    assert wait(threads.get_thread_state("none")) is None
    assert wait(threads.update_thread_state("tc", {"by": "hand"})) is True
    assert {"by": "hand"} == wait(threads.get_thread_state("tc"))
    found = wait(container.get(compat.IThreadRepository).get("tc"))
    assert ({"name": "count"}, {"by": "hand"}) == (found.metadata, found.state)
    assert "count" == found.to_dict()["thread_name"]


# Checks


def test_a_sync_reports_by_the_original_keys(
    container: Runtime, coordinator: compat.SessionThreadCoordinator
) -> None:
    spoil(container, "tc")
    report = wait(coordinator.sync_session_data("s"))
    threads = ["tc", "tf", "to"]
    assert (threads, threads, threads) == (
        sorted(report["recorded_threads"]),
        sorted(report["associated_threads"]),
        sorted(report["actual_threads"]),
    )
    assert 1 == len(report["discrepancies"]) == len(report["fixes_applied"])
    assert datetime.fromisoformat(report["sync_timestamp"]).tzinfo is UTC
    assert report.typed.clean
    assert json.loads(json.dumps(report)) == report


def test_a_repair_counts_by_the_original_keys(
    container: Runtime, coordinator: compat.SessionThreadCoordinator
) -> None:
    spoil(container, "tc")
    (issue,) = wait(coordinator.validate_session_consistency("s"))
    assert isinstance(issue, compat.Issue)
    assert ("missing_association", "tc") == (
        issue.finding.kind,
        issue.finding.thread_id,
    )
    report = wait(coordinator.repair_session_inconsistencies("s"))
    counts = {key: report[key] for key in report if isinstance(report[key], int)}
    assert {
        "issues_found": 1,
        "repairs_attempted": 1,
        "repairs_successful": 1,
        "repairs_failed": 0,
    } == counts
    assert report.typed["issues_found"] == [issue.finding]


def test_one_failure_does_not_stop_the_others(
    container: Runtime, coordinator: compat.SessionThreadCoordinator
) -> None:
    spoil(container, "tc")
    first, none, last = wait(coordinator.batch_sync_sessions(["b", "none", "s"]))
    assert isinstance(none, SessionNotFound)
    assert isinstance(first, compat.Report)
    assert isinstance(last, compat.Report)
    assert (0, 1) == (first["issues_found"], last["repairs_successful"])


def test_only_sessions_with_something_wrong_are_told_of(container: Runtime) -> None:
    spoil(container, "tc")
    synchronizer = compat.SessionThreadSynchronizer(container)
    assert ["s"] == list(wait(synchronizer.batch_validate(["b", "s"])))
    assert 0 == wait(synchronizer.cleanup_inactive_associations())


def test_health_is_told_by_the_original_keys(
    container: Runtime, coordinator: compat.SessionThreadCoordinator
) -> None:
    report = wait(coordinator.health_check())
    assert ("healthy", []) == (report["status"], report["issues"])
    assert report["timestamp"] == report.typed["timestamp"].isoformat()
    with pytest.raises(KeyError):
        report.typed["none"]
    spoil(container, "tc")
    assert "unhealthy" == wait(coordinator.health_check())["status"]


# Sessions


def test_sessions_are_created_listed_and_told_about(
    service: compat.SessionService,
) -> None:
    made = wait(service.create_session(user_id="v", metadata={"k": 1}))
    found = {one["session_id"]: one for one in wait(service.list_sessions())}
    assert {"s", "b", made} == set(found)
    assert ("v", {"k": 1}, []) == (
        found[made]["user_id"],
        found[made]["metadata"],
        found[made]["thread_ids"],
    )
    context = wait(service.get_session_context("s"))
    assert context == found["s"]
    assert {"count": "tc", "fail": "tf", "odd": "to"} == context["threads"]
    assert wait(service.get_session_context("none")) is None
    assert json.loads(json.dumps(context)) == context


def test_many_sessions_are_listed_page_by_page(
    container: Runtime, service: compat.SessionService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("weft.actors.compat.session_repository.PAGE", 2)
    for number in range(4):
        answer(container.coordinator.create_session(f"more {number}"))
    found = [one["session_id"] for one in wait(service.list_sessions())]
    assert 6 == len(found) == len(set(found))


def test_a_session_is_closed_through_the_core(container: Runtime) -> None:
    core: compat.SessionCore = container.get(compat.ISessionCore)
    assert wait(core.close_session("s")) is True
    assert [] == answer(container.coordinator.list_threads("s"))


NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "interaction",
    [
        {"type": "click", "content": 1, "timestamp": NOON},
        {"interaction_type": "click", "content": 1, "timestamp": NOON},
        SimpleNamespace(interaction_type="click", content=1, timestamp=NOON, other=2),
        {
            "type": "click",
            "content": 1,
            "timestamp": NOON.astimezone().replace(tzinfo=None),
        },
    ],
    ids=["mapping", "longer key", "object", "local time"],
)
def test_what_a_user_does_is_tracked(
    container: Runtime, service: compat.SessionService, interaction: Any
) -> None:
    wait(service.track_user_interaction("s", interaction))
    (tracked,) = answer(container.coordinator.list_interactions("s"))
    assert ("click", 1, NOON) == (
        tracked.interaction_type,
        tracked.content,
        tracked.timestamp,
    )


def test_a_service_passes_on_what_concerns_threads(
    service: compat.SessionService,
) -> None:
    assert {} == wait(service.coordinate_threads("s", []))
    assert 2 == wait(service.execute_workflow_in_session("s", "count"))
    assert [1, 2] == wait(states(service.stream_workflow_in_session("s", "count")))
    assert 0 == wait(service.sync_session_data("s"))["issues_found"]
    assert [] == wait(service.validate_session_consistency("s"))
    report = wait(service.repair_session_inconsistencies("s"))
    assert 0 == report["repairs_attempted"]


# The loop


def test_a_loop_goes_on_while_a_part_reads_or_waits(container: Runtime) -> None:
    """Reads that may be large run elsewhere: the loop's OS thread reads nothing."""
    loop_thread = threading.get_ident()
    readers: list[int] = []
    read = container.store.read

    def watched() -> Any:
        readers.append(threading.get_ident())
        return read()

    container.store.read = watched  # type: ignore[method-assign]
    coordinator = container.get(compat.SessionThreadCoordinator)
    service = container.get(compat.ISessionService)
    rows = container.get(compat.ISessionThreadAssociationRepository)

    async def read_all() -> None:
        async with asyncio.timeout(LONG_S):
            await coordinator.validate_session_consistency("s")
            await coordinator.sync_session_data("s")
            await coordinator.health_check()
            await service.list_sessions()
            await rows.list_by_session("s")
            await rows.get("none")

    asyncio.run(read_all())
    assert readers
    assert loop_thread not in readers
