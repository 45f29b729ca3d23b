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
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Final, NamedTuple, Protocol, TypeVar

import msgspec

from weft.storage import codec
from weft.storage.engine import (
    Engine,
    EngineFull,
    EngineStatistics,
    WriteTransaction,
)
from weft.storage.errors import (
    SessionThreadException,
    StoreFormatError,
    StoreReadOnly,
)
from weft.storage.frontier import Frontier
from weft.storage.group import Group
from weft.storage.keys import log_place, operation_key, place
from weft.storage.memory import MemoryEngine
from weft.storage.operation_log import OperationLog
from weft.storage.operations import Operation, Repair
from weft.storage.outcome import Outcome
from weft.storage.recent import Recent
from weft.storage.records import Counters, OperationRecord
from weft.storage.rules import Applied, decide
from weft.storage.snapshot import Snapshot
from weft.storage.statistics import Histogram, HistogramSnapshot

__all__ = [
    "FORMAT",
    "FORMAT_KEY",
    "MemoryStore",
    "Outcome",
    "Store",
    "TreeStore",
    "clock_us",
]

FORMAT: Final = 1
"""The number of the layout on disk. A store of a higher one is refused."""

FORMAT_KEY: Final = b"format"
"""Where that number lies, in the tree of the store's own facts."""

IN_DOUBT: Final = (
    "Whether it took effect is not known yet: repeat it under its op_id to learn it."
)

_T = TypeVar("_T")


def clock_us() -> int:
    """Return microseconds since the Unix epoch."""
    return time.time_ns() // 1000


class Store(Protocol):
    """Where operations are applied and records are read."""

    def apply(self, operations: Sequence[Operation]) -> list[Outcome]:
        """Apply a group in one durable transaction, on one OS thread at a time."""
        ...

    def read(self) -> AbstractContextManager[Snapshot]:
        """Return a snapshot for the duration of a ``with``, on any OS thread."""
        ...

    def statistics(self) -> "StoreStatistics":
        """Return how full the store is and what it holds."""
        ...

    def close(self) -> None:
        """Give everything back. Closing twice is no error."""


class StoreStatistics(msgspec.Struct, frozen=True):
    """What a store holds.

    Attributes:
        seq: the last applied operation.
        counters: records by kind and status.
        engine: how full the engine is.
        decide_ns: from the first decision of a group to its commit.
        flush_ns: commits, up to the moment they are durable.
    """

    seq: int
    counters: Counters
    engine: EngineStatistics
    decide_ns: HistogramSnapshot = Histogram().snapshot()
    flush_ns: HistogramSnapshot = Histogram().snapshot()


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
        self._recent = Recent()
        self._doubt: _Doubt | None = None
        self._decide_time, self._flush_time = Histogram(), Histogram()
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
            data = transaction.get("M", FORMAT_KEY)
        if data is None:
            self._write(_put_format)
            return
        found = codec.decode("M", FORMAT_KEY, data)
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
    def read(self) -> Generator[Snapshot]:
        """Open a snapshot."""
        with self._engine.read() as transaction:
            yield Snapshot(transaction)

    def apply(self, operations: Sequence[Operation]) -> list[Outcome]:
        """Apply a group in one durable transaction.

        A flush that fails late may have taken effect all the same. The group before
        is then in doubt until the store can be read and written again; an empty group
        asks for just that.

        Args:
            operations: complete, in the order they are to take.

        Returns:
            one outcome for each, in the same order; for an empty group those of a
            group that failed and turned out to have taken effect.

        Raises:
            StoreReadOnly: the disk did not take the group. Nothing was changed, unless
                its details say ``in_doubt``.
            StoreUnavailable: a group is in doubt, and the store cannot be read yet.
        """
        if self._doubt is not None or not operations:
            late = self._settle()
            if not operations:
                if not late:
                    self._confirm()
                return late
        while True:
            if self._unsure:
                self._reload()
            try:
                return self._try(operations)
            except EngineFull:
                self._engine.grow()

    def _try(self, operations: Sequence[Operation]) -> list[Outcome]:
        end, now_us = self._end, self._clock()
        recent, self._recent = self._recent, Recent()
        recent.age()
        outcomes: list[Outcome] = []
        began_ns = time.perf_counter_ns()
        try:
            with self._engine.write() as transaction:
                group = Group(transaction, self._counters, recent, self._threads)
                log = OperationLog(transaction, end, now_us, self._operations)
                outcomes += [_apply(one, group, log) for one in operations]
                group.flush()
                log.flush()
                self._decided(outcomes)
                decided_ns = time.perf_counter_ns()
        except StoreReadOnly as error:
            self._unsure = True
            if not outcomes:
                raise
            self._doubt = _Doubt(end, outcomes)
            return self._resolve(error)
        self._decide_time.observe(decided_ns - began_ns)
        self._flush_time.observe(time.perf_counter_ns() - decided_ns)
        self._end = log.end
        self._counters = group.counters
        self._recent = recent
        return outcomes

    def _decided(self, outcomes: Sequence[Outcome]) -> None:
        """Look at what a group came to, before it is committed; it may still be undone.

        Raises:
            Exception: any; nothing is changed then.
        """

    def _resolve(self, failure: StoreReadOnly) -> list[Outcome]:
        """Return the outcomes of a group whose flush failed, if it took effect."""
        try:
            outcomes = self._settle()
        except SessionThreadException as error:
            failure.details["in_doubt"] = True
            failure.message += f" {IN_DOUBT}"
            raise failure from error
        if not outcomes:
            raise failure
        return outcomes

    def _settle(self) -> list[Outcome]:
        """Learn from the store what became of the group in doubt.

        Returns:
            its outcomes if it took effect; they are durable now.
        """
        doubt = self._doubt
        if doubt is None:
            return []
        self._reload()
        took_effect = self._end != doubt.end_before
        if took_effect:
            self._confirm()
        self._doubt = None
        return doubt.outcomes if took_effect else []

    def _confirm(self) -> None:
        """Make what the store shows durable: a flush of its own, behind it."""
        self._write(_put_format)

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

    def amend(self, change: Callable[[Group, OperationLog], _T]) -> _T:
        """Have something put in that is no operation's doing, such as an import.

        Args:
            change: drafts on the group, and enters in the log if it is to; it may be
                called again after the engine has grown.

        Returns:
            what it returned, durable.

        Raises:
            StoreReadOnly: the disk did not take it; ``apply`` knows what became of it.
        """

        def write(transaction: WriteTransaction) -> _T:
            group = Group(transaction, self._counters, Recent(), self._threads)
            log = OperationLog(transaction, self._end, self._clock(), self._operations)
            result = change(group, log)
            group.flush()
            log.flush()
            return result

        self._recent = Recent()
        try:
            return self._write(write)
        finally:
            self._reload()

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
        return StoreStatistics(
            self.seq,
            self._counters,
            self._engine.statistics(),
            self._decide_time.snapshot(),
            self._flush_time.snapshot(),
        )

    def close(self) -> None:
        """Close the engine."""
        self._engine.close()


class _Doubt(NamedTuple):
    """A group whose flush failed after everything was decided.

    Attributes:
        end_before: of the log, if the group took no effect.
        outcomes: what its senders are to be told if it did.
    """

    end_before: tuple[int, int]
    outcomes: list[Outcome]


def _put_format(transaction: WriteTransaction) -> None:
    item = (FORMAT_KEY, codec.encode("M", FORMAT_KEY, FORMAT))
    transaction.put_many("M", [item])


class MemoryStore(TreeStore):
    """The store in memory: same rules, same answers, gone with the process."""

    def __init__(self, *, clock: Callable[[], int] = clock_us) -> None:
        super().__init__(MemoryEngine(), clock=clock)


def _apply(operation: Operation, group: Group, log: OperationLog) -> Outcome:
    """Decide one operation on top of its group, unless it was decided before."""
    known = log.first_answer(operation)
    if known is not None:
        return known
    if type(operation) is Repair:
        group.forget()  # what it mends is what lies in the trees
    decision = decide(operation, group, log.end[0] + 1)
    if isinstance(decision, Applied):
        group.absorb(decision.draft)
    return log.enter(operation, decision)
