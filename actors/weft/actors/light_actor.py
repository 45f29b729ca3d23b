"""The base of the runtime's own actors, and how they say what they handle.

Sessions, threads and their root are light actors: an object and a cell each, no OS
thread, no registry entry, so a million can be resident. Their messages are typed, and
:func:`handles` marks the method for each type.

Guarantees:
    - A message goes to the handler of its exact type, found in constant time;
      any other goes to ``on_receive``, as in Pykka. Both may be ``async def``.
    - A subclass overrides a handler like any method, with or without a new mark.
    - A failure that nobody waits for reaches the parent as
      :class:`~weft.actors.cell.ChildFailed`, or the log where there is no parent.

The ref, the mail and the turn are in :mod:`weft.actors.cell`; users' own actors are in
:mod:`weft.actors.actor`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Final, Self, TypeAlias, TypeVar

import pykka
from pykka.messages import _ActorStop

from weft.actors.cell import Cell
from weft.actors.controls import ChildFailed, Control, Start, StopNow, Unwatch, Watch
from weft.actors.future import Future
from weft.actors.suspension import Suspension

# Self is a subtype of Actor, but a ref of it is no ref of Actor: pyright takes Pykka's
# type variable for invariant.
# pyright: reportIncompatibleMethodOverride=none, reportIncompatibleVariableOverride=none
from weft.actors.turn_counter import SYSTEM_KIND

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from weft.actors.scheduler import Scheduler

__all__ = ["LightActor", "handles"]

_logger = logging.getLogger("weft.actors")

F = TypeVar("F", bound=Callable[..., Any])
Handlers: TypeAlias = "Mapping[type, Callable[..., Any]]"

_NO_HANDLERS: Final[Handlers] = {}
_MARKS: Final = "_weft_handles"


def handles(message_type: type, *, deferred: bool = False) -> Callable[[F], F]:
    """Mark a method of a :class:`LightActor` as the handler of a message type.

    Args:
        message_type: the exact type; subclasses have handlers of their own.
        deferred: the method takes ``(message, future)`` and sees to the answer
            itself, at any time, on any OS thread. Else it takes ``(message)`` and
            returns the answer.
    """

    def mark(function: F) -> F:
        marks = getattr(function, _MARKS, ())
        setattr(function, _MARKS, (*marks, (message_type, deferred)))
        return function

    return mark


class LightActor(pykka.Actor):
    """The base of the runtime's own actors.

    Constructing one makes it ready for mail; nothing registers it. Its handlers run
    in turns of the scheduler, so they need no lock.

    Attributes:
        kind: the word it is counted under: session, thread, system.
        handlers: message type -> function; built from :func:`handles`.
        deferring_handlers: those that see to the answer themselves.
        awaits_leaves_only: whether it may wait for leaves only: the store, timers,
            the executor, actors without this mark. An ask between two that have it
            raises AskOrderError, so waits cannot form a circle.
    """

    # Pykka's base has a __dict__; nothing here uses it, and unused it takes 16 bytes.
    __slots__ = ("_actor_ref",)

    kind: ClassVar[str] = SYSTEM_KIND
    awaits_leaves_only: ClassVar[bool] = False
    handlers: ClassVar[Handlers] = _NO_HANDLERS
    deferring_handlers: ClassVar[Handlers] = _NO_HANDLERS

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        _collect_handlers(cls)

    def __init__(self, scheduler: Scheduler, key: Hashable) -> None:
        # Not super().__init__(): a UUID and an event cost 8 us and 2 KB.
        self._actor_ref: Cell[Any] = Cell(self, scheduler, key)

    @property
    def actor_ref(self) -> Cell[Self]:
        """The cell."""
        return self._actor_ref

    @property
    def actor_urn(self) -> str:  # type: ignore[override]  # computed, not stored
        """The name of the actor as a URN."""
        return self._actor_ref.actor_urn

    @property
    def actor_inbox(self) -> Cell[Self]:  # type: ignore[override]
        """The cell."""
        return self._actor_ref

    @property
    def actor_stopped(self) -> Cell[Self]:  # type: ignore[override]
        """The cell, which has ``is_set``."""
        return self._actor_ref

    @classmethod
    def start(cls, *args: Any, **kwargs: Any) -> Cell[Self]:
        """Construct an actor and have ``on_start`` run as its first turn.

        Args:
            *args: for the constructor.
            **kwargs: for the constructor.
        """
        actor = cls(*args, **kwargs)
        actor._start_actor_loop()
        return actor._actor_ref

    def _start_actor_loop(self) -> None:
        self._actor_ref.scheduler.post_system(self._actor_ref, Start())

    @staticmethod
    def _create_future() -> Future[Any]:
        return Future()

    @staticmethod
    def _create_actor_inbox() -> Any:
        # Pykka's hook; its constructor, which calls it, is not run.
        raise NotImplementedError("A light actor's inbox is its cell")

    @handles(Start)
    def _start(self, _message: Start) -> None:
        self.on_start()

    @handles(StopNow, deferred=True)
    @handles(Watch, deferred=True)
    @handles(Unwatch, deferred=True)
    @handles(Suspension, deferred=True)
    def _obey(self, message: Control | Suspension, future: Future[Any] | None) -> None:
        message.obey(self._actor_ref, future)

    @handles(_ActorStop)
    def _stop_in_turn(self, _message: _ActorStop) -> bool:
        self._stop()
        return True

    def _stop(self) -> None:
        """Stop now; the mail behind is refused."""
        self._actor_ref.end()
        try:
            self.on_stop()
        except BaseException as error:  # noqa: BLE001  # the hook is the user's
            self.handle_failure(error, _ActorStop())

    def handle_failure(self, exception: BaseException, message: Any) -> None:
        """Report that a handler failed with nobody waiting for the answer.

        Override it for a rule of one's own.

        Args:
            exception: what the handler raised.
            message: what it was handling.
        """
        cell = self._actor_ref
        if cell.parent is None:
            _logger.error("A handler of %s failed", cell, exc_info=exception)
        else:
            cell.scheduler.post_system(
                cell.parent, ChildFailed(cell, exception, message)
            )


def _collect_handlers(cls: type[LightActor]) -> None:
    handlers: dict[type, Callable[..., Any]] = {}
    deferring: dict[type, Callable[..., Any]] = {}
    for base in reversed(cls.__mro__):
        for name, declared in vars(base).items():
            for message_type, deferred in getattr(declared, _MARKS, ()):
                # By name: a subclass overrides a handler like any method.
                function = getattr(cls, name)
                handlers.pop(message_type, None)
                deferring.pop(message_type, None)
                (deferring if deferred else handlers)[message_type] = function
    cls.handlers, cls.deferring_handlers = handlers, deferring


_collect_handlers(LightActor)
