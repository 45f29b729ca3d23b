"""SQLite with group commit: what a capable team would write in an afternoon.

One OS thread owns the connection, takes all that waits, and answers after the commit.
It gathers by the same rule and the same constants as Weft's writer.
"""

import sqlite3
import time
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Self

from bench import relational
from bench.engine import ANSWER_TIMEOUT_S, Engine, Reply
from bench.work import Counts, Work, World
from weft.storage.writer import (
    GATHER_MAX_S,
    GATHER_PAUSE_S,
    GATHER_SHARE,
    GROUP_OPERATIONS_MAX,
)

__all__ = ["SqliteGroup"]

_Item = tuple[relational.Change, Reply]


class SqliteGroup(Engine):
    """One connection, one writing OS thread, one commit for a group."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._queue: SimpleQueue[_Item | None] = SimpleQueue()
        self._answered = 0
        self._last_commit_s = 0.0
        self._commits = self._operations = 0
        self._os_thread = Thread(target=self._run, name="sqlite-writer")
        self._os_thread.start()

    @classmethod
    def create(cls, directory: Path, world: World) -> Self:
        return cls(relational.create(directory, world))

    def submit(self, work: Work, reply: Reply) -> None:
        self._queue.put((relational.change_of(work), reply))

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            group = self._gather(first)
            started_s = time.perf_counter()
            answers = self._commit(group)
            self._last_commit_s = time.perf_counter() - started_s
            waiting = self._queue.qsize()
            self._answered = len(group) + waiting if len(group) > 1 else 0
            for reply, error in answers:
                reply(error)

    def _gather(self, first: _Item) -> list[_Item]:
        queue, expected = self._queue, self._answered
        waiting = queue.qsize() + 1
        budget_s = min(self._last_commit_s * GATHER_SHARE, GATHER_MAX_S)
        deadline_s = time.perf_counter() + budget_s
        while waiting < expected and time.perf_counter() < deadline_s:
            time.sleep(GATHER_PAUSE_S)
            before, waiting = waiting, queue.qsize() + 1
            if waiting == before:
                break
        group = [first]
        for _ in range(min(waiting, GROUP_OPERATIONS_MAX) - 1):
            item = queue.get_nowait()
            if item is None:
                queue.put(None)  # the end comes after those who were before it
            else:
                group.append(item)
        return group

    def _commit(self, group: list[_Item]) -> list[tuple[Reply, BaseException | None]]:
        database = self._database
        answers: list[tuple[Reply, BaseException | None]] = []
        database.execute("BEGIN IMMEDIATE")
        for change, reply in group:
            try:
                relational.apply(database, change)
            except relational.Refused as error:  # before the first write of it
                answers.append((reply, error))
            else:
                answers.append((reply, None))
        database.execute("COMMIT")
        self._commits += 1
        self._operations += len(group)
        return answers

    def groups(self) -> tuple[int, int]:
        return self._commits, self._operations

    def close(self) -> None:
        self._queue.put(None)
        self._os_thread.join(ANSWER_TIMEOUT_S)
        self._database.close()

    @classmethod
    def count(cls, directory: Path) -> Counts:
        return relational.count(directory)
