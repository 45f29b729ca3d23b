"""Errors: a class, a sentence, data and a remedy, wherever they are carried."""

import copy
import os
import pickle
from typing import Any

import msgspec
import pytest

from weft.storage import errors
from weft.storage.errors import (
    DeadlineExceeded,
    InvalidArgument,
    Overloaded,
    Refusal,
    SessionThreadException,
    SessionThreadInconsistencyError,
    StoreLocked,
    ThreadBusy,
    WorkflowExecutionError,
)

KINDS: list[type[SessionThreadException]] = sorted(
    (
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, SessionThreadException)
    ),
    key=lambda kind: kind.__name__,
)
BY_KIND = pytest.mark.parametrize("kind", KINDS)
EX_CODES = {value for name, value in vars(os).items() if name.startswith("EX_")}


def full(kind: type[SessionThreadException]) -> SessionThreadException:
    """Return an error with all its data."""
    return kind(
        "It went wrong.",
        session_id="s",
        thread_id="t",
        op_id="o",
        cause=ValueError("the cause", 7),
        details={"run_id": "r", "n": [1]},
    )


def data(error: SessionThreadException) -> tuple[Any, ...]:
    return (
        type(error),
        error.message,
        str(error),
        error.args,
        error.session_id,
        error.thread_id,
        error.op_id,
        repr(error.cause),
        repr(error.__cause__),
        error.details,
    )


def test_every_class_is_announced() -> None:
    assert {kind.__name__ for kind in KINDS} | {"Refusal"} == set(errors.__all__)


@BY_KIND
def test_an_error_survives_pickling_and_copying_with_all_its_data(
    kind: type[SessionThreadException],
) -> None:
    for error in (full(kind), kind()):
        for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
            pickled = pickle.dumps(error, protocol)
            assert data(error) == data(pickle.loads(pickled))  # noqa: S301 - our own
        assert data(error) == data(copy.copy(error))


@BY_KIND
def test_an_error_reads_as_one_sentence_and_its_remedy(
    kind: type[SessionThreadException],
) -> None:
    own = str(kind())
    sentence = (kind.__doc__ or "").split("\n", 1)[0]
    assert own.startswith(sentence)
    assert sentence.endswith(".")
    assert "It went wrong." == full(kind).message
    assert f"It went wrong. {kind.remedy}" == str(full(kind))
    assert kind.remedy.endswith(".")


@BY_KIND
def test_an_error_has_an_http_status_and_an_exit_code(
    kind: type[SessionThreadException],
) -> None:
    assert 400 <= kind.http_status <= 599
    assert kind.exit_code in EX_CODES - {os.EX_OK}


@BY_KIND
def test_a_refusal_is_stored_and_rebuilt(kind: type[SessionThreadException]) -> None:
    stored = msgspec.msgpack.encode(Refusal.of(full(kind)))
    rebuilt = msgspec.msgpack.decode(stored, type=Refusal).to_error("again")
    assert (kind, "It went wrong.", "s", "t", "again", {"run_id": "r", "n": [1]}) == (
        type(rebuilt),
        rebuilt.message,
        rebuilt.session_id,
        rebuilt.thread_id,
        rebuilt.op_id,
        rebuilt.details,
    )


def test_a_refusal_of_a_class_that_is_gone_is_rebuilt_as_the_base() -> None:
    rebuilt = Refusal("OfANewerVersion", "Because.", "s").to_error()
    assert SessionThreadException is type(rebuilt)
    assert ("Because.", "s") == (rebuilt.message, rebuilt.session_id)


def test_errors_do_not_share_their_details() -> None:
    first = SessionThreadException()
    first.details["k"] = 1
    assert {} == SessionThreadException().details
    refusal = Refusal("ThreadBusy", "m", details={"run_id": "r"})
    refusal.to_error().details["run_id"] = "other"
    assert {"run_id": "r"} == refusal.details


def test_the_cause_is_the_cause_for_a_traceback_too() -> None:
    cause = ValueError("why")
    assert cause is SessionThreadException(cause=cause).__cause__
    assert SessionThreadException().__cause__ is None


def test_errors_are_caught_by_the_names_people_know() -> None:
    assert isinstance(DeadlineExceeded(), TimeoutError)
    assert isinstance(InvalidArgument(), ValueError)
    for name in ("ThreadNotFound", "SessionNotFound", "SessionClosed"):
        assert issubclass(getattr(errors, name), errors.ThreadTransferError)
        assert issubclass(getattr(errors, name), errors.ThreadRemovalError)
    for name in ("NameTaken", "ThreadExists", "SessionNotFound", "InvalidArgument"):
        assert issubclass(getattr(errors, name), errors.ThreadCreationError)


def test_what_a_class_tells_beyond_the_base_comes_from_its_details() -> None:
    assert "r" == ThreadBusy(details={"run_id": "r"}).run_id
    assert ThreadBusy().run_id is None
    assert 2.5 == Overloaded(details={"retry_after_s": 2.5}).retry_after_s
    assert 1.0 == Overloaded().retry_after_s
    assert 7 == StoreLocked(details={"pid": 7}).holder_pid
    assert StoreLocked().holder_pid is None
    failed = WorkflowExecutionError(details={"thread_name": "n", "run_id": "r"})
    assert ("n", "r") == (failed.thread_name, failed.run_id)
    found = SessionThreadInconsistencyError(details={"inconsistencies": [1]})
    assert [1] == found.inconsistencies
    assert [] == SessionThreadInconsistencyError().inconsistencies
