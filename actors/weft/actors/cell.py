"""Cells: the refs people hold to actors, and the turns of those.

A cell is ref, inbox and stop flag of one actor in one object. It has no registry
entry, no UUID and no event object, and its mail waits in the scheduler's queue, so a
million sessions can be resident.

Guarantees:
    - Every ask is answered: with the handler's answer, with what it raised, or with
      :class:`pykka.ActorDeadError` if the actor stops before it gets there. Asks and
      stops meet in one queue, so there is no moment in between.
    - A failing handler costs only its own message. Nobody waiting for the answer, the
      supervisor hears of it; the mail behind it is handled.
    - A ``SystemExit`` or the like in a handler stops that one actor.

The runtime's own actors are in :mod:`weft.actors.light_actor`, users' in
:mod:`weft.actors.actor`; both have a cell.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Self, TypeVar

import msgspec
import pykka
from pykka import ActorDeadError
from pykka.messages import _ActorStop

from weft.actors.dispatcher import on_dispatcher
from weft.actors.future import Future
from weft.actors.turn_counter import SYSTEM_KIND

if TYPE_CHECKING:
    from collections.abc import Hashable

    from pykka._envelope import Envelope

    from weft.actors.dispatcher import Scheduler
    from weft.actors.light_actor import LightActor

__all__ = ["Cell", "ChildFailed"]

_logger = logging.getLogger("weft.actors")

A = TypeVar("A", bound=pykka.Actor)


class ChildFailed(msgspec.Struct, frozen=True):
    """A system message: a handler of a child failed and nobody waits for the answer.

    Attributes:
        cell: the child; it is alive unless it stopped itself.
        exception: what the handler raised.
        message: what the child was handling.
    """

    cell: Cell[Any]
    exception: BaseException
    message: Any


class Start(msgspec.Struct, frozen=True):
    """The first message of an actor: run ``on_start``."""


class Cell(pykka.ActorRef[A]):
    """Ref, inbox and stop flag of one light actor.

    Attributes:
        actor: the actor; None once it has stopped.
        actor_class: the class of the actor.
        key: what the actor is known by, such as a session id.
        parent: whom a failure is reported to.
        scheduler: who runs the turns.
    """

    __slots__ = ("actor", "actor_class", "key", "parent", "scheduler")

    def __init__(self, actor: A, scheduler: Scheduler, key: Hashable) -> None:
        # Not super().__init__(): its fields are properties here.
        self.actor: A | None = actor
        self.actor_class = actor.__class__
        self.key = key
        self.parent: Cell[Any] | None = None
        self.scheduler = scheduler

    # Pykka's view of the three objects in one

    @property
    def actor_urn(self) -> str:  # type: ignore[override]  # computed, not stored
        """The name of the actor as a URN."""
        return f"urn:weft:{_kind_of(self.actor_class)}:{self.key}"

    @property
    def actor_inbox(self) -> Self:  # type: ignore[override]
        """The cell itself."""
        return self

    @property
    def actor_stopped(self) -> Self:  # type: ignore[override]
        """The cell itself, which has ``is_set``."""
        return self

    def _actor_weakref(self) -> A | None:  # type: ignore[override]  # for ActorProxy
        return self.actor

    def is_set(self) -> bool:
        """Whether the actor has stopped."""
        return self.actor is None

    def put(self, envelope: Envelope[Any]) -> None:
        """Post what an envelope holds."""
        reply_to: Any = envelope.reply_to
        self.scheduler.post(self, envelope.message, reply_to)

    def get(self) -> Envelope[Any]:
        """Refuse: only the scheduler takes mail out."""
        raise RuntimeError(f"The scheduler handles the mail of {self}. Use tell().")

    def empty(self) -> bool:
        """Whether mail waits here: never, it waits in the scheduler's queue."""
        return True

    # Sending, from any OS thread

    def is_alive(self) -> bool:
        """Whether the actor has not stopped yet."""
        return self.actor is not None

    def tell(self, message: Any) -> None:
        """Send a message without waiting for an answer.

        Args:
            message: any object; it is not copied.

        Raises:
            ActorDeadError: the actor has stopped.
        """
        if self.actor is None:
            raise ActorDeadError(f"{self} not found")
        self.scheduler.post(self, message)

    def ask(
        self, message: Any, *, block: bool = True, timeout: float | None = None
    ) -> Any:
        """Send a message and get the answer.

        Args:
            message: any object; it is not copied.
            block: whether to wait for the answer.
            timeout: seconds to wait if blocking; None waits for ever.

        Returns:
            The answer; a :class:`~weft.actors.future.Future` of it if not blocking.

        Raises:
            ActorDeadError: the actor has stopped.
            pykka.Timeout: the time is over.
            RuntimeError: blocking, in a turn.
            Exception: what the handler raised.
        """
        future: Future[Any] = Future()
        if block and on_dispatcher():
            raise _blocking_in_a_turn("ask")
        if self.is_alive():
            self.scheduler.post(self, message, future)
        else:
            future.fail(ActorDeadError(f"{self} not found"))
        return future.get(timeout=timeout) if block else future

    def stop(self, *, block: bool = True, timeout: float | None = None) -> Any:
        """Let the actor handle the mail that is here, then stop.

        Args:
            block: whether to wait for the end.
            timeout: seconds to wait if blocking; None waits for ever.

        Returns:
            Whether the actor was alive; a future of that if not blocking.

        Raises:
            pykka.Timeout: the time is over.
            RuntimeError: blocking, in a turn.
        """
        future: Future[bool] = Future()
        if block and on_dispatcher():
            raise _blocking_in_a_turn("stop")
        if self.is_alive():
            self.scheduler.post(self, _ActorStop(), future)
        else:
            future.set(False)
        return future.get(timeout=timeout) if block else future

    # Turns, called by the scheduler

    def turn(self, message: Any, future: Future[Any] | None) -> None:
        """Handle one message.

        Args:
            message: what was posted.
            future: gets the answer, if one is wanted.
        """
        actor: Any = self.actor
        if actor is None:
            self._refuse(message, future)
            return
        kind = type(message)
        try:
            handler = actor.deferring_handlers.get(kind)
            if handler is not None:
                handler(actor, message, future)
                return
            handler = actor.handlers.get(kind)
            if handler is not None:
                answer = handler(actor, message)
            else:
                answer = actor._handle_receive(message)  # noqa: SLF001
        except BaseException as error:  # noqa: BLE001  # of user code
            drop_own_frame(error)
            self._failed(actor, error, message, future)
        else:
            if future is not None:
                future.try_set(answer)

    def _refuse(self, message: Any, future: Future[Any] | None) -> None:
        """Answer a message whose actor is gone."""
        self.scheduler.dead_letters += 1
        if isinstance(message, ChildFailed):
            _logger.error(
                "%s failed after its supervisor %s had stopped",
                message.cell,
                self,
                exc_info=message.exception,
            )
        if future is None:
            return
        if isinstance(message, _ActorStop):
            future.try_set(True)
        else:
            future.try_fail(
                ActorDeadError(f"{self} stopped before handling the message")
            )

    def _failed(
        self,
        actor: LightActor,
        error: BaseException,
        message: Any,
        future: Future[Any] | None,
    ) -> None:
        answer = error
        if not isinstance(error, Exception):
            answer = stopped_by(self, error)
            self.actor = None
        # A future that is settled already, by a deadline, tells nobody.
        if future is not None and future.try_fail(answer) and answer is error:
            return
        try:
            actor.on_failure(type(error), error, error.__traceback__)
        except BaseException:
            _logger.exception("on_failure of %s failed", self)
        try:
            actor.handle_failure(error, message)
        except BaseException:
            _logger.exception("handle_failure of %s failed", self)


def stopped_by(ref: pykka.ActorRef[Any], error: BaseException) -> ActorDeadError:
    """What those who asked get when a SystemExit or the like stops the actor.

    Not the exception itself: it would stop them, too.
    """
    answer = ActorDeadError(f"{ref} was stopped by {error!r}")
    answer.__cause__ = error
    return answer


def _blocking_in_a_turn(verb: str) -> RuntimeError:
    return RuntimeError(
        f"A blocking {verb}() in a turn would stall every actor. "
        f"Use {verb}(..., block=False)."
    )


def drop_own_frame(error: BaseException) -> BaseException:
    """Cut the frame of the turn out of a traceback; returns the exception.

    That frame holds the future, which holds the exception: a cycle that only the
    collector would end.
    """
    if error.__traceback__ is not None:
        error.__traceback__ = error.__traceback__.tb_next
    return error


def _kind_of(actor_class: type) -> str:
    return getattr(actor_class, "kind", SYSTEM_KIND)
