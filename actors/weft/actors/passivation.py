"""Who may stay resident, and who is asked to go.

A clock hand goes round the resident sessions. One that was spoken to since the last
round stays; one that was not is asked to passivate, and does if nothing is in flight
and no child has anything to do. That approximates "least recently used" at one flag
per session (an ordered list would cost every command 0.1 us and 100 bytes each).

Nothing is lost by passivation: the store has it all, and a session that is spoken to
again reads its view in some 15 us. Mail that crosses a passivation is forwarded.
"""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from weft.storage import InvalidArgument

__all__ = ["SWEEP_INTERVAL_S", "ClockHand", "Passivation"]

SWEEP_INTERVAL_S: Final = 1.0
"""How often the hand moves."""

SWEEP_SESSIONS_MAX: Final = 10_000
"""How far it moves at the most: 10,000 sessions are some 5 ms of turns."""


class Passivation(msgspec.Struct, frozen=True):
    """When sessions are asked to go.

    Attributes:
        sessions_max: how many may be resident; beyond it each newcomer has the hand
            move on. At 0.5 to 0.8 KB each the default is 50 to 80 MB.
        idle_s: a session nobody spoke to for this long goes, in seconds; the hand goes
            round twice in this time.
    """

    sessions_max: int = 100_000
    idle_s: float = 300.0

    def __post_init__(self) -> None:
        for value in (self.sessions_max, self.idle_s):
            if not isinstance(value, int | float) or not value > 0:
                raise InvalidArgument(f"A passivation policy is above 0, not {self!r}.")


class ClockHand:
    """Goes round the resident sessions.

    Args:
        policy: when sessions are asked to go.
    """

    __slots__ = ("_policy", "_ring")

    def __init__(self, policy: Passivation) -> None:
        self._policy = policy
        self._ring: deque[str] = deque()

    def enter(self, session_id: str) -> int:
        """Take a session in that has become resident.

        A session is visited twice before it goes, and leaves its place at the next
        round: with four places a newcomer the ring shrinks back to its limit.

        Returns:
            how far the hand must move for the newcomer.
        """
        ring = self._ring
        ring.append(session_id)
        return 4 if len(ring) > self._policy.sessions_max else 0

    def share(self) -> int:
        """Return how far the hand moves in one interval."""
        rounds_s = self._policy.idle_s / 2
        share = len(self._ring) * SWEEP_INTERVAL_S / max(rounds_s, SWEEP_INTERVAL_S)
        return min(int(share) + 1, SWEEP_SESSIONS_MAX, len(self._ring))

    def idle(self, places: int, visit: Callable[[str], bool | None]) -> Iterator[str]:
        """Move the hand; yield the sessions that nobody spoke to.

        Args:
            places: how many.
            visit: whether a session was spoken to since the last visit, which it
                forgets; None if it is not resident any more.
        """
        for _ in range(min(places, len(self._ring))):
            session_id = self._ring.popleft()
            spoken_to = visit(session_id)
            if spoken_to is None:
                continue
            self._ring.append(session_id)
            if not spoken_to:
                yield session_id
