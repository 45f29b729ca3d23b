"""The OpenAI Agents SDK's session on SQLite: ``SQLiteSession.add_items``.

It sets WAL itself and leaves SQLite's default of a full flush. An item is a message of
as many bytes as a state; a session is one conversation and cannot own or move another,
so this is ``append`` only.
"""

import sqlite3
from base64 import b64encode
from pathlib import Path
from typing import Any, ClassVar, Final, Self

from bench.engine import Engine, Reply
from bench.peers.blocking import appended, package, state_of
from bench.spec import Kind
from bench.work import STATE_SIZE_BYTES, Counts, Work, World

__all__ = ["Agents"]

_DATABASE: Final = "agents.db"

_SESSIONS: Final = 8
"""Each keeps a connection per OS thread of the loop's pool, and descriptors with it."""


class Agents(Engine):
    """Sessions in one database, which is what they are for."""

    kinds: ClassVar[tuple[Kind, ...]] = ("asyncio",)

    def __init__(self, directory: Path, world: World) -> None:
        session = package("agents.memory").SQLiteSession
        path = directory / _DATABASE
        self._sessions: list[Any] = [
            session(f"session-{n}", path) for n in range(_SESSIONS)
        ]
        self._place = {found[0]: n % _SESSIONS for n, found in enumerate(world.threads)}
        self._done = 0

    @classmethod
    def create(cls, directory: Path, world: World) -> Self:
        return cls(directory, world)

    async def wait_for(self, work: Work) -> None:
        state = state_of(work)
        text = b64encode(state.values)[:STATE_SIZE_BYTES].decode()
        session = self._sessions[self._place[state.thread_id]]
        await session.add_items([{"role": "user", "content": text}])
        self._done += 1

    def submit(self, work: Work, reply: Reply) -> None:
        raise NotImplementedError("It is awaited, or not used.")

    def groups(self) -> tuple[int, int]:
        return self._done, self._done

    def close(self) -> None:
        for session in self._sessions:
            session.close()

    @classmethod
    def count(cls, directory: Path) -> Counts:
        database = sqlite3.connect(directory / _DATABASE)
        (states,) = database.execute("SELECT count(*) FROM agent_messages").fetchone()
        database.close()
        return appended(states)
