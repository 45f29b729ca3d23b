"""What is measured and what came out: the words parent and child process share."""

from typing import Final, Literal, get_args

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
    "fits",
]

EngineName = Literal[
    "sqlite3",
    "sqlite-group",
    "lmdb-group",
    "weft-plain",
    "weft-store",
    "weft",
    "weft-one-core",
    "suspended",
    "sqlalchemy",
    "langgraph",
    "langgraph-async",
    "openai-agents",
    "dbos",
    "postgres",
]
Case = Literal["create", "transfer", "append", "hot"]
Kind = Literal["threads", "asyncio", "messages"]

ENGINES: Final[tuple[EngineName, ...]] = get_args(EngineName)
CASES: Final[tuple[Case, ...]] = ("create", "transfer", "append", "hot")
KINDS: Final[tuple[Kind, ...]] = ("threads", "asyncio", "messages")

_KINDS_OF: Final[dict[EngineName, tuple[Kind, ...]]] = {
    "sqlite3": ("threads",),  # its calls block
    "lmdb-group": ("threads", "asyncio"),
    "weft-plain": ("messages",),  # where the difference to the runtime is largest
    "weft-one-core": ("threads",),  # the others are as fast without it
}
"""The kinds of callers an engine is measured with, where that is not all of them."""


def fits(engine: EngineName, case: Case, kind: Kind) -> bool:
    """Return whether an engine is measured in a case, with callers of a kind."""
    if case == "hot":
        return engine in {"weft", "suspended"} and kind == "messages"
    return engine != "suspended" and kind in _KINDS_OF.get(engine, KINDS)


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
        quantiles_us: latencies, from the lowest to the highest in hundredths.
    """

    operations: int
    elapsed_s: float
    cpu_s: float
    p50_us: float
    p99_us: float
    group: float
    quantiles_us: tuple[float, ...] = ()

    @property
    def rate(self) -> float:
        """Operations per second."""
        return self.operations / self.elapsed_s

    @property
    def cpu_us(self) -> float:
        """CPU time of one operation, in microseconds."""
        return self.cpu_s / self.operations * 1e6
