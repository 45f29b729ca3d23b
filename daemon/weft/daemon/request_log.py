"""One line for each request: who asked for what, and how it ended.

Logger ``weft.requests``: at level info, at warning where the daemon failed (5xx). Each
request has an id: the client's ``X-Request-Id``, or one that is generated. The answer
carries it, and so does every record that is logged while the request is answered.

Guarantees: of a request its method, path and status are logged, and who asked by name;
not its query, headers or body.
"""

import itertools
import logging
import re
import secrets
import time
from http import HTTPStatus
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from weft.daemon.http.headers import headers_of
from weft.daemon.logs import request_id

__all__ = ["RequestLog"]

logger = logging.getLogger("weft.requests")

HEADER: Final = "x-request-id"
_HEADER: Final = HEADER.encode()

_process: Final = secrets.token_hex(8)
_number: Final = itertools.count(1)

_USABLE: Final = re.compile(r"[A-Za-z0-9._:/+=-]{1,100}")
"""What can stand in a log whatever reads it."""


class RequestLog:
    """An ASGI application that logs what another one answers.

    Args:
        app: the other.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, and log that."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = headers_of(scope).get(HEADER, "")
        own = given if given and _USABLE.fullmatch(given) else _next_id()
        status = 0

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                answered = (_HEADER, own.encode("ascii"))
                message["headers"] = [*message.get("headers", ()), answered]
            await send(message)

        token = request_id.set(own)
        began_ns = time.perf_counter_ns()
        try:
            await self._app(scope, receive, sent)
        finally:
            request_id.reset(token)
            duration_s = (time.perf_counter_ns() - began_ns) / 1e9
            _tell(scope, own, status, duration_s)


def _next_id() -> str:
    """Return an id that no other process has: 0.2 us, where a UUID takes 3."""
    return f"{_process}-{next(_number):08x}"


def _tell(scope: Scope, own: str, status: int, duration_s: float) -> None:
    failed = status == 0 or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    level = logging.WARNING if failed else logging.INFO
    if not logger.isEnabledFor(level):
        return
    principal = scope.get("weft.principal")
    extra: dict[str, Any] = {
        "request_id": own,
        "method": scope["method"],
        "path": scope["path"],
        "status": status,
        "duration_s": round(duration_s, 6),
        "asker": None if principal is None else principal.name,
        **_concerned(scope),
    }
    words = "%s %s: %s after %.6f s"
    logger.log(
        level,
        words,
        extra["method"],
        extra["path"],
        status or "nothing",
        duration_s,
        extra=extra,
    )


def _concerned(scope: Scope) -> dict[str, str]:
    """Return the ids that the path names, and the idempotency key."""
    found = {
        name: str(value)
        for name, value in scope.get("path_params", {}).items()
        if name in {"session_id", "thread_id", "run_id"}
    }
    key = headers_of(scope).get("idempotency-key", "")
    return found | ({"op_id": key} if _USABLE.fullmatch(key) else {})
