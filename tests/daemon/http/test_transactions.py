"""Batches over HTTP: the operations themselves, all or none."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.daemon.http.asking import detail_of
from weft.actors import Runtime


def transact(client: TestClient, *operations: dict[str, Any]) -> Any:
    return client.post("/transactions", json={"operations": operations})


SESSION = {"kind": "CreateSession", "session_id": "a", "metadata": {"m": 1}}
THREADS = {
    "kind": "CreateThreads",
    "session_id": "a",
    "threads": [{"name": "n", "thread_id": "t", "config": {"c": [1]}}, {"name": "o"}],
}


def test_parts_are_applied_as_one(client: TestClient, runtime: Runtime) -> None:
    answer = transact(
        client,
        SESSION,
        THREADS,
        {"kind": "AppendState", "thread_id": "t", "values": {"v": [1, None, "x"]}},
        {"kind": "CreateSession", "session_id": "b"},
        {"kind": "TransferThreads", "thread_ids": ["t"], "to_session_id": "b"},
        {"kind": "RenameThread", "thread_id": "t", "new_name": "p"},
        {"kind": "TrackInteraction", "session_id": "b", "interaction_type": "x"},
        {"kind": "UpdateSession", "session_id": "b", "user_id": "bob"},
        {"kind": "RemoveThreads", "session_id": "a", "threads": ["o"]},
        {"kind": "CloseSession", "session_id": "a", "move_to": "b"},
    )
    assert 200 == answer.status_code
    answers = answer.json()["answers"]
    assert {"m": 1} == answers[0]["metadata"]
    assert ["n", "o"] == [thread["thread_name"] for thread in answers[1]]
    assert 1 == answers[2]["step"]
    assert "closed" == answers[9]["status"]
    assert 1 == runtime.store.statistics().seq
    state = runtime.coordinator.get_thread_state("t").get()
    assert state is not None
    assert {"v": [1, None, "x"]} == state.values
    assert "bob" == runtime.coordinator.get_session("b").get().user_id


def test_one_refused_part_refuses_all(client: TestClient, runtime: Runtime) -> None:
    answer = transact(client, SESSION, THREADS, SESSION)
    assert "exists already" in detail_of(answer, 409)
    assert 0 == runtime.store.statistics().seq
    assert 404 == client.get("/sessions/a").status_code


@pytest.mark.parametrize(
    ("part", "path"),
    [
        ({"kind": "CreateSession"}, "$.operations[0]"),
        ({"kind": "StartRun", "run_id": "r"}, "$.operations[0].kind"),
        ({"kind": "Repair", "fault": "x"}, "$.operations[0].kind"),
        ({"kind": "Batch", "parts": []}, "$.operations[0].kind"),
        ({"session_id": "a"}, "$.operations[0]"),
        (SESSION | {"metadata": 5}, "$.operations[0].metadata"),
        (SESSION | {"metadata": [1]}, "$.operations[0].metadata"),
        (SESSION | {"op_id": "x"}, "$.operations[0]"),
        (SESSION | {"at_us": 1}, "$.operations[0]"),
        (SESSION | {"session_id": ""}, "$.operations[0].session_id"),
        (SESSION | {"session_id": "x" * 101}, "$.operations[0].session_id"),
        (THREADS | {"threads": [{"name": 1}]}, "$.operations[0].threads[0].name"),
        (
            {"kind": "AppendState", "thread_id": "t", "values": 1, "rev": 5},
            "$.operations[0]",
        ),
        (
            {"kind": "RemoveThreads", "session_id": "a", "threads": ["n", 5]},
            "$.operations[0].threads[1]",
        ),
    ],
)
def test_a_wrong_part_is_told_with_its_path(
    client: TestClient, runtime: Runtime, part: dict[str, Any], path: str
) -> None:
    answer = transact(client, part)
    detail_of(answer, 422)
    assert [path] == [fault["path"] for fault in answer.json()["faults"]]
    assert 0 == runtime.store.statistics().seq


@pytest.mark.parametrize("number", [0, 1001])
def test_a_batch_has_1_to_1000_parts(client: TestClient, number: int) -> None:
    assert "$.operations" in detail_of(transact(client, *[SESSION] * number), 422)


def test_a_repeated_batch_is_answered_as_first(client: TestClient) -> None:
    headers = {"Idempotency-Key": "batch"}
    body = {"operations": [SESSION, THREADS]}
    first, again = (
        client.post("/transactions", json=body, headers=headers).json()
        for _ in range(2)
    )
    assert first == again
