"""What a run and its thread say to each other beside its states and its end.

The rest of the actors' words is in :mod:`weft.actors.messages`.
"""

from typing import Literal, get_args

import msgspec

from weft.actors.future import Future

__all__ = [
    "MODES",
    "Due",
    "Emitted",
    "Mark",
    "Migrated",
    "Mode",
    "Overdue",
    "Pulse",
    "Stepped",
]

Mode = Literal["states", "updates", "custom", "messages", "debug", "parts", "marks"]
"""What a stream shows of a run: its durable states; what changed in them; what its code
emits; the pieces of messages it emits; what becomes of the run itself; what an
integration streams, in its own words; where the run stands in the one order, at first,
and after each state (`Mark`)."""

MODES: tuple[Mode, ...] = get_args(Mode)


class Mark(msgspec.Struct, frozen=True):
    """Where a run stands: what is emitted from here on comes behind it.

    Attributes:
        seq: of the operation that began the attempt, or made its last state.
        attempt: the run's.
        begins: the attempt begins here, so that nothing was emitted before.
        joined: who joined a run that was there is told so: it hears what comes now.
    """

    seq: int
    attempt: int
    begins: bool = False
    joined: bool = False


class Emitted(msgspec.Struct):
    """A run's code has something to tell whoever reads along; to its thread."""

    run_id: str
    attempt: int
    mode: Mode
    encoded: msgspec.Raw


class Stepped(msgspec.Struct):
    """A run's code has executed a step, to be recorded; to its thread.

    Attributes:
        future: told whether this is the first record of the name.
    """

    run_id: str
    attempt: int
    name: str
    encoded: msgspec.Raw
    future: Future[bool]


class Migrated(msgspec.Struct):
    """A workflow's rule made a state of an older version's; to its thread."""

    run_id: str
    attempt: int
    encoded: msgspec.Raw
    workflow_version: str


class Due(msgspec.Struct):
    """A pending run may begin; from a timer to its thread."""


class Overdue(msgspec.Struct):
    """A run's deadline has come; from a timer to its thread."""

    run_id: str


class Pulse(msgspec.Struct):
    """Look whether an attempt is alive; from a timer to its thread.

    Attributes:
        beats: how many heartbeats there were at the last look.
    """

    run_id: str
    attempt: int
    beats: int
