"""What a replay is going to do, worked out before anything is touched.

A log becomes a session under the name of its file, a conversation a thread of it
named ``<log>#<number of its first chat line>``, a chat line one run of that thread.
The thread ends up with the session ``user:<nick>`` of its starter.

Guarantees:
    * The same logs give the same plan: every id of a thread or an operation is
      derived from the input, so that a second replay repeats and adds nothing.
    * Whatever the store would refuse as an id is refused here, with file and line.
    * Lines stand in the order of their file; lines of no conversation are left out.
"""

import os
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import msgspec

from weft.daemon.irc import Conversation, Line, Log, LogError, find_logs, read_log
from weft.storage import InvalidArgument
from weft.storage.ids import ID_SIZE_BYTES_MAX, check_id

__all__ = ["BadName", "LogPlan", "Step", "ThreadPlan", "plan_log", "plan_logs"]

USER_PREFIX: Final = "user:"

_OPERATIONS: Final = uuid.UUID("7f3c1a52-6d0e-5b0c-9a53-2f6f4c6f1d7e")
"""The name space of derived operation ids; changing it would replay everything."""


class BadName(LogError):
    """A log or a nick has a name that cannot become an id."""

    exit_code = os.EX_DATAERR


class ThreadPlan(msgspec.Struct, frozen=True):
    """What becomes of a conversation.

    Attributes:
        thread_id: also the thread's name in both sessions.
        to_session_id: the session of its starter, where it goes in the end.
        first_line: the number of its first chat line.
        last_line: the number of its last one.
    """

    thread_id: str
    to_session_id: str
    first_line: int
    last_line: int

    def op_id(self, what: str) -> str:
        """Return the idempotency key of an operation on this thread.

        Args:
            what: ``create``, ``transfer``, or the number of a line.
        """
        return _derived(f"replay:{self.thread_id}:{what}")


class Step(msgspec.Struct, frozen=True):
    """A chat line and the thread it belongs to."""

    thread: ThreadPlan
    line: Line

    @property
    def op_id(self) -> str:
        """The idempotency key of the line's run."""
        return self.thread.op_id(str(self.line.number))

    @property
    def config(self) -> dict[str, Any]:
        """What the line's run is given."""
        line = self.line
        return {
            "line": line.number,
            "author": line.author,
            "time": line.time,
            "text": line.text,
            "action": line.action,
        }


class LogPlan(msgspec.Struct, frozen=True):
    """What becomes of a log.

    Attributes:
        session_id: the session that stands for it.
        threads: by first line, ascending.
        steps: the lines of all threads, by number, ascending.
    """

    session_id: str
    threads: tuple[ThreadPlan, ...]
    steps: tuple[Step, ...]

    @property
    def op_id(self) -> str:
        """The idempotency key of the session's creation."""
        return _derived(f"replay:{self.session_id}:session")


def plan_logs(directory: Path) -> list[LogPlan]:
    """Read, validate and plan every log of a directory.

    Args:
        directory: where the logs lie.

    Returns:
        at least one plan, sorted by the logs' names.

    Raises:
        LogError: a log cannot be read, or not be replayed.
    """
    plans: dict[str, LogPlan] = {}
    for files in find_logs(directory):
        if files.name in plans:
            reason = f"there is another log that reads {files.name!r}"
            raise BadName(files.raw, reason, "Give its files a name in UTF-8.")
        plans[files.name] = plan_log(read_log(files), files.raw)
    return list(plans.values())


def plan_log(log: Log, path: Path) -> LogPlan:
    """Plan one log.

    Args:
        log: read and validated.
        path: its raw file, for messages.

    Raises:
        BadName: its name, or that of a starter, cannot become an id.
    """
    if log.name.startswith(USER_PREFIX):
        reason = f"its session would be taken for that of the user {log.name[5:]!r}"
        raise BadName(path, reason, f"Drop {USER_PREFIX!r} from the name of its files.")
    _check(path, log.name, "Shorten the name of its files.")
    threads = [_plan_thread(log, found, path) for found in log.conversations]
    steps = [
        Step(thread, log.lines[number])
        for thread, found in zip(threads, log.conversations, strict=True)
        for number in found.lines
    ]
    steps.sort(key=lambda step: step.line.number)
    return LogPlan(log.name, tuple(threads), tuple(steps))


def _plan_thread(log: Log, found: Conversation, path: Path) -> ThreadPlan:
    thread_id = f"{log.name}#{found.first_line}"
    to_session_id = f"{USER_PREFIX}{found.starter}"
    _check(path, thread_id, "Shorten the name of its files.")
    _check(path, to_session_id, "Correct the nick.", found.first_line)
    return ThreadPlan(thread_id, to_session_id, found.first_line, found.lines[-1])


def _check(path: Path, value: str, remedy: str, line: int | None = None) -> None:
    try:
        check_id(value, "id")
    except InvalidArgument as error:
        place = "" if line is None else f"line {line} (counted from 0): "
        reason = f"{place}{value[:60]!r} cannot be an id: {error.message}"
        raise BadName(path, reason.rstrip("."), remedy) from error


def _derived(text: str) -> str:
    """Return a text as an operation's id, hashed where it is too long for one."""
    if len(text.encode()) <= ID_SIZE_BYTES_MAX:
        return text
    return str(uuid.uuid5(_OPERATIONS, text))


def line_count(plans: Iterable[LogPlan]) -> int:
    """Return the number of chat lines of several plans."""
    return sum(len(plan.steps) for plan in plans)
