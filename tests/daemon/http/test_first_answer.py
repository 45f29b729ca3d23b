"""A key means one request: its first answer is given again, another one is refused."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from weft.actors import Runtime

ONCE = {"Idempotency-Key": "once"}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/threads", {"thread_id": "u"}),
        ("DELETE", "/threads/t", None),
        ("POST", "/threads/prune", {"thread_ids": ["t"]}),
        ("POST", "/threads/t/state", {"values": {"n": 1}}),
        ("POST", "/threads/t/copy", None),
    ],
)
def test_a_key_of_something_else_is_refused(
    client: TestClient, runtime: Runtime, method: str, path: str, body: Any
) -> None:
    client.post("/threads", json={"thread_id": "t"})
    client.post("/sessions", json={"session_id": "s"}, headers=ONCE)
    seq = runtime.store.statistics().seq
    answer = client.request(method, path, json=body, headers=ONCE)
    assert (422, "OperationMismatch") == (answer.status_code, answer.json()["code"])
    assert seq == runtime.store.statistics().seq


def test_a_refusal_is_given_again(client: TestClient) -> None:
    client.post("/threads", json={"thread_id": "t"})
    first = client.post("/threads", json={"thread_id": "t"}, headers=ONCE)
    client.delete("/threads/t")
    again = client.post("/threads", json={"thread_id": "t"}, headers=ONCE)
    assert (409, "ThreadExists") == (first.status_code, first.json()["code"])
    assert first.content == again.content
