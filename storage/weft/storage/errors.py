"""Every failure Weft can report: a class, a sentence, data and a remedy.

One base, :class:`SessionThreadException`, carries the ids concerned, so that a log
line or an HTTP problem needs nothing else. A refusal is stored beside the operation
it answers and rebuilt from there, so a repeated operation fails as it did first.

Guarantees:
    * every error can be pickled and survives with all its data;
    * ``str(error)`` is one sentence, followed by the remedy;
    * ``http_status`` and ``exit_code`` (sysexits) are class attributes: the one table
      that the daemon and the command line read.

Not here: exceptions of user code. They arrive as the ``cause`` of a
:class:`WorkflowExecutionError`.
"""

from typing import Any, ClassVar, Final, Self

import msgspec

__all__ = [
    "DeadlineExceeded",
    "InvalidArgument",
    "NameTaken",
    "OperationMismatch",
    "Overloaded",
    "Refusal",
    "RunInterrupted",
    "SessionClosed",
    "SessionExists",
    "SessionNotFound",
    "SessionThreadException",
    "SessionThreadInconsistencyError",
    "StaleRevision",
    "StoreClosed",
    "StoreCorrupt",
    "StoreFormatError",
    "StoreLocked",
    "StoreReadOnly",
    "StoreUnavailable",
    "ThreadBusy",
    "ThreadCreationError",
    "ThreadExists",
    "ThreadNotFound",
    "ThreadRemovalError",
    "ThreadTransferError",
    "WorkflowExecutionError",
    "WorkflowNotRegistered",
]


class SessionThreadException(Exception):
    """An operation on a session or its threads failed.

    Args:
        message: one sentence; the class's docstring where omitted.
        session_id: the session concerned.
        thread_id: the thread concerned.
        op_id: the operation's idempotency key: ask again with it to learn the truth.
        cause: the exception behind this one.
        details: further data, encodable.
    """

    remedy: ClassVar[str] = "Look at the details and at the cause."
    http_status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 70

    def __init__(
        self,
        message: str | None = None,
        *,
        session_id: str | None = None,
        thread_id: str | None = None,
        op_id: str | None = None,
        cause: BaseException | None = None,
        details: dict[str, Any] | None = None,
    ) -> None:
        self.message = message or (type(self).__doc__ or "").split("\n", 1)[0]
        super().__init__(self.message)
        self.session_id = session_id
        self.thread_id = thread_id
        self.op_id = op_id
        self.cause = cause
        self.details: dict[str, Any] = details or {}
        if cause is not None:
            self.__cause__ = cause

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}" if self.remedy else self.message

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.message), self._state())

    def __setstate__(self, state: dict[str, Any] | None) -> None:
        for name, value in (state or {}).items():
            setattr(self, name, value)
        if self.cause is not None:
            self.__cause__ = self.cause

    def _state(self) -> dict[str, Any]:
        return {
            "session_id": self.session_id,
            "thread_id": self.thread_id,
            "op_id": self.op_id,
            "cause": self.cause,
            "details": self.details,
        }


def _rebuild(
    kind: type[SessionThreadException], message: str
) -> SessionThreadException:
    return kind(message)


class ThreadCreationError(SessionThreadException):
    """The thread could not be created."""


class ThreadRemovalError(SessionThreadException):
    """The thread could not be removed."""


class ThreadTransferError(SessionThreadException):
    """The thread could not be transferred."""


class InvalidArgument(ThreadCreationError, ThreadTransferError, ValueError):
    """An argument is not acceptable."""

    remedy = "Correct the argument; nothing was changed."
    http_status = 422
    exit_code = 64


class SessionNotFound(ThreadCreationError, ThreadRemovalError, ThreadTransferError):
    """The session does not exist."""

    remedy = "Create it first, or check the id."
    http_status = 404
    exit_code = 66


class SessionExists(SessionThreadException):
    """A session with this id exists already."""

    remedy = 'Choose another id, or pass if_exists="open".'
    http_status = 409
    exit_code = 65


class SessionClosed(ThreadCreationError, ThreadRemovalError, ThreadTransferError):
    """The session is closed."""

    remedy = "Use an open session; a closed one accepts no changes."
    http_status = 409
    exit_code = 65


class ThreadExists(ThreadCreationError):
    """A live thread with this id exists already."""

    remedy = "Choose another id, or leave it out to have one generated."
    http_status = 409
    exit_code = 65


class ThreadNotFound(ThreadRemovalError, ThreadTransferError):
    """The thread does not exist, or not in this session."""

    remedy = "Check the id and the session; a transfer or removal may have come first."
    http_status = 404
    exit_code = 66


class NameTaken(ThreadCreationError, ThreadTransferError):
    """The session has a live thread of this name."""

    remedy = "Choose another name, or rename or remove the thread that holds it."
    http_status = 409
    exit_code = 65


class ThreadBusy(ThreadRemovalError, ThreadTransferError):
    """A run is in progress on the thread."""

    remedy = "Wait for the run, cancel it, or say what to do with it (if_running=...)."
    http_status = 409
    exit_code = 75

    @property
    def run_id(self) -> str | None:
        """The blocking run."""
        run_id: str | None = self.details.get("run_id")
        return run_id


class StaleRevision(ThreadTransferError):
    """The write came from a run, owner or life of the thread that has ended."""

    remedy = "Read the thread again; what superseded the write is the truth."
    http_status = 409
    exit_code = 65


class OperationMismatch(SessionThreadException):
    """The idempotency key was used for an operation of another kind."""

    remedy = "Use a fresh op_id for each operation; repeat one only to retry it."
    http_status = 422
    exit_code = 65


class WorkflowNotRegistered(SessionThreadException):
    """No workflow of this name is registered."""

    remedy = "Pass it to Runtime.open(workflows=[...]), or name a registered one."
    http_status = 422
    exit_code = 69


class WorkflowExecutionError(SessionThreadException):
    """The workflow failed."""

    remedy = "The cause is the workflow's own error; the thread is usable."
    exit_code = 70

    @property
    def thread_name(self) -> str | None:
        """The name of the thread whose workflow failed."""
        name: str | None = self.details.get("thread_name")
        return name

    @property
    def run_id(self) -> str | None:
        """The run that failed."""
        run_id: str | None = self.details.get("run_id")
        return run_id


class RunInterrupted(SessionThreadException):
    """The run was cancelled, or its process ended."""

    remedy = "Run the thread again; its last durable state is kept."
    http_status = 409
    exit_code = 75


class SessionThreadInconsistencyError(SessionThreadException):
    """The stored copies of who owns what disagree."""

    remedy = "Run a check, look at the findings, repair them."
    exit_code = 65

    @property
    def inconsistencies(self) -> list[Any]:
        """The findings."""
        return list(self.details.get("inconsistencies", ()))


class Overloaded(SessionThreadException):
    """A limit of the runtime is reached."""

    remedy = "Try again after retry_after_s."
    http_status = 503
    exit_code = 75

    @property
    def retry_after_s(self) -> float:
        """How long to wait before trying again, in seconds."""
        return float(self.details.get("retry_after_s", 1.0))


class DeadlineExceeded(SessionThreadException, TimeoutError):
    """The deadline passed before there was an answer."""

    remedy = "Repeat the operation with the same op_id to learn whether it was applied."
    http_status = 504
    exit_code = 75


class StoreLocked(SessionThreadException):
    """Another process has the data directory open."""

    remedy = "Stop it, or use another directory; talk to a running daemon instead."
    http_status = 503
    exit_code = 75

    @property
    def holder_pid(self) -> int | None:
        """The process that holds the directory."""
        pid: int | None = self.details.get("pid")
        return pid


class StoreReadOnly(SessionThreadException):
    """The store cannot write at present."""

    remedy = "Mend the cause; reads go on, and writes resume by themselves."
    http_status = 503
    exit_code = 74


class StoreUnavailable(SessionThreadException):
    """The store cannot be reached at present."""

    remedy = "Try again; look at the disk and the directory's permissions if it stays."
    http_status = 503
    exit_code = 74


class StoreCorrupt(SessionThreadException):
    """The store holds a damaged record."""

    remedy = (
        "Keep a copy of the file and restore a backup; reads of other records go on."
    )
    exit_code = 65


class StoreFormatError(SessionThreadException):
    """The data directory has a format that this version does not read."""

    remedy = "Use the version of Weft that wrote it, or a newer one."
    exit_code = 65


class StoreClosed(SessionThreadException):
    """The store or the runtime is closed."""

    remedy = "Open it again; nothing that was acknowledged is lost."
    http_status = 503
    exit_code = 75


class Refusal(msgspec.Struct, frozen=True, array_like=True):
    """A refused operation's error, as it is stored and rebuilt.

    Attributes:
        code: the class's name.
        message: its sentence.
        session_id: the session concerned.
        thread_id: the thread concerned.
        details: further data.
    """

    code: str
    message: str
    session_id: str | None = None
    thread_id: str | None = None
    details: dict[str, Any] = {}

    @classmethod
    def of(cls, error: SessionThreadException) -> Self:
        """Return what is stored of an error."""
        return cls(
            type(error).__name__,
            error.message,
            error.session_id,
            error.thread_id,
            error.details,
        )

    def to_error(self, op_id: str | None = None) -> SessionThreadException:
        """Return the error as it was raised first.

        Args:
            op_id: the operation that was refused.
        """
        kind = _BY_NAME.get(self.code, SessionThreadException)
        return kind(
            self.message,
            session_id=self.session_id,
            thread_id=self.thread_id,
            op_id=op_id,
            details=dict(self.details),
        )


_BY_NAME: Final[dict[str, type[SessionThreadException]]] = {
    name: kind
    for name, kind in list(globals().items())
    if isinstance(kind, type) and issubclass(kind, SessionThreadException)
}
