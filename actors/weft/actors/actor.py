"""The public actor: Pykka's contract, run by the shared dispatcher.

An actor costs an object here, not an OS thread, so there may be a hundred thousand.
Handlers must not block: they share the dispatcher with every session.

Guarantees:
    - All of Pykka's contract: ``start``, hooks, proxies, ``ActorRegistry``, futures.
    - Unlike stock Pykka: an ask that races a stop is answered; a ``SystemExit`` or the
      like stops this actor only; a blocking ask in a handler raises instead of hanging
      every actor; the process can exit while actors are alive.

The runtime's own, lighter actors are in :mod:`weft.actors.cell`.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import pykka
from pykka.messages import _ActorStop

from weft.actors.cell import Cell, Start, drop_own_frame, stopped_by
from weft.actors.dispatcher import Dispatcher
from weft.actors.future import Future

if TYPE_CHECKING:
    import threading

__all__ = ["Actor"]

_logger = logging.getLogger("pykka")
"""Pykka's logger: who configured it for stock actors sees ours, too."""

A = TypeVar("A", bound=pykka.Actor)


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


        counter = Counter.start().proxy()
        assert 1 == counter.increment().get()
        counter.stop()

    Attributes:
        kind: the word it is counted under.
    """

    kind: ClassVar[str] = "user"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cell: _ActorCell[Any] = self.actor_inbox  # type: ignore[assignment]
        cell.bind(self)
        self._actor_ref = cell

    @staticmethod
    def _create_actor_inbox() -> _ActorCell[Any]:
        return _ActorCell()

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


class _ActorCell(Cell[A]):
    """Ref and inbox of a user's actor; holds the shared dispatcher for its life."""

    __slots__ = ("_early", "_stopped", "_urn")

    actor_class: type[A]

    def __init__(self) -> None:
        self.actor: A | None = None

    def bind(self, actor: A) -> None:
        """Become the ref of an actor whose ``__init__`` runs now."""
        self.actor = actor
        self.actor_class = actor.__class__
        self.key = self._urn = actor.actor_urn
        self.parent = None
        self._stopped = actor.actor_stopped
        self._early: list[tuple[Any, Future[Any] | None]] | None = []
        self.scheduler = Dispatcher.shared()

    def __del__(self) -> None:
        if self.actor is not None and self._early is not None:  # never started
            self._retire()

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
        """
        if self._stopped.is_set():
            raise pykka.ActorDeadError(f"{self} not found")
        self.scheduler.post(self, message)

    def turn(self, message: Any, future: Future[Any] | None) -> None:
        """Handle one message; mail from before the start waits for ``on_start``.

        Args:
            message: what was posted.
            future: gets the answer, if one is wanted.
        """
        if self._early is None:
            self._handle(message, future)
        elif type(message) is Start:
            early, self._early = self._early, None
            self._start()
            for message, future in early:  # noqa: PLR1704  # its own turn is over
                self._handle(message, future)
        else:
            self._early.append((message, future))

    def _start(self) -> None:
        actor: Any = self.actor
        try:
            actor._actor_loop_setup()  # noqa: SLF001
        except BaseException as error:  # noqa: BLE001  # of user code
            self._halt(actor, error)
        if self._stopped.is_set():
            self._retire()

    def _handle(self, message: Any, future: Future[Any] | None) -> None:
        actor: Any = self.actor
        if actor is None:
            self._refuse(message, future)
            return
        try:
            answer = actor._handle_receive(message)  # noqa: SLF001
        except Exception as error:  # noqa: BLE001  # of user code
            self._report(actor, drop_own_frame(error), future)
        except BaseException as error:  # noqa: BLE001
            self._halt(actor, error)
            if future is not None:
                future.try_fail(stopped_by(self, drop_own_frame(error)))
        else:
            if future is not None:
                future.try_set(True if type(message) is _ActorStop else answer)
        if self._stopped.is_set():
            self._retire()

    def _report(
        self, actor: Any, error: BaseException, future: Future[Any] | None
    ) -> None:
        """Hand an exception to whoever asked; if nobody did, the actor stops."""
        if future is not None:
            _logger.info("Exception returned from %s to caller:", self, exc_info=error)
            future.try_fail(error)
            return
        exc_info = (type(error), error, error.__traceback__)
        actor._handle_failure(*exc_info)  # noqa: SLF001
        try:
            actor.on_failure(*exc_info)
        except Exception:  # noqa: BLE001  # of user code
            actor._handle_failure(*sys.exc_info())  # noqa: SLF001

    def _halt(self, actor: Any, error: BaseException) -> None:
        """Stop this actor, and no other, because of a SystemExit or the like."""
        _logger.error("%r in %s. Stopping it.", error, self, exc_info=error)
        actor._stop()  # noqa: SLF001

    def _retire(self) -> None:
        """Let go of the actor and of the dispatcher, once."""
        if self.actor is not None:
            self.actor = None
            self.scheduler.release()  # type: ignore[attr-defined]
