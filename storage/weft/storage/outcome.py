"""What an operation's sender is told."""

from collections.abc import Sequence
from typing import Any

import msgspec

from weft.storage.errors import SessionThreadException
from weft.storage.operations import Operation
from weft.storage.rules_context import Event

__all__ = ["Outcome"]


class Outcome(msgspec.Struct):
    """What became of an operation.

    Attributes:
        operation: as submitted.
        seq: its number, None when refused.
        result: the answer, None when refused.
        error: the refusal, None when applied.
        events: what the sessions concerned are told; empty when replayed.
        replayed: it was answered from the log.
    """

    operation: Operation
    seq: int | None
    result: Any = None
    error: SessionThreadException | None = None
    events: Sequence[Event] = ()
    replayed: bool = False
