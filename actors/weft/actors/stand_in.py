"""Who stands in for a session whose actor failed, until it comes back.

It sits in the session's place in the directory, so mail finds it without anybody
looking twice. It keeps the view, for live threads need a parent; what clients ask it
does not do: during a delay it keeps that, in quarantine it refuses it at once.

Guarantees:
    - In quarantine every command is answered in one turn, with ActorQuarantined and
      the time that is left.
    - What is kept is handed to the successor in the order it came; over
      ``STASHED_MAX`` there is Overloaded.
    - Runs in progress go on, and one whose start has just become durable begins.

When it goes is in :mod:`weft.actors.restarts`.
"""

from collections import deque
from typing import Any

from weft.actors.dead_letters import Reason
from weft.actors.errors import ActorQuarantined
from weft.actors.light_actor import handles
from weft.actors.messages import Command, Passivate, RunCommand, Settled
from weft.actors.reception import op_id_of
from weft.actors.services import Services
from weft.actors.session import SessionActor
from weft.actors.stash import STASHED_MAX
from weft.storage import Overloaded, SessionThreadException

__all__ = ["StandIn"]


class StandIn(SessionActor):
    """Stands in for one session.

    Args:
        services: the runtime's shared parts.
        session_id: the session.
        until_ns: when it is over, on the clock of ``sources.monotonic_ns``.
        quarantined: refuse what clients ask, instead of keeping it.

    Attributes:
        quarantined: whether it refuses.
    """

    __slots__ = ("_kept", "_until_ns", "quarantined")

    def __init__(
        self, services: Services, session_id: str, until_ns: int, *, quarantined: bool
    ) -> None:
        super().__init__(services, session_id)
        self.quarantined = quarantined
        self._until_ns = until_ns
        self._kept: deque[Command | RunCommand] = deque()

    @handles(Command)
    def _command(self, command: Command) -> None:
        self._take(command)

    @handles(RunCommand)
    def _run(self, command: RunCommand) -> None:
        self._take(command)

    def _take(self, command: Command | RunCommand) -> None:
        if self._forwarded(command):
            return
        if self.quarantined:
            self._services.scheduler.dead_letters.add(
                self.actor_ref, command, Reason.QUARANTINED
            )
            _fail(command, self._refusal(command))
        elif len(self._kept) >= STASHED_MAX:
            words = f"{STASHED_MAX} commands wait for the session's restart."
            _fail(command, Overloaded(words, details={"retry_after_s": self._left_s()}))
        else:
            self._kept.append(command)

    def _run_settled(self, message: Settled) -> None:
        """Begin what has begun in the store; in quarantine its caller is told so."""
        if self.quarantined and message.outcome.error is None:
            command: RunCommand = message.request
            _fail(command, self._refusal(command))
        super()._run_settled(message)

    def _refusal(self, command: Command | RunCommand) -> ActorQuarantined:
        return ActorQuarantined(
            f"Session {self._session_id!r} kept failing and is left alone for a while.",
            session_id=self._session_id,
            op_id=op_id_of(command),
            details={"retry_after_s": self._left_s()},
        )

    def _left_s(self) -> float:
        left_ns = self._until_ns - self._services.sources.monotonic_ns()
        return round(max(0.0, left_ns / 1e9), 3)

    @handles(Passivate)
    def _passivate(self, _message: Passivate) -> None:
        """Stay until the time is over; only let the children go that can."""
        self._children.passivate()

    def let_go(self, message: Any) -> None:
        """Retire; what was kept goes to the successor."""
        self._services.quarantined -= self.quarantined and not self._retired
        if not self._retired:
            self._services.away.pop(self._session_id, None)
        super().let_go(message)
        kept, self._kept = self._kept, deque()
        self._forward(kept, self._session_id)


def _fail(command: Command | RunCommand, error: SessionThreadException) -> None:
    if isinstance(command, RunCommand):
        command.fail(error)
    else:
        command.future.try_fail(error)
