"""What is planned answers 501 with a problem, never 404 silently."""

import pytest
from starlette.testclient import TestClient

from tests.daemon.http.asking import detail_of
from weft.daemon.http.planned import planned


@pytest.mark.parametrize(
    "endpoint", list(planned), ids=lambda endpoint: f"{endpoint.method} {endpoint.path}"
)
def test_what_is_planned_says_so(client: TestClient, endpoint: object) -> None:
    method, path = (getattr(endpoint, name) for name in ("method", "path"))
    answer = client.request(method, path.replace("{", "").replace("}", ""))
    assert "does not have this yet" in detail_of(answer, 501)
