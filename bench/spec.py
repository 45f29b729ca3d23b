"""What is measured and what came out: the words parent and child process share."""

from typing import Final, Literal

import msgspec

__all__ = [
    "CASES",
    "ENGINES",
    "KINDS",
    "Case",
    "EngineName",
    "Kind",
    "Measurement",
    "Spec",
]

EngineName = Literal["sqlite3", "sqlite-group", "weft-store", "weft"]
Case = Literal["create", "transfer", "append"]
Kind = Literal["threads", "asyncio", "messages"]

ENGINES: Final[tuple[EngineName, ...]] = (
    "sqlite3",
    "sqlite-group",
    "weft-store",
    "weft",
)
CASES: Final[tuple[Case, ...]] = ("create", "transfer", "append")
KINDS: Final[tuple[Kind, ...]] = ("threads", "asyncio", "messages")


class Spec(msgspec.Struct, frozen=True, tag=True):
    """One measurement, made in a process of its own.

    Attributes:
        kind: how a caller waits for its durable answer.
        callers: closed loops at once.
        directory: an empty folder for the data.
    """

    engine: EngineName
    case: Case
    kind: Kind
    callers: int
    seconds: float
    directory: str


class Measurement(msgspec.Struct, frozen=True):
    """What a child process measured.

    Attributes:
        operations: durably answered in the measured window.
        elapsed_s: from the first call to the last answer.
        cpu_s: of all OS threads of the process, system time included.
        group: mean number of operations that shared a flush.
    """

    operations: int
    elapsed_s: float
    cpu_s: float
    p50_us: float
    p99_us: float
    group: float

    @property
    def rate(self) -> float:
        """Operations per second."""
        return self.operations / self.elapsed_s

    @property
    def cpu_us(self) -> float:
        """CPU time of one operation, in microseconds."""
        return self.cpu_s / self.operations * 1e6
