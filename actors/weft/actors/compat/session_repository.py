"""Sessions and threads as the original's repositories returned them."""

import asyncio
from datetime import datetime
from typing import Any, Final, Self

import msgspec

from weft.actors.compat.part import Part, apart
from weft.storage import Session, SessionNotFound, State, Thread, ThreadNotFound

__all__ = [
    "SessionCore",
    "SessionRecord",
    "SessionRepository",
    "ThreadRecord",
    "ThreadRepository",
]

PAGE: Final = 1000
"""Sessions read at a time: a read transaction of some milliseconds."""


class SessionRecord(msgspec.Struct, frozen=True):
    """A session and the threads on its list.

    Attributes:
        threads: thread id by name.
    """

    session_id: str
    user_id: str | None
    status: str
    metadata: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    threads: dict[str, str]

    @classmethod
    def of(cls, session: Session, threads: list[Thread]) -> Self:
        """Return what is stored as the original had it."""
        return cls(
            session.session_id,
            session.user_id,
            session.status,
            session.metadata,
            session.created_at,
            session.updated_at,
            {thread.thread_name: thread.thread_id for thread in threads},
        )

    @property
    def thread_ids(self) -> list[str]:
        """The threads' ids."""
        return list(self.threads.values())

    def to_dict(self) -> dict[str, Any]:
        """Return the fields and ``thread_ids``; times in ISO 8601."""
        fields: dict[str, Any] = msgspec.to_builtins(self)
        return fields | {"thread_ids": self.thread_ids}


class ThreadRecord(msgspec.Struct, frozen=True):
    """A thread.

    Attributes:
        metadata: the caller's data, and ``name`` unless the caller has one in it.
        state: the last durable state, None before the first.
    """

    thread_id: str
    session_id: str
    thread_name: str
    status: str
    config: dict[str, Any]
    metadata: dict[str, Any]
    created_at: datetime
    updated_at: datetime
    state: Any = None

    @classmethod
    def of(cls, thread: Thread, state: State | None) -> Self:
        """Return what is stored as the original had it."""
        return cls(
            thread.thread_id,
            thread.session_id,
            thread.thread_name,
            thread.status,
            thread.config,
            {"name": thread.thread_name} | thread.metadata,
            thread.created_at,
            thread.updated_at,
            None if state is None else state.values,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the fields; times in ISO 8601."""
        fields: dict[str, Any] = msgspec.to_builtins(self)
        return fields


class SessionCore(Part):
    """Begins and ends sessions."""

    async def create_session(
        self,
        session_id: str | None = None,
        *,
        user_id: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> str:
        """Create a session, and return its id."""
        session = await self._operations.create_session(
            session_id, user_id=user_id, metadata=metadata
        )
        return session.session_id

    async def close_session(self, session_id: str) -> bool:
        """Close a session; its threads are removed."""
        session = await self._operations.close_session(session_id)
        return session.status == "closed"


class SessionRepository(Part):
    """Reads sessions."""

    async def get(self, session_id: str) -> SessionRecord | None:
        """Return a session, None if there is none of this id."""
        operations = self._operations
        try:
            session = await operations.get_session(session_id)
        except SessionNotFound:
            return None
        threads = await apart(lambda: operations.list_threads(session_id))
        return SessionRecord.of(session, threads)

    async def list_all(self) -> list[SessionRecord]:
        """Return all sessions."""
        found: list[SessionRecord] = []
        while True:
            after = found[-1].session_id if found else None
            page = await asyncio.to_thread(self._page, after)
            found += page
            if len(page) < PAGE:
                return found

    def _page(self, after: str | None) -> list[SessionRecord]:
        operations = self._operations
        sessions = operations.list_sessions(cursor=after, limit=PAGE).get()
        return [
            SessionRecord.of(one, operations.list_threads(one.session_id).get())
            for one in sessions
        ]


class ThreadRepository(Part):
    """Reads threads."""

    async def get(self, thread_id: str) -> ThreadRecord | None:
        """Return a live thread, None if there is none of this id."""
        try:
            thread = await self._operations.get_thread(thread_id)
            state = await self._operations.get_thread_state(thread_id)
        except ThreadNotFound:
            return None
        return ThreadRecord.of(thread, state)
