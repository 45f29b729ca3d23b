"""Using a store without a writer: operations completed, outcomes judged.

A `Client` gives each operation an `op_id` and a time that grow by one, so a test can
say what it means and a run of it is the same every time. `dump` is the whole content
of a store as bytes.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from msgspec.structs import replace

from weft.storage import MemoryStore
from weft.storage.errors import SessionThreadException
from weft.storage.keys import TREES
from weft.storage.operations import Operation
from weft.storage.snapshot import Snapshot
from weft.storage.store import Outcome, TreeStore

LOG_TREES = frozenset({"L", "O"})

START_US = 4_000_000_000_000_000
"""In the year 2096: an operation accepted in the future has taken no time (its
`duration_us` is 0), so two stores with clocks of their own write the same bytes."""

T = TypeVar("T")
Dump = dict[str, list[tuple[bytes, bytes]]]


def dump(store: TreeStore, *, log: bool = True) -> Dump:
    """Return every key and value of a store, by tree; the log only if asked for."""
    with store._engine.read() as transaction:
        return {
            tree: list(transaction.scan(tree))
            for tree in TREES
            if log or tree not in LOG_TREES
        }


def in_memory() -> TreeStore:
    """Return a store in memory: that both kinds hold the same is proved elsewhere."""
    return MemoryStore()


def answer(outcome: Outcome) -> tuple[Any, ...]:
    """Return what a caller learns: number, result, or the error with its data."""
    error = outcome.error
    if error is None:
        return outcome.seq, outcome.result, None
    place = (error.op_id, error.session_id, error.thread_id)
    told = (type(error), str(error), *place, error.details)
    return outcome.seq, outcome.result, told


class Client:
    """Applies operations to a store; a group of one unless given together."""

    def __init__(self, store: TreeStore) -> None:
        self.store = store
        self.number = 0

    def complete(self, operation: Operation) -> Operation:
        """Return the operation with an id and a time, as admission would."""
        self.number += 1
        return replace(
            operation,
            op_id=operation.op_id or f"op-{self.number}",
            at_us=operation.at_us or START_US + self.number,
        )

    def group(self, *operations: Operation) -> list[Outcome]:
        """Apply operations as one commit group."""
        return self.store.apply([self.complete(operation) for operation in operations])

    def outcome(self, operation: Operation) -> Outcome:
        """Apply one operation."""
        (outcome,) = self.group(operation)
        return outcome

    def do(self, operation: Operation) -> Any:
        """Return the answer to an operation that must be applied."""
        outcome = self.outcome(operation)
        assert outcome.error is None, outcome.error
        return outcome.result

    def refuse(self, operation: Operation) -> SessionThreadException:
        """Return the error of an operation that must be refused without a trace."""
        before = dump(self.store, log=False)
        seq = self.store.seq
        outcome = self.outcome(operation)
        assert (None, None, ()) == (outcome.seq, outcome.result, outcome.events)
        assert before == dump(self.store, log=False)
        assert seq == self.store.seq
        assert outcome.error is not None
        assert outcome.operation.op_id == outcome.error.op_id
        return outcome.error

    def see(self, look: Callable[[Snapshot], T]) -> T:
        """Return what a look at a fresh snapshot shows."""
        with self.store.read() as snapshot:
            return look(snapshot)
