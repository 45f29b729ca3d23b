"""A session that is missing is created on request, under either name of the request."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.daemon.http.asking import detail_of
from weft.actors import Runtime

WAYS = [
    ("/sessions/{new}/threads", {"threads": [{"name": "n"}]}),
    ("/threads/t/transfer", {"to_session_id": "{new}"}),
]
NAMES = ["create_session", "create"]


@pytest.fixture(autouse=True)
def thread(client: TestClient) -> None:
    """Have a thread that can be moved."""
    body = {"create_session": True, "threads": [{"name": "n", "thread_id": "t"}]}
    assert 201 == client.post("/sessions/old/threads", json=body).status_code


def ask(client: TestClient, way: tuple[str, dict[str, Any]], **more: Any) -> Any:
    path, body = way
    told = {name: "new" if value == "{new}" else value for name, value in body.items()}
    return client.post(path.replace("{new}", "new"), json=told | more)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("given", [{NAMES[0]: True}, {NAMES[1]: True}])
def test_both_requests_take_both_names(
    client: TestClient, way: Any, given: dict[str, bool]
) -> None:
    assert ask(client, way, **given).is_success
    assert ["n"] == [
        thread["thread_name"]
        for thread in client.get("/sessions/new/threads").json()["threads"]
    ]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("given", [{}, {NAMES[0]: False}, {NAMES[1]: False}])
def test_a_missing_session_stays_missing_unless_that_is_asked_for(
    client: TestClient, way: Any, given: dict[str, bool]
) -> None:
    answer = ask(client, way, **given)
    assert (404, "SessionNotFound") == (answer.status_code, answer.json()["code"])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("value", [True, False])
def test_names_that_agree_are_one_and_those_that_do_not_are_refused(
    client: TestClient, runtime: Runtime, way: Any, value: bool
) -> None:
    before = runtime.store.statistics().seq
    apart = ask(client, way, create_session=value, create=not value)
    assert "contradict each other" in detail_of(apart, 422)
    assert before == runtime.store.statistics().seq
    both = ask(client, way, create_session=value, create=value)
    assert value == both.is_success


@pytest.mark.parametrize("way", WAYS)
def test_null_is_no_answer(client: TestClient, way: Any) -> None:
    answer = ask(client, way, create=None)
    assert (422, "$.create") == (
        answer.status_code,
        answer.json()["faults"][0]["path"],
    )


def test_both_names_are_described(client: TestClient) -> None:
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    for kind in ("NewThreads", "Transfer"):
        for name in NAMES:
            described = schemas[kind]["properties"][name]
            assert ("boolean", False) == (described["type"], described["default"])
            assert name in described["description"]
            assert name not in schemas[kind].get("required", ())
