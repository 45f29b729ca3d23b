"""The table in docs/from-the-original.md names what exists, and leaves nothing out."""

import inspect
import re
from pathlib import Path
from pkgutil import resolve_name
from types import FunctionType
from typing import Any, Final

import pytest

from weft.actors import compat

PAGE: Final = (Path(__file__).parents[3] / "docs/from-the-original.md").read_text(
    encoding="utf-8"
)
BLOCKS: Final = Path(__file__).with_name("original_blocks.md").read_text("utf-8")
ROWS: Final = [
    (row[1].strip(), row[2].strip(), row[3].strip())
    for row in re.finditer(r"^\|([^|]*)\|([^|]*)\|([^|]*)\|$", PAGE, re.MULTILINE)
    if row[1].strip() != "there" and "---" not in row[1]
]
THERE: Final = {name for row in ROWS for name in re.findall(r"`([\w.]+)`", row[0])}
HERE: Final = [name for row in ROWS for name in re.findall(r"`([^`]+)`", row[1])]

ORIGINAL: Final = [
    "SessionThreadAssociation",
    "ISessionThreadAssociation",
    "ISessionThreadAssociationRepository",
    "ISessionThreadSynchronizer",
    "ISessionThreadTransaction",
    "SessionThreadSynchronizer",
    "SessionThreadTransaction",
    "SessionThreadCoordinator",
    "SessionThreadAssociationRepository",
    "IWorkflowExecutor",
    "ISessionThreadExecutor",
    "IThreadExecutor",
    "ExecutionContext",
    "ExecutionResult",
    "SessionService",
    "ThreadService",
    "SessionThreadException",
    "ThreadCreationError",
    "ThreadRemovalError",
    "ThreadTransferError",
    "SessionThreadInconsistencyError",
    "WorkflowExecutionError",
    "create_thread_with_session",
    "remove_thread_from_session",
    "transfer_thread_between_sessions",
    "session_thread_associations",
    "association_id",
    "session_id",
    "thread_id",
    "thread_name",
    "created_at",
    "updated_at",
    "is_active",
    "association_type",
    "metadata",
    "idx_session_thread_associations_session_id",
    "idx_session_thread_associations_thread_id",
    "idx_session_thread_associations_active",
    "coordinate_threads",
    "execute_workflow_in_session",
    "stream_workflow_in_session",
    "validate_session_consistency",
    "repair_session_inconsistencies",
    "sync_session_data",
    "health_check",
    "issues_found",
    "repairs_attempted",
    "repairs_successful",
    "repairs_failed",
    "recorded_threads",
    "associated_threads",
    "actual_threads",
    "discrepancies",
    "fixes_applied",
    "sync_timestamp",
    "status",
    "issues",
    "timestamp",
    "activate",
    "deactivate",
    "update_metadata",
    "update_timestamp",
    "to_dict",
    "version",
    "sync_session_threads",
    "validate_consistency",
    "repair_inconsistencies",
    "create",
    "get",
    "get_by_session_and_thread",
    "list_by_session",
    "list_by_thread",
    "update",
    "delete",
    "delete_by_session_and_thread",
    "exists",
    "get_active_associations_by_session",
    "cleanup_inactive_associations",
    "create_session",
    "list_sessions",
    "get_session_context",
    "track_user_interaction",
    "execute_workflow",
    "stream_workflow",
    "details",
    "cause",
    "container",
    "inconsistencies",
]
"""What the original has a name for, outside of its examples."""


WORDS: Final = {"Report", "Issue"}
"""Kinds of dict and str, with a maker of their own."""

PARTS: Final = {
    "ISessionThreadExecutor": "SessionThreadCoordinator",
    "IThreadExecutor": "ThreadService",
}
"""What implements an interface under another name."""


def find(name: str) -> Any:
    """Return what a name of the second column stands for."""
    inside = not name.startswith("weft.")
    return resolve_name(f"{compat.__name__}.{name}" if inside else name)


def members(name: str) -> list[str]:
    """Return the public members of a class that we implement, as the table has them."""
    kind = getattr(compat, name)
    ours = kind.__module__.startswith("weft.actors.compat")
    if not ours or name in WORDS or getattr(kind, "_is_protocol", False):
        return []
    return [
        f"{name}.{member}"
        for member, value in vars(kind).items()
        if not member.startswith("_")
        and (inspect.isfunction(value) or isinstance(value, property | classmethod))
    ]


@pytest.mark.parametrize("name", sorted(set(HERE)))
def test_a_name_in_the_table_exists(name: str) -> None:
    assert find(name) is not None


def test_a_name_that_does_not_exist_would_be_found() -> None:
    with pytest.raises(AttributeError):
        find("SessionService.no_such_method")


def test_every_public_name_of_the_package_has_a_row() -> None:
    names = {*compat.__all__, *(m for name in compat.__all__ for m in members(name))}
    assert len(names) > 80
    assert [] == sorted(names - set(HERE))


def test_every_name_of_the_original_has_a_row() -> None:
    assert [] == sorted(set(ORIGINAL) - THERE)


def test_every_name_that_an_example_uses_or_makes_has_a_row() -> None:
    classes = set(re.findall(r"\b[A-Z]\w*(?:Session|Thread|Workflow)\w*", BLOCKS))
    functions = set(re.findall(r"(?:async def|await [\w.]*\.) ?(\w+)\(", BLOCKS))
    functions -= {"gather"}  # of asyncio
    assert {"monitored_coordinate_threads", "list_all"} < functions
    assert [] == sorted((classes | functions) - THERE)


def test_a_protocol_has_no_method_that_its_part_lacks() -> None:
    for name in compat.__all__:
        kind = getattr(compat, name)
        if getattr(kind, "_is_protocol", False):
            part = getattr(compat, PARTS.get(name, name[1:]))
            wanted = {m for m in dir(kind) if not m.startswith("_")}
            assert wanted <= set(dir(part)), name


def test_the_example_on_the_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (block,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(tmp_path)
    FunctionType(compile(block, "from-the-original.md", "exec"), {})()
    assert capsys.readouterr().out.startswith("{'notes': '")
