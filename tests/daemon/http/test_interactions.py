"""What users did, over HTTP."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.daemon.http.asking import detail_of


@pytest.fixture(autouse=True)
def session(client: TestClient) -> None:
    """Create session ``a``."""
    assert 201 == client.post("/sessions", json={"session_id": "a"}).status_code


def track(client: TestClient, **body: Any) -> Any:
    return client.post("/sessions/a/interactions", json=body)


def test_interactions_are_listed_oldest_first(client: TestClient) -> None:
    for number in range(3):
        answer = track(client, interaction_type="said", content={"n": number})
        assert 201 == answer.status_code
    found = client.get("/sessions/a/interactions?limit=2").json()["interactions"]
    assert [{"n": 0}, {"n": 1}] == [each["content"] for each in found]


def test_all_that_was_said_is_kept(client: TestClient) -> None:
    given = {
        "interaction_type": "said",
        "interaction_id": "i",
        "content": None,
        "metadata": {"m": 1},
        "timestamp": "2026-01-02T03:04:05.000006Z",
    }
    tracked = track(client, **given).json()
    assert given == {name: tracked[name] for name in given}


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "$"),
        ({"interaction_type": "x", "timestamp": "2026-01-02T03:04:05"}, "$.timestamp"),
        ({"interaction_type": "x", "when": 1}, "$"),
    ],
)
def test_a_wrong_one_is_refused(
    client: TestClient, body: dict[str, Any], path: str
) -> None:
    answer = track(client, **body)
    detail_of(answer, 422)
    assert [path] == [fault["path"] for fault in answer.json()["faults"]]
