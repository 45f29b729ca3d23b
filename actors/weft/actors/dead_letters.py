"""Dead letters: messages that nobody will handle, counted by reason.

Guarantees:
    - Each counts under exactly one reason of a closed set.
    - The last ones can be looked at. What is kept are names, not the messages: no
      content leaks into a dump, no code of users runs, nothing is kept alive.

The dispatcher OS thread counts. Only after a dispatcher's end may others, and a count
be lost if two do so at once. Who refuses, and who is answered, is in
:mod:`weft.actors.cell`.
"""

from __future__ import annotations

import enum
from collections import deque
from typing import Final

import msgspec

__all__ = ["DEAD_LETTERS_KEPT", "DeadLetter", "DeadLetters", "Reason"]

DEAD_LETTERS_KEPT: Final = 256
"""The last ones that can be looked at: about 60 KB of names."""


class Reason(enum.StrEnum):
    """Why a message was not handled."""

    STOPPED = "stopped"
    """Its actor had stopped."""
    NEVER_STARTED = "never-started"
    """Its actor was dropped without having been started."""
    OVERFLOW = "overflow"
    """Too much mail waited for its actor."""
    QUARANTINED = "quarantined"
    """Its actor kept failing."""
    CRASHED = "crashed"
    """The dispatcher broke while it had the message in hand."""
    SHUTDOWN = "shutdown"
    """The dispatcher had ended."""


class DeadLetter(msgspec.Struct, frozen=True, gc=False):
    """A message that was not handled.

    Attributes:
        actor: the name of the actor it was for.
        message_type: the name of its type.
        reason: why.
    """

    actor: str
    message_type: str
    reason: Reason


class DeadLetters:
    """The count of dead letters by reason, and the last of them."""

    def __init__(self) -> None:
        self._counts = dict.fromkeys(Reason, 0)
        self._seen: deque[DeadLetter] = deque(maxlen=DEAD_LETTERS_KEPT)

    def add(self, cell: object, message: object, reason: Reason) -> None:
        """Count one.

        Args:
            cell: whom it was for.
            message: what was posted.
            reason: why nobody handles it.
        """
        self._counts[reason] += 1
        self._seen.append(DeadLetter(str(cell), type(message).__name__, reason))

    @property
    def total(self) -> int:
        """All there were."""
        return sum(self._counts.values())

    def by_reason(self) -> dict[str, int]:
        """Return the counts; every reason is there."""
        return {reason.value: count for reason, count in self._counts.items()}

    def seen(self) -> list[DeadLetter]:
        """Return the last ones, the oldest first."""
        return list(self._seen)
