"""Endpoints: what their annotations say is what goes in and what comes out."""

from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

import msgspec
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from tests.daemon.http.asking import detail_of
from weft.actors import Runtime
from weft.daemon.http import Call, EventStream, HttpSettings, Reply, ServerEvent, Tokens
from weft.daemon.http.endpoint import Endpoint, Table, routes_of
from weft.daemon.http.gate import Gate
from weft.daemon.http.problems import FAILURES, answer_failure
from weft.daemon.http.site import Site


class Pair(msgspec.Struct, forbid_unknown_fields=True):
    """Two numbers."""

    left: int
    right: int = 1


class Many(msgspec.Struct):
    """Numbers."""

    number: list[int] = []


table: Final = Table("numbers")
other: Final = Table("others")


@table.post("/sums", status=201)
async def add(call: Call[Pair, None]) -> int:
    """Add."""
    return call.body.left + call.body.right


@table.get("/sums")
async def add_many(call: Call[None, Many]) -> Reply[int]:
    """Add many.

    As many as there are.
    """
    return Reply(sum(call.query.number), 203, {"X-Count": str(len(call.query.number))})


@other.delete("/sums")
async def forget(_call: Call[None, None]) -> None:
    """Forget."""


@other.get("/parts/{first}/{second}")
async def parts(call: Call[None, None]) -> list[str]:
    """Tell the parts of the path."""
    return [call.path("first"), call.path("second")]


@other.post("/either")
async def either(call: Call[None, None]) -> Pair | EventStream[Pair] | None:
    """Answer in one of three ways."""

    async def source() -> AsyncIterator[ServerEvent]:
        yield ServerEvent(Pair(1))

    if call.wants_stream():
        return call.stream(source())
    return Pair(1) if call.op_id else None


@pytest.fixture
def numbers(runtime: Runtime) -> Iterator[TestClient]:
    settings = HttpSettings()
    app = Starlette(
        routes=routes_of(Site(runtime, settings), [*table, *other]),
        middleware=[Middleware(Gate, settings=settings, tokens=Tokens())],
        exception_handlers=dict.fromkeys(FAILURES, answer_failure),
    )
    with TestClient(app, base_url="http://127.0.0.1") as client:
        yield client


def entered(name: str) -> Endpoint:
    by_name: dict[str, Endpoint] = {each.name: each for each in (*table, *other)}
    return by_name[name]


def test_annotations_are_read() -> None:
    read = entered("add")
    assert (Pair, None, [int], False, True) == (
        read.body,
        read.query,
        read.answers,
        read.streams,
        read.changes,
    )
    read = entered("add_many")
    assert (None, Many, [int], False) == (
        read.body,
        read.query,
        read.answers,
        read.changes,
    )
    read = entered("either")
    assert ([Pair, None], True) == (read.answers, read.streams)


def test_a_body_goes_in_and_a_value_comes_out(numbers: TestClient) -> None:
    answer = numbers.post("/sums", json={"left": 2, "right": 3})
    assert (201, 5) == (answer.status_code, answer.json())
    assert "$.left" in detail_of(numbers.post("/sums", json={"left": "2"}), 422)


def test_a_reply_has_its_own_status_and_headers(numbers: TestClient) -> None:
    answer = numbers.get("/sums?number=1&number=2")
    assert (203, 3, "2") == (
        answer.status_code,
        answer.json(),
        answer.headers["x-count"],
    )
    head = numbers.head("/sums?number=1")
    assert (203, "1") == (head.status_code, head.headers["x-count"])


def test_nothing_to_say_is_204(numbers: TestClient) -> None:
    answer = numbers.delete("/sums")
    assert (204, b"") == (answer.status_code, answer.content)


def test_methods_of_two_tables_share_a_path(numbers: TestClient) -> None:
    answer = numbers.put("/sums")
    assert "PUT" in detail_of(answer, 405)
    allowed = set(answer.headers["allow"].split(", "))
    assert {"DELETE", "GET", "HEAD", "POST"} == allowed


def test_one_of_several_answers(numbers: TestClient) -> None:
    assert 204 == numbers.post("/either").status_code
    with_key = numbers.post("/either", headers={"Idempotency-Key": "k"})
    assert {"left": 1, "right": 1} == with_key.json()
    events = numbers.post("/either", headers={"accept": "text/event-stream"})
    assert 'data: {"left":1,"right":1}' in events.text


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a/b", ["a", "b"]),
        ("a%2Fb/c%2f", ["a/b", "c/"]),
        ("%25/%2525", ["%", "%25"]),
        ("%C3%A4/%20", ["ä", " "]),
        ("a+b/%2B", ["a+b", "+"]),
    ],
)
def test_parts_of_the_path_are_decoded_once(
    numbers: TestClient, path: str, expected: list[str]
) -> None:
    assert expected == numbers.get(f"/parts/{path}").json()


@pytest.mark.parametrize(
    "headers",
    [
        {"Weft-Timeout": "soon"},
        {"Weft-Timeout": "-1"},
        {"Weft-Timeout": "nan"},
        {"Weft-Timeout": ""},
        {"Idempotency-Key": ""},
        {"Idempotency-Key": "x" * 101},
    ],
    ids=str,
)
def test_what_goes_with_a_change_is_checked_before_it(
    numbers: TestClient, headers: dict[str, Any]
) -> None:
    answer = numbers.delete("/sums", headers=headers)
    assert next(iter(headers)) in detail_of(answer, 422)
