"""The store: operations in groups, each group one transaction, each operation one seq.

Write path of a group: for each operation look its ``op_id`` up in the log (a repeated
one gets its first answer), let the rules decide on top of what the group did so far,
enter it in the log, refused or applied; then put everything sorted, and commit.

Guarantees (when ``apply`` returns, on an engine that keeps its own):
    * every answer is durable; a group is whole or not there;
    * applied operations are numbered without a gap, in the order of the group;
    * an ``op_id`` in the log is answered from the log, applied or refused.

Not here: gathering groups and telling sessions (:mod:`weft.storage.writer`).
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final, Protocol, TypeVar

import msgspec

from weft.storage import codec
from weft.storage.engine import (
    Engine,
    EngineFull,
    EngineStatistics,
    WriteTransaction,
)
from weft.storage.errors import StoreFormatError, StoreReadOnly
from weft.storage.frontier import Frontier
from weft.storage.group import RECENT_RECORDS_MAX, Group
from weft.storage.keys import Key, log_place, operation_key, place
from weft.storage.memory import MemoryEngine
from weft.storage.operation_log import OperationLog
from weft.storage.operations import Operation
from weft.storage.outcome import Outcome
from weft.storage.records import Counters, OperationRecord
from weft.storage.rules import Applied, decide
from weft.storage.snapshot import Snapshot

__all__ = ["FORMAT", "MemoryStore", "Outcome", "Store", "TreeStore", "clock_us"]

FORMAT: Final = 1
"""The number of the layout on disk. A store of a higher one is refused."""

_T = TypeVar("_T")
_FORMAT_KEY: Final = b"format"


def clock_us() -> int:
    """Return microseconds since the Unix epoch."""
    return time.time_ns() // 1000


class Store(Protocol):
    """Where operations are applied and records are read."""

    def apply(self, operations: Sequence[Operation]) -> list[Outcome]:
        """Apply a group in one durable transaction, on one OS thread at a time."""

    def read(self) -> AbstractContextManager[Snapshot]:
        """Return a snapshot for the duration of a ``with``, on any OS thread."""

    def statistics(self) -> "StoreStatistics":
        """Return how full the store is and what it holds."""

    def close(self) -> None:
        """Give everything back. Closing twice is no error."""


class StoreStatistics(msgspec.Struct, frozen=True):
    """What a store holds.

    Attributes:
        seq: the last applied operation.
        counters: records by kind and status.
        engine: how full the engine is.
    """

    seq: int
    counters: Counters
    engine: EngineStatistics


class TreeStore:
    """A store on an engine of ordered trees.

    Args:
        engine: where the trees are; the store closes it.
        clock: microseconds since the Unix epoch.

    Raises:
        StoreFormatError: the trees were written by a newer format.
    """

    def __init__(self, engine: Engine, *, clock: Callable[[], int] = clock_us) -> None:
        self._engine = engine
        self._clock = clock
        self._check_format()
        self._recent: dict[Key, Any] = {}
        self._reload()

    def _reload(self) -> None:
        with self.read() as snapshot:
            self._end = snapshot.log_end
            self._counters = snapshot.counters
        with self._engine.read() as transaction:
            self._threads = Frontier.of(transaction, "T")
            self._operations = Frontier.of(transaction, "O")
        self._unsure = False

    def _check_format(self) -> None:
        with self._engine.read() as transaction:
            data = transaction.get("M", _FORMAT_KEY)
        if data is None:
            item = (_FORMAT_KEY, codec.encode(_FORMAT_KEY, FORMAT))
            self._write(lambda writing: writing.put_many("M", [item]))
            return
        found = codec.decode("M", _FORMAT_KEY, data)
        if found > FORMAT:
            raise StoreFormatError(
                f"The store has format {found}; this version reads up to {FORMAT}.",
                details={"format": found, "format_max": FORMAT},
            )

    @property
    def seq(self) -> int:
        """The number of the last applied operation."""
        return self._end[0]

    @contextmanager
    def read(self) -> Iterator[Snapshot]:
        """Open a snapshot."""
        with self._engine.read() as transaction:
            yield Snapshot(transaction)

    def apply(self, operations: Sequence[Operation]) -> list[Outcome]:
        """Apply a group in one durable transaction.

        Args:
            operations: complete, in the order they are to take.

        Returns:
            one outcome for each, in the same order.

        Raises:
            StoreReadOnly: the disk did not take the group; nothing was changed.
        """
        while True:
            if self._unsure:
                self._reload()
            recent, self._recent = self._recent, {}
            if len(recent) > RECENT_RECORDS_MAX:
                recent.clear()
            try:
                with self._engine.write() as transaction:
                    group = Group(transaction, self._counters, recent, self._threads)
                    log = OperationLog(
                        transaction, self._end, self._clock(), self._operations
                    )
                    outcomes = [_apply(one, group, log) for one in operations]
                    group.flush()
                    log.flush()
            except EngineFull:
                self._engine.grow()
            except StoreReadOnly:
                # A flush that failed late may have taken effect all the same.
                self._unsure = True
                raise
            else:
                self._end = log.end
                self._counters = group.counters
                self._recent = recent
                return outcomes

    def expire_operations(self, before_us: int, limit: int = 10_000) -> int:
        """Forget log entries, and with them the answers to repeated operations.

        The newest entry stays: it is where ``seq`` goes on from.

        Args:
            before_us: entries accepted before this time, microseconds since the epoch.
            limit: how many at the most, so that the writer is not held up.

        Returns:
            how many were forgotten; call again while it is ``limit``.
        """
        return self._write(lambda writing: self._expire(writing, before_us, limit))

    def _expire(self, transaction: WriteTransaction, before_us: int, limit: int) -> int:
        old: list[tuple[bytes, OperationRecord]] = []
        for key, data in transaction.scan("L"):
            record = codec.decode("L", key, data)
            if record.at_us >= before_us or len(old) == limit:
                break
            old.append((key, record))
        if old and old[-1][0] == log_place(*self._end):
            old.pop()
        for key, record in old:
            transaction.delete("L", key)
            transaction.delete(*place(operation_key(record.op_id)))
        return len(old)

    def _write(self, change: Callable[[WriteTransaction], _T]) -> _T:
        """Make a change in a transaction of its own, growing the engine if it must."""
        while True:
            try:
                with self._engine.write() as transaction:
                    self._unsure = True  # what is remembered of the trees may be old
                    return change(transaction)
            except EngineFull:
                self._engine.grow()

    def statistics(self) -> StoreStatistics:
        """Return how full the store is and what it holds."""
        return StoreStatistics(self.seq, self._counters, self._engine.statistics())

    def close(self) -> None:
        """Close the engine."""
        self._engine.close()


class MemoryStore(TreeStore):
    """The store in memory: same rules, same answers, gone with the process."""

    def __init__(self, *, clock: Callable[[], int] = clock_us) -> None:
        super().__init__(MemoryEngine(), clock=clock)


def _apply(operation: Operation, group: Group, log: OperationLog) -> Outcome:
    """Decide one operation on top of its group, unless it was decided before."""
    known = log.first_answer(operation)
    if known is not None:
        return known
    decision = decide(operation, group, log.end[0] + 1)
    if isinstance(decision, Applied):
        group.absorb(decision.draft)
    return log.enter(operation, decision)
