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
from weft.storage.errors import (
    OperationMismatch,
    Refusal,
    SessionThreadException,
    StoreFormatError,
    StoreReadOnly,
)
from weft.storage.group import RECENT_RECORDS_MAX, Group
from weft.storage.keys import Key, log_key, log_place, operation_key, place
from weft.storage.memory import MemoryEngine
from weft.storage.operations import Batch, Operation
from weft.storage.records import NIL, Counters, OperationRecord
from weft.storage.rules import (
    Applied,
    Event,
    Refused,
    decide,
    result_type,
    subjects,
)
from weft.storage.snapshot import Snapshot

__all__ = ["FORMAT", "MemoryStore", "Outcome", "Store", "TreeStore", "clock_us"]

FORMAT: Final = 1
"""The number of the layout on disk. A store of a higher one is refused."""

_T = TypeVar("_T")
_FORMAT_KEY: Final = b"format"
_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.decode


def clock_us() -> int:
    """Return microseconds since the Unix epoch."""
    return time.time_ns() // 1000


class Outcome(msgspec.Struct, gc=False):
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
                    group = Group(transaction, self._counters, recent)
                    work = _Applying(group, self._end, self._clock())
                    outcomes = [work.one(operation) for operation in operations]
                    group.flush()
            except EngineFull:
                self._engine.grow()
            except StoreReadOnly:
                # A flush that failed late may have taken effect all the same.
                self._unsure = True
                raise
            else:
                self._end = work.end
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


class _Applying:
    """One group on its way through the rules."""

    def __init__(self, group: Group, end: tuple[int, int], now_us: int) -> None:
        self.group = group
        self.end = end
        self._now_us = now_us

    def one(self, operation: Operation) -> Outcome:
        group = self.group
        where = group.get(operation_key(operation.op_id))
        if where is not None:
            return _replay(operation, group.get(log_key(where)))
        seq, refusals = self.end
        decision = decide(operation, group, seq + 1)
        if isinstance(decision, Refused):
            self.end = (seq, refusals + 1)
            outcome = Outcome(operation, None, error=decision.error)
        else:
            group.absorb(decision.draft)
            self.end = (seq + 1, 0)
            outcome = Outcome(
                operation, seq + 1, decision.result, events=decision.events
            )
        self._log(operation, decision)
        return outcome

    def _log(self, operation: Operation, decision: Applied | Refused) -> None:
        session_ids, thread_ids = _concerned(operation, decision)
        applied = isinstance(decision, Applied)
        record = OperationRecord(
            op_id=operation.op_id,
            seq=self.end[0] if applied else None,
            kind=operation.kind,
            session_ids=session_ids,
            thread_ids=thread_ids,
            outcome="applied" if applied else "refused",
            error=NIL
            if isinstance(decision, Applied)
            else msgspec.Raw(_encode(Refusal.of(decision.error))),
            duration_us=max(0, self._now_us - operation.at_us),
            at_us=operation.at_us,
            result_raw=msgspec.Raw(_encode(decision.result))
            if isinstance(decision, Applied)
            else NIL,
        )
        where = log_place(*self.end)
        self.group.put(log_key(where), record)
        self.group.put(operation_key(operation.op_id), where)


def _concerned(
    operation: Operation, decision: Applied | Refused
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if isinstance(decision, Refused):
        sessions, threads = subjects(operation)
        return tuple(sessions), tuple(threads)
    sessions_of: dict[str, None] = {}
    threads_of: dict[str, None] = {}
    for event in decision.events:
        sessions_of[event.session_id] = None
        if event.thread is not None:
            threads_of[event.thread.thread_id] = None
    return tuple(sessions_of), tuple(threads_of)


def _replay(operation: Operation, record: OperationRecord) -> Outcome:
    """Return the first answer to an operation that is in the log."""
    if record.kind != operation.kind:
        return _mismatch(operation, f"a {record.kind}, not a {operation.kind}")
    if record.outcome == "refused":
        error = _decode(record.error, type=Refusal).to_error(operation.op_id)
        return Outcome(operation, None, error=error, replayed=True)
    try:
        result = _first_answer(operation, record.result_raw)
    except (ValueError, msgspec.MsgspecError):
        return _mismatch(operation, f"a {record.kind} of other parts")
    return Outcome(operation, record.seq, result, replayed=True)


def _mismatch(operation: Operation, was: str) -> Outcome:
    error = OperationMismatch(
        f"Operation {operation.op_id!r} was {was}.", op_id=operation.op_id
    )
    return Outcome(operation, None, error=error, replayed=True)


def _first_answer(operation: Operation, raw: msgspec.Raw) -> Any:
    if not isinstance(operation, Batch):
        return _decode(raw, type=result_type(operation.kind))
    answers = _decode(raw, type=list[msgspec.Raw])
    return [
        _decode(answer, type=result_type(part.kind))
        for part, answer in zip(operation.parts, answers, strict=True)
    ]
