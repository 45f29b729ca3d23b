"""Rows in the hand, and rows in the store: values, guarded by what was read."""

import asyncio
from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest
from msgspec.structs import replace

from tests.actors.conftest import Open
from tests.actors.support import LONG_S, Stop, answer
from weft.actors import Runtime
from weft.actors.compat import (
    ISessionThreadAssociation,
    SessionThreadAssociation,
    SessionThreadAssociationRepository,
    ThreadCreationError,
)
from weft.storage import (
    InvalidArgument,
    MemoryStore,
    NameTaken,
    StaleRevision,
    ThreadBusy,
    ThreadExists,
)

T = TypeVar("T")

COLUMNS = [
    "association_id",
    "session_id",
    "thread_id",
    "thread_name",
    "created_at",
    "updated_at",
    "is_active",
    "association_type",
    "metadata",
    "version",
]
LONG_AGO = datetime(2026, 1, 2, tzinfo=UTC)


def wait(call: Awaitable[T]) -> T:
    async def limited() -> T:
        async with asyncio.timeout(LONG_S):
            return await call

    return asyncio.run(limited())


@pytest.fixture
def rows(runtime: Runtime) -> SessionThreadAssociationRepository:
    """Return the rows of a store in which a owns t, and b owns nothing."""
    for session_id in "ab":
        answer(runtime.coordinator.create_session(session_id))
    config = [{"name": "notes", "thread_id": "t"}]
    answer(runtime.coordinator.coordinate_threads("a", config))
    found: SessionThreadAssociationRepository = runtime.get(
        SessionThreadAssociationRepository
    )
    return found


def row_of(rows: SessionThreadAssociationRepository) -> SessionThreadAssociation:
    found = wait(rows.get_by_session_and_thread("a", "t"))
    assert found is not None
    return found


def new(thread_id: str = "n", **fields: Any) -> SessionThreadAssociation:
    names = {"session_id": "a", "thread_name": f"name of {thread_id}"} | fields
    return SessionThreadAssociation(thread_id=thread_id, **names)


# In the hand


def test_an_entity_has_all_columns_of_the_table() -> None:
    row = new(created_at=LONG_AGO, metadata={"k": 1})
    assert COLUMNS == list(row.to_dict())
    assert LONG_AGO.isoformat() == row.to_dict()["created_at"]
    assert ("a/n", True, "session_thread", 1) == (
        row.association_id,
        row.is_active,
        row.association_type,
        row.version,
    )


def test_an_entity_is_what_its_interface_says() -> None:
    row: ISessionThreadAssociation = new()
    assert row.is_active


def test_a_change_in_the_hand_is_another_value() -> None:
    row = new(updated_at=LONG_AGO, metadata={"k": 1})
    changed = [
        row.deactivate(),
        row.deactivate().activate(),
        row.update_metadata({"l": 2}),
        row.update_timestamp(),
    ]
    assert [False, True, True, True] == [one.is_active for one in changed]
    assert {"k": 1, "l": 2} == changed[2].metadata
    assert all(one.updated_at > LONG_AGO for one in changed)
    assert (LONG_AGO, {"k": 1}, True) == (row.updated_at, row.metadata, row.is_active)


def test_the_plain_form_does_not_share_the_metadata() -> None:
    row = new(metadata={"k": 1})
    row.to_dict()["metadata"]["k"] = 2
    assert {"k": 1} == row.metadata


# In the store


def test_a_row_is_found_in_every_way(rows: SessionThreadAssociationRepository) -> None:
    row = row_of(rows)
    assert row == wait(rows.get("a/t"))
    assert [row] == wait(rows.list_by_session("a"))
    assert [row] == wait(rows.list_by_thread("t"))
    assert [row] == wait(rows.get_active_associations_by_session("a"))
    assert wait(rows.exists("a", "t")) is True
    assert wait(rows.exists("b", "t")) is False
    assert wait(rows.get("a/none")) is None


def test_a_row_with_a_key_of_its_own_is_found_by_it(
    rows: SessionThreadAssociationRepository,
) -> None:
    made = wait(rows.create(new(association_id="my key", association_type="mine")))
    assert ("my key", "mine") == (made.association_id, made.association_type)
    assert made == wait(rows.get("my key"))
    assert wait(rows.get("a/n")) is None


def test_ids_with_slashes_are_told_apart(
    runtime: Runtime, rows: SessionThreadAssociationRepository
) -> None:
    answer(runtime.coordinator.create_session("a/b"))
    made = wait(rows.create(new("c/d", session_id="a/b")))
    assert made == wait(rows.get("a/b/c/d"))


def test_what_was_changed_in_the_hand_is_saved_with_the_next_version(
    runtime: Runtime, rows: SessionThreadAssociationRepository
) -> None:
    row = row_of(rows)
    saved = wait(rows.update(row.update_metadata({"k": 1})))
    assert ({"k": 1}, 2) == (saved.metadata, saved.version)
    assert saved == row_of(rows)
    stamped = wait(rows.update(saved.update_timestamp()))
    assert saved.updated_at < stamped.updated_at
    renamed = wait(rows.update(replace(stamped, thread_name="plans")))
    assert "plans" == answer(runtime.coordinator.get_thread("t")).thread_name
    assert 4 == renamed.version


def test_a_row_that_was_changed_meanwhile_is_not_overwritten(
    rows: SessionThreadAssociationRepository,
) -> None:
    row = row_of(rows)
    wait(rows.update(row.update_metadata({"theirs": 1})))
    with pytest.raises(StaleRevision):
        wait(rows.update(row.update_metadata({"mine": 1})))
    assert {"theirs": 1} == row_of(rows).metadata


def test_a_row_that_was_never_stored_is_not_updated(
    rows: SessionThreadAssociationRepository,
) -> None:
    with pytest.raises(InvalidArgument, match="create it"):
        wait(rows.update(new()))


def test_a_deactivated_row_ends_its_thread_and_activated_begins_it_anew(
    runtime: Runtime, rows: SessionThreadAssociationRepository
) -> None:
    ended = wait(rows.update(row_of(rows).deactivate()))
    assert [] == answer(runtime.coordinator.list_threads("a"))
    assert [] == wait(rows.get_active_associations_by_session("a"))
    assert [ended] == wait(rows.list_by_session("a"))
    again = wait(rows.update(ended.activate()))
    assert (True, 3) == (again.is_active, again.version)
    assert 2 == answer(runtime.coordinator.get_thread("t")).rev
    assert [] == answer(runtime.coordinator.validate_session_consistency("a"))


def test_a_row_of_the_past_does_not_take_the_thread_back(
    runtime: Runtime, rows: SessionThreadAssociationRepository
) -> None:
    answer(runtime.coordinator.transfer_thread_between_sessions("t", "a", "b"))
    with pytest.raises(ThreadExists):
        wait(rows.update(row_of(rows).activate()))
    assert "b" == answer(runtime.coordinator.get_thread("t")).session_id


def test_a_thread_with_a_run_in_progress_does_not_end(open_runtime: Open) -> None:
    stop = Stop()
    workflows = {"wait": lambda _context, _config: stop.here()}
    runtime = open_runtime(store=MemoryStore(), workflows=workflows)
    notes = answer(runtime.session("a").create_thread("notes", "wait", thread_id="t"))
    running = notes.run()
    stop.reached()
    rows = SessionThreadAssociationRepository(runtime)
    for call in (
        rows.update(row_of(rows).deactivate()),
        rows.delete_by_session_and_thread("a", "t"),
    ):
        with pytest.raises(ThreadBusy):
            wait(call)
    stop.open()
    assert answer(running) is None


def test_a_row_is_created_with_its_thread_and_once(
    runtime: Runtime, rows: SessionThreadAssociationRepository
) -> None:
    made = wait(rows.create(new(metadata={"k": 1})))
    assert (1, {"k": 1}) == (made.version, made.metadata)
    assert "name of n" == answer(runtime.coordinator.get_thread("n")).thread_name
    for row in (new(), new(session_id="b"), new("m", thread_name="notes")):
        with pytest.raises(ThreadCreationError):
            wait(rows.create(row))
    with pytest.raises(NameTaken):
        wait(rows.update(replace(made, thread_name="notes")))


@pytest.mark.parametrize("by_key", [False, True])
def test_a_deleted_row_takes_its_thread_along(
    runtime: Runtime, rows: SessionThreadAssociationRepository, *, by_key: bool
) -> None:
    def delete() -> bool:
        if by_key:
            return wait(rows.delete("a/t"))
        return wait(rows.delete_by_session_and_thread("a", "t"))

    assert delete() is True
    assert [] == answer(runtime.coordinator.list_threads("a"))
    assert wait(rows.exists("a", "t")) is False
    assert delete() is False


def test_old_rows_are_cleaned_up(rows: SessionThreadAssociationRepository) -> None:
    wait(rows.update(row_of(rows).deactivate()))
    assert 0 == wait(rows.cleanup_inactive_associations(30))
    assert 1 == wait(rows.cleanup_inactive_associations(0))
    assert wait(rows.exists("a", "t")) is False
