"""A literal path is found as Starlette's router finds it, only sooner."""

from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, Router
from starlette.testclient import TestClient

from weft.daemon.http.paths import Paths
from weft.daemon.http.tables import TABLES


def tell(name: str) -> Any:
    async def answer(request: Request) -> JSONResponse:
        scope = request.scope
        told = [name, scope["method"], scope["route"].path, dict(request.path_params)]
        return JSONResponse(told)

    return answer


ROUTES = [
    Route("/threads", tell("list"), methods=["GET", "POST"]),
    Route("/threads/search", tell("search"), methods=["POST"]),
    Route("/threads/{thread_id}", tell("one"), methods=["GET", "POST"]),
]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "OPTIONS"])
@pytest.mark.parametrize(
    "path",
    ["/threads", "/threads/search", "/threads/7", "/threads/", "/nothing", "/", "//"],
)
def test_both_routers_answer_alike(method: str, path: str) -> None:
    answers = [
        (answer.status_code, answer.content, answer.headers.get("allow"))
        for router in (Paths(ROUTES), Router(ROUTES, redirect_slashes=False))
        for answer in [TestClient(router).request(method, path)]
    ]
    assert answers[1] == answers[0]


def test_below_a_root_path_the_rest_is_looked_up() -> None:
    client = TestClient(Paths(ROUTES), root_path="/weft")
    assert ["list", "GET", "/threads", {}] == client.get("/weft/threads").json()


def test_no_endpoint_stands_behind_a_pattern_that_takes_its_requests() -> None:
    endpoints = [endpoint for table in TABLES for endpoint in table]
    for place, endpoint in enumerate(endpoints):
        for before in endpoints[:place]:
            same = before.method == endpoint.method and before.path != endpoint.path
            if same and "{" not in endpoint.path:
                pattern = Route(before.path, tell(before.path)).path_regex
                assert not pattern.match(endpoint.path), (before.path, endpoint.path)
