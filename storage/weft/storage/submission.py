"""What lies in the writer's queue, and how it is told what became of it.

A submission is mutable and made once per operation on the hot path; the writer keeps
nothing of it after it was published.
"""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from weft.storage.operations import Operation
from weft.storage.outcome import Outcome

__all__ = ["Publish", "Submission", "telling"]


class Submission(msgspec.Struct):
    """An operation on its way, and what its sender needs when it comes back.

    Attributes:
        operation: complete, with ids and time.
        sender: handed back untouched in ``publish``.
        deadline_ns: on the ``time.monotonic_ns`` clock; 0 for none.
        submitted_ns: on the ``time.perf_counter_ns`` clock.
        told: called with what became of it, after ``publish``, on the writer's OS
            thread; must not block. For senders that are no actors.
    """

    operation: Operation
    sender: Any = None
    deadline_ns: int = 0
    submitted_ns: int = 0
    told: Callable[[Outcome], object] | None = None


Publish = Callable[[Sequence[tuple[Submission, Outcome]]], None]
"""Told of a group, after its flush, on the writer's OS thread; must not block."""


def telling(publish: Publish) -> Publish:
    """Return a publish that also tells the senders who left a function for it."""

    def tell(pairs: Sequence[tuple[Submission, Outcome]]) -> None:
        try:
            publish(pairs)
        finally:
            for submission, outcome in pairs:
                if submission.told is not None:
                    submission.told(outcome)

    return tell
