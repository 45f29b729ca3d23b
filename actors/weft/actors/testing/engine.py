"""The engine of a simulation: in memory, and it loses power where it is told to.

Guarantees: what was committed is there after the loss, what was not is not.
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Literal

from weft.storage.memory import MemoryEngine

__all__ = ["CrashPoint", "PowerLoss", "SimEngine"]

CrashPoint = Literal["before", "inside", "after"]
"""Of a commit: before it begins, before it takes effect, before anybody hears of it."""


class PowerLoss(BaseException):
    """The process ends here. Not an Exception: nobody may handle it."""


class SimEngine(MemoryEngine):
    """Trees that outlive the simulated process.

    Attributes:
        crash_point: where the next commit loses power; None for nowhere.
    """

    def __init__(self) -> None:
        super().__init__()
        self.crash_point: CrashPoint | None = None

    @contextmanager
    def write(self) -> Generator[Any]:
        """Open the write transaction; it may be the last of this process."""
        self._lose_power("before")
        with super().write() as transaction:
            yield transaction
            self._lose_power("inside")
        self._lose_power("after")

    def _lose_power(self, point: CrashPoint) -> None:
        if self.crash_point == point:
            self.crash_point = None
            raise PowerLoss
