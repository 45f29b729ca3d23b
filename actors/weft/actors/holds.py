"""Who wants a thread without a run: a session that will transfer or remove it.

One at a time holds the thread; while it does, no run begins.
"""

from collections import deque

from weft.actors.dispatcher import Scheduler
from weft.actors.messages import Command, Held, Hold

__all__ = ["Holds"]


class Holds:
    """The holds of one thread.

    Args:
        scheduler: posts to those who wait.

    Attributes:
        held: the command that holds the thread, None if none does.
    """

    __slots__ = ("_scheduler", "_waiting", "held")

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._waiting: deque[Hold] = deque()
        self.held: Command | None = None

    def __bool__(self) -> bool:
        return self.held is not None or bool(self._waiting)

    @property
    def waiting(self) -> bool:
        """Whether somebody waits for the run in progress to end."""
        return bool(self._waiting)

    @property
    def cancelling(self) -> bool:
        """Whether one of them asks the run to stop."""
        return any(hold.cancel for hold in self._waiting)

    def add(self, hold: Hold) -> None:
        """Let a session wait."""
        self._waiting.append(hold)

    def grant(self) -> None:
        """Give the thread to the first who waits."""
        hold = self._waiting.popleft()
        self.held = hold.command
        self._scheduler.post(hold.session, Held(hold.command))

    def release(self, command: Command) -> None:
        """Take the thread back, unless another command has it."""
        if self.held is command:
            self.held = None

    def grant_all(self) -> None:
        """Let everybody go on: there will be no run any more."""
        while self._waiting:
            self.grant()
        self.held = None
