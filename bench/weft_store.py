"""Weft's store without its actors: operations, rules, log, group commit.

Callers submit to the writer and are answered from ``publish``, on the writer's OS
thread. The difference to the whole runtime is what the actors cost.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from bench.engine import Engine, Reply
from bench.work import CONFIG, Append, Counts, Create, Transfer, Work, World
from weft.storage import (
    AppendState,
    CreateSession,
    CreateThreads,
    LmdbStore,
    NewThread,
    Operation,
    Outcome,
    Submission,
    TransferThreads,
    Writer,
    WriterStatistics,
    new_id,
)
from weft.storage.operations import encode_mapping, encode_value
from weft.storage.store import clock_us

__all__ = ["WeftStore", "count_store", "create_store", "groups_of", "operation_of"]


class WeftStore(Engine):
    """A store and its writer."""

    def __init__(self, store: LmdbStore) -> None:
        self._store = store
        self._writer = Writer(store, _answer)
        self._writer.start()

    @classmethod
    def create(cls, directory: Path, world: World) -> Self:
        return cls(create_store(directory, world))

    def submit(self, work: Work, reply: Reply) -> None:
        self._writer.submit(Submission(operation_of(work), reply))

    def groups(self) -> tuple[int, int]:
        return groups_of(self._writer.statistics())

    def close(self) -> None:
        self._writer.close()
        self._store.close()

    @classmethod
    def count(cls, directory: Path) -> Counts:
        return count_store(directory)


def _answer(pairs: Sequence[tuple[Submission, Outcome]]) -> None:
    for submission, outcome in pairs:
        submission.sender(outcome.error)


def operation_of(work: Work) -> Operation:
    """Return the operation that does the work."""
    match work:
        case Create(session_id, name):
            config = encode_mapping(CONFIG, "config")
            return CreateThreads(
                op_id=new_id(),
                at_us=clock_us(),
                session_id=session_id,
                threads=(NewThread(new_id(), name, config=config),),
            )
        case Transfer(thread_id, here, there):
            return TransferThreads(
                op_id=new_id(),
                at_us=clock_us(),
                thread_ids=(thread_id,),
                from_session_id=here,
                to_session_id=there,
            )
        case Append(thread_id, _, values):
            return AppendState(
                op_id=new_id(),
                at_us=clock_us(),
                thread_id=thread_id,
                state_id=new_id(),
                values=encode_value(values),
            )


def create_store(directory: Path, world: World) -> LmdbStore:
    """Make a store that holds the world."""
    store = LmdbStore(directory)
    sessions = [CreateSession(op_id=new_id(), session_id=s) for s in world.session_ids]
    threads = [
        CreateThreads(
            op_id=new_id(), session_id=session_id, threads=(NewThread(thread_id, name),)
        )
        for thread_id, session_id, name in world.threads
    ]
    for outcome in store.apply([*sessions, *threads]):
        if outcome.error is not None:
            raise outcome.error
    return store


def count_store(directory: Path) -> Counts:
    """Count what a store holds: each thread as its owner's name index finds it."""
    store = LmdbStore(directory)
    threads = revisions = states = 0
    with store.read() as snapshot:
        for session in snapshot.sessions():
            for thread in snapshot.threads(session.session_id):
                if thread.session_id == session.session_id:
                    threads += 1
                    revisions += thread.rev
        states = sum(1 for _ in snapshot.entries("X"))
    store.close()
    return Counts(threads, revisions - threads, states)


def groups_of(statistics: WriterStatistics) -> tuple[int, int]:
    """Return the writer's groups, and operations in them."""
    sizes = statistics.group_operations
    return sizes.count, sizes.total
