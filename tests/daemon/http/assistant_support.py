"""Assistants of one's own, asked for by a client."""

from typing import Any

from starlette.testclient import TestClient

from tests.daemon.http.asking import bearer

ID = "0190a0de-0000-7000-8000-0000000000aa"
COUNT_ID = "34a1e4e5-a1d3-5ab7-9eb3-90e3687600c9"


def create(client: TestClient, secret: str | None = None, **fields: Any) -> Any:
    """Create an assistant and return it."""
    headers = bearer(secret) if secret else {}
    asked = {"graph_id": "count", **fields}
    answer = client.post("/assistants", json=asked, headers=headers)
    assert 200 == answer.status_code, answer.text
    return answer.json()


def search(client: TestClient, **wanted: Any) -> list[Any]:
    """Return the assistants that a search finds."""
    found: list[Any] = client.post("/assistants/search", json=wanted).json()
    return found
