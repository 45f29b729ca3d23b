"""A daemon's problems as the errors that a local runtime raises.

Guarantees: class, sentence, ids and data are those of the error in the daemon; who is
to come again is told when. What a workflow raised stays in the daemon: its class and
words are the cause, as a :class:`weft.actors.RemoteError`, unless it is an error of the
same family.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from weft.actors import EventsExpired, RemoteError
from weft.daemon.client.errors import AccessDenied, DaemonFault
from weft.daemon.wire import family_of
from weft.storage import (
    DeadlineExceeded,
    InvalidArgument,
    Overloaded,
    SessionThreadException,
)

__all__ = ["error_of", "error_of_answer"]

_OF_STATUS: Mapping[int, type[SessionThreadException]] = {
    400: InvalidArgument,
    401: AccessDenied,
    403: AccessDenied,
    404: DaemonFault,
    410: EventsExpired,
    413: InvalidArgument,
    422: InvalidArgument,
    429: Overloaded,
    503: Overloaded,
    504: DeadlineExceeded,
}
"""What a failure is that the daemon gives no class for."""


def error_of_answer(
    status: int, content: bytes, headers: Mapping[str, str], op_id: str | None
) -> SessionThreadException:
    """Return the error that an answer of HTTP stands for.

    Args:
        status: of the answer.
        content: its body.
        headers: its headers.
        op_id: what was sent as the idempotency key.
    """
    try:
        problem = msgspec.json.decode(content, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        problem = {}
    problem = {"status": status, **problem}
    return error_of(problem, op_id, headers.get("retry-after"))


def error_of(
    problem: Mapping[str, Any], op_id: str | None, retry_after: str | None = None
) -> SessionThreadException:
    """Return the error that a problem stands for.

    Args:
        problem: as RFC 9457 has it.
        op_id: what was sent as the idempotency key.
        retry_after: seconds, as a header has them.
    """
    status = int(problem.get("status", 500))
    kind = _kind_of(problem.get("code"), status)
    details = dict(problem.get("details") or {})
    if retry_after is not None and retry_after.isdecimal():
        details.setdefault("retry_after_s", float(retry_after))
    if problem.get("code") is None:
        details.setdefault("status", status)
        if problem.get("faults"):
            details.setdefault("faults", problem["faults"])
    words = str(problem.get("detail") or f"The daemon answered {status}.")
    return kind(
        words.removesuffix(f" {kind.remedy}"),
        session_id=problem.get("session_id"),
        thread_id=problem.get("thread_id"),
        op_id=problem.get("op_id") or op_id,
        cause=_cause_of(problem.get("causes") or []),
        details=details,
    )


def _kind_of(code: object, status: int) -> type[SessionThreadException]:
    if isinstance(code, str):
        kind = family_of(SessionThreadException).get(code)
        if kind is not None:
            return kind
    return _OF_STATUS.get(status, DaemonFault)


def _cause_of(causes: list[str]) -> BaseException | None:
    """Return what is behind an error, nearest first, as a chain."""
    cause: SessionThreadException | None = None
    for words in reversed(causes):
        name, _, said = words.partition(": ")
        kind = family_of(SessionThreadException).get(name)
        if kind is None:
            cause = RemoteError(words, cause=cause)
        else:
            cause = kind(said.removesuffix(f" {kind.remedy}"), cause=cause)
    return cause
