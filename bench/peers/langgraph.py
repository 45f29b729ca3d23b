"""LangGraph's checkpoint savers on SQLite: ``put`` and ``aput``.

The savers set WAL themselves and leave SQLite's default of a full flush. A checkpoint
is a state; there is no record of a thread and nothing to move, so this is ``append``
only, without a check that the thread exists. Both savers have one connection under one
lock.
"""

import asyncio
import sqlite3
from pathlib import Path
from typing import Any, ClassVar, Final, Self

from bench.engine import Engine, Reply
from bench.peers.blocking import Blocking, appended, package, state_of
from bench.spec import Kind
from bench.work import Append, Counts, Work, World
from weft.storage import new_id

__all__ = ["LangGraphAsync", "LangGraphSync"]

_DATABASE: Final = "checkpoints.db"
_TIME: Final = "2026-01-01T00:00:00+00:00"


def _arguments(work: Append) -> tuple[Any, ...]:
    """Return config, checkpoint, metadata and versions of a graph's step."""
    checkpoint = {
        "v": 4, "ts": _TIME, "id": new_id(), "channel_values": {"state": work.values},
        "channel_versions": {"state": 1}, "versions_seen": {}, "updated_channels": None,
    }  # fmt: skip
    config = {"configurable": {"thread_id": work.thread_id, "checkpoint_ns": ""}}
    return config, checkpoint, {"source": "loop", "step": 1}, {"state": 1}


def _count(directory: Path) -> Counts:
    database = sqlite3.connect(directory / _DATABASE)
    (states,) = database.execute("SELECT count(*) FROM checkpoints").fetchone()
    database.close()
    return appended(states)


class LangGraphSync(Blocking):
    """``SqliteSaver``, shared by OS threads."""

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self._database = sqlite3.connect(directory / _DATABASE, check_same_thread=False)
        self._saver = package("langgraph.checkpoint.sqlite").SqliteSaver(self._database)
        self._saver.setup()

    @classmethod
    def create(cls, directory: Path, world: World) -> Self:  # noqa: ARG003 - no records
        return cls(directory)

    def work(self, work: Work) -> None:
        self._saver.put(*_arguments(state_of(work)))

    def close(self) -> None:
        self._database.close()

    @classmethod
    def count(cls, directory: Path) -> Counts:
        return _count(directory)


class LangGraphAsync(Engine):
    """``AsyncSqliteSaver``: a saver for each loop, since its lock belongs to one."""

    kinds: ClassVar[tuple[Kind, ...]] = ("asyncio",)

    def __init__(self, directory: Path) -> None:
        self._path = directory / _DATABASE
        self._loop: asyncio.AbstractEventLoop | None = None
        self._saver: Any = None
        self._databases: list[Any] = []
        self._done = 0

    @classmethod
    def create(cls, directory: Path, world: World) -> Self:  # noqa: ARG003 - no records
        return cls(directory)

    async def wait_for(self, work: Work) -> None:
        if self._loop is not asyncio.get_running_loop():
            self._open()
        await self._saver.aput(*_arguments(state_of(work)))
        self._done += 1

    def _open(self) -> None:
        self._loop = asyncio.get_running_loop()
        database = package("aiosqlite").connect(self._path)
        savers = package("langgraph.checkpoint.sqlite.aio")
        self._saver = savers.AsyncSqliteSaver(database)
        self._databases.append(database)

    def submit(self, work: Work, reply: Reply) -> None:
        raise NotImplementedError("It is awaited, or not used.")

    def groups(self) -> tuple[int, int]:
        return self._done, self._done

    def close(self) -> None:
        for database in self._databases:
            asyncio.run(database.close())

    @classmethod
    def count(cls, directory: Path) -> Counts:
        return _count(directory)
