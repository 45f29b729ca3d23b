"""Suspensions: what a cell has while its actor cannot take mail.

An actor is suspended while its ``async def`` handler waits, before it has started and
while it waits for a restart. Its mail waits here, in a mailbox that exists only then.

Guarantees:
    - One handler of an actor runs at a time: the mail behind it waits, in order, and
      each message gets a turn of its own later.
    - An ask that would close a circle of waiting actors raises DeadlockError, with the
      circle. Each suspended actor waits for one other at most, so looking means
      following one chain of pointers.
    - If the actor ends, the coroutine is closed and everybody who asked is answered.
    - At most ``MAILBOX_MAX`` messages wait for one actor; system mail is not counted.

Only the scheduler's OS thread changes a suspension.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from pykka import ActorDeadError

from weft.actors.controls import ChildFailed, Control, Terminated
from weft.actors.dead_letters import Reason
from weft.actors.errors import ActorQuarantined, ask_order_error, deadlock_error
from weft.actors.future import Future
from weft.actors.scheduler import running_cell
from weft.storage.errors import Overloaded

if TYPE_CHECKING:
    from types import CoroutineType

    from weft.actors.cell import Cell
    from weft.actors.errors import DeadlockError

__all__ = ["MAILBOX_MAX", "Suspension", "check_ask"]

_logger = logging.getLogger("weft.actors")

MAILBOX_MAX: Final = 10_000
"""Messages that wait for one suspended actor: 2 MB of asks, and one stuck actor does
not eat the memory of all. Who waits behind so many is better told to come back."""

MAILBOX_RETRY_AFTER_S: Final = 1.0
"""What the refused are told. How long one actor waits is its own business; a second is
what interactive callers bear."""

_NEVER_REFUSED: Final = (ChildFailed, Terminated)


class Suspension:
    """The handler that waits, and the mail behind it.

    Posted to its cell as a system message, it means: go on.

    Attributes:
        cell: whose.
        paused: whether the actor waits for its start or restart.
        waits_on: the actor whose answer the handler waits for; None if it waits for a
            leaf.
    """

    __slots__ = (
        "_awaited",
        "_coroutine",
        "_future",
        "_mailbox",
        "_message",
        "_quarantined_until_ns",
        "cell",
        "paused",
        "waits_on",
    )

    def __init__(self, cell: Cell[Any], *, paused: bool = False) -> None:
        self.cell = cell
        self.paused = paused
        self.waits_on: Cell[Any] | None = None
        self._awaited: Future[Any] | None = None
        self._coroutine: CoroutineType[Any, None, Any] | None = None
        self._message: Any = None
        self._future: Future[Any] | None = None
        self._mailbox: deque[tuple[Any, Future[Any] | None]] = _NO_MAIL
        self._quarantined_until_ns = 0
        cell.suspension = self

    @property
    def is_handling(self) -> bool:
        """Whether there is a handler that may wait."""
        return self._coroutine is not None

    # The handler

    def begin(
        self,
        coroutine: CoroutineType[Any, None, Any],
        message: Any,
        future: Future[Any] | None,
    ) -> None:
        """Run a handler up to where it waits, or to its end.

        Args:
            coroutine: what the ``async def`` handler returned.
            message: what it handles.
            future: gets the answer, if one is wanted.
        """
        self._coroutine = coroutine
        self._message, self._future = message, future
        self._step()

    def obey(self, cell: Cell[Any], _future: Future[Any] | None = None) -> None:
        """Go on, unless that has become pointless."""
        if cell.suspension is not self or self.paused:
            return
        if self._coroutine is None:
            self._handle_next()
        elif self._awaited is None or self._awaited.done():
            self._step()

    def _step(self) -> None:
        coroutine: Any = self._coroutine
        error: BaseException | None = None
        self.waits_on = self._awaited = None
        try:
            while True:
                awaited = coroutine.throw(error) if error else coroutine.send(None)
                if self.cell.suspension is not self:
                    self._close_handler("was stopped by the handler itself")
                    return
                error = self._wait_for(awaited)
                if error is None:
                    return
        except StopIteration as end:
            message, future = self._end_handler()
            self.cell.answered(end.value, message, future)
        except BaseException as error:  # noqa: BLE001  # of user code
            message, future = self._end_handler()
            self.cell.failed(_from_handler(error), message, future)
        self._rest()

    def _wait_for(self, awaited: Any) -> BaseException | None:
        """Be called when it is done; returns why that is not possible."""
        if not isinstance(awaited, Future):
            return TypeError(
                f"A handler awaited {awaited!r} in a turn, where only Weft's futures "
                "can be waited for. Run it in an executor and await its future."
            )
        answerer: Cell[Any] | None = getattr(awaited, "answerer", None)
        if answerer is not None:
            deadlock = _find_circle(self.cell, answerer)
            if deadlock is not None:
                return deadlock
        self.waits_on, self._awaited = answerer, awaited
        self.cell.scheduler.suspended.add(self)
        awaited.add_done_callback(self._post)
        return None

    def _post(self, _future: Future[Any] | None = None) -> None:
        self.cell.scheduler.post_system(self.cell, self)

    def _end_handler(self) -> tuple[Any, Future[Any] | None]:
        message, future = self._message, self._future
        self._coroutine = self._message = self._future = None
        return message, future

    # The mail behind it

    def check_room(self) -> None:
        """Raise if no more mail may wait here.

        Raises:
            Overloaded: too much waits already.
            ActorQuarantined: the actor kept failing.
        """
        if self._quarantined_until_ns:
            left_s = (self._quarantined_until_ns - time.monotonic_ns()) / 1e9
            raise ActorQuarantined(
                f"{self.cell} kept failing and takes no mail for a while.",
                details={"retry_after_s": round(max(0.0, left_s), 3)},
            )
        if len(self._mailbox) >= MAILBOX_MAX:
            raise Overloaded(
                f"{MAILBOX_MAX} messages wait for {self.cell}.",
                details={"retry_after_s": MAILBOX_RETRY_AFTER_S},
            )

    def take(self, message: Any, future: Future[Any] | None) -> None:
        """Keep mail that came meanwhile, or obey it if it is a control message."""
        if isinstance(message, Control | Suspension):
            message.obey(self.cell, future)
            return
        try:
            if not isinstance(message, _NEVER_REFUSED):
                self.check_room()
        except (Overloaded, ActorQuarantined) as error:
            full = isinstance(error, Overloaded)
            reason = Reason.OVERFLOW if full else Reason.QUARANTINED
            self.cell.refuse(message, future, reason, error)
            return
        if self._mailbox is _NO_MAIL:
            self._mailbox = deque()
        self._mailbox.append((message, future))

    def _handle_next(self) -> None:
        cell, mailbox = self.cell, self._mailbox
        message, future = mailbox.popleft()
        self._release()
        cell.turn(message, future)
        if not mailbox:
            return
        if cell.actor is None:
            self._refuse_mail(Reason.STOPPED)
        elif cell.suspension is None:
            cell.suspension = self
            self._post()
        else:
            cell.suspension._mailbox = mailbox  # noqa: SLF001  # of this class

    def _rest(self) -> None:
        """Go on with the mail, unless the actor has ended or is paused."""
        if self.cell.suspension is not self or self.paused:
            return
        if self._mailbox:
            self._post()
        else:
            self._release()

    def _release(self) -> None:
        self.cell.suspension = None
        self.cell.scheduler.suspended.discard(self)

    # Pauses and the end

    def pause(self) -> None:
        """Let mail wait until :meth:`resume`; the handler, if any, is closed."""
        self.paused = True
        self.cell.scheduler.suspended.add(self)
        self._close_handler("was halted for a restart")

    def quarantine(self, until_ns: int) -> None:
        """Refuse the mail that waits, and what comes until :meth:`resume`."""
        self._quarantined_until_ns = until_ns
        self._refuse_mail(Reason.QUARANTINED)

    def resume(
        self, coroutine: CoroutineType[Any, None, Any] | None, message: Any
    ) -> None:
        """Go on after a pause, with a handler or else with the mail that waits.

        Args:
            coroutine: what an ``async def`` hook returned.
            message: what the hook was called for.
        """
        self.paused = False
        self._quarantined_until_ns = 0
        if coroutine is None:
            self._rest()
        else:
            self.begin(coroutine, message, None)

    def close(self, reason: Reason = Reason.STOPPED) -> None:
        """Answer everybody: the actor has ended.

        Args:
            reason: why what waits is not handled.
        """
        self._release()
        self._close_handler("stopped while it waited for something")
        self._refuse_mail(reason)

    def _close_handler(self, why: str) -> None:
        coroutine = self._coroutine
        if coroutine is None or coroutine.cr_running:  # it ends by itself
            return
        _, future = self._end_handler()
        self.waits_on = self._awaited = None
        try:
            coroutine.close()
        except BaseException:
            _logger.exception("A handler of %s failed while it was closed", self.cell)
        if future is not None:
            future.try_fail(ActorDeadError(f"{self.cell} {why}"))

    def _refuse_mail(self, reason: Reason) -> None:
        mailbox, self._mailbox = self._mailbox, _NO_MAIL
        for message, future in mailbox:
            self.cell.refuse(message, future, reason)


_NO_MAIL: Final[deque[Any]] = deque(maxlen=0)


def check_ask(target: Cell[Any]) -> None:
    """Refuse an ask, in a turn, whose answer must not be waited for.

    A plain handler cannot wait, so it may ask anybody, also itself.

    Args:
        target: whom the actor asks whose turn it is.

    Raises:
        DeadlockError: the one asked waits, through others or not, for the asker.
        AskOrderError: both may wait for leaves only.
    """
    asker = running_cell()
    if asker is None:
        return
    if _awaits_leaves(asker) and _awaits_leaves(target):
        raise ask_order_error([str(asker), str(target)])
    if asker.suspension is None or not asker.suspension.is_handling:
        return
    deadlock = _find_circle(asker, target)
    if deadlock is not None:
        raise deadlock


def _awaits_leaves(cell: Cell[Any]) -> bool:
    return getattr(cell.actor_class, "awaits_leaves_only", False)


def _find_circle(asker: Cell[Any], target: Cell[Any]) -> DeadlockError | None:
    cell: Cell[Any] | None = target
    while cell is not asker:
        suspension = cell.suspension  # type: ignore[union-attr]  # left below
        if suspension is None:
            return None
        cell = suspension.waits_on
        if cell is None:
            return None
    return deadlock_error(_chain(asker, target))


def _chain(asker: Cell[Any], target: Cell[Any]) -> list[str]:
    names = [str(asker)]
    cell: Cell[Any] | None = target
    while cell is not None and cell is not asker:
        names.append(str(cell))
        cell = cell.suspension.waits_on if cell.suspension else None
    return [*names, str(asker)]


def _from_handler(error: BaseException) -> BaseException:
    """Cut the frame of the step out, which holds the future: a cycle."""
    if isinstance(error, RuntimeError) and str(error) == _NO_LOOP:
        error.add_note(
            "A handler runs in a turn, not on an event loop: it awaits Weft's futures. "
            "In place of asyncio.sleep() there is self.sleep(); what else is asyncio's "
            "belongs into an asynchronous workflow."
        )
    if error.__traceback__ is not None:
        error.__traceback__ = error.__traceback__.tb_next
    return error


_NO_LOOP: Final = "no running event loop"
"""What asyncio says where none runs."""
