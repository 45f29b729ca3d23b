"""Commands of the third version of the streaming protocol, and their answers.

A command is ``{"id", "method", "params"}``; it is answered with ``success`` and a
result, or with ``error``, a code and a message.
"""

from http import HTTPStatus
from typing import Annotated, Any, Final, Literal

import msgspec

from weft.daemon.http.problems import RequestFault
from weft.daemon.http.protocol import Strategy
from weft.daemon.http.run_requests import RunConfig, Target
from weft.storage import SessionThreadException

__all__ = [
    "REFUSALS",
    "Command",
    "Meta",
    "Refused",
    "Reply",
    "Respond",
    "RunStart",
    "Success",
    "refused",
]

Code = Literal[
    "invalid_argument",
    "unknown_command",
    "unknown_error",
    "no_such_run",
    "no_such_interrupt",
    "no_such_subscription",
    "permission_denied",
    "not_supported",
]

Id = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]
Text = Annotated[str, msgspec.Meta(min_length=1)]


class Command(msgspec.Struct):
    """What a client asks a thread for."""

    id: Id
    method: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    params: dict[str, Any] = {}


class Meta(msgspec.Struct):
    """Up to which ``seq`` the thread had come when the command was taken."""

    applied_through_seq: int


class Success(msgspec.Struct, tag_field="type", tag="success", omit_defaults=True):
    """What a command came to."""

    id: int
    result: dict[str, Any]
    meta: Meta | None = None


class Refusal(msgspec.Struct, tag_field="type", tag="error"):
    """Why a command was refused."""

    id: int | None
    error: Code
    message: str


Reply = Success | Refusal


class Refused(Exception):
    """A command is refused.

    Args:
        error: the protocol's code.
        message: a sentence.
    """

    def __init__(self, error: Code, message: str) -> None:
        super().__init__(message)
        self.error: Code = error
        self.message = message


class RunStart(msgspec.Struct):
    """A run to be started; on a thread that waits, ``input`` is the answer."""

    assistant_id: Text
    input: Any = None
    config: RunConfig | None = None
    metadata: dict[str, Any] | None = None
    multitask_strategy: Strategy | None = None
    multitaskStrategy: Strategy | None = None  # noqa: N815 - of older clients


class Response(msgspec.Struct):
    """The answer to one thing that is waited for."""

    interrupt_id: Text
    response: Any = None
    namespace: list[str] = []


class Respond(msgspec.Struct):
    """Answers: one, or several at once."""

    interrupt_id: Text | None = None
    response: Any = None
    namespace: list[str] = []
    responses: list[Response] = []
    update: dict[str, Any] | list[tuple[str, Any]] | None = None
    goto: Target | list[Target] | None = None
    config: RunConfig | None = None
    metadata: dict[str, Any] | None = None

    @property
    def answers(self) -> dict[str, Any]:
        """The answers by what they are to."""
        found = {each.interrupt_id: each.response for each in self.responses}
        if self.interrupt_id is not None:
            found[self.interrupt_id] = self.response
        return found


REFUSALS: Final = (
    Refused,
    RequestFault,
    SessionThreadException,
    msgspec.ValidationError,
)
"""What is answered with a refusal."""


def refused(command_id: int | None, error: Exception) -> Refusal:
    """Return the refusal of a command.

    Args:
        command_id: the command's.
        error: why it is refused.
    """
    if isinstance(error, Refused):
        return Refusal(command_id, error.error, error.message)
    if isinstance(error, msgspec.MsgspecError):
        return Refusal(command_id, "invalid_argument", f"It is wrong: {error}.")
    status: int = getattr(error, "status", 0) or getattr(error, "http_status", 0)
    return Refusal(command_id, _CODES.get(status, "unknown_error"), str(error))


_CODES: Final[dict[int, Code]] = {
    HTTPStatus.BAD_REQUEST: "invalid_argument",
    HTTPStatus.UNPROCESSABLE_ENTITY: "invalid_argument",
    HTTPStatus.FORBIDDEN: "permission_denied",
    HTTPStatus.NOT_FOUND: "invalid_argument",
    HTTPStatus.NOT_IMPLEMENTED: "not_supported",
}
