"""Checking and repairing through the coordinator, on a runtime that is at work."""

import asyncio
from typing import Any

import pytest

from tests.actors.conftest import Open
from tests.actors.support import LONG_S, Trace, answer, failure, settle
from tests.storage.planting import Planted, plant
from weft.actors import Coordinator, HealthReport, Runtime
from weft.actors.messages import Command, Feed
from weft.storage import (
    InvalidArgument,
    MemoryStore,
    SessionNotFound,
    SessionThreadInconsistencyError,
    StoreClosed,
)
from weft.storage.repair import RepairReport

SESSIONS = ("alice", "bob", "carol", "dave")


@pytest.fixture
def given(runtime: Runtime) -> Coordinator:
    """Return the coordinator of a runtime whose sessions own three threads each."""
    coordinator = runtime.coordinator
    for session_id in SESSIONS:
        answer(coordinator.create_session(session_id))
        configs = [
            {"name": name, "thread_id": f"{session_id}-{name}"}
            for name in ("one", "two", "three")
        ]
        answer(coordinator.coordinate_threads(session_id, configs))
        answer(coordinator.execute_workflow_in_session(session_id, "one"))
    settle(runtime)
    return coordinator


def damage(runtime: Runtime, *names: str) -> list[Planted]:
    store: Any = runtime.store
    return plant(store, names)


def view(runtime: Runtime, session_id: str) -> dict[str, str]:
    """Return what a session's resident actor believes it owns."""
    settle(runtime)
    actor: Any = runtime._services.sessions[session_id].actor
    return dict(actor._names)


def stored(runtime: Runtime, session_id: str) -> dict[str, str]:
    with runtime.store.read() as snapshot:
        return dict(snapshot.names(session_id))


def reread(runtime: Runtime) -> None:
    """Have the resident sessions believe what is stored, damage and all."""
    for cell in runtime._services.sessions.values():
        actor: Any = cell.actor
        actor.activate()


def test_a_consistent_session_has_nothing_to_repair(given: Coordinator) -> None:
    for future in (
        given.sync_session_data("alice"),
        given.repair_session_inconsistencies("alice"),
    ):
        report = answer(future)
        assert isinstance(report, RepairReport)
        assert ("alice", [], [], 0) == (
            report.session_id,
            report.issues_found,
            report.fixes_applied,
            report["repairs_attempted"],
        )


@pytest.mark.parametrize(
    "name",
    [
        "removed_list_entry",
        "second_list",
        "record_of_another_owner",
        "record_of_an_owner_that_never_was",
        "other_name_in_the_record",
        "other_name_in_the_list",
        "removed_record",
        "removed_session",
        "closed_session",
        "one_name_twice",
    ],
)
def test_a_session_is_repaired_and_its_actor_sees_it(
    given: Coordinator, runtime: Runtime, name: str
) -> None:
    (planted,) = damage(runtime, name)
    reread(runtime)
    session_id = planted.session_id
    assert session_id is not None
    report = answer(given.repair_session_inconsistencies(session_id))
    assert planted.kind in {finding.kind for finding in report.issues_found}
    assert 0 < report.repairs_successful <= report.repairs_attempted
    assert [] == report.remaining
    assert [] == answer(given.validate_session_consistency(session_id))
    whole = answer(given.repair_all())
    assert [] == whole.remaining
    for resident in SESSIONS:
        if resident in runtime._services.sessions:
            assert stored(runtime, resident) == view(runtime, resident)


def test_a_repair_passes_the_session_and_is_in_the_log(
    given: Coordinator, runtime: Runtime
) -> None:
    (planted,) = damage(runtime, "second_list")
    trace = Trace(runtime)
    answer(given.repair_session_inconsistencies(planted.session_id or ""))
    settle(runtime)
    commands = [m for m in trace.of("session") if isinstance(m, Command)]
    feeds = [m for m in trace.of("session") if isinstance(m, Feed)]
    assert ["Repair"] == [command.operation.kind for command in commands]
    assert ["released"] == [event.change for feed in feeds for event in feed.events]
    logged = answer(given.list_operations(session_id=planted.session_id))
    assert "Repair" == logged[-1].kind


def test_a_dry_run_changes_nothing(given: Coordinator, runtime: Runtime) -> None:
    (planted,) = damage(runtime, "second_list")
    session_id = planted.session_id or ""
    with runtime.store.read() as snapshot:
        seq = snapshot.seq
    report = answer(given.repair_session_inconsistencies(session_id, dry_run=True))
    assert report.dry_run
    assert report.fixes_applied
    with runtime.store.read() as snapshot:
        assert seq == snapshot.seq
    assert 1 == len(answer(given.validate_session_consistency(session_id)))


def test_what_cannot_be_repaired_is_an_error_with_the_findings(
    given: Coordinator, runtime: Runtime
) -> None:
    (planted,) = damage(runtime, "damaged_session")
    session_id = planted.session_id or ""
    error = failure(given.sync_session_data(session_id))
    assert isinstance(error, SessionThreadInconsistencyError)
    assert ["damaged_record"] == [item.kind for item in error.inconsistencies]
    report = answer(given.repair_session_inconsistencies(session_id))
    assert 1 == report.repairs_failed


def test_a_batch_answers_for_each_session_in_order(
    given: Coordinator, runtime: Runtime
) -> None:
    (planted,) = damage(runtime, "second_name")
    wanted = [planted.session_id or "", "nobody", "alice"]
    first, second, third = answer(given.batch_sync_sessions(wanted))
    assert isinstance(first, RepairReport)
    assert 1 == first.repairs_successful
    assert isinstance(second, SessionNotFound)
    assert isinstance(third, RepairReport)
    assert [] == third.remaining


def test_a_session_that_nobody_knows_is_not_found(given: Coordinator) -> None:
    for future in (
        given.sync_session_data("nobody"),
        given.repair_session_inconsistencies("nobody"),
    ):
        assert isinstance(failure(future), SessionNotFound)


def test_wrong_arguments_are_refused(given: Coordinator) -> None:
    wrong: Any = "alice"
    for future in (
        given.sync_session_data(""),
        given.batch_sync_sessions(wrong),
        given.batch_sync_sessions(["alice", "\n"]),
    ):
        assert isinstance(failure(future), InvalidArgument)


def test_a_repair_can_be_awaited_while_the_loop_runs(
    given: Coordinator, runtime: Runtime
) -> None:
    (planted,) = damage(runtime, "second_list")

    async def main() -> tuple[RepairReport, HealthReport]:
        report = await given.sync_session_data(planted.session_id or "")
        return report, await given.health_check()

    report, health = asyncio.run(asyncio.wait_for(main(), LONG_S))
    assert 1 == report.repairs_successful
    assert "healthy" == health.status


def test_a_closed_runtime_repairs_nothing(open_runtime: Open) -> None:
    runtime = open_runtime(store=MemoryStore())
    runtime.close()
    assert isinstance(failure(runtime.coordinator.repair_all()), StoreClosed)


def test_health_tells_what_the_runtime_holds(
    given: Coordinator, runtime: Runtime
) -> None:
    before = answer(given.health_check())
    assert before.last_clean_check is None
    checked = runtime.check()
    health = answer(given.health_check())
    assert ("healthy", True, 0, []) == (
        health.status,
        health.store_writable,
        health.queue_depth,
        health.inconsistencies,
    )
    assert health.last_clean_check is not None
    assert checked.finished_at_us == round(health.last_clean_check.timestamp() * 1e6)
    assert len(SESSIONS) == health.actors["session"]


def test_health_has_the_findings_of_the_last_check(
    given: Coordinator, runtime: Runtime
) -> None:
    damage(runtime, "second_list")
    report = runtime.check()
    health = answer(given.health_check())
    assert "unhealthy" == health.status
    assert report.inconsistencies == health.inconsistencies
    assert 1 == len(health.issues)
    answer(given.repair_all())
    assert "healthy" == answer(given.health_check()).status
