"""What the actors refuse, as errors of the one family that the store's are of.

Guarantees:
    - Each is a class, a sentence, data and a remedy, and survives pickling.
    - The chain names actors, never their state or their mail.

Errors of sessions, threads and the store are in :mod:`weft.storage.errors`.
"""

from __future__ import annotations

from typing import Any

from weft.storage.errors import SessionThreadException

__all__ = [
    "ActorCrashed",
    "ActorQuarantined",
    "AskOrderError",
    "DeadlockError",
    "RemoteError",
    "RestartsExceeded",
    "WorkerDied",
    "ask_order_error",
    "causes_of",
    "deadlock_error",
    "error_fields",
]


class _ChainError(SessionThreadException):
    """Actors may not wait for each other in this way."""

    @property
    def chain(self) -> tuple[str, ...]:
        """The actors: each waits for the next, or would."""
        return tuple(self.details.get("chain", ()))


class DeadlockError(_ChainError):
    """The ask would close a circle of actors that wait for each other."""

    remedy = "Use tell(), or have one of them answer before it asks."
    http_status = 500
    exit_code = 70


class AskOrderError(_ChainError):
    """The actor may wait for leaves only, and the one it asks is none."""

    remedy = "Use tell(), and let the answer come as a message of its own."
    http_status = 500
    exit_code = 70


class ActorCrashed(SessionThreadException):
    """The actor crashed while it had the operation in hand."""

    remedy = "Repeat it with the same op_id to learn whether it was applied."
    http_status = 500
    exit_code = 70


class ActorQuarantined(SessionThreadException):
    """The actor kept failing and takes no mail for a while."""

    remedy = "Look at why it failed; try again after retry_after_s."
    http_status = 503
    exit_code = 75

    @property
    def retry_after_s(self) -> float:
        """How long to wait before trying again, in seconds."""
        return float(self.details.get("retry_after_s", 1.0))


class RestartsExceeded(SessionThreadException):
    """A child failed more often than its supervisor's policy allows."""

    remedy = "Look at the cause; the supervisor has stopped its children."
    exit_code = 70


class WorkerDied(SessionThreadException):
    """The process that executed the run has ended."""

    remedy = "Run it again; look at its exit code: a signal's is negative."

    @property
    def exit_code_of_worker(self) -> int | None:
        """The exit code of the process; a signal's number, negative, if that was it."""
        code: int | None = self.details.get("exit_code")
        return code


class RemoteError(SessionThreadException):
    """The workflow raised, in a process, what cannot be sent to another one."""

    remedy = "Look at the message; raise what can be pickled to have the error itself."


def deadlock_error(chain: list[str]) -> DeadlockError:
    """Return the error for a circle, its first actor being its last one, too."""
    words = f"{' -> '.join(chain)}: the ask would close a circle of waiting actors."
    return DeadlockError(words, details={"chain": chain})


def ask_order_error(chain: list[str]) -> AskOrderError:
    """Return the error for an ask between two actors that may wait for leaves only."""
    words = f"{' -> '.join(chain)}: the asking actor may wait for leaves only."
    return AskOrderError(words, details={"chain": chain})


def error_fields(error: BaseException) -> dict[str, Any]:
    """Return an error as plain data, for a structured log.

    Args:
        error: of any kind; one of ours has the ids concerned and its details.

    Returns:
        ``error`` (the class), ``message``, ``session_id``, ``thread_id``, ``op_id``,
        ``details``, and ``causes``: class and words of what is behind it, nearest
        first.
    """
    fields: dict[str, Any] = {
        "error": type(error).__name__,
        "message": getattr(error, "message", str(error)),
    }
    for name in ("session_id", "thread_id", "op_id"):
        fields[name] = getattr(error, name, None)
    return fields | {
        "details": dict(getattr(error, "details", {})),
        "causes": [f"{type(one).__name__}: {one}" for one in causes_of(error)],
    }


def causes_of(error: BaseException) -> list[BaseException]:
    """Return what is behind an error, nearest first; a circle is left where it closes.

    Args:
        error: of any kind.
    """
    causes: list[BaseException] = []
    seen = {id(error)}
    behind = error.__cause__
    while behind is not None and id(behind) not in seen:
        seen.add(id(behind))
        causes.append(behind)
        behind = behind.__cause__
    return causes
