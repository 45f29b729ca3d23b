"""The mailroom: where mail waits for the dispatcher, and how it wakes it.

Guarantees:
    - Mail from one sender to one cell comes out in the order it was posted; system
      mail overtakes user mail.
    - At most ``MAIL_MAX`` messages from outside wait; over it, ``offer`` raises
      Overloaded and nothing blocks. System mail is never refused.
    - No mail is slept over: who posts looks for a sleeper after the mail is in, and
      the dispatcher looks for mail after it has said that it sleeps. From a loop that
      has :mod:`~weft.actors.rounds` the sleeper is woken at the end of the round.
    - Mail that comes after the end is refused; its asker is answered.

Who takes the mail out is in :mod:`weft.actors.dispatcher`.
"""

from __future__ import annotations

import contextlib
from collections import deque
from itertools import islice
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Final

from pykka import ActorDeadError

from weft.actors.dead_letters import DeadLetters, Reason
from weft.actors.rounds import rounds_here
from weft.actors.scheduler import on_dispatcher
from weft.actors.wakeup import Wakeup
from weft.storage.errors import Overloaded

if TYPE_CHECKING:
    from collections.abc import Iterable

    from weft.actors.cell import Cell
    from weft.actors.future import Future
    from weft.actors.scheduler import Mail

__all__ = ["MAIL_MAX", "Mailroom"]

MAIL_MAX: Final = 1_000_000
"""Messages from outside that wait for turns: a second or two of them, 0.3 GB. Turns may
post as many again, so that work which was let in can end."""

MAIL_RETRY_AFTER_S: Final = 1.0
"""About what the dispatcher takes to handle ``MAIL_MAX`` messages (0.7 us each)."""


LOOKS_MAX: Final = 3
"""A look is one call into C, which is hardly ever interrupted."""


class Mailroom:
    """Two queues of mail and a sleeper.

    Attributes:
        dead_letters: what nobody handled.
        forked: this is the copy that a forked child has, and there is no OS thread
            behind it.
    """

    def __init__(self) -> None:
        self.dead_letters = DeadLetters()
        self._mail: deque[Mail] = deque()
        self._system_mail: deque[Mail] = deque()
        self._wakeup = Wakeup()
        self._sleeping = False
        self._stopped = False
        self.forked = False
        self._refused = 0

    # Posting, from any OS thread

    def post(
        self, cell: Cell[Any], message: Any, future: Future[Any] | None = None
    ) -> None:
        """Have the cell handle a message, in a turn of its own.

        Args:
            cell: who handles it.
            message: any object; it is not copied.
            future: gets the answer, if one is wanted.

        Raises:
            RuntimeError: the process was forked after this dispatcher started.
        """
        self._mail.append((cell, message, future, perf_counter_ns()))
        if self._sleeping:
            self._wake()

    def offer(
        self, cell: Cell[Any], message: Any, future: Future[Any] | None = None
    ) -> None:
        """Post a message if there is room for it.

        Args:
            cell: who handles it.
            message: any object; it is not copied.
            future: gets the answer, if one is wanted.

        Raises:
            Overloaded: too much mail waits, here or for this cell.
            ActorQuarantined: the actor kept failing.
            RuntimeError: the process was forked after this dispatcher started.
        """
        mail = self._mail
        if len(mail) >= MAIL_MAX:
            self._check_room()
        if cell.suspension is not None:
            cell.suspension.check_room()
        mail.append((cell, message, future, perf_counter_ns()))
        if self._sleeping:
            self._wake()

    def _check_room(self) -> None:
        waiting = len(self._mail)
        if waiting >= 2 * MAIL_MAX or not on_dispatcher():
            self._refused += 1
            raise Overloaded(
                f"{waiting} messages wait for their turns.",
                details={"retry_after_s": MAIL_RETRY_AFTER_S},
            )

    def post_many(self, items: Iterable[Mail]) -> None:
        """Post messages that are in tuple form already, with one wake-up.

        Args:
            items: mail; one time stamp may serve them all.

        Raises:
            RuntimeError: the process was forked after this dispatcher started.
        """
        self._mail.extend(items)
        if self._sleeping:
            self._wake()

    def post_system(
        self, cell: Cell[Any], message: Any, future: Future[Any] | None = None
    ) -> None:
        """Post a message that overtakes user mail and is never refused.

        Args:
            cell: who handles it.
            message: any object.
            future: gets the answer, if one is wanted.

        Raises:
            RuntimeError: the process was forked after this dispatcher started.
        """
        self._system_mail.append((cell, message, future, perf_counter_ns()))
        if self._sleeping:
            self._wake()

    def _wake(self) -> None:
        if self.forked:
            raise RuntimeError(
                "This dispatcher belongs to the parent process. "
                "Open a new runtime, or start new actors, after os.fork()."
            )
        rounds = rounds_here()
        if rounds is None or self._stopped:
            self._wake_now()
        else:
            rounds.at_end(self._wake_sleeper)

    def _wake_sleeper(self) -> None:
        if self._sleeping:  # else somebody was faster
            self._wake_now()

    def _wake_now(self) -> None:
        self._sleeping = False
        self._wakeup.wake()
        if self._stopped:  # nobody will wake up: answer here
            self._sleeping = True
            self._refuse_leftovers()

    def waiting(self, limit: int) -> list[Mail]:
        """Return what waits for a turn, the oldest first; from any OS thread.

        Args:
            limit: how many at the most.
        """
        for _ in range(LOOKS_MAX):
            with contextlib.suppress(RuntimeError):  # somebody posted meanwhile
                return list(islice(self._mail, limit))
        return []

    @property
    def lag_ns(self) -> int:
        """Since when the oldest message waits, in ns; 0 if none does."""
        with contextlib.suppress(IndexError):
            return max(0, perf_counter_ns() - self._mail[0][3])
        return 0

    # For the OS thread that takes it out

    def _sleep(self) -> None:
        self._sleeping = True
        # A poster that saw no sleeper has appended before this look.
        if not self._mail and not self._system_mail:
            self._wakeup.wait()
        self._sleeping = False

    def _refuse_leftovers(self) -> None:
        for queue in (self._system_mail, self._mail):
            with contextlib.suppress(IndexError):
                while True:
                    cell, message, future, _ = queue.popleft()
                    self._refuse(cell, message, future, Reason.SHUTDOWN)

    def _refuse(
        self, cell: Cell[Any], message: Any, future: Future[Any] | None, reason: Reason
    ) -> None:
        self.dead_letters.add(cell, message, reason)
        if future is not None:
            future.try_fail(ActorDeadError(f"{cell} did not handle the message"))

    def _disown(self) -> None:
        """In a forked child: there is no OS thread behind this object."""
        self._mail.clear()
        self._system_mail.clear()
        self.forked = True
        self._sleeping = True
