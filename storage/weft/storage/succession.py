"""A store whose callers can be led on to another one.

Writer, queries, feed and savers hold on to the store that they were given. When its
trees have moved, the store answers through its successor, and nobody has to be told.

Guarantees:
    * a group that was waiting to be written when the store moved is applied by the
      successor, as it stands;
    * what became of a group in doubt is still told: it was seen by who copied the trees
      or not, and what was seen is durable in the successor.

Not here: how the trees come to the successor, and when that is decided.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from typing import Protocol, TypeVar

from weft.storage.departure import StoreGone
from weft.storage.group import Group
from weft.storage.operation_log import OperationLog
from weft.storage.operations import Operation
from weft.storage.outcome import Outcome
from weft.storage.snapshot import Snapshot
from weft.storage.store import Store, StoreStatistics, TreeStore

__all__ = ["Succession", "Successor"]

_T = TypeVar("_T")


class Successor(Store, Protocol):
    """What a store may go on as."""

    @property
    def seq(self) -> int:
        """The number of the last applied operation."""
        ...

    def expire_operations(self, before_us: int, limit: int = 10_000) -> int:
        """Forget log entries: see :meth:`TreeStore.expire_operations`."""
        ...

    def amend(self, change: Callable[[Group, OperationLog], _T]) -> _T:
        """Have something put in: see :meth:`TreeStore.amend`."""
        ...


class Succession(TreeStore):
    """A store that goes on as another one, once it has been given a successor."""

    _successor: Successor | None = None

    @property
    def successor(self) -> Successor | None:
        """What answers in its place; None while it does so itself."""
        return self._successor

    @property
    def seq(self) -> int:
        """The number of the last applied operation."""
        return self._end[0] if self._successor is None else self._successor.seq

    @property
    def fenced(self) -> bool:
        """Whether another process has the successor now; for good."""
        return bool(getattr(self._successor, "fenced", False))

    def read(self) -> AbstractContextManager[Snapshot]:  # type: ignore[override]
        """Open a snapshot."""
        successor = self._successor
        return super().read() if successor is None else successor.read()

    def apply(self, operations: Sequence[Operation]) -> list[Outcome]:
        """Apply a group in one durable transaction: see :meth:`TreeStore.apply`."""
        if self._successor is None or self._doubt is not None:
            with suppress(StoreGone):
                return super().apply(operations)
        return self._heir().apply(operations)

    def _confirm(self) -> None:
        with suppress(StoreGone):  # what was seen here is durable there
            super()._confirm()

    def expire_operations(self, before_us: int, limit: int = 10_000) -> int:
        """Forget log entries: see :meth:`TreeStore.expire_operations`."""
        with suppress(StoreGone):
            if self._successor is None:
                return super().expire_operations(before_us, limit)
        return self._heir().expire_operations(before_us, limit)

    def amend(self, change: Callable[[Group, OperationLog], _T]) -> _T:
        """Have something put in that is no operation's doing."""
        with suppress(StoreGone):
            if self._successor is None:
                return super().amend(change)
        return self._heir().amend(change)

    def statistics(self) -> StoreStatistics:
        """Return how full the store is and what it holds."""
        successor = self._successor
        return super().statistics() if successor is None else successor.statistics()

    def _heir(self) -> Successor:
        successor = self._successor
        assert successor is not None  # noqa: S101 - the engine says that there is one
        return successor
