"""SQLite with group commit: one connection, one writing OS thread."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from bench import relational
from bench.group_commit import Answer, GroupCommit, Item
from bench.work import Counts, Work, World

__all__ = ["SqliteGroup"]


class SqliteGroup(GroupCommit):
    """One connection, one transaction for a group."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        super().__init__()

    @classmethod
    def create(cls, directory: Path, world: World) -> Self:
        return cls(relational.create(directory, world))

    def prepare(self, work: Work) -> relational.Change:
        return relational.change_of(work)

    def commit(self, group: Sequence[Item]) -> list[Answer]:
        database = self._database
        answers: list[Answer] = []
        database.execute("BEGIN IMMEDIATE")
        for change, reply in group:
            try:
                relational.apply(database, change)
            except relational.Refused as error:  # before the first write of it
                answers.append((reply, error))
            else:
                answers.append((reply, None))
        database.execute("COMMIT")
        return answers

    def close_database(self) -> None:
        self._database.close()

    @classmethod
    def count(cls, directory: Path) -> Counts:
        return relational.count(directory)
