"""Bodies and queries: typed, or refused with the place of the fault."""

from typing import Any

import msgspec
import pytest
from starlette.testclient import TestClient

from tests.daemon.asking import connected
from tests.daemon.http.asking import detail_of
from weft.actors import Runtime
from weft.daemon.app import create_app
from weft.daemon.http.decoding import body_decoder, query_decoder
from weft.daemon.http.problems import RequestFault
from weft.daemon.listen import Address, bind
from weft.daemon.server import BackgroundServer

JSON = {"content-type": "application/json"}


class Query(msgspec.Struct, forbid_unknown_fields=True):
    number: int = 0
    exact: bool = False
    names: list[str] = []


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"nonsense",
        b'{"session_id": "\xff"}',
        b'{"session_id": "\\ud800"}',
        b"\x00",
        b"{}{}",
        b'{"metadata": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
    ids=lambda content: repr(content[:20]),
)
def test_what_is_no_json_is_told(client: TestClient, content: bytes) -> None:
    answer = client.post("/sessions", content=content, headers=JSON)
    assert answer.status_code in {400, 422}
    assert "body" in detail_of(answer, answer.status_code)


@pytest.mark.parametrize(
    ("content", "path"),
    [
        (b"[]", "$"),
        (b"null", "$"),
        (b'{"metadata": {"a": 1}, "user_id": ""}', "$.user_id"),
        (b'{"if_exists": "maybe"}', "$.if_exists"),
    ],
)
def test_what_does_not_fit_is_told_with_its_path(
    client: TestClient, content: bytes, path: str
) -> None:
    answer = client.post("/sessions", content=content, headers=JSON)
    detail_of(answer, 422)
    assert [path] == [fault["path"] for fault in answer.json()["faults"]]


@pytest.mark.parametrize(
    "metadata", [{"n": 2**64}, {"n": -(2**63) - 1}, {"n": 10**400}]
)
def test_a_number_that_cannot_be_stored_is_refused(
    client: TestClient, metadata: dict[str, Any]
) -> None:
    answer = client.post("/sessions", json={"metadata": metadata})
    assert answer.status_code in {400, 422}


@pytest.mark.parametrize("media_type", ["", "text/plain", "application/xml"])
def test_a_body_of_another_type_is_refused(client: TestClient, media_type: str) -> None:
    headers = {"content-type": media_type}
    answer = client.post("/sessions", content=b"{}", headers=headers)
    assert "application/json" in detail_of(answer, 415)


def test_a_type_may_have_parameters(client: TestClient) -> None:
    headers = {"content-type": "Application/JSON; charset=utf-8"}
    answer = client.post("/sessions", content=b"{}", headers=headers)
    assert 201 == answer.status_code


def test_a_query_is_converted_from_text() -> None:
    read = query_decoder(Query)
    pairs = [("number", "7"), ("exact", "true"), ("names", "a"), ("names", "b")]
    assert Query(7, True, ["a", "b"]) == read(pairs)
    assert Query() == read([])


@pytest.mark.parametrize(
    ("pairs", "path"),
    [
        ([("number", "x")], "number"),
        ([("number", "1"), ("number", "2")], "number"),
        ([("exact", "perhaps")], "exact"),
        ([("other", "1")], "$"),
    ],
)
def test_a_wrong_query_is_told_with_its_name(
    pairs: list[tuple[str, str]], path: str
) -> None:
    with pytest.raises(RequestFault) as caught:
        query_decoder(Query)(pairs)
    assert 422 == caught.value.status
    assert [("query", path)] == [
        (fault.where, fault.path) for fault in caught.value.faults
    ]


def test_an_empty_body_is_an_empty_object() -> None:
    assert Query() == body_decoder(Query)(b"")


def test_a_query_that_is_no_utf_8_is_refused(client: TestClient) -> None:
    assert "query" in detail_of(client.get("/sessions?user_id=%ff"), 400)


def test_a_body_that_does_not_come_is_not_waited_for(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("weft.daemon.http.decoding.BODY_TIMEOUT_S", 0.05)
    listener = bind(Address("127.0.0.1", 0))
    with (
        BackgroundServer(create_app(runtime), listener) as server,
        connected(server.url) as slow,
    ):
        slow.putrequest("POST", "/sessions")
        for name, value in (JSON | {"content-length": "10"}).items():
            slow.putheader(name, value)
        slow.endheaders(b"{")
        assert 408 == slow.getresponse().status
