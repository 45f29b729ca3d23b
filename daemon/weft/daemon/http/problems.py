"""Failures as problems: the one table from what went wrong to what HTTP says of it.

A problem is a JSON object as RFC 9457 has it: ``type``, ``title``, ``status`` and
``detail``; then ``code``, the error's class, and what it is about. Clients of other
servers read ``detail``, which is why it is there always.

Guarantees:
    * a failure that can be foreseen has its status here; anything else is a defect,
      answered with 500 and without a word of what is inside;
    * what was wrong with a request is told with the exact path of the fault;
    * whoever is to come again is told when (``Retry-After``).
"""

import math
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec
import pykka
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from weft.storage import SessionThreadException

__all__ = [
    "FAILURES",
    "Fault",
    "Problem",
    "RequestFault",
    "answer_failure",
    "is_defect",
    "problem",
]

MEDIA_TYPE: Final = "application/problem+json"

_encode: Final = msgspec.json.Encoder(enc_hook=str).encode


class Fault(msgspec.Struct, frozen=True):
    """One thing that is wrong with a request.

    Attributes:
        where: ``body``, ``query``, ``path`` or ``header``.
        path: in a body the JSON path (``$.threads[0].name``), else the name.
        message: what is wrong there.
    """

    where: str
    path: str
    message: str


class Problem(msgspec.Struct, omit_defaults=True):
    """What every failure looks like.

    Attributes:
        type: a URI for the kind of problem; ``about:blank`` where the status says it.
        title: the status in words.
        status: of HTTP.
        detail: a sentence about this very failure, and the remedy.
        code: the class of the error.
        session_id: the session concerned.
        thread_id: the thread concerned.
        op_id: the idempotency key: ask again with it to learn what became of it.
        details: further data.
        faults: what is wrong with the request, where exactly.
    """

    type: str
    title: str
    status: int
    detail: str
    code: str | None = None
    session_id: str | None = None
    thread_id: str | None = None
    op_id: str | None = None
    details: dict[str, Any] = {}
    faults: list[Fault] = []


class RequestFault(Exception):
    """The request is not one that can be answered.

    Args:
        status: of HTTP.
        detail: a sentence, and the remedy.
        faults: where exactly.
        headers: further ones of the answer.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        faults: Iterable[Fault] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.faults = list(faults)
        self.headers = dict(headers or {})


def problem(
    status: int, detail: str, headers: Mapping[str, str] | None = None, **members: Any
) -> Response:
    """Return a problem as RFC 9457 has it.

    Args:
        status: of HTTP.
        detail: a sentence about this very failure, and the remedy.
        headers: further ones.
        members: of :class:`Problem`.
    """
    title = HTTPStatus(status).phrase
    body = Problem("about:blank", title, int(status), detail, **members)
    return Response(_encode(body), int(status), dict(headers or {}), MEDIA_TYPE)


_WORDS: Final = {
    HTTPStatus.NOT_FOUND: "There is nothing at {path}. "
    "Look at /openapi.json for what there is.",
    HTTPStatus.METHOD_NOT_ALLOWED: "{path} does not answer {method}. "
    "See the Allow header.",
}


def _of_routing(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - the table says so
    words = _WORDS.get(HTTPStatus(error.status_code), error.detail)
    detail = words.format(path=request.url.path, method=request.method)
    return problem(error.status_code, detail, error.headers)


def _of_request(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestFault)  # noqa: S101 - the table says so
    return problem(error.status, error.detail, error.headers, faults=error.faults)


def _of_runtime(request: Request, error: Exception) -> Response:
    assert isinstance(error, SessionThreadException)  # noqa: S101 - the table says so
    retry_after_s = getattr(error, "retry_after_s", None)
    headers = {} if retry_after_s is None else _retry_after(retry_after_s)
    principal = request.scope.get("weft.principal")
    op_id = error.op_id
    return problem(
        error.http_status,
        str(error),
        headers,
        code=type(error).__name__,
        session_id=error.session_id,
        thread_id=error.thread_id,
        op_id=op_id if principal is None else principal.given_key(op_id),
        details=error.details,
    )


def _of_waiting(_request: Request, _error: Exception) -> Response:
    return problem(
        HTTPStatus.GATEWAY_TIMEOUT,
        "There was no answer in time. Repeat the request with the same "
        "Idempotency-Key to learn what became of it.",
    )


def _of_defect(_request: Request, _error: Exception) -> Response:
    detail = "The daemon failed to answer. Its log has the details."
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, detail)


FAILURES: Final = {
    HTTPException: _of_routing,
    RequestFault: _of_request,
    SessionThreadException: _of_runtime,
    pykka.Timeout: _of_waiting,
    Exception: _of_defect,
}
"""How each kind of failure is answered. The status of those of the runtime stands in
their classes, beside the exit codes of the command line."""


async def answer_failure(request: Request, error: Exception) -> Response:
    """Return the answer to a request that failed."""
    kinds = (FAILURES.get(kind) for kind in type(error).__mro__)
    answer = next(filter(None, kinds))
    return answer(request, error)


def is_defect(error: Exception) -> bool:
    """Whether a failure is one that nobody has foreseen: it belongs into the log."""
    return not isinstance(error, _FORESEEN)


_FORESEEN: Final = tuple(kind for kind in FAILURES if kind is not Exception)


def _retry_after(seconds: float) -> dict[str, str]:
    return {"Retry-After": str(max(1, math.ceil(seconds)))}
