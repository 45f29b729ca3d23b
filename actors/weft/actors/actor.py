"""The public actor: Pykka's contract, run by the shared dispatcher.

An actor costs an object here, not an OS thread, so there may be a hundred thousand.
Handlers must not block: they share the dispatcher with every session.

Guarantees:
    - All of Pykka's contract: ``start``, hooks, proxies, ``ActorRegistry``, futures.
    - Unlike stock Pykka: an ask that races a stop is answered; a ``SystemExit`` or the
      like stops this actor only; a blocking ask in a handler raises instead of hanging
      every actor; ``async def`` handlers may await futures; the process can exit while
      actors are alive.
    - Under a supervisor a failure that nobody waits for costs only its own message:
      the ref stays, and the mail behind is handled by the actor's successor.

The runtime's own, lighter actors are in :mod:`weft.actors.light_actor`, supervisors in
:mod:`weft.actors.supervisor`.
"""

from __future__ import annotations

import logging
from types import CoroutineType
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, TypeVar

import pykka
from pykka import messages

from weft.actors.cell import Cell, drop_own_frame, stopped_by
from weft.actors.controls import (
    ChildFailed,
    Halt,
    Quarantine,
    Restart,
    Start,
    StopNow,
    Unwatch,
    Watch,
)
from weft.actors.dead_letters import Reason
from weft.actors.dispatcher import Dispatcher
from weft.actors.future import Future
from weft.actors.suspension import Suspension

if TYPE_CHECKING:
    import threading

__all__ = ["Actor"]

_logger = logging.getLogger("pykka")
"""Pykka's logger: who configured it for stock actors sees ours, too."""

A = TypeVar("A", bound=pykka.Actor)

_PYKKAS: Final = frozenset(
    {
        messages._ActorStop,  # noqa: SLF001
        messages.ProxyCall,
        messages.ProxyGetAttr,
        messages.ProxySetAttr,
    }
)
_CONTROLS: Final = frozenset(
    {Halt, Quarantine, Restart, StopNow, Suspension, Unwatch, Watch}
)
_SPECIAL: Final = _PYKKAS | _CONTROLS | {ChildFailed}
"""One look for the types that ``on_receive`` does not see; Pykka takes four."""

_SUCCESSOR_IN: Final = "_weft_successor_in"
"""Where a restart leaves the cell for ``__init__``, which people override."""


class Actor(pykka.Actor):
    """An actor that runs on the shared dispatcher; use it like any Pykka actor.

    Example::

        class Counter(Actor):
            def __init__(self) -> None:
                super().__init__()
                self.count = 0

            def increment(self) -> int:
                self.count += 1
                return self.count

            async def increment_later(self, delay_s: float) -> int:
                await self.sleep(delay_s)
                return self.increment()


        counter = Counter.start().proxy()
        assert 1 == counter.increment().get()
        assert 2 == counter.increment_later(0.1).get()
        counter.stop()

    While an ``async def`` handler waits, the actor takes no other mail.

    Attributes:
        kind: the word it is counted under.
        awaits_leaves_only: whether an ask to another actor that has this mark raises
            AskOrderError.
    """

    kind: ClassVar[str] = "user"
    awaits_leaves_only: ClassVar[bool] = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cell: ActorCell[Any] = self.actor_inbox  # type: ignore[assignment]
        cell = vars(self).pop(_SUCCESSOR_IN, cell)
        cell.bind(self)
        self._actor_ref = cell

    @staticmethod
    def _create_actor_inbox() -> ActorCell[Any]:
        return ActorCell()

    @staticmethod
    def _create_future() -> Future[Any]:
        return Future()

    def _start_actor_loop(self) -> None:
        self.actor_inbox.scheduler.post(self.actor_inbox, Start())  # type: ignore[attr-defined]

    def _stop(self) -> None:
        try:
            super()._stop()
        except BaseException:
            _logger.exception("on_stop of %s failed", self)

    def sleep(self, delay_s: float) -> Future[None]:
        """Return a future to await in a handler: it is done after a while.

        Args:
            delay_s: seconds from now.
        """
        return self.actor_inbox.scheduler.timers.after(delay_s)  # type: ignore[attr-defined, no-any-return]

    def child_failed(self, failure: ChildFailed) -> None:
        """Decide what becomes of a child; a supervisor overrides this.

        Args:
            failure: whose, and why.
        """
        failure.cell.stop(block=False, now=True)

    def _end_children(self) -> None:
        """Stop those who cannot do without this actor; a supervisor overrides this."""


class ActorCell(Cell[A]):
    """Ref and inbox of a user's actor; holds the shared dispatcher for its life."""

    __slots__ = ("_arguments", "_stopped", "_urn", "_was_started")

    actor_class: type[A]
    scheduler: Dispatcher
    _urn: str
    _stopped: threading.Event

    def __init__(self) -> None:
        self.actor: A | None = None

    def bind(self, actor: A) -> None:
        """Become the ref of an actor whose ``__init__`` runs now."""
        if self.actor is not None:  # it is the successor of one that failed
            actor.actor_urn, actor.actor_inbox = self._urn, self
            actor.actor_stopped = self._stopped
            self.actor = actor
            return
        self.actor = actor
        self.actor_class = actor.__class__
        self.key = self._urn = actor.actor_urn
        self.parent = None
        self.watchers = None
        self.scheduler = Dispatcher.shared()
        self._stopped = actor.actor_stopped
        self._arguments: tuple[tuple[Any, ...], dict[str, Any]] = (), {}
        self._was_started = False
        Suspension(self, paused=True)

    def __del__(self) -> None:
        if self.actor is not None and not self._was_started:
            if self.suspension is not None:
                self.suspension.close(Reason.NEVER_STARTED)
            self.end()

    @property
    def actor_urn(self) -> str:  # type: ignore[override]
        """The actor's URN, from a version 4 UUID."""
        return self._urn

    @property
    def actor_stopped(self) -> threading.Event:  # type: ignore[override]
        """Set when the actor has stopped; an event, as Pykka has it."""
        return self._stopped

    def is_alive(self) -> bool:
        """Whether the actor has not stopped yet."""
        return not self._stopped.is_set()

    def tell(self, message: Any) -> None:
        """Send a message without waiting for an answer.

        Args:
            message: any object; it is not copied.

        Raises:
            ActorDeadError: the actor has stopped.
            Overloaded: too much mail waits already.
        """
        if self._stopped.is_set():
            raise pykka.ActorDeadError(f"{self} not found")
        self.scheduler.offer(self, message)

    # Turns

    def turn(self, message: Any, future: Future[Any] | None) -> None:
        """Handle one message; mail from before the start waits for ``on_start``.

        Args:
            message: what was posted.
            future: gets the answer, if one is wanted.
        """
        if self.suspension is not None:
            if type(message) is Start:
                self._start()
            else:
                self.suspension.take(message, future)
            return
        actor: Any = self.actor
        if actor is None:
            self.refuse(message, future)
            return
        try:
            if type(message) in _SPECIAL:
                answer = self._handle_special(actor, message, future)
            else:
                answer = actor.on_receive(message)
        except BaseException as error:  # noqa: BLE001  # of user code
            self.failed(drop_own_frame(error), message, future)
        else:
            if type(answer) is CoroutineType:
                Suspension(self).begin(answer, message, future)
            elif future is None and not self._stopped.is_set():
                pass  # a tell: nothing is left to do
            elif type(message) not in _CONTROLS:
                self.answered(answer, message, future)

    def _handle_special(
        self, actor: Any, message: Any, future: Future[Any] | None
    ) -> Any:
        if type(message) in _PYKKAS:
            return actor._handle_receive(message)  # noqa: SLF001
        if type(message) is ChildFailed:
            return actor.child_failed(message)
        return message.obey(self, future)

    def answered(self, answer: Any, message: Any, future: Future[Any] | None) -> None:
        """Hand out what a handler returned."""
        if future is not None:
            future.try_set(True if type(message) is messages._ActorStop else answer)  # noqa: SLF001
        if self._stopped.is_set():
            self.end()

    def _start(self) -> None:
        """Run ``on_start``; the mail that waits comes after it."""
        actor: Any = self.actor
        suspension: Any = self.suspension
        self._was_started = True
        try:
            waiting = actor.on_start()
        except BaseException as error:  # noqa: BLE001  # of user code
            self._fall(actor, drop_own_frame(error), Start())
            return
        if self._stopped.is_set():
            self.end()
        else:
            is_async = type(waiting) is CoroutineType
            suspension.resume(waiting if is_async else None, Start())

    # Failures

    def failed(
        self, error: BaseException, message: Any, future: Future[Any] | None
    ) -> None:
        """Hand an exception to whoever asked; if nobody did, the actor falls."""
        actor: Any = self.actor
        if future is not None and isinstance(error, Exception):
            _logger.info("Exception returned from %s to caller:", self, exc_info=error)
            future.try_fail(error)
        elif actor is not None:
            self._fall(actor, error, message)
        if future is not None:
            future.try_fail(stopped_by(self, error))
        if self._stopped.is_set():
            self.end()

    def _fall(self, actor: Any, error: BaseException, message: Any) -> None:
        if self.parent is None or self._stopped.is_set():
            _let_die(actor, error, message)
            self.end("failed", error)
            return
        _logger.error("Unhandled exception in %s:", actor, exc_info=error)
        if type(message) is not Restart:  # else its __init__ has not ended
            _call_on_failure(actor, error)
        actor._end_children()  # noqa: SLF001
        (self.suspension or Suspension(self)).pause()
        self.scheduler.post_system(self.parent, ChildFailed(self, error, message))

    def halt(self) -> None:
        """Stop the actor but keep its mail for its successor."""
        if not self._was_started or _is_paused(self):
            return
        actor: Any = self.actor
        (self.suspension or Suspension(self)).pause()
        actor._end_children()  # noqa: SLF001
        try:
            actor.on_stop()
        except BaseException:
            _logger.exception("on_stop of %s failed", self)

    def restart(self) -> None:
        """Put a fresh actor here, made of what the first one was made of."""
        if not self._was_started:
            return
        self.halt()
        actor_class: Any = self.actor_class
        args, kwargs = self._arguments
        try:
            successor = actor_class.__new__(actor_class, *args, **kwargs)
            successor.__dict__[_SUCCESSOR_IN] = self
            successor.__init__(*args, **kwargs)
        except BaseException as error:  # noqa: BLE001  # of user code
            self._fall(self.actor, drop_own_frame(error), Restart())
        else:
            self._start()

    # The end

    def stop_in_turn(self) -> None:
        """Stop the actor as ``stop(now=True)`` does."""
        super().stop_in_turn()
        self.end()

    def end(
        self,
        reason: Literal["stopped", "failed"] = "stopped",
        exception: BaseException | None = None,
    ) -> None:
        """Let go of the actor and of the dispatcher, once."""
        actor: Any = self.actor
        if actor is not None:
            actor._end_children()  # noqa: SLF001
            super().end(reason, exception)
            self.scheduler.release()


def start_under(
    parent: Cell[Any], actor_class: type[A], *args: Any, **kwargs: Any
) -> ActorCell[A]:
    """Start an actor whose failures are reported to a supervisor.

    Args:
        parent: the supervisor.
        actor_class: a subclass of :class:`Actor`.
        *args: for the constructor, each time it is started.
        **kwargs: for the constructor.
    """
    actor: Any = actor_class(*args, **kwargs)
    cell: ActorCell[A] = actor.actor_ref
    cell.parent, cell._arguments = parent, (args, kwargs)  # noqa: SLF001
    pykka.ActorRegistry.register(cell)
    actor._start_actor_loop()  # noqa: SLF001
    return cell


def _is_paused(cell: Cell[Any]) -> bool:
    return cell.suspension is not None and cell.suspension.paused


def _let_die(actor: Any, error: BaseException, message: Any) -> None:
    """Do what Pykka does with an actor that failed, but with no other one."""
    if not isinstance(error, Exception):
        _logger.error("%r in %s. Stopping it.", error, actor, exc_info=error)
        actor._stop()  # noqa: SLF001
        return
    actor._handle_failure(type(error), error, error.__traceback__)  # noqa: SLF001
    if type(message) is not Start:
        _call_on_failure(actor, error)


def _call_on_failure(actor: Any, error: BaseException) -> None:
    try:
        actor.on_failure(type(error), error, error.__traceback__)
    except BaseException:
        _logger.exception("on_failure of %s failed", actor)
