"""What one decision works with: the draft, the operation's number and time, the news.

The three rule modules share these few words: look a session or thread up or refuse,
put a changed record back with its stamps, tell a session.
"""

from typing import Any, Literal

import msgspec
from msgspec import Raw, msgpack
from msgspec.structs import replace

from weft.storage.errors import (
    SessionClosed,
    SessionNotFound,
    ThreadBusy,
    ThreadNotFound,
)
from weft.storage.keys import name_key, session_key, thread_key
from weft.storage.records import EMPTY, Session, Thread
from weft.storage.view import Draft

__all__ = [
    "Change",
    "Context",
    "Event",
    "live_thread",
    "open_session",
    "refuse_busy",
    "thread_of",
    "updated",
]

Change = Literal[
    "session", "adopted", "released", "renamed", "run", "state", "interaction"
]


class Event(msgspec.Struct, frozen=True, gc=False):
    """What one session is told of one applied operation.

    Attributes:
        seq: the operation's place in the one order.
        session_id: who is told.
        change: what happened.
        thread: the thread as it is now; for ``released`` as it was.
        counterpart: the other session of a transfer; the old name of a rename.
        session: the session's new record, for ``session``.
    """

    seq: int
    session_id: str
    change: Change
    thread: Thread | None = None
    counterpart: str | None = None
    session: Session | None = None


class Context:
    """A decision in progress."""

    __slots__ = ("at_us", "draft", "events", "seq")

    def __init__(self, draft: Draft, seq: int, at_us: int) -> None:
        self.draft = draft
        self.seq = seq
        self.at_us = at_us
        self.events: list[Event] = []

    def tell(
        self,
        session_id: str,
        change: Change,
        thread: Thread | None = None,
        counterpart: str | None = None,
    ) -> None:
        """Add an event for a session."""
        self.events.append(Event(self.seq, session_id, change, thread, counterpart))

    def put_session(self, session: Session, **changes: Any) -> Session:
        """Write a changed session with its stamps, and tell it."""
        session = replace(
            session, **changes, updated_at_us=self.at_us, updated_seq=self.seq
        )
        self.draft.put(session_key(session.session_id), session)
        event = Event(self.seq, session.session_id, "session", session=session)
        self.events.append(event)
        return session

    def put_thread(self, thread: Thread, **changes: Any) -> Thread:
        """Write a changed thread with its stamps."""
        thread = replace(
            thread, **changes, updated_at_us=self.at_us, updated_seq=self.seq
        )
        self.draft.put(thread_key(thread.thread_id), thread)
        return thread


def open_session(context: Context, session_id: str) -> Session:
    """Return an open session.

    Raises:
        SessionNotFound: there is none of this id.
        SessionClosed: it is closed.
    """
    session: Session | None = context.draft.get(session_key(session_id))
    if session is None:
        raise SessionNotFound(
            f"Session {session_id!r} does not exist.", session_id=session_id
        )
    if session.status == "closed":
        raise SessionClosed(f"Session {session_id!r} is closed.", session_id=session_id)
    return session


def live_thread(
    context: Context, thread_id: str, session_id: str | None = None
) -> Thread:
    """Return a live thread.

    Args:
        context: the decision.
        thread_id: its id.
        session_id: the session that must own it; None for whoever does.

    Raises:
        ThreadNotFound: there is none of this id, or another session owns it.
    """
    thread = context.draft.get(thread_key(thread_id))
    if not isinstance(thread, Thread):
        gone = "does not exist" if thread is None else "was removed"
        raise ThreadNotFound(
            f"Thread {thread_id!r} {gone}.", thread_id=thread_id, session_id=session_id
        )
    if session_id is not None and thread.session_id != session_id:
        raise ThreadNotFound(
            f"Thread {thread_id!r} does not belong to session {session_id!r}.",
            thread_id=thread_id,
            session_id=session_id,
        )
    return thread


def thread_of(context: Context, session_id: str, thread: str) -> Thread:
    """Return a session's live thread by name, or else by id.

    Raises:
        SessionNotFound: the session does not exist.
        SessionClosed: the session is closed.
        ThreadNotFound: the session has no such thread.
    """
    open_session(context, session_id)
    thread_id = context.draft.get(name_key(session_id, thread))
    if thread_id is not None:
        return live_thread(context, thread_id, session_id)
    found = context.draft.get(thread_key(thread))
    if isinstance(found, Thread) and found.session_id == session_id:
        return found
    raise ThreadNotFound(
        f"Session {session_id!r} has no thread {thread!r}.",
        session_id=session_id,
        details={"thread": thread},
    )


def updated(mapping: Raw, changes: Raw) -> Raw:
    """Return an encoded mapping updated with another."""
    if mapping == EMPTY:
        return changes
    if changes == EMPTY:
        return mapping
    return Raw(msgpack.encode(msgpack.decode(mapping) | msgpack.decode(changes)))


def refuse_busy(thread: Thread) -> None:
    """Refuse an operation on a thread with a run in progress.

    Raises:
        ThreadBusy: there is one; it is named.
    """
    if thread.run_id is not None:
        raise ThreadBusy(
            f"Run {thread.run_id} is in progress on thread {thread.thread_name!r}.",
            session_id=thread.session_id,
            thread_id=thread.thread_id,
            details={"run_id": thread.run_id},
        )
