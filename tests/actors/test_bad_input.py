"""What callers do wrong: a typed error that says what to do, and nothing changed."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.actors.bad_calls import NOBODY, TAKEN, WRONG, Call, Case, given
from tests.actors.bad_values import (
    BAD_DATA,
    BAD_IDS,
    BAD_NAMES,
    DATA_CALLS,
    ID_CALLS,
    MAPPING_CALLS,
    NAME_CALLS,
    NO_MAPPING,
)
from tests.actors.support import answer, contents, failure
from weft.actors import Runtime
from weft.storage import (
    InvalidArgument,
    NameTaken,
    SessionThreadException,
)


def together(
    calls: list[tuple[str, Callable[[Any], Call]]], bad: list[tuple[str, Any]]
) -> list[tuple[str, list[Case]]]:
    """Return, for each call, its cases with every bad value."""
    return [
        (name, [Case(what, make(value), InvalidArgument) for what, value in bad])
        for name, make in calls
    ]


def each(cases: list[Case]) -> list[tuple[str, list[Case]]]:
    return [(case.name, [case]) for case in cases]


TABLE = [
    *each(NOBODY),
    *each(TAKEN),
    *each(WRONG),
    *((f"{name}: ids", cases) for name, cases in together(ID_CALLS, BAD_IDS)),
    *((f"{name}: names", cases) for name, cases in together(NAME_CALLS, BAD_NAMES)),
    *((f"{name}: data", cases) for name, cases in together(DATA_CALLS, BAD_DATA)),
    *(
        (f"{name}: mappings", cases)
        for name, cases in together(MAPPING_CALLS, NO_MAPPING)
    ),
]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One runtime for all cases: none of them may change it."""
    with Runtime.open(tmp_path_factory.mktemp("weft-data")) as runtime:
        given(runtime)
        yield runtime


@pytest.mark.parametrize("cases", [row[1] for row in TABLE], ids=[r[0] for r in TABLE])
def test_what_is_wrong_gets_a_typed_error_and_changes_nothing(
    shared: Runtime, cases: list[Case]
) -> None:
    before = contents(shared)
    for case in cases:
        error = failure(case.call(shared.coordinator))
        assert case.error is type(error), (case.name, error)
        assert str(error).endswith(error.remedy)
    assert before == contents(shared)
    assert not shared.read_only


def test_all_of_that_left_the_store_clean_and_usable(shared: Runtime) -> None:
    assert shared.check().clean
    assert {"notes", "drafts"} == {
        thread.thread_name
        for thread in answer(shared.coordinator.list_threads("alice"))
    }
    assert "usable" == answer(shared.coordinator.create_session("usable")).session_id
    assert 0 == shared.statistics().restarts


def test_a_name_that_is_taken_in_the_other_session_refuses_a_transfer(
    runtime: Runtime,
) -> None:
    given(runtime)
    answer(runtime.session("bob").create_thread("notes"))
    before = contents(runtime)
    coordinator = runtime.coordinator
    error = failure(
        coordinator.transfer_thread_between_sessions("t-notes", "alice", "bob")
    )
    assert NameTaken is type(error)
    assert NameTaken is type(failure(coordinator.close_session("alice", "bob")))
    assert before == contents(runtime)


@pytest.mark.parametrize("bad", [value for _, value in BAD_IDS])
def test_a_handle_refuses_a_bad_id_at_once(runtime: Runtime, bad: Any) -> None:
    with pytest.raises(InvalidArgument):
        runtime.session(bad)
    with pytest.raises(InvalidArgument):
        runtime.thread(bad)


def test_a_wrong_stream_fails_when_it_is_read(runtime: Runtime) -> None:
    coordinator = runtime.coordinator
    for stream in (
        coordinator.stream_workflow_in_session("nobody", "notes"),
        coordinator.stream_workflow_in_session("", "notes"),
        coordinator.stream_workflow_in_session("alice", "notes", timeout_s=-1),
    ):
        with pytest.raises(SessionThreadException):
            list(stream)
