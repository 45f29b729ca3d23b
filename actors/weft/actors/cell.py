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
    - An ``async def`` handler may await futures; the actor takes no other mail until
      it has ended (:mod:`weft.actors.suspension`).
    - Who watches an actor hears of its end once, also of one that came before.

The runtime's own actors are in :mod:`weft.actors.light_actor`, users' in
:mod:`weft.actors.actor`; both have a cell.
"""

from __future__ import annotations

import logging
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

import pykka
from pykka import ActorDeadError
from pykka.messages import _ActorStop

from weft.actors.controls import (
    ChildFailed,
    Control,
    StopNow,
    Terminated,
    Unwatch,
    Watch,
)
from weft.actors.dead_letters import Reason
from weft.actors.future import Future
from weft.actors.scheduler import on_dispatcher
from weft.actors.suspension import Suspension, check_ask
from weft.actors.turn_counter import SYSTEM_KIND
from weft.storage.errors import SessionThreadException

if TYPE_CHECKING:
    from collections.abc import Hashable

    from pykka._envelope import Envelope

    from weft.actors.scheduler import Scheduler

__all__ = ["Cell", "ChildFailed"]

_logger = logging.getLogger("weft.actors")

A = TypeVar("A", bound=pykka.Actor)


class Cell(pykka.ActorRef[A]):
    """Ref, inbox and stop flag of one light actor.

    Attributes:
        actor: the actor; None once it has stopped.
        actor_class: the class of the actor.
        key: what the actor is known by, such as a session id.
        parent: whom a failure is reported to.
        scheduler: who runs the turns.
        suspension: the handler that waits and the mail behind it; None if mail can be
            handled at once.
        watchers: who hears of the end, in order; None if nobody does.
    """

    __slots__ = (
        "actor",
        "actor_class",
        "key",
        "parent",
        "scheduler",
        "suspension",
        "watchers",
    )

    def __init__(self, actor: A, scheduler: Scheduler, key: Hashable) -> None:
        # Not super().__init__(): its fields are properties here.
        self.actor: A | None = actor
        self.actor_class = actor.__class__
        self.key = key
        self.parent: Cell[Any] | None = None
        self.scheduler = scheduler
        self.suspension: Suspension | None = None
        self.watchers: dict[Cell[Any], None] | None = None

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
        """Whether mail waits here: what can be handled waits with the scheduler."""
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
            Overloaded: too much mail waits already.
        """
        if self.actor is None:
            raise ActorDeadError(f"{self} not found")
        self.scheduler.offer(self, message)

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
            Overloaded: too much mail waits already.
            DeadlockError: the one asked waits for the asking actor; at once, also if
                not blocking.
            AskOrderError: both may wait for leaves only; at once, too.
            pykka.Timeout: the time is over.
            RuntimeError: blocking, in a turn.
            Exception: what the handler raised.
        """
        future: Future[Any] = Future()
        if on_dispatcher():
            if block:
                raise _blocking_in_a_turn("ask")
            check_ask(self)
            future.answerer = self
        if self.is_alive():
            try:
                self.scheduler.offer(self, message, future)
            except SessionThreadException as error:
                future.fail(error)
        else:
            future.fail(ActorDeadError(f"{self} not found"))
        return future.get(timeout=timeout) if block else future

    def stop(
        self, *, block: bool = True, timeout: float | None = None, now: bool = False
    ) -> Any:
        """Let the actor handle the mail that is here, then stop.

        Args:
            block: whether to wait for the end.
            timeout: seconds to wait if blocking; None waits for ever.
            now: stop after the present turn; the mail that waits is refused, and a
                handler that awaits something is closed.

        Returns:
            Whether the actor was alive; a future of that if not blocking.

        Raises:
            pykka.Timeout: the time is over.
            RuntimeError: blocking, in a turn.
        """
        future: Future[bool] = Future()
        if block and on_dispatcher():
            raise _blocking_in_a_turn("stop")
        if not self.is_alive():
            future.try_set(False)  # the answer
        elif now:
            self.scheduler.post_system(self, StopNow(), future)
        else:
            self.scheduler.post(self, _ActorStop(), future)
        return future.get(timeout=timeout) if block else future

    def watch(self, other: Cell[Any]) -> None:
        """Get a :class:`~weft.actors.controls.Terminated` when another actor ends.

        One that has ended already is reported, too.

        Args:
            other: whom to watch; twice is once.
        """
        other.scheduler.post_system(other, Watch(self))

    def unwatch(self, other: Cell[Any]) -> None:
        """Watch no more; what is on its way still arrives."""
        other.scheduler.post_system(other, Unwatch(self))

    # Turns, called by the scheduler

    def turn(self, message: Any, future: Future[Any] | None) -> None:
        """Handle one message.

        Args:
            message: what was posted.
            future: gets the answer, if one is wanted.
        """
        if self.suspension is not None:
            self.suspension.take(message, future)
            return
        actor: Any = self.actor
        if actor is None:
            self.refuse(message, future)
            return
        kind = type(message)
        try:
            handler = actor.handlers.get(kind)
            if handler is not None:
                answer = handler(actor, message)
            elif (handler := actor.deferring_handlers.get(kind)) is not None:
                handler(actor, message, future)
                return
            else:
                answer = actor._handle_receive(message)  # noqa: SLF001
        except BaseException as error:  # noqa: BLE001  # of user code
            self.failed(drop_own_frame(error), message, future)
        else:
            if answer is not None and type(answer) is CoroutineType:
                Suspension(self).begin(answer, message, future)
            elif future is not None:
                future.try_set(answer)

    def answered(self, answer: Any, message: Any, future: Future[Any] | None) -> None:  # noqa: ARG002  # for those who look at the message
        """Hand out what an ``async def`` handler returned."""
        if future is not None:
            future.try_set(answer)

    def refuse(
        self,
        message: Any,
        future: Future[Any] | None,
        reason: Reason = Reason.STOPPED,
        error: Exception | None = None,
    ) -> None:
        """Answer a message that nobody will handle, and count it.

        Args:
            message: what was posted.
            future: gets the error, if an answer is wanted.
            reason: why nobody will.
            error: what the asker gets; ActorDeadError if omitted.
        """
        if isinstance(message, Control | Suspension):
            message.obey(self, future)
            return
        self.scheduler.dead_letters.add(self, message, reason)
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
            future.try_set(True)  # the answer
        else:
            future.try_fail(
                error or ActorDeadError(f"{self} stopped before handling the message")
            )

    def failed(
        self, error: BaseException, message: Any, future: Future[Any] | None
    ) -> None:
        """Report what a handler raised: to who asked, else to the supervisor."""
        actor: Any = self.actor
        answer = error
        if not isinstance(error, Exception):
            answer = stopped_by(self, error)
            self.end("failed", error)
        # A future that is settled already, by a deadline, tells nobody.
        if future is not None and future.try_fail(answer) and answer is error:
            return
        if actor is None:  # it stopped before its handler failed
            _logger.error("A handler of %s failed", self, exc_info=error)
            return
        try:
            actor.on_failure(type(error), error, error.__traceback__)
        except BaseException:
            _logger.exception("on_failure of %s failed", self)
        try:
            actor.handle_failure(error, message)
        except BaseException:
            _logger.exception("handle_failure of %s failed", self)

    # The end, in turns only

    def stop_in_turn(self) -> None:
        """Stop the actor as ``stop(now=True)`` does."""
        actor: Any = self.actor
        actor._stop()  # noqa: SLF001

    def end(
        self,
        reason: Literal["stopped", "failed"] = "stopped",
        exception: BaseException | None = None,
    ) -> None:
        """Let go of the actor, refuse the mail that waits here, tell the watchers.

        Args:
            reason: why it ended.
            exception: what it failed with.
        """
        self.actor = None
        if self.suspension is not None:
            self.suspension.close()
        watchers, self.watchers = self.watchers, None
        for watcher in watchers or ():
            self.scheduler.post_system(watcher, Terminated(self, reason, exception))

    def halt(self) -> None:
        """Stop the actor but keep its mail; only users' actors are restarted so."""
        # Not abstract: a light actor's cell is one of this very class, and supervision
        # starts a fresh session in its place instead.
        raise NotImplementedError

    def restart(self) -> None:
        """Put a fresh actor here; only users' actors are restarted so."""
        raise NotImplementedError


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
