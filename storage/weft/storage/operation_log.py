"""The operation log of one commit group: every decision has its place, and is found.

The log answers a repeated operation, applied or refused, with what it was told first.
Applied operations stand at ``(seq, 0)``, refusals behind them at ``(seq, 1)``, ``(seq,
2)`` and so on: they take no number, yet have a place in the one order.

Guarantees: places are taken without a gap; the log grows at its end only.
"""

from typing import Any, Final

import msgspec

from weft.storage.codec import decode, encode
from weft.storage.engine import Item, WriteTransaction
from weft.storage.errors import OperationMismatch, Refusal
from weft.storage.frontier import Frontier
from weft.storage.ids import pack_once
from weft.storage.keys import log_place
from weft.storage.operations import Batch, Operation
from weft.storage.outcome import Outcome
from weft.storage.records import NIL, OperationRecord
from weft.storage.rules import RESULTS, Applied, Refused, subjects

__all__ = ["OperationLog"]

_encode: Final = msgspec.msgpack.Encoder().encode
# Made at import: msgspec 0.22 crashes when a type is decoded for the first time on
# two OS threads at once.
_decode_refusal: Final = msgspec.msgpack.Decoder(Refusal).decode
_decode_answers: Final = msgspec.msgpack.Decoder(list[msgspec.Raw]).decode
_DECODERS: Final[dict[str, msgspec.msgpack.Decoder[Any]]] = {
    kind: msgspec.msgpack.Decoder(answer) for kind, answer in RESULTS.items()
}


class OperationLog:
    """What a group reads of the log and adds to it.

    Args:
        transaction: the group's.
        end: the last place taken: ``seq``, and refusals since it.
        now_us: microseconds since the Unix epoch.
        frontier: of the tree of idempotency keys.

    Attributes:
        end: the last place taken, as the group goes on.
    """

    __slots__ = (
        "_entered",
        "_frontier",
        "_now_us",
        "_packed",
        "_places",
        "_records",
        "_transaction",
        "end",
    )

    def __init__(
        self,
        transaction: WriteTransaction,
        end: tuple[int, int],
        now_us: int,
        frontier: Frontier,
    ) -> None:
        self._transaction = transaction
        self._frontier = frontier
        self._now_us = now_us
        self._entered: dict[str, OperationRecord] = {}
        self._packed: dict[str, bytes] = {}
        self._records: list[Item] = []
        self._places: list[Item] = []
        self.end = end

    def first_answer(self, operation: Operation) -> Outcome | None:
        """Return what an operation was told when it came first, None if it did not."""
        record = self._find(operation.op_id)
        return None if record is None else _replay(operation, record)

    def _find(self, op_id: str) -> OperationRecord | None:
        record = self._entered.get(op_id)
        if record is None:
            raw = self._packed[op_id] = pack_once(op_id)
            if self._frontier.is_before(raw):
                return None
            data = self._transaction.get("O", raw)
            if data is not None:
                where = decode("O", raw, data)
                entry = self._transaction.get("L", where)
                record = None if entry is None else decode("L", where, entry)
        return record

    def enter(self, operation: Operation, decision: Applied | Refused) -> Outcome:
        """Give a decision its place and return what its sender is told."""
        seq, refusals = self.end
        if isinstance(decision, Applied):
            self.end = (seq + 1, 0)
            session_ids, thread_ids = _concerned(decision)
            record = OperationRecord(
                operation.op_id,
                seq + 1,
                operation.kind,
                session_ids,
                thread_ids,
                "applied",
                NIL,
                max(0, self._now_us - operation.at_us),
                operation.at_us,
                msgspec.Raw(_encode(decision.result)),
            )
            outcome = Outcome(
                operation, seq + 1, decision.result, None, decision.events
            )
        else:
            self.end = (seq, refusals + 1)
            sessions, threads = subjects(operation)
            record = OperationRecord(
                operation.op_id,
                None,
                operation.kind,
                tuple(sessions),
                tuple(threads),
                "refused",
                msgspec.Raw(_encode(Refusal.of(decision.error))),
                max(0, self._now_us - operation.at_us),
                operation.at_us,
                NIL,
            )
            outcome = Outcome(operation, None, error=decision.error)
        self._add(record)
        return outcome

    def _add(self, record: OperationRecord) -> None:
        where = log_place(*self.end)
        raw = self._packed.get(record.op_id) or pack_once(record.op_id)
        self._frontier.move_to(raw)
        self._entered[record.op_id] = record
        self._records.append((where, encode("L", where, record)))
        self._places.append((raw, encode("O", raw, where)))

    def flush(self) -> None:
        """Put the group's entries into the trees."""
        self._transaction.put_many("L", self._records)
        self._places.sort()
        self._transaction.put_many("O", self._places)


def _concerned(decision: Applied) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if len(decision.events) == 1:  # mostly
        event = decision.events[0]
        thread_ids = () if event.thread is None else (event.thread.thread_id,)
        return (event.session_id,), thread_ids
    sessions: dict[str, None] = {}
    threads: dict[str, None] = {}
    for event in decision.events:
        sessions[event.session_id] = None
        if event.thread is not None:
            threads[event.thread.thread_id] = None
    return tuple(sessions), tuple(threads)


def _replay(operation: Operation, record: OperationRecord) -> Outcome:
    """Return the first answer to an operation that is in the log."""
    if record.kind != operation.kind:
        return _mismatch(operation, f"a {record.kind}, not a {operation.kind}")
    if record.outcome == "refused":
        error = _decode_refusal(record.error).to_error(operation.op_id)
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
        return _DECODERS[operation.kind].decode(raw)
    answers = _decode_answers(raw)
    return [
        _DECODERS[part.kind].decode(answer)
        for part, answer in zip(operation.parts, answers, strict=True)
    ]
