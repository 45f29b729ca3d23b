"""Keyed non-reentrance: one command in flight for each key, the next ones wait.

A session handles commands for different threads side by side and commands for one
thread one after the other. A key is a thread's id, or a name that no thread has yet.

Guarantees: what waits for a key comes out in the order it went in; a key that nobody
waits for costs one dict entry; beyond ``STASHED_MAX`` a session refuses at once.
"""

from collections import deque
from collections.abc import Iterable
from typing import Final

from weft.actors.messages import Command, RunCommand
from weft.storage import Outcome, Overloaded, Thread
from weft.storage.rules import Event

__all__ = [
    "NOTHING_IN_FLIGHT",
    "STASHED_MAX",
    "Stash",
    "Waiting",
    "name_key",
    "new_owner",
    "thread_of",
]

STASHED_MAX: Final = 10_000
"""Commands that may wait in one session: a second of what one hot session can do
(35,000 a second were measured), 10 MB at 1 KB each."""

Waiting = deque[Command | RunCommand]


def name_key(name: str) -> str:
    """Return the key of a name that no thread has; ids cannot contain the NUL."""
    return "\0" + name


def new_owner(outcome: Outcome, thread_id: str) -> str | None:
    """Return who owns a thread now, if an operation moved it."""
    for event in outcome.events:
        thread = event.thread
        if event.change == "adopted" and thread and thread.thread_id == thread_id:
            return event.session_id
    return None


def thread_of(event: Event) -> Thread:
    """Return the thread that an event is about.

    Raises:
        ValueError: it is about none.
    """
    thread = event.thread
    if thread is None:
        raise ValueError(f"{event.change} without a thread: a defect of the rules")
    return thread


_NOBODY: Final[tuple[Command, ...]] = ()


class Stash:
    """What is in flight in a session, and who waits for it."""

    __slots__ = ("_by_key", "_stashed")

    def __init__(self) -> None:
        self._by_key: dict[str, Waiting | None] = {}
        self._stashed = 0

    def __bool__(self) -> bool:
        return bool(self._by_key)

    def __contains__(self, key: str) -> bool:
        return key in self._by_key

    def take(self, keys: Iterable[str], command: Command) -> bool:
        """Take all keys for a command, or let it wait for the first that is taken.

        Returns:
            whether the command has them.

        Raises:
            Overloaded: too many wait already.
        """
        for key in keys:
            if key in self._by_key:
                self.wait(key, command)
                return False
        for key in keys:
            self._by_key[key] = None
        return True

    def wait(self, key: str, command: Command | RunCommand) -> None:
        """Let a command wait for a key that is taken.

        Raises:
            Overloaded: too many wait already.
        """
        if self._stashed >= STASHED_MAX:
            raise Overloaded(
                f"{STASHED_MAX} commands wait in the session.",
                details={"retry_after_s": 1.0},
            )
        waiting = self._by_key[key]
        if waiting is None:
            waiting = self._by_key[key] = deque()
        waiting.append(command)
        self._stashed += 1

    def release(self, key: str) -> Iterable[Command | RunCommand]:
        """Give a key back; return who waited for it, to be handled again in order."""
        waiting = self._by_key.pop(key, None)
        if waiting is None:
            return _NOBODY
        self._stashed -= len(waiting)
        return waiting


class _Nothing(Stash):
    """The stash of all who have none."""

    __slots__ = ()

    def take(self, keys: Iterable[str], command: Command) -> bool:  # noqa: ARG002
        """Refuse: a key that is taken here would be taken in every session."""
        raise TypeError("Make a stash of your own before you take a key.")


NOTHING_IN_FLIGHT: Final[Stash] = _Nothing()
"""What all sessions share that have nothing in flight."""
