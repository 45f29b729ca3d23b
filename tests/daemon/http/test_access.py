"""A token bound to an owner sees that owner's sessions, and no others."""

from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.daemon.http.asking import (
    ADMIN,
    ALICE,
    BOB,
    bearer,
    client_of,
    detail_of,
    token_file,
)
from weft.actors import Runtime

AS_ALICE = bearer(ALICE)
AS_BOB = bearer(BOB)
AS_ADMIN = bearer(ADMIN)


@pytest.fixture
def theirs(guarded: TestClient) -> TestClient:
    """Return a client; Alice has a session with a thread, and Bob has one."""
    for secret, name in ((ALICE, "alice"), (BOB, "bob")):
        headers = bearer(secret)
        created = guarded.post(
            "/sessions", json={"session_id": f"of-{name}"}, headers=headers
        )
        assert (201, name) == (created.status_code, created.json()["user_id"])
        threads = {"threads": [{"name": "notes", "thread_id": f"t-{name}"}]}
        path = f"/sessions/of-{name}/threads"
        made = guarded.post(path, json=threads, headers=headers)
        assert 201 == made.status_code
    return guarded


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/sessions/of-bob", None),
        ("PATCH", "/sessions/of-bob", {"metadata": {"stolen": True}}),
        ("POST", "/sessions/of-bob/close", {}),
        ("POST", "/sessions/of-alice/close", {"move_threads_to": "of-bob"}),
        ("GET", "/sessions/of-bob/threads", None),
        ("GET", "/sessions/of-bob/threads/notes", None),
        ("POST", "/sessions/of-bob/threads", {"threads": [{"name": "x"}]}),
        (
            "POST",
            "/sessions/of-bob/threads",
            {"threads": [{"name": "x"}], "create_session": True},
        ),
        ("DELETE", "/sessions/of-bob/threads/notes", None),
        ("POST", "/threads/t-bob/transfer", {"to_session_id": "of-alice"}),
        (
            "POST",
            "/threads/t-bob/transfer",
            {"to_session_id": "of-alice", "from_session_id": "of-alice"},
        ),
        ("POST", "/threads/t-alice/transfer", {"to_session_id": "of-bob"}),
        ("POST", "/threads/t-bob/rename", {"thread_name": "mine"}),
        ("GET", "/sessions/of-bob/associations", None),
        ("GET", "/sessions/of-bob/associations/t-bob", None),
        ("GET", "/sessions/of-bob/interactions", None),
        ("POST", "/sessions/of-bob/interactions", {"interaction_type": "x"}),
        (
            "POST",
            "/sessions/of-alice/interactions",
            {"interaction_type": "x", "thread_id": "t-bob"},
        ),
        ("POST", "/check", {"session_id": "of-bob"}),
        ("POST", "/repair", {"session_id": "of-bob"}),
    ],
)
def test_what_is_somebody_elses_is_not_there(
    theirs: TestClient, runtime: Runtime, method: str, path: str, body: Any
) -> None:
    before = runtime.store.statistics().seq
    answer = theirs.request(method, path, json=body, headers=AS_ALICE)
    assert "does not exist" in detail_of(answer, 404)
    assert before == runtime.store.statistics().seq


@pytest.mark.parametrize(
    "part",
    [
        {"kind": "UpdateSession", "session_id": "of-bob", "metadata": {}},
        {"kind": "CloseSession", "session_id": "of-bob"},
        {"kind": "CloseSession", "session_id": "of-alice", "move_to": "of-bob"},
        {"kind": "RemoveThreads", "threads": ["t-bob"]},
        {"kind": "RemoveThreads", "session_id": "of-bob", "threads": ["notes"]},
        {
            "kind": "TransferThreads",
            "thread_ids": ["t-alice", "t-bob"],
            "to_session_id": "of-alice",
        },
        {"kind": "RenameThread", "thread_id": "t-bob", "new_name": "mine"},
        {"kind": "AppendState", "thread_id": "t-bob", "values": 1},
        {
            "kind": "CreateThreads",
            "session_id": "of-bob",
            "create_session": True,
            "threads": [{"name": "x", "thread_id": "t-bob"}],
        },
        {"kind": "CreateSession", "session_id": "of-bob", "open_existing": True},
    ],
    ids=lambda part: str(part["kind"]),
)
def test_no_batch_touches_what_is_somebody_elses(
    theirs: TestClient, runtime: Runtime, part: dict[str, Any]
) -> None:
    before = runtime.store.statistics().seq
    own = {"kind": "UpdateSession", "session_id": "of-alice", "metadata": {"a": 1}}
    batch = {"operations": [own, part]}
    answer = theirs.post("/transactions", json=batch, headers=AS_ALICE)
    assert "does not exist" in detail_of(answer, 404)
    assert before == runtime.store.statistics().seq


def test_lists_have_ones_own_only(theirs: TestClient) -> None:
    own = theirs.get("/sessions", headers=AS_ALICE).json()["sessions"]
    assert ["of-alice"] == [session["session_id"] for session in own]
    everybody = theirs.get("/sessions", headers=AS_ADMIN).json()["sessions"]
    assert 2 == len(everybody)


def test_nobody_else_can_be_named(theirs: TestClient) -> None:
    for answer in (
        theirs.post("/sessions", json={"user_id": "bob"}, headers=AS_ALICE),
        theirs.get("/sessions?user_id=bob", headers=AS_ALICE),
        theirs.patch("/sessions/of-alice", json={"user_id": "bob"}, headers=AS_ALICE),
    ):
        assert "another user" in detail_of(answer, 403)


def test_opening_a_session_of_somebody_else_says_that_the_id_is_taken(
    theirs: TestClient,
) -> None:
    wanted = {"session_id": "of-bob", "if_exists": "open"}
    answer = theirs.post("/sessions", json=wanted, headers=AS_ALICE)
    assert "exists already" in detail_of(answer, 409)
    assert "bob" == theirs.get("/sessions/of-bob", headers=AS_BOB).json()["user_id"]


def test_a_session_made_on_the_way_is_its_makers(theirs: TestClient) -> None:
    to = {"to_session_id": "new", "create": True}
    moved = theirs.post("/threads/t-alice/transfer", json=to, headers=AS_ALICE)
    assert (200, "new") == (moved.status_code, moved.json()["session_id"])
    new = {"threads": [{"name": "x"}], "create_session": True}
    made = theirs.post("/sessions/newer/threads", json=new, headers=AS_ALICE)
    assert 201 == made.status_code
    batch = {
        "operations": [
            {
                "kind": "CreateThreads",
                "session_id": "newest",
                "threads": [{"name": "x"}],
                "create_session": True,
            }
        ]
    }
    done = theirs.post("/transactions", json=batch, headers=AS_ALICE)
    (answer,) = done.json()["answers"]
    assert "newest" == answer[0]["session_id"]
    for session_id in ("new", "newer", "newest"):
        found = theirs.get(f"/sessions/{session_id}", headers=AS_ALICE)
        assert (200, "alice") == (found.status_code, found.json()["user_id"])


def test_a_key_that_somebody_else_used_answers_nothing_of_theirs(
    theirs: TestClient,
) -> None:
    def create(headers: dict[str, str], session_id: str) -> Any:
        with_key = headers | {"Idempotency-Key": "the-same"}
        body = {"session_id": session_id, "metadata": {"of": session_id}}
        return theirs.post("/sessions", json=body, headers=with_key)

    first = create(AS_BOB, "b")
    assert (201, "b") == (first.status_code, first.json()["session_id"])
    own = create(AS_ALICE, "a")
    assert (201, "a") == (own.status_code, own.json()["session_id"])
    again = create(AS_BOB, "b")
    assert first.json() == again.json()
    told = theirs.get("/operations/the-same", headers=AS_ALICE).json()
    assert ("the-same", ["a"]) == (told["op_id"], told["session_ids"])
    assert 404 == theirs.get("/operations/the-same", headers=AS_ADMIN).status_code


def test_a_refusal_names_the_key_as_it_was_given(theirs: TestClient) -> None:
    headers = AS_ALICE | {"Idempotency-Key": "mine"}
    body = {"session_id": "of-alice"}
    answer = theirs.post("/sessions", json=body, headers=headers)
    assert (409, "mine") == (answer.status_code, answer.json()["op_id"])


def test_the_log_has_ones_own_only(theirs: TestClient) -> None:
    batch = {
        "operations": [
            {"kind": "RenameThread", "thread_id": f"t-{name}", "new_name": "n"}
            for name in ("alice", "bob")
        ]
    }
    assert 200 == theirs.post("/transactions", json=batch, headers=AS_ADMIN).status_code
    found = theirs.get("/operations", headers=AS_ALICE).json()["operations"]
    assert ["CreateSession", "CreateThreads", "Batch"] == [
        entry["kind"] for entry in found
    ]
    assert {"of-alice"} == {name for entry in found for name in entry["session_ids"]}
    assert {"t-alice"} == {name for entry in found for name in entry["thread_ids"]}


def test_rows_of_other_owners_of_a_thread_are_not_shown(theirs: TestClient) -> None:
    to = {"to_session_id": "of-bob", "new_thread_name": "from-alice"}
    moved = theirs.post("/threads/t-alice/transfer", json=to, headers=AS_ADMIN)
    assert 200 == moved.status_code
    for headers, own in ((AS_ALICE, "of-alice"), (AS_BOB, "of-bob")):
        path = "/threads/t-alice/associations"
        rows = theirs.get(path, headers=headers).json()["associations"]
        assert [own] == [row["session_id"] for row in rows]
    both = theirs.get("/threads/t-alice/associations", headers=AS_ADMIN).json()
    assert 2 == len(both["associations"])


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/associations/cleanup"), ("GET", "/health"), ("POST", "/check")],
)
def test_who_is_bound_to_an_owner_administers_nothing(
    runtime: Runtime, tmp_path: Path, method: str, path: str
) -> None:
    tokens = token_file(tmp_path, f"{ALICE} owner=alice")
    with client_of(runtime, tokens) as client:
        answer = client.request(method, path, json={}, headers=AS_ALICE)
        assert "admin" in detail_of(answer, 403)
