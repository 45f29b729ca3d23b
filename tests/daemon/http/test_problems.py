"""Every failure is a problem: its status, its words, its data, and no more."""

import asyncio
from typing import Any

import msgspec
import pykka
import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from tests.daemon.http.asking import PROBLEM
from weft.actors import ActorQuarantined, EventsExpired
from weft.daemon.http.principals import Principal
from weft.daemon.http.problems import Fault, RequestFault, answer_failure
from weft.storage import (
    DeadlineExceeded,
    NameTaken,
    Overloaded,
    SessionNotFound,
    SessionThreadException,
    StoreCorrupt,
    ThreadBusy,
)

SCOPE = {
    "type": "http",
    "method": "GET",
    "path": "/there",
    "headers": [(b"host", b"here")],
    "query_string": b"",
    "scheme": "http",
    "server": ("here", 80),
}


def answer_to(error: Exception, **scope: Any) -> tuple[Response, dict[str, Any]]:
    response = asyncio.run(answer_failure(Request(SCOPE | scope), error))
    assert PROBLEM == response.media_type
    body: dict[str, Any] = msgspec.json.decode(response.body)
    assert response.status_code == body["status"]
    assert body["detail"]
    return response, body


def kinds(base: type[SessionThreadException]) -> list[type[SessionThreadException]]:
    return [base, *(each for kind in base.__subclasses__() for each in kinds(kind))]


@pytest.mark.parametrize("kind", kinds(SessionThreadException))
def test_every_error_of_the_runtime_has_its_status(
    kind: type[SessionThreadException],
) -> None:
    response, body = answer_to(kind())
    assert (kind.http_status, kind.__name__) == (response.status_code, body["code"])
    assert 400 <= response.status_code < 600


def test_an_error_is_told_with_its_data_and_remedy() -> None:
    error = ThreadBusy(
        "It runs.", session_id="s", thread_id="t", op_id="o", details={"run_id": "r"}
    )
    _, body = answer_to(error)
    expected = {
        "type": "about:blank",
        "title": "Conflict",
        "status": 409,
        "detail": f"It runs. {ThreadBusy.remedy}",
        "code": "ThreadBusy",
        "session_id": "s",
        "thread_id": "t",
        "op_id": "o",
        "details": {"run_id": "r"},
    }
    assert expected == body


@pytest.mark.parametrize("kind", [Overloaded, ActorQuarantined])
def test_who_is_to_come_again_is_told_when(kind: type[SessionThreadException]) -> None:
    response, _ = answer_to(kind(details={"retry_after_s": 2.1}))
    assert (503, "3") == (response.status_code, response.headers["retry-after"])


def test_data_without_json_is_told_in_words() -> None:
    _, body = answer_to(NameTaken(details={"what": object}))
    assert "object" in body["details"]["what"]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (SessionNotFound(), 404),
        (DeadlineExceeded(), 504),
        (StoreCorrupt(), 500),
        (EventsExpired(), 410),
        (pykka.Timeout("5 seconds"), 504),
        (RequestFault(415, "No."), 415),
        (HTTPException(405, headers={"Allow": "GET"}), 405),
        (ArithmeticError("a defect"), 500),
    ],
)
def test_each_kind_of_failure_has_its_status(error: Exception, status: int) -> None:
    assert status == answer_to(error)[0].status_code


def test_a_defect_tells_nothing_of_what_is_inside() -> None:
    response, _ = answer_to(ArithmeticError("a secret"))
    assert b"secret" not in response.body


def test_a_fault_is_told_with_its_place() -> None:
    fault = Fault("body", "$.threads[1].name", "Expected `str`, got `int`")
    response, body = answer_to(RequestFault(422, "Wrong.", [fault], {"X-A": "b"}))
    assert [msgspec.to_builtins(fault)] == body["faults"]
    assert "b" == response.headers["x-a"]


def test_a_key_is_told_as_it_was_given() -> None:
    alice = Principal("alice", owner="alice")
    error = SessionNotFound(op_id=alice.own_key("mine"))
    _, body = answer_to(error, **{"weft.principal": alice})
    assert "mine" == body["op_id"]
