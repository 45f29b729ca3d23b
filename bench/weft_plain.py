"""Weft's own store without its extras: no operation log, no feed, no actors.

The same records, rules, keys and engine, and the same group commit; operations are not
numbered durably, cannot be repeated by their id, and nobody is told of them. What the
whole runtime costs beyond this is the price of the extras together.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from bench.engine import Reply
from bench.group_commit import Answer, GroupCommit, Item
from bench.weft_store import count_store, create_store, operation_of
from bench.work import Counts, Work, World
from weft.storage.frontier import Frontier
from weft.storage.group import Group
from weft.storage.lmdb import LmdbEngine
from weft.storage.operations import Operation
from weft.storage.recent import Recent
from weft.storage.rules import Applied, decide
from weft.storage.snapshot import Snapshot

__all__ = ["WeftPlain"]


class WeftPlain(GroupCommit):
    """An engine and the rules."""

    def __init__(self, engine: LmdbEngine) -> None:
        self._engine = engine
        with engine.read() as transaction:
            self._threads = Frontier.of(transaction, "T")
            snapshot = Snapshot(transaction)
            self._counters, self._seq = snapshot.counters, snapshot.seq
        self._recent = Recent()
        super().__init__()

    @classmethod
    def create(cls, directory: Path, world: World) -> Self:
        create_store(directory, world).close()
        return cls(LmdbEngine(directory / "store"))

    def prepare(self, work: Work) -> Operation:
        return operation_of(work)

    def commit(self, group: Sequence[Item]) -> list[Answer]:
        self._recent.age()
        with self._engine.write() as transaction:
            draft = Group(transaction, self._counters, self._recent, self._threads)
            answers = [self._decide(draft, *item) for item in group]
            draft.flush()
        self._counters = draft.counters
        return answers

    def _decide(self, draft: Group, operation: Operation, reply: Reply) -> Answer:
        self._seq += 1
        decision = decide(operation, draft, self._seq)
        if isinstance(decision, Applied):
            draft.absorb(decision.draft)
            return reply, None
        return reply, decision.error

    def close_database(self) -> None:
        self._engine.close()

    @classmethod
    def count(cls, directory: Path) -> Counts:
        return count_store(directory)
