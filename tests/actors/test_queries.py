"""Reading by name: lists, filters, pages, histories, the log."""

import asyncio
from typing import Any

import pytest

from tests.actors.support import answer, answers, failure
from weft.actors import Coordinator, Runtime
from weft.storage import NameTaken


@pytest.fixture
def people(coordinator: Coordinator) -> Coordinator:
    """Return a coordinator of five sessions, one of them closed."""
    rows: list[tuple[str, str | None, dict[str, Any]]] = [
        ("a", "uma", {"team": "red", "size": 1}),
        ("b", "uma", {"team": "blue"}),
        ("c", "vic", {"team": "red"}),
        ("d", None, {}),
        ("e", "abe", {"team": "red", "size": 1}),
    ]
    for session_id, user_id, metadata in rows:
        answer(
            coordinator.create_session(session_id, user_id=user_id, metadata=metadata)
        )
    answer(coordinator.close_session("c"))
    return coordinator


def ids(found: list[Any]) -> str:
    return "".join(session.session_id for session in found)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (None, "abcde"),
        ({}, "abcde"),
        ({"status": "open"}, "abde"),
        ({"status": "closed"}, "c"),
        ({"user_id": "uma"}, "ab"),
        ({"user_id": None}, "d"),
        ({"metadata": {"team": "red"}}, "ace"),
        ({"metadata": {"team": "red", "size": 1}}, "ae"),
        ({"metadata": {"team": "red"}, "status": "open", "user_id": "uma"}, "a"),
        ({"user_id": "nobody"}, ""),
    ],
)
def test_sessions_are_filtered(people: Coordinator, wanted: Any, expected: str) -> None:
    assert expected == ids(answer(people.list_sessions(wanted)))


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("session_id", "abcde"),
        ("-session_id", "edcba"),
        ("created_at", "abcde"),
        ("-created_at", "edcba"),
        ("updated_at", "abdec"),
        ("-updated_at", "cedba"),
        ("user_id", "deabc"),
        ("-user_id", "cabed"),
    ],
)
def test_sessions_are_sorted(people: Coordinator, sort: str, expected: str) -> None:
    assert expected == ids(answer(people.list_sessions(sort=sort)))
    assert expected[:2] == ids(answer(people.list_sessions(sort=sort, limit=2)))


def test_sessions_are_read_page_by_page(people: Coordinator) -> None:
    pages, cursor = [], None
    while page := answer(people.list_sessions(limit=2, cursor=cursor)):
        pages.append(ids(page))
        cursor = page[-1].session_id
    assert ["ab", "cd", "e"] == pages
    assert "" == ids(answer(people.list_sessions(limit=0)))


def test_threads_are_listed_by_name(runtime: Runtime) -> None:
    alice = runtime.session("alice")
    for name in ("pear", "apple", "fig"):
        answer(alice.create_thread(name))
    listed = answer(runtime.coordinator.list_threads("alice"))
    assert ["apple", "fig", "pear"] == [thread.thread_name for thread in listed]


def test_a_threads_history_is_read_from_the_newest_on(runtime: Runtime) -> None:
    coordinator = runtime.coordinator
    answer(runtime.session("alice").create_thread("notes", "count", thread_id="t"))
    assert answer(coordinator.get_thread_state("t")) is None
    assert [] == answer(coordinator.thread_history("t"))
    answer(coordinator.execute_workflow_in_session("alice", "notes", {"to": 5}))
    state = answer(coordinator.get_thread_state("t"))
    assert state is not None
    assert 5 == state.values
    first = answer(coordinator.thread_history("t", limit=2))
    second = answer(coordinator.thread_history("t", limit=2, before=first[-1].step))
    assert [5, 4, 3, 2] == [state.values for state in first + second]
    assert [] == answer(coordinator.thread_history("t", before=1))
    assert first[-1].parent_id == second[0].state_id


def test_the_runs_of_a_thread_are_listed_with_how_they_ended(runtime: Runtime) -> None:
    coordinator = runtime.coordinator
    notes = answer(runtime.session("alice").create_thread("notes", thread_id="t"))
    for workflow in ("default", "count"):
        answer(notes.run(workflow=workflow))
    failure(notes.run({"why": "none"}, workflow="fail"))
    listed = answer(coordinator.list_runs("t"))
    runs = sorted(listed, key=lambda run: run.created_seq, reverse=True)
    assert [("fail", "error"), ("count", "success"), ("default", "success")] == [
        (run.workflow, run.status) for run in runs
    ]
    assert {"type": "ValueError", "message": "none"} == runs[0].error
    assert (3, {"runs": 1}) == (runs[1].result, runs[2].result)
    assert runs[0] == answer(coordinator.get_run(runs[0].run_id))
    assert listed[:1] == answer(coordinator.list_runs("t", limit=1))
    assert answer(coordinator.get_run("nobody")) is None


def test_interactions_are_listed_in_their_order(coordinator: Coordinator) -> None:
    answer(coordinator.create_session("alice"))
    answers(
        [
            coordinator.track_user_interaction(
                "alice",
                {"type": "click", "content": number, "interaction_id": f"{number}"},
            )
            for number in range(5)
        ]
    )
    found = answer(coordinator.list_interactions("alice"))
    assert [0, 1, 2, 3, 4] == [interaction.content for interaction in found]
    assert found[:2] == answer(coordinator.list_interactions("alice", limit=2))


def test_an_interaction_has_defaults(coordinator: Coordinator) -> None:
    answer(coordinator.create_session("alice"))
    found = answer(coordinator.track_user_interaction("alice", {"type": "click"}))
    assert ("click", None, None, {}) == (
        found.interaction_type,
        found.content,
        found.thread_id,
        found.metadata,
    )
    assert 36 == len(found.interaction_id)


# Associations


def test_a_thread_that_comes_back_reactivates_its_first_row(runtime: Runtime) -> None:
    coordinator = runtime.coordinator
    notes = answer(runtime.session("alice").create_thread("notes", thread_id="t"))
    first = answer(coordinator.get_association("alice", "t"))
    assert first is not None
    answer(notes.transfer_to("bob", new_name="at bob's"))
    away = answer(coordinator.get_association("alice", "t"))
    assert away is not None
    assert (False, 1, "notes") == (away.is_active, away.version, away.thread_name)
    answer(notes.transfer_to("alice", new_name="back"))

    rows = answer(coordinator.list_associations_by_thread("t"))
    assert {("alice", True, 2, "back"), ("bob", False, 1, "at bob's")} == {
        (row.session_id, row.is_active, row.version, row.thread_name) for row in rows
    }
    back = answer(coordinator.get_association("alice", "t"))
    assert back is not None
    assert (first.association_id, first.created_at) == (
        back.association_id,
        back.created_at,
    )
    assert "session_thread" == back.association_type
    kinds = [
        (record.kind, record.session_ids)
        for record in answer(coordinator.list_operations(thread_id="t"))
    ]
    assert ["CreateThreads", "TransferThreads", "TransferThreads"] == [
        kind for kind, _ in kinds
    ]
    assert {"alice", "bob"} == set(kinds[1][1])


def test_a_sessions_rows_are_listed_active_and_past(runtime: Runtime) -> None:
    coordinator = runtime.coordinator
    alice = runtime.session("alice")
    for name in ("kept", "given", "removed"):
        answer(alice.create_thread(name, thread_id=f"t-{name}"))
    answer(runtime.thread("t-given").transfer_to("bob"))
    answer(runtime.thread("t-removed").remove())

    def listed(session_id: str, **options: Any) -> list[str]:
        rows = answer(coordinator.list_associations(session_id, **options))
        return [row.thread_name for row in rows]

    assert ["kept"] == listed("alice")
    assert {"kept", "given", "removed"} == set(listed("alice", active_only=False))
    assert ["given"] == listed("bob")
    assert [] == listed("nobody")
    assert answer(coordinator.association_exists("alice", "t-given"))
    assert answer(coordinator.association_exists("bob", "t-given"))
    assert not answer(coordinator.association_exists("bob", "t-kept"))
    assert answer(coordinator.get_association("bob", "t-kept")) is None


# The log


def test_the_log_is_read_in_the_one_order_and_by_whom_it_concerned(
    runtime: Runtime,
) -> None:
    coordinator = runtime.coordinator
    notes = answer(runtime.session("alice").create_thread("notes", thread_id="t"))
    answer(runtime.session("bob").create_thread("other", thread_id="u"))
    failure(runtime.session("bob").create_thread("other"))
    answer(notes.transfer_to("bob"))

    def listed(*arguments: Any, **options: Any) -> list[tuple[int | None, str]]:
        records = answer(coordinator.list_operations(*arguments, **options))
        return [(record.seq, record.kind) for record in records]

    made, moved = "CreateThreads", "TransferThreads"
    assert [(1, made), (2, made), (None, made), (3, moved)] == listed()
    assert [(3, moved)] == listed(2)
    assert [] == listed(3)
    assert [(1, made), (3, moved)] == listed(session_id="alice")
    assert [(2, made), (None, made), (3, moved)] == listed(session_id="bob")
    assert [(2, made)] == listed(thread_id="u")
    assert [(1, made), (2, made)] == listed(limit=2)
    refused = answer(coordinator.list_operations())[2]
    assert "refused" == refused.outcome
    assert refused.duration_us >= 0
    assert answer(coordinator.get_operation(refused.op_id)) == refused
    assert answer(coordinator.get_operation("nobody")) is None


def test_a_refused_operation_is_in_the_log_with_its_error(
    coordinator: Coordinator,
) -> None:
    answer(coordinator.create_session("alice"))
    answer(coordinator.create_thread_with_session("alice", {}, "x"))
    future = coordinator.create_thread_with_session("alice", {}, "x", op_id="no")
    assert NameTaken is type(failure(future))
    record = answer(coordinator.get_operation("no"))
    assert record is not None
    assert (None, "refused", ("alice",)) == (
        record.seq,
        record.outcome,
        record.session_ids,
    )
    assert b"NameTaken" in bytes(record.error)


def test_reads_are_awaited_like_changes(people: Coordinator) -> None:
    async def main() -> Any:
        session = await people.get_session("a")
        listed = await people.list_sessions(limit=1)
        found = await people.validate_session_consistency("a")
        return session.user_id, ids(listed), found, (await people.health_check()).status

    assert ("uma", "a", [], "healthy") == asyncio.run(main())


def test_an_acknowledged_change_is_seen_by_the_next_read(
    coordinator: Coordinator,
) -> None:
    answer(coordinator.create_session("alice"))
    for number in range(50):
        metadata = {"n": number}
        answer(coordinator.update_session("alice", metadata=metadata))
        assert metadata == answer(coordinator.get_session("alice")).metadata
