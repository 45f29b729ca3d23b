"""Sessions over HTTP."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.daemon.http.asking import detail_of
from weft.actors import Runtime


def create(client: TestClient, session_id: str, **more: Any) -> dict[str, Any]:
    answer = client.post("/sessions", json={"session_id": session_id} | more)
    assert 201 == answer.status_code
    created: dict[str, Any] = answer.json()
    return created


def test_a_session_is_created_and_found(client: TestClient) -> None:
    created = create(client, "a", user_id="ann", metadata={"k": [1, {"x": None}]})
    assert ("a", "ann", "open") == tuple(
        created[name] for name in ("session_id", "user_id", "status")
    )
    assert {"k": [1, {"x": None}]} == created["metadata"]
    assert created == client.get("/sessions/a").json()


def test_an_id_is_generated_where_none_is_given(client: TestClient) -> None:
    answer = client.post("/sessions")
    assert (201, 36) == (answer.status_code, len(answer.json()["session_id"]))


def test_a_second_session_of_one_id_is_refused_or_opened(client: TestClient) -> None:
    first = create(client, "a")
    refused = client.post("/sessions", json={"session_id": "a"})
    assert "exists already" in detail_of(refused, 409)
    assert "SessionExists" == refused.json()["code"]
    assert first["created_seq"] == create(client, "a", if_exists="open")["created_seq"]


def test_an_operation_repeated_under_its_key_is_answered_as_first(
    client: TestClient, runtime: Runtime
) -> None:
    headers = {"Idempotency-Key": "k-1"}
    first, again = (
        client.post("/sessions", json={"metadata": {"a": 1}}, headers=headers)
        for _ in range(2)
    )
    assert first.json() == again.json()
    assert 1 == runtime.store.statistics().seq
    other = client.post("/transactions", json=BATCH, headers=headers)
    assert "was a CreateSession" in detail_of(other, 422)


BATCH = {"operations": [{"kind": "CreateSession", "session_id": "z"}]}


def test_sessions_are_searched_by_a_part_of_their_id_or_their_users(
    client: TestClient,
) -> None:
    for number, user in enumerate(("Ann", "bob", "ann")):
        create(client, f"s{number}", user_id=user)

    def found(query: str) -> list[str]:
        page = client.get(f"/sessions?{query}").json()
        return [session["session_id"] for session in page["sessions"]]

    assert ["s0", "s2"] == found("search=AN")
    assert ["s1"] == found("search=S1&status=open")
    assert [] == found("search=s&status=closed")
    assert ["s2"] == found("search=ann&cursor=s0")
    assert ["s0"] == found("search=s&user_id=Ann")
    first = client.get("/sessions?search=s&limit=2").json()
    assert "s1" == first["next_cursor"]
    assert client.get("/sessions?search=s").json()["next_cursor"] is None


def test_a_search_goes_without_an_order_of_its_own(client: TestClient) -> None:
    refused = client.get("/sessions?search=a&sort=user_id")
    assert "leave them out" in detail_of(refused, 422)


def test_lists_go_on_from_page_to_page(client: TestClient) -> None:
    for number in range(5):
        create(client, f"s{number}", user_id="ann" if number % 2 else "bob")
    pages = []
    cursor = ""
    for _ in range(3):
        page = client.get(f"/sessions?limit=2{cursor}").json()
        pages.append([session["session_id"] for session in page["sessions"]])
        cursor = f"&cursor={page['next_cursor']}"
    assert [["s0", "s1"], ["s2", "s3"], ["s4"]] == pages
    assert "&cursor=None" == cursor


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("user_id=ann", ["s1", "s3"]),
        ("status=open&sort=-session_id", ["s3", "s2", "s1", "s0"]),
        ("status=closed", []),
        ('metadata={"n": 2}', ["s2"]),
        ("sort=-created_at&limit=1", ["s3"]),
    ],
)
def test_lists_are_filtered_and_sorted(
    client: TestClient, query: str, expected: list[str]
) -> None:
    for number in range(4):
        user_id = "ann" if number % 2 else "bob"
        create(client, f"s{number}", user_id=user_id, metadata={"n": number})
    found = client.get(f"/sessions?{query}").json()["sessions"]
    assert expected == [session["session_id"] for session in found]


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=ten", "limit"),
        ("limit=1&limit=2", "limit"),
        ("sort=metadata", "sort"),
        ("metadata=[1]", "metadata"),
        ("metadata={", "metadata"),
        ("status=gone", "status"),
        ("cursor=", "cursor"),
    ],
)
def test_a_wrong_parameter_is_named(client: TestClient, query: str, where: str) -> None:
    answer = client.get(f"/sessions?{query}")
    assert where in detail_of(answer, 422)
    assert [("query", where)] == [
        (fault["where"], fault["path"]) for fault in answer.json()["faults"]
    ]


def test_an_unknown_parameter_is_refused(client: TestClient) -> None:
    assert "`colour`" in detail_of(client.get("/sessions?colour=red"), 422)


def test_a_session_is_changed(client: TestClient) -> None:
    create(client, "a", user_id="ann", metadata={"a": 1})
    changed = client.patch("/sessions/a", json={"metadata": {"b": 2}}).json()
    assert ("ann", {"b": 2}) == (changed["user_id"], changed["metadata"])
    changed = client.patch("/sessions/a", json={"user_id": "bob"}).json()
    assert ("bob", {"b": 2}) == (changed["user_id"], changed["metadata"])


@pytest.mark.parametrize("move_to", ["b", "remove"])
def test_closing_moves_the_threads_or_removes_them(
    client: TestClient, runtime: Runtime, move_to: str
) -> None:
    for session_id in ("a", move_to, "c"):
        create(client, session_id)
    for session_id in ("a", "c"):
        runtime.session(session_id).create_thread("n").get(timeout=5)
    closed = client.post("/sessions/a/close", json={"move_threads_to": move_to})
    assert (200, "closed") == (closed.status_code, closed.json()["status"])
    moved = client.get(f"/sessions/{move_to}/threads").json()["threads"]
    assert ["n"] == [thread["thread_name"] for thread in moved]
    assert 200 == client.post("/sessions/c/close").status_code
    assert [] == client.get("/sessions/c/threads").json()["threads"]
    assert "is closed" in detail_of(client.patch("/sessions/a", json={}), 409)


def test_what_is_not_there_is_a_problem_with_its_id(client: TestClient) -> None:
    answer = client.get("/sessions/none")
    assert "'none' does not exist" in detail_of(answer, 404)
    assert ("SessionNotFound", "none") == tuple(
        answer.json()[name] for name in ("code", "session_id")
    )
