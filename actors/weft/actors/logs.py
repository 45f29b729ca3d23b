"""The log of operations: what the runtime was asked, how it ended, how long it took.

Logger ``weft.operations``. Each record has the keys ``action``, ``session_id``,
``thread_id`` and ``op_id``; the end of an operation has ``duration_s`` as well, a
failure ``error`` (the class), ``details`` and ``causes``.

=======  =========================================================================
level    when
=======  =========================================================================
info     an operation begins, and ends
debug    for each thread an operation creates
warning  a name is taken; a legacy method is called
error    an operation fails otherwise
=======  =========================================================================

Guarantees:
    * nothing is written anywhere unless the application has set logging up;
    * looking at a failure does not make it one that somebody retrieved;
    * no code of users runs for it: what a workflow raised is named by its class.

A record is handed on where the answer is: often on the dispatcher. Handlers that may
block belong behind a :class:`logging.handlers.QueueHandler`.

Not here: reads, which answer at once, and what actors log about themselves
(``weft.actors``).
"""

import logging
import re
import time
from typing import Any, Final

from weft.actors.errors import causes_of
from weft.actors.failure import FutureFailure
from weft.actors.future import Future
from weft.actors.messages import Command, RunCommand
from weft.storage import CreateThreads, NameTaken, SessionThreadException

__all__ = ["OPERATIONS", "follow", "follow_answer", "refused_at_the_door"]

OPERATIONS: Final = "weft.operations"
"""The logger's name."""

_logger: Final = logging.getLogger(OPERATIONS)

# Without a handler Python writes warnings to stderr: a library does not.
logging.getLogger("weft").addHandler(logging.NullHandler())

_HUMP: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")

_actions: Final[dict[str, str]] = {}


class _Entry:
    """One operation, from its beginning to its end."""

    __slots__ = ("_began_ns", "extra")

    def __init__(
        self,
        action: str,
        session_id: str | None,
        thread_id: str | None,
        op_id: str | None,
    ) -> None:
        self.extra: dict[str, Any] = {
            "action": action,
            "session_id": session_id,
            "thread_id": thread_id,
            "op_id": op_id,
        }
        self._began_ns = time.perf_counter_ns()

    def begin(self) -> None:
        """Say that it begins."""
        extra = self.extra
        words = "%s of session %s, thread %s begins"
        _logger.info(
            words,
            extra["action"],
            extra["session_id"],
            extra["thread_id"],
            extra=extra,
        )

    def end(self, future: Future[Any]) -> None:
        """Say how it ended; called with its answer."""
        outcome = future._outcome  # noqa: SLF001 - get() would count as retrieving it
        if type(outcome) is FutureFailure:
            self.fail(outcome.exception)
        elif _logger.isEnabledFor(logging.INFO):
            duration_s = self._duration_s()
            extra = self.extra | {"duration_s": duration_s}
            _logger.info("%s done in %.6f s", extra["action"], duration_s, extra=extra)

    def fail(self, error: BaseException) -> None:
        """Say what went wrong; of errors that are not ours, only their classes."""
        name, duration_s = type(error).__name__, self._duration_s()
        extra = self.extra | {
            "duration_s": duration_s,
            "error": name,
            "details": {},
            "causes": [type(one).__name__ for one in causes_of(error)],
        }
        said = ""
        if isinstance(error, SessionThreadException):
            said, extra["details"] = str(error), dict(error.details)
            for key in ("session_id", "thread_id", "op_id"):
                extra[key] = extra[key] or getattr(error, key)
        level = logging.WARNING if isinstance(error, NameTaken) else logging.ERROR
        words = "%s failed after %.6f s: %s: %s"
        _logger.log(level, words, extra["action"], duration_s, name, said, extra=extra)

    def _duration_s(self) -> float:
        return (time.perf_counter_ns() - self._began_ns) / 1e9


def follow(
    message: Command | RunCommand, session_id: str | None, thread_id: str | None
) -> None:
    """Log a command that is about to be posted, and its answer when it comes.

    Args:
        message: the command.
        session_id: whom it is for.
        thread_id: or whose owner.
    """
    if not _is_heard():
        return
    if isinstance(message, RunCommand):
        action, op_id = "run", message.op_id
    else:
        action, op_id = _action(message.operation.kind), message.operation.op_id
    follow_answer(message.future, action, session_id, thread_id, op_id)
    if _logger.isEnabledFor(logging.DEBUG) and isinstance(message, Command):
        _tell_threads(message, action)


def follow_answer(
    future: Future[Any],
    action: str,
    session_id: str | None = None,
    thread_id: str | None = None,
    op_id: str | None = None,
) -> None:
    """Log something that begins, and how it ended when its answer is there.

    Args:
        future: the answer.
        action: what is done.
        session_id: the session concerned.
        thread_id: the thread concerned.
        op_id: the idempotency key.
    """
    if not _is_heard():
        return
    entry = _Entry(action, session_id, thread_id, op_id)
    if _logger.isEnabledFor(logging.INFO):
        entry.begin()
    future.add_done_callback(entry.end)


def refused_at_the_door(action: str, error: SessionThreadException) -> None:
    """Log a call that came to nothing before there was an operation.

    Args:
        action: the method's name.
        error: what is wrong with the call.
    """
    if _is_heard():
        _Entry(action, error.session_id, error.thread_id, error.op_id).fail(error)


def _is_heard() -> bool:
    """Whether anybody reads the log: words for nobody would cost a refusal 11 us."""
    logger: logging.Logger | None = _logger
    while logger is not None:
        for handler in logger.handlers:
            if type(handler) is not logging.NullHandler:
                return _logger.isEnabledFor(logging.ERROR)
        logger = logger.parent if logger.propagate else None
    return False


def _action(kind: str) -> str:
    """Return the name of a kind of operation as the coordinator's methods spell it."""
    action = _actions.get(kind)
    if action is None:
        action = _actions[kind] = _HUMP.sub("_", kind).lower()
    return action


def _tell_threads(message: Command, action: str) -> None:
    operation = message.operation
    if isinstance(operation, CreateThreads):
        for thread in operation.threads:
            extra = {
                "action": action,
                "session_id": operation.session_id,
                "thread_id": thread.thread_id,
                "op_id": operation.op_id,
            }
            words = "Thread %r (%s) with workflow %s"
            _logger.debug(
                words, thread.name, thread.thread_id, thread.workflow, extra=extra
            )
