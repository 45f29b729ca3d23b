"""SQLite as most people use it: one transaction, one flush, for each operation.

Callers are OS threads that share a connection under a lock. More connections change
nothing: SQLite has one writer at a time, and they would poll for their turn.
"""

import sqlite3
from pathlib import Path
from threading import Lock
from typing import ClassVar, Self

from bench import relational
from bench.engine import ANSWER_TIMEOUT_S, Engine, Reply
from bench.spec import Kind
from bench.work import Counts, Work, World

__all__ = ["SqliteSingle"]


class SqliteSingle(Engine):
    """One connection, one lock."""

    kinds: ClassVar[tuple[Kind, ...]] = ("threads",)

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._lock = Lock()
        self._commits = 0

    @classmethod
    def create(cls, directory: Path, world: World) -> Self:
        return cls(relational.create(directory, world))

    def call(self, work: Work) -> None:
        change = relational.change_of(work)
        database = self._database
        if not self._lock.acquire(timeout=ANSWER_TIMEOUT_S):
            raise TimeoutError(f"no turn for {work} in {ANSWER_TIMEOUT_S} s")
        try:
            database.execute("BEGIN IMMEDIATE")
            try:
                relational.apply(database, change)
            except relational.Refused:
                database.execute("ROLLBACK")
                raise
            database.execute("COMMIT")
            self._commits += 1
        finally:
            self._lock.release()

    def submit(self, work: Work, reply: Reply) -> None:
        raise NotImplementedError("SQLite calls block: there is nothing to submit to.")

    def groups(self) -> tuple[int, int]:
        return self._commits, self._commits

    def close(self) -> None:
        self._database.close()

    @classmethod
    def count(cls, directory: Path) -> Counts:
        return relational.count(directory)
