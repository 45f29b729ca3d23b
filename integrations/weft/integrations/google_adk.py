"""The sessions of Google's Agent Development Kit on Weft threads.

::

    service = WeftSessionService(runtime)
    runner = Runner(agent=agent, app_name="shop", session_service=service)

What ADK calls a session, a conversation of one user with one app, is a thread here: its
name is ADK's session id, and its owner is the session of that user in that app. Each
event is a state, with the conversation's state after it. What ADK keeps for a user and
for an app (``user:`` and ``app:``) lies on threads of the app's own session.

Guarantees:
    * an event that was appended is fsynced, with all that it changes for the
      conversation, the user and the app, or nothing of it is there;
    * events appended at the same time are all kept, in one order, and so is what they
      change; an event that is delivered again is appended once;
    * ``temp:`` is never stored.

Not here: artifacts and long-term memory, which are services of their own in ADK.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from typing import Any

import msgspec
from google.adk.errors.already_exists_error import AlreadyExistsError
from google.adk.errors.session_not_found_error import SessionNotFoundError
from google.adk.events import Event
from google.adk.sessions import BaseSessionService, Session, State
from google.adk.sessions.base_session_service import (
    GetSessionConfig,
    ListSessionsResponse,
)
from pydantic_core import to_jsonable_python

from weft.integrations.desk import TIMEOUT_S, Desk, stamp
from weft.integrations.google_adk_layout import (
    Change,
    Node,
    Where,
    append,
    begin,
    by_scope,
    events_of,
    kept,
    last_of,
    next_attempt,
    scoped,
    told,
    users_of,
)
from weft.storage import (
    Batch,
    CreateSession,
    NameTaken,
    RemoveThreads,
    Snapshot,
    StaleRevision,
    Store,
    ThreadNotFound,
    new_id,
)

__all__ = ["WeftSessionService"]


class WeftSessionService(BaseSessionService):
    """Keeps ADK's sessions in a Weft store.

    Args:
        store: a runtime, or an open store; it stays open.
        timeout_s: how long a change may take, in seconds.
    """

    def __init__(self, store: Store | Any, *, timeout_s: float = TIMEOUT_S) -> None:
        self._desk = Desk(getattr(store, "store", store), timeout_s)

    async def create_session(
        self,
        *,
        app_name: str,
        user_id: str,
        state: dict[str, Any] | None = None,
        session_id: str | None = None,
    ) -> Session:
        """Create a session; its id is generated if there is none.

        Raises:
            AlreadyExistsError: the user has one of this id in the app.
        """
        where = Where(app_name, user_id, (session_id or "").strip() or new_id())
        changed = by_scope(to_jsonable_python(state or {}))

        first = Node(None, changed.pop("", {}))
        owner = where.user_session_id

        def creation(snapshot: Snapshot) -> Change:
            if where.thread_id(snapshot) is not None:
                words = f"Session with id {where.name} already exists."
                raise AlreadyExistsError(words)
            user = CreateSession(
                **stamp(), session_id=owner, user_id=user_id, open_existing=True
            )
            begun = begin(owner, where.name, first)
            for_others = scoped(where, snapshot, changed)
            return Change(new_id(), [user, *begun, *for_others])

        await self._change(creation)
        found = await self.get_session(
            app_name=app_name, user_id=user_id, session_id=where.name
        )
        assert found is not None  # noqa: S101 - created above
        return found

    async def get_session(
        self,
        *,
        app_name: str,
        user_id: str,
        session_id: str,
        config: GetSessionConfig | None = None,
    ) -> Session | None:
        """Return a session with its events, oldest first; None if there is none."""
        where = Where(app_name, user_id, session_id.strip())
        return await asyncio.to_thread(self._session, where, config)

    async def list_sessions(
        self, *, app_name: str, user_id: str | None = None
    ) -> ListSessionsResponse:
        """List sessions without their events, the least recently active first."""
        return await asyncio.to_thread(self._list, app_name, user_id)

    async def delete_session(
        self, *, app_name: str, user_id: str, session_id: str
    ) -> None:
        """Remove a session with its events; one that is not there is no error."""
        where = Where(app_name, user_id, session_id.strip())
        with self._desk.store.read() as snapshot:
            thread_id = where.thread_id(snapshot)
        if thread_id is None:
            return
        removal = RemoveThreads(**stamp(), threads=(thread_id,), even_busy=True)
        with suppress(ThreadNotFound):
            await self._desk.aapply(removal)

    async def get_user_state(self, *, app_name: str, user_id: str) -> dict[str, Any]:
        """Return what is kept for a user, in all sessions, without the prefix."""
        where = Where(app_name, user_id, "")
        with self._desk.store.read() as snapshot:
            name = where.scope(State.USER_PREFIX)
            return kept(snapshot, where.app_session_id, name)

    async def append_event(self, session: Session, event: Event) -> Event:
        """Append an event to a session, and to the stored one.

        Raises:
            SessionNotFoundError: the session was deleted.
        """
        if event.partial:
            return event
        self._apply_temp_state(session, event)
        event = self._trim_temp_delta_state(event)
        where = Where(session.app_name, session.user_id, session.id)
        if await self._store(where, event):
            self._commit_event_to_session(session, event)
            session.last_update_time = event.timestamp
        return event

    async def _store(self, where: Where, event: Event) -> bool:
        """Store an event; return whether it was not there yet."""
        stored = event.model_dump(mode="json", by_alias=False, exclude_none=True)
        changed = by_scope(stored.get("actions", {}).get("state_delta") or {})
        own = changed.pop("", {})
        digest = sha256(msgspec.json.encode(stored, order="sorted")).hexdigest()

        def addition(snapshot: Snapshot) -> Change | None:
            thread_id = where.thread_id(snapshot)
            if thread_id is None:
                raise SessionNotFoundError(f"Session {where.name} not found.")
            op_id = next_attempt(snapshot, f"{thread_id}/{digest[:32]}")
            if op_id is None:
                return None
            last, node = last_of(snapshot, thread_id)
            event_and_state = Node(stored, node.state | own)
            appended = append(thread_id, event_and_state, last)
            return Change(op_id, [appended, *scoped(where, snapshot, changed)])

        return await self._change(addition)

    async def _change(self, decide: Callable[[Snapshot], Change | None]) -> bool:
        """Apply what is decided upon what there is; return whether there was any."""

        def batch(snapshot: Snapshot) -> Batch | None:
            change = decide(snapshot)
            if change is None:
                return None
            about: dict[str, Any] = stamp() | {"op_id": change.op_id}
            return Batch(**about, parts=tuple(change.parts))

        return await self._desk.aapply_to_what_is(batch, (StaleRevision, NameTaken))

    def _session(self, where: Where, config: GetSessionConfig | None) -> Session | None:
        with self._desk.store.read() as snapshot:
            thread_id = where.thread_id(snapshot)
            if thread_id is None:
                return None
            session = told(snapshot, where, thread_id)
            wanted = config or GetSessionConfig()
            session.events = events_of(snapshot, thread_id, wanted)
            return session

    def _list(self, app_name: str, user_id: str | None) -> ListSessionsResponse:
        found: list[Session] = []
        with self._desk.store.read() as snapshot:
            users = [user_id] if user_id is not None else users_of(snapshot, app_name)
            for user in users:
                owner = Where(app_name, user, "").user_session_id
                for name, thread_id in snapshot.names(owner):
                    where = Where(app_name, user, name)
                    found.append(told(snapshot, where, thread_id))
        found.sort(key=lambda each: (each.last_update_time, each.user_id, each.id))
        return ListSessionsResponse(sessions=found)
