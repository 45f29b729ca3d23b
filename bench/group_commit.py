"""Group commit: what a capable team would write in an afternoon, for any database.

One OS thread owns the connection, takes all that waits, and answers after the commit.
It gathers by the same rule and the same constants as Weft's writer.
"""

import time
from abc import abstractmethod
from collections.abc import Sequence
from queue import SimpleQueue
from threading import Thread
from typing import Any

from bench.engine import ANSWER_TIMEOUT_S, Engine, Reply
from bench.work import Work
from weft.storage.writer import (
    GATHER_MAX_S,
    GATHER_PAUSE_S,
    GATHER_SHARE,
    GROUP_OPERATIONS_MAX,
)

__all__ = ["Answer", "GroupCommit", "Item"]

Item = tuple[Any, Reply]
Answer = tuple[Reply, BaseException | None]


class GroupCommit(Engine):
    """One writing OS thread, one commit for a group."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[Item | None] = SimpleQueue()
        self._answered = 0
        self._last_commit_s = 0.0
        self._commits = self._operations = 0
        self._os_thread = Thread(target=self._run, name="group-writer")
        self._os_thread.start()

    @abstractmethod
    def prepare(self, work: Work) -> Any:
        """Return a change of the database, made on the caller's side."""

    @abstractmethod
    def commit(self, group: Sequence[Item]) -> list[Answer]:
        """Make a group of changes durable in one transaction."""

    @abstractmethod
    def close_database(self) -> None:
        """Close what is written to; nothing is under way."""

    def submit(self, work: Work, reply: Reply) -> None:
        self._queue.put((self.prepare(work), reply))

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            group = self._gather(first)
            started_s = time.perf_counter()
            answers = self.commit(group)
            self._last_commit_s = time.perf_counter() - started_s
            self._commits += 1
            self._operations += len(group)
            waiting = self._queue.qsize()
            self._answered = len(group) + waiting if len(group) > 1 else 0
            for reply, error in answers:
                reply(error)

    def _gather(self, first: Item) -> list[Item]:
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

    def groups(self) -> tuple[int, int]:
        return self._commits, self._operations

    def close(self) -> None:
        self._queue.put(None)
        self._os_thread.join(ANSWER_TIMEOUT_S)
        self.close_database()
