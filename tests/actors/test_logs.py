"""The log of operations: beginnings, ends, threads, conflicts, failures, silence."""

import logging
import subprocess
import sys
from typing import Any

import pytest

from tests.actors.conftest import Open
from tests.actors.support import answer, failure
from weft.actors import Runtime, logs
from weft.actors.errors import error_fields
from weft.actors.failure import statistics
from weft.actors.logs import OPERATIONS
from weft.storage import (
    InvalidArgument,
    NameTaken,
    SessionNotFound,
    SessionThreadException,
    WorkflowExecutionError,
)

KEYS = ("action", "session_id", "thread_id", "op_id")


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Return what is logged, from debug on."""
    caplog.set_level(logging.DEBUG, "weft.operations")
    return caplog


@pytest.fixture
def runtime(open_runtime: Open, log: pytest.LogCaptureFixture) -> Runtime:
    """Return a runtime with a session a."""
    made = open_runtime()
    answer(made.coordinator.create_session("a", op_id="first"))
    log.clear()
    return made


def records(log: pytest.LogCaptureFixture) -> list[Any]:
    return [one for one in log.records if one.name == "weft.operations"]


def told(log: pytest.LogCaptureFixture) -> list[tuple[Any, ...]]:
    return [(one.levelname, *(getattr(one, k) for k in KEYS)) for one in records(log)]


def test_an_operation_is_logged_where_it_begins_and_ends(
    runtime: Runtime, log: pytest.LogCaptureFixture
) -> None:
    answer(runtime.coordinator.update_session("a", user_id="u", op_id="o"))
    expected = ("INFO", "update_session", "a", None, "o")
    assert [expected, expected] == told(log)
    assert 0 < records(log)[1].duration_s < 20


def test_each_thread_is_a_matter_of_debugging(
    runtime: Runtime, log: pytest.LogCaptureFixture
) -> None:
    plan = [{"name": "x", "thread_id": "tx"}, {"name": "y", "thread_id": "ty"}]
    answer(runtime.coordinator.coordinate_threads("a", plan, op_id="o"))
    expected = [
        ("INFO", "create_threads", "a", None, "o"),
        ("DEBUG", "create_threads", "a", "tx", "o"),
        ("DEBUG", "create_threads", "a", "ty", "o"),
        ("INFO", "create_threads", "a", None, "o"),
    ]
    assert sorted(expected, key=repr) == sorted(told(log), key=repr)


def test_a_name_conflict_is_a_warning(
    runtime: Runtime, log: pytest.LogCaptureFixture
) -> None:
    coordinator = runtime.coordinator
    answer(coordinator.create_thread_with_session("a", {}, "x", thread_id="t"))
    log.clear()
    error = failure(coordinator.create_thread_with_session("a", {}, "x", op_id="o"))
    assert isinstance(error, NameTaken)
    expected = ("WARNING", "create_threads", "a", error.thread_id, "o")
    assert expected == told(log)[-1]
    assert "NameTaken" == records(log)[-1].error


def test_a_failure_is_an_error_with_its_ids(
    runtime: Runtime, log: pytest.LogCaptureFixture
) -> None:
    failure(runtime.coordinator.rename_thread("t", "x", op_id="o"))
    assert ("ERROR", "rename_thread", None, "t", "o") == told(log)[-1]
    assert "ThreadNotFound" == records(log)[-1].error


def test_what_fails_at_the_door_is_an_error_too(
    runtime: Runtime, log: pytest.LogCaptureFixture
) -> None:
    assert isinstance(failure(runtime.coordinator.create_session("")), InvalidArgument)
    assert [("ERROR", "create_session", None, None, None)] == told(log)


def test_a_run_is_logged_with_what_its_workflow_raised(
    runtime: Runtime, log: pytest.LogCaptureFixture
) -> None:
    answer(runtime.coordinator.coordinate_threads("a", [{"name": "x"}]))
    log.clear()
    failure(
        runtime.coordinator.execute_workflow_in_session(
            "a", "x", {"why": "bad"}, workflow="fail", op_id="o"
        )
    )
    assert ("ERROR", "run", "a") == told(log)[-1][:3]
    assert ["ValueError"] == records(log)[-1].causes
    assert "bad" in records(log)[-1].getMessage()


def test_checks_repairs_and_clean_ups_are_logged(
    runtime: Runtime, log: pytest.LogCaptureFixture
) -> None:
    coordinator = runtime.coordinator
    answer(coordinator.sync_session_data("a"))
    answer(coordinator.validate_session_consistency("a"))
    answer(coordinator.cleanup_inactive_associations())
    failure(coordinator.repair_session_inconsistencies("none"))
    failure(coordinator.validate_session_consistency("none"))
    found = [entry[:3] for entry in told(log)]
    assert [
        *[("INFO", "sync_session_data", "a")] * 2,
        *[("INFO", "validate_session_consistency", "a")] * 2,
        *[("INFO", "cleanup_inactive_associations", None)] * 2,
        ("INFO", "repair_session_inconsistencies", "none"),
        ("ERROR", "repair_session_inconsistencies", "none"),
        ("INFO", "validate_session_consistency", "none"),
        ("ERROR", "validate_session_consistency", "none"),
    ] == found


def test_a_failure_that_was_only_logged_is_still_nobodys(
    runtime: Runtime, log: pytest.LogCaptureFixture
) -> None:
    before = statistics().unretrieved_failures
    future = runtime.coordinator.create_session("")
    assert future.done()
    del future
    assert before + 1 == statistics().unretrieved_failures
    assert records(log)


def test_a_runtime_says_nothing_unless_logging_is_set_up() -> None:
    script = """
import pykka
from weft.actors import Runtime, logs
from weft.storage import MemoryStore, SessionThreadException
with Runtime.open(store=MemoryStore()) as runtime:
    for future in (runtime.coordinator.create_session(""),
                   runtime.coordinator.rename_thread("t", "x"),
                   runtime.coordinator.create_session("a")):
        try:
            future.get(timeout=20)
        except SessionThreadException:
            pass
"""
    paths = ":".join(sys.path)
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
        env={"PYTHONPATH": paths},
    )
    assert ("", "") == (done.stdout, done.stderr)


def test_an_error_is_plain_data_for_a_log() -> None:
    cause = ValueError("bad")
    cause.__cause__ = KeyError("k")
    error = WorkflowExecutionError(
        "It failed.",
        session_id="s",
        thread_id="t",
        op_id="o",
        cause=cause,
        details={"thread_name": "n"},
    )
    assert {
        "error": "WorkflowExecutionError",
        "message": "It failed.",
        "session_id": "s",
        "thread_id": "t",
        "op_id": "o",
        "details": {"thread_name": "n"},
        "causes": ["ValueError: bad", "KeyError: 'k'"],
    } == error_fields(error)
    assert [] == error_fields(SessionNotFound())["causes"]
    assert None is error_fields(ValueError("x"))["op_id"]


def test_a_circle_of_causes_ends() -> None:
    error, other = SessionThreadException("a"), SessionThreadException("b")
    error.__cause__, other.__cause__ = other, error
    assert 1 == len(error_fields(error)["causes"])


def test_nobody_is_told_where_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    logger = logging.getLogger(OPERATIONS)
    monkeypatch.setattr(logger, "propagate", False)
    assert not logs._is_heard()
    handler = logging.StreamHandler()
    logger.addHandler(handler)
    assert logs._is_heard()
    logger.removeHandler(handler)
    monkeypatch.setattr(logger, "propagate", True)
    assert logs._is_heard()  # pytest listens at the root
    monkeypatch.setattr(logger, "disabled", True)
    assert not logs._is_heard()
