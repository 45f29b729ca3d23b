"""The scheduler of a simulation: mail waits until a strategy lets it be handled.

The dispatcher of production has one queue for system mail and one for user mail. What
this one promises is less, so what holds here holds there: mail from one sender to one
actor keeps its order, system mail overtakes user mail, and that is all. Any other order
can be picked.

Guarantees: turns never overlap; nothing posted is lost while the simulation runs.
"""

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from weft.actors.cell import Cell
from weft.actors.dead_letters import DeadLetters
from weft.actors.future import Future
from weft.actors.scheduler import Mail
from weft.actors.testing.breakage import Breakage

if TYPE_CHECKING:
    from weft.actors.suspension import Suspension

__all__ = ["Channel", "SimScheduler"]

CLIENT = "client"
"""The sender of what no actor, writer or executor posts."""


class Channel:
    """What waits from one sender to one actor, as an event: its first is handled."""

    __slots__ = ("_mail", "_scheduler", "cell", "is_system", "sender")

    def __init__(
        self, scheduler: "SimScheduler", sender: object, cell: Cell[Any], system: bool
    ) -> None:
        self._scheduler = scheduler
        self._mail: deque[tuple[Any, Future[Any] | None]] = deque()
        self.sender = sender
        self.cell = cell
        self.is_system = system

    @property
    def label(self) -> str:
        """The sender and the receiver."""
        return f"{name_of(self.sender)} -> {name_of(self.cell)}"

    def describe(self) -> str:
        """Return who sends whom what."""
        return f"{self.label}: {self._mail[0][0]}"

    def put(self, message: Any, future: Future[Any] | None) -> None:
        """Add mail."""
        self._mail.append((message, future))

    def act(self) -> None:
        """Have the first message handled, in a turn."""
        message, future = self._mail.popleft()
        if not self._mail:
            self._scheduler.drop(self)
        self._scheduler.turn(self.cell, message, future)


class SimScheduler:
    """Keeps the mail of one simulated process.

    Attributes:
        sender: on whose account mail is posted at present.
        turns: how many were made.
        current: the mail whose turn it is; None between turns.
        dead_letters: what nobody handled.
        suspended: handlers that wait for an answer.
        breakage: makes turns of sessions fail.
    """

    def __init__(self) -> None:
        self.breakage = Breakage()
        self.current: Mail | None = None
        self.dead_letters = DeadLetters()
        self.suspended: set[Suspension] = set()
        self.turns = 0
        self.sender: object = CLIENT
        self._system_channels = 0
        self._channels: dict[tuple[object, Cell[Any], bool], Channel] = {}

    def post(
        self, cell: Cell[Any], message: Any, future: Future[Any] | None = None
    ) -> None:
        """Have the cell handle a message, some time."""
        self._channel(cell, system=False).put(message, future)
        self.breakage.posted()

    offer = post

    def post_many(self, items: Iterable[Mail]) -> None:
        """Post messages that are in tuple form already."""
        for cell, message, future, _ in items:
            self._channel(cell, system=False).put(message, future)
        self.breakage.posted()

    def post_system(
        self, cell: Cell[Any], message: Any, future: Future[Any] | None = None
    ) -> None:
        """Post a message that overtakes user mail."""
        self._channel(cell, system=True).put(message, future)
        self.breakage.posted()

    def _channel(self, cell: Cell[Any], *, system: bool) -> Channel:
        key = (self.sender, cell, system)
        channel = self._channels.get(key)
        if channel is None:
            channel = self._channels[key] = Channel(self, self.sender, cell, system)
            self._system_channels += system
        return channel

    def drop(self, channel: Channel) -> None:
        """Forget a channel that is empty."""
        del self._channels[channel.sender, channel.cell, channel.is_system]
        self._system_channels -= channel.is_system

    def ready(self) -> list[Channel]:
        """Return the channels whose first message may be handled next."""
        channels = list(self._channels.values())
        if self._system_channels:
            return [channel for channel in channels if channel.is_system]
        return channels

    def turn(self, cell: Cell[Any], message: Any, future: Future[Any] | None) -> None:
        """Have a message handled now."""
        self.turns += 1
        self.sender = cell
        self.current = (cell, message, future, 0)
        try:
            self.breakage.turn(cell, message, future)
        finally:
            self.sender = CLIENT
            self.current = None


def name_of(party: object) -> str:
    """Return what a sender or a receiver is called in a trace."""
    if isinstance(party, Cell):
        kind = str(getattr(party.actor_class, "kind", ""))
        return kind if kind == party.key else f"{kind} {party.key}"
    return str(party)
