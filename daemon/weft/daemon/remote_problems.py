"""What is said where a daemon did not do what was asked.

Guarantees: a problem of the daemon is the error that the runtime raised there, with its
ids and data; what has no such class is a :class:`RemoteProblem` with the exit code that
fits its status.
"""

import os
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, ClassVar, Final

import msgspec

from weft.daemon.wire import family_of

__all__ = ["NoDaemon", "RemoteProblem", "error_of", "raise_failure"]

EXIT_CODES: Final = {
    400: os.EX_USAGE, 401: os.EX_NOPERM, 403: os.EX_NOPERM, 404: os.EX_NOINPUT,
    409: os.EX_DATAERR, 413: os.EX_USAGE, 415: os.EX_USAGE, 422: os.EX_USAGE,
    429: os.EX_TEMPFAIL, 501: os.EX_UNAVAILABLE, 503: os.EX_TEMPFAIL,
    504: os.EX_TEMPFAIL,
}  # fmt: skip
"""What the command line makes of a status that has no class of its own."""

REMEDIES: Final = {
    401: "Show a token: --token-file FILE, or WEFT_TOKEN in the environment.",
    403: "Use a token that may do this.",
}


class NoDaemon(Exception):
    """Nobody answers there.

    Args:
        place: where was asked.
        reason: what the system said.
    """

    exit_code: ClassVar[int] = os.EX_UNAVAILABLE

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(place, reason)
        self.place = place
        self.reason = reason

    def __str__(self) -> str:
        return (
            f"no daemon at {self.place} ({self.reason}); start one with `weft serve`, "
            "or name another with --url or --socket."
        )


class RemoteProblem(Exception):
    """The daemon did not do what was asked.

    Args:
        status: of HTTP.
        detail: the daemon's words.
        members: the rest of the problem.
    """

    def __init__(self, status: int, detail: str, members: Mapping[str, Any]) -> None:
        super().__init__(status, detail, members)
        self.status = status
        self.detail = detail
        self.members = dict(members)
        self.exit_code = EXIT_CODES.get(status, os.EX_SOFTWARE)

    def __str__(self) -> str:
        remedy = REMEDIES.get(self.status)
        return f"{self.detail} {remedy}" if remedy else self.detail


def error_of(status: int, content: bytes) -> Exception:
    """Return the error that an answer tells of.

    Args:
        status: of HTTP.
        content: a problem as RFC 9457 has it, if all is well.
    """
    try:
        members = msgspec.json.decode(content, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        members = {}
    detail = str(members.get("detail") or f"The daemon answered {status}.")
    code = members.get("code")
    if not isinstance(code, str):
        return RemoteProblem(status, detail, members)
    return _of_runtime(code, detail, members) or RemoteProblem(status, detail, members)


def _of_runtime(code: str, detail: str, members: dict[str, Any]) -> Exception | None:
    from weft.storage.errors import SessionThreadException

    import_module("weft.actors.errors")  # its classes are found below, too
    kind = family_of(SessionThreadException).get(code)
    if kind is None:
        return None
    error: Exception = kind(
        detail.removesuffix(f" {kind.remedy}"),
        session_id=members.get("session_id"),
        thread_id=members.get("thread_id"),
        op_id=members.get("op_id"),
        details=members.get("details"),
    )
    return error


def raise_failure(result: Any, thread_id: str) -> None:
    """Raise what a run failed of, if it did.

    Args:
        result: what ``/threads/ID/runs/wait`` answered, or an event of it.
        thread_id: whose run.

    Raises:
        WorkflowExecutionError: it did.
    """
    if not isinstance(result, dict) or "__error__" not in result:
        return
    from weft.storage import WorkflowExecutionError

    words = ": ".join(_words(result["__error__"]))
    raise WorkflowExecutionError(f"The workflow failed: {words}.", thread_id=thread_id)


def _words(error: Any) -> Iterator[str]:
    if not isinstance(error, dict):
        yield str(error)
        return
    for name in ("error", "message", "detail"):
        if error.get(name):
            yield str(error[name]).rstrip(".")
