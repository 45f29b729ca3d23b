"""What the daemon answers over HTTP: is it alive, is it ready, what does it count.

Guarantees:
    * ``/livez`` answers while the process can answer anything; ``/readyz`` says 503
      and why as soon as operations would be refused.
    * ``/metrics`` is gathered and rendered off the event loop.
    * A page in somebody's browser cannot reach the daemon under another name (DNS
      rebinding); a body is at most 1 MiB; failures are problems as RFC 9457 has them.
"""

import asyncio
from http import HTTPStatus
from typing import Any, Final, Protocol

import msgspec
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from weft.metrics import Source, register, render
from weft.storage import SessionThreadException, StoreClosed

__all__ = ["BODY_SIZE_BYTES_MAX", "Served", "create_app"]

BODY_SIZE_BYTES_MAX: Final = 1 << 20

HOSTS: Final = ("127.0.0.1", "localhost", "[::1]")
"""The names of this machine for itself: all that can be listened on."""

_encode: Final = msgspec.json.Encoder().encode


class Served(Source, Protocol):
    """What is served; a runtime is one."""

    @property
    def closed(self) -> bool:
        """Whether it accepts nothing any more."""


def create_app(runtime: Served) -> Starlette:
    """Return the ASGI application of one runtime.

    Args:
        runtime: an open one; closing it makes the application unready.
    """
    face = _Face(runtime, register(runtime))
    return Starlette(
        routes=[
            Route("/livez", face.livez),
            Route("/readyz", face.readyz),
            Route("/metrics", face.metrics),
        ],
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=HOSTS),
            Middleware(RequestBodyLimitMiddleware, max_body_size=BODY_SIZE_BYTES_MAX),
        ],
        exception_handlers=dict.fromkeys(
            (HTTPException, SessionThreadException, Exception), _failed
        ),
    )


class _Face:
    """The endpoints, around what they speak of."""

    def __init__(self, runtime: Served, registry: CollectorRegistry) -> None:
        self._runtime = runtime
        self._registry = registry

    async def livez(self, _request: Request) -> Response:
        return _json({"status": "alive"})

    async def readyz(self, _request: Request) -> Response:
        if self._runtime.closed:
            raise StoreClosed("The runtime is closed.")
        # In an OS thread: the numbers include a look at the store's file.
        statistics = await asyncio.to_thread(self._runtime.statistics)
        if statistics.writer.read_only:
            return problem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "The store cannot write at present; reads go on. "
                "Look for a full disk; writing resumes by itself.",
            )
        return _json({"status": "ready"})

    async def metrics(self, request: Request) -> Response:
        accept = request.headers.get("accept", "")
        page, content_type = await asyncio.to_thread(render, self._registry, accept)
        return Response(page, headers={"content-type": content_type})


def problem(
    status: int, detail: str, headers: dict[str, str] | None = None, **data: Any
) -> Response:
    """Return a problem as RFC 9457 has it.

    Args:
        status: of HTTP.
        detail: a sentence about this very failure, and the remedy.
        headers: further ones.
        data: further members.
    """
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "detail": detail,
        **data,
    }
    return _json(body, int(status), "application/problem+json", headers)


def _json(
    body: dict[str, Any],
    status: int = 200,
    media_type: str = "application/json",
    headers: dict[str, str] | None = None,
) -> Response:
    return Response(_encode(body), status, headers, media_type)


_WORDS: Final = {
    HTTPStatus.NOT_FOUND: "There is nothing at {path}. "
    "Try /livez, /readyz or /metrics.",
    HTTPStatus.METHOD_NOT_ALLOWED: "{path} does not answer {method}. "
    "See the Allow header.",
}


async def _failed(request: Request, error: Exception) -> Response:
    """Answer a failure; Starlette lets one that is a bug go on to the log."""
    match error:
        case HTTPException(status_code=code, detail=detail, headers=headers):
            words = _WORDS.get(HTTPStatus(code))
            if words is not None:
                detail = words.format(path=request.url.path, method=request.method)
            return problem(code, detail, dict(headers or {}))
        case SessionThreadException(http_status=code):
            return problem(code, str(error), code=type(error).__name__)
        case _:
            detail = "The daemon failed to answer. Its log has the details."
            return problem(HTTPStatus.INTERNAL_SERVER_ERROR, detail)
