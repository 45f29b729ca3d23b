"""The threads of sessions over HTTP."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.daemon.http.asking import detail_of
from weft.actors import Runtime


@pytest.fixture
def made(client: TestClient) -> dict[str, str]:
    """Create session ``a`` with two threads; return their ids by name."""
    new = {
        "create_session": True,
        "threads": [
            {"name": "notes", "thread_id": "t/1", "config": {"x": 1}},
            {"name": "chat", "workflow": "talk", "metadata": {"m": 2}},
        ],
    }
    answer = client.post("/sessions/a/threads", json=new)
    assert 201 == answer.status_code
    ids: dict[str, str] = answer.json()["threads"]
    return ids


def names(client: TestClient, session_id: str) -> list[str]:
    found = client.get(f"/sessions/{session_id}/threads").json()["threads"]
    return [thread["thread_name"] for thread in found]


def test_threads_are_created_together(client: TestClient, made: dict[str, str]) -> None:
    assert {"notes", "chat"} == set(made)
    assert ["chat", "notes"] == names(client, "a")
    notes = client.get("/sessions/a/threads/notes").json()
    assert ("t/1", {"x": 1}, "idle") == tuple(
        notes[name] for name in ("thread_id", "config", "status")
    )
    assert notes == client.get("/sessions/a/threads/t%2F1").json()


def test_all_are_created_or_none(
    client: TestClient, runtime: Runtime, made: dict[str, str]
) -> None:
    before = runtime.store.statistics().seq
    new = {"threads": [{"name": "fresh"}, {"name": "notes"}]}
    answer = client.post("/sessions/a/threads", json=new)
    assert "NameTaken" == answer.json()["code"]
    assert 409 == answer.status_code
    assert sorted(made) == names(client, "a")
    assert before == runtime.store.statistics().seq


@pytest.mark.parametrize(
    ("threads", "path"),
    [
        ([{"name": "a"}, {"name": 5}], "$.threads[1].name"),
        ([{}], "$.threads[0]"),
        ([{"name": ""}], "$.threads[0].name"),
        ([{"name": "a", "nam": "b"}], "$.threads[0]"),
        ([{"name": "a", "config": []}], "$.threads[0].config"),
        ([], "$.threads"),
        ([{"name": "a"}] * 1001, "$.threads"),
        ([{"name": "a\nb"}], "$.threads[0].name"),
    ],
)
def test_a_fault_in_the_body_is_told_with_its_path(
    client: TestClient, made: dict[str, str], threads: Any, path: str
) -> None:
    answer = client.post("/sessions/a/threads", json={"threads": threads})
    assert path in detail_of(answer, 422)
    assert [("body", path)] == [
        (fault["where"], fault["path"]) for fault in answer.json()["faults"]
    ]
    assert sorted(made) == names(client, "a")


def test_a_thread_moves_and_its_rows_tell(
    client: TestClient, made: dict[str, str]
) -> None:
    to = {
        "from_session_id": "a",
        "to_session_id": "b",
        "new_thread_name": "moved",
        "create": True,
    }
    moved = client.post("/threads/t%2F1/transfer", json=to)
    assert (200, "b", "moved") == (
        moved.status_code,
        moved.json()["session_id"],
        moved.json()["thread_name"],
    )
    assert {"notes"} == set(made) - set(names(client, "a"))
    rows = client.get("/threads/t%2F1/associations").json()["associations"]
    assert {"a": False, "b": True} == {
        row["session_id"]: row["is_active"] for row in rows
    }
    past = client.get("/sessions/a/associations?active_only=false").json()
    assert 2 == len(past["associations"])
    assert 1 == len(client.get("/sessions/a/associations").json()["associations"])
    row = client.get("/sessions/a/associations/t%2F1").json()
    assert ("t/1", False) == (row["thread_id"], row["is_active"])
    again = client.post("/threads/t%2F1/transfer", json=to)
    assert "does not belong to session 'a'" in detail_of(again, 404)


def test_a_transfer_to_nowhere_changes_nothing(
    client: TestClient, made: dict[str, str]
) -> None:
    answer = client.post("/threads/t%2F1/transfer", json={"to_session_id": "b"})
    assert "'b' does not exist" in detail_of(answer, 404)
    assert sorted(made) == names(client, "a")


def test_a_thread_is_renamed_and_removed(
    client: TestClient, made: dict[str, str]
) -> None:
    renamed = client.post("/threads/t%2F1/rename", json={"thread_name": "diary"})
    assert (200, "diary") == (renamed.status_code, renamed.json()["thread_name"])
    taken = client.post("/threads/t%2F1/rename", json={"thread_name": "chat"})
    assert "NameTaken" == taken.json()["code"]
    removed = client.delete("/sessions/a/threads/diary")
    assert (204, b"") == (removed.status_code, removed.content)
    removed = client.delete(f"/sessions/a/threads/{made['chat']}?if_running=wait")
    assert 204 == removed.status_code
    assert [] == names(client, "a")
    assert "has no thread" in detail_of(client.delete("/sessions/a/threads/chat"), 404)


def test_a_pair_that_never_met_is_not_found(
    client: TestClient, made: dict[str, str]
) -> None:
    assert made
    answer = client.get("/sessions/a/associations/none")
    assert "has no thread 'none'" in detail_of(answer, 404)
