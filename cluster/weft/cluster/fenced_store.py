"""A store that another process has: nothing is read or written through it any more.

It stands where a store has moved and somebody else opened it before its own process
could: what that process still has in its directory is not the truth.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, NoReturn

from weft.cluster.fence import Fenced
from weft.storage.operations import Operation
from weft.storage.snapshot import Snapshot
from weft.storage.store import StoreStatistics

__all__ = ["FencedStore"]


class FencedStore:
    """A store that refuses everything.

    Args:
        words: why.
        last: what it held when it was seen last.
    """

    def __init__(self, words: str, last: StoreStatistics) -> None:
        self._words = words
        self._last = last

    @property
    def fenced(self) -> bool:
        """It is."""
        return True

    @property
    def seq(self) -> int:
        """The last operation that was seen."""
        return self._last.seq

    def _refuse(self) -> NoReturn:
        raise Fenced(self._words)

    def read(self) -> AbstractContextManager[Snapshot]:
        """Refuse.

        Raises:
            Fenced: always.
        """
        self._refuse()

    def apply(self, operations: Sequence[Operation]) -> NoReturn:
        """Refuse.

        Raises:
            Fenced: always.
        """
        del operations
        self._refuse()

    def expire_operations(self, before_us: int, limit: int = 10_000) -> NoReturn:
        """Refuse.

        Raises:
            Fenced: always.
        """
        del before_us, limit
        self._refuse()

    def amend(self, change: Callable[..., Any]) -> NoReturn:
        """Refuse.

        Raises:
            Fenced: always.
        """
        del change
        self._refuse()

    def statistics(self) -> StoreStatistics:
        """Return what it held when it was seen last."""
        return self._last

    def close(self) -> None:
        """There is nothing to close."""
