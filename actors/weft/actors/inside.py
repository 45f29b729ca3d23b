"""What is going on inside, by name: who is busy, who is away, what went wrong.

Metrics count and name nobody. This names a few, for people who look for the one that
keeps the others waiting.

Guarantees:
    * a look costs the same however many actors are resident: it reads queues and rings
      of bounded length, never a directory;
    * nothing is counted for it in a turn, and it changes nothing;
    * what comes out are names and numbers, never a message.

Callable from any OS thread. Numbers without names are in
:class:`~weft.actors.statistics.RuntimeStatistics`.
"""

from collections import Counter
from itertools import islice
from typing import Any, Final

import msgspec

from weft.actors.dead_letters import DeadLetter
from weft.actors.dispatcher import Dispatcher
from weft.actors.retention import Keeper
from weft.actors.services import Services
from weft.actors.turn_counter import SYSTEM_KIND
from weft.actors.watchdog import LongTurn
from weft.storage.retention import Retention

__all__ = ["Away", "Inside", "Mailbox"]

MAIL_SAMPLE: Final = 10_000
"""Messages that are looked at: 2 ms, and a hundredth of what may wait."""

NAMED_MAX: Final = 100
"""Sessions that are named as away; more of them are one failure, not many."""


class Mailbox(msgspec.Struct, frozen=True):
    """An actor that mail waits for.

    Attributes:
        kind: of the actor.
        key: what it is known by, such as a session id.
        waiting: messages, of those that were looked at.
    """

    kind: str
    key: str
    waiting: int


class Away(msgspec.Struct, frozen=True):
    """A session whose actor failed, and that is left alone for a while.

    Attributes:
        session_id: which.
        quarantined: whether what clients ask is refused meanwhile, not kept.
        left_s: how long still, in seconds.
    """

    session_id: str
    quarantined: bool
    left_s: float


class Inside:
    """Looks at one runtime, and at the dispatcher it shares with others.

    Args:
        services: the runtime's shared parts.
        dispatcher: runs the turns.
        keeper: forgets what is past its time.
    """

    def __init__(
        self, services: Services, dispatcher: Dispatcher, keeper: Keeper
    ) -> None:
        self._services = services
        self._dispatcher = dispatcher
        self._keeper = keeper

    @property
    def retention(self) -> Retention:
        """What is kept how long."""
        return self._keeper.policy

    def deepest(self, limit: int) -> list[Mailbox]:
        """Return the actors that most of the waiting mail is for, the first first.

        Args:
            limit: how many at the most.
        """
        mail = self._dispatcher.waiting(MAIL_SAMPLE)
        counted = Counter(_named(cell) for cell, *_ in mail)
        ordered = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
        return [Mailbox(*actor, number) for actor, number in ordered[:limit]]

    def away(self) -> list[Away]:
        """Return sessions whose actors failed and are not back, a hundred at most."""
        now_ns = self._services.sources.monotonic_ns()
        found = islice(self._services.away.copy().items(), NAMED_MAX)
        return [
            Away(session_id, quarantined, max(0, until_ns - now_ns) / 1e9)
            for session_id, (until_ns, quarantined) in found
        ]

    def dead_letters(self) -> list[DeadLetter]:
        """Return the last messages that nobody handled, the oldest first."""
        return self._dispatcher.dead_letters.seen()

    def long_turns(self) -> list[LongTurn]:
        """Return the last turns that the watchdog reported, the oldest first."""
        watchdog = self._dispatcher.watchdog
        return [] if watchdog is None else list(watchdog.seen)


def _named(cell: Any) -> tuple[str, str]:
    # What stops a dispatcher waits there too; it is no cell and has neither.
    kind = getattr(cell.actor_class, "kind", SYSTEM_KIND)
    return str(kind), str(getattr(cell, "key", ""))
