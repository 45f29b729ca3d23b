"""Sessions over HTTP: create, look, list, change, close."""

from http import HTTPStatus
from typing import Annotated, Any, Final, Literal

import msgspec

from weft.daemon.http.call import Call
from weft.daemon.http.decoding import Id
from weft.daemon.http.endpoint import Table
from weft.daemon.http.problems import Fault, RequestFault
from weft.daemon.http.session_search import search
from weft.daemon.http.views import SessionView
from weft.storage import CloseSession, Session, SessionExists

__all__ = ["sessions"]

sessions: Final = Table("sessions")

LIMIT_MAX: Final = 1000

Limit = Annotated[int, msgspec.Meta(ge=1, le=LIMIT_MAX)]


class NewSession(msgspec.Struct, forbid_unknown_fields=True):
    """A session to be created; without an id one is generated."""

    session_id: Id | None = None
    user_id: Id | None = None
    metadata: dict[str, Any] = {}
    if_exists: Literal["raise", "open"] = "raise"


class SessionChange(msgspec.Struct, forbid_unknown_fields=True):
    """What is to be replaced; what is left out stays."""

    user_id: Id | None = None
    metadata: dict[str, Any] | None = None


class Closing(msgspec.Struct, forbid_unknown_fields=True):
    """What becomes of the threads: they are removed, or moved to another session."""

    move_threads_to: Id | None = None


class SessionFilter(msgspec.Struct, forbid_unknown_fields=True):
    """Which sessions, in which order.

    ``metadata`` is a JSON object that a session's must contain; ``without_user`` asks
    for those that are nobody's; ``cursor`` is what the page before said, and goes with
    the store's own order. ``search`` is a part of the session's id or its user's, with
    ``status`` and users only; such a page may hold fewer than ``limit`` though there
    are more, as ``next_cursor`` says.
    """

    status: Literal["open", "closed"] | None = None
    search: Annotated[str, msgspec.Meta(min_length=1, max_length=100)] | None = None
    user_id: Id | None = None
    without_user: bool = False
    metadata: str | None = None
    sort: (
        Literal[
            "created_at",
            "-created_at",
            "updated_at",
            "-updated_at",
            "session_id",
            "-session_id",
            "user_id",
            "-user_id",
        ]
        | None
    ) = None
    limit: Limit = 100
    cursor: Id | None = None


class SessionPage(msgspec.Struct):
    """Sessions, and where the next page begins; null behind the last."""

    sessions: list[SessionView]
    next_cursor: str | None = None


_read_metadata: Final = msgspec.json.Decoder(dict[str, Any]).decode


@sessions.post("/sessions", status=HTTPStatus.CREATED)
async def create_session(call: Call[NewSession, None]) -> SessionView:
    """Create a session.

    With ``if_exists`` "open" an open session of this id is the answer instead.
    """
    new = call.body
    call.access.new_session(new.session_id)
    user_id = call.access.user(new.user_id)
    session = await call.coordinator.create_session(
        new.session_id,
        user_id=user_id,
        metadata=new.metadata,
        if_exists=new.if_exists,
        **call.change,
    )
    if call.access.owner is not None and session.user_id != call.access.owner:
        # Somebody else was faster: what was opened is theirs, and unchanged.
        words = f"Session {new.session_id!r} exists already."
        raise SessionExists(words, session_id=new.session_id)
    return SessionView.of(session)


@sessions.get("/sessions")
async def list_sessions(call: Call[None, SessionFilter]) -> SessionPage:
    """List sessions, a page at a time."""
    query = call.query
    wanted: dict[str, Any] = {}
    if query.status is not None:
        wanted["status"] = query.status
    owner = call.access.user(query.user_id)
    if owner is not None and query.without_user:
        return SessionPage([])
    if owner is not None or query.without_user:
        wanted["user_id"] = owner
    if query.search is not None:
        return await _search(call, query.search, wanted)
    if query.metadata is not None:
        wanted["metadata"] = _metadata_of(query.metadata)
    found = await call.aside(
        lambda: call.coordinator.list_sessions(
            wanted, query.sort, query.limit, query.cursor
        )
    )
    more = query.sort is None and len(found) == query.limit
    return SessionPage(
        [SessionView.of(session) for session in found],
        found[-1].session_id if more else None,
    )


async def _search(
    call: Call[None, SessionFilter], words: str, wanted: dict[str, Any]
) -> SessionPage:
    query = call.query
    if query.sort is not None or query.metadata is not None:
        detail = "search goes without sort and metadata: leave them out."
        raise RequestFault(HTTPStatus.UNPROCESSABLE_ENTITY, detail)

    def is_wanted(session: Session) -> bool:
        return all(getattr(session, name) == value for name, value in wanted.items())

    def find() -> tuple[list[Session], str | None]:
        with call.runtime.store.read() as snapshot:
            sessions = snapshot.sessions(query.cursor)
            return search(sessions, words, query.limit, is_wanted)

    found, cursor = await call.beside(find)
    return SessionPage([SessionView.of(session) for session in found], cursor)


def _metadata_of(text: str) -> dict[str, Any]:
    try:
        return _read_metadata(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        words = f"it is no JSON object: {error}"
        detail = f"The query is wrong at metadata: {words}."
        faults = [Fault("query", "metadata", words)]
        raise RequestFault(422, detail, faults) from error


@sessions.get("/sessions/{session_id}")
async def get_session(call: Call[None, None]) -> SessionView:
    """Return a session."""
    session_id = call.access.session(call.path("session_id"))
    return SessionView.of(await call.coordinator.get_session(session_id))


@sessions.patch("/sessions/{session_id}")
async def update_session(call: Call[SessionChange, None]) -> SessionView:
    """Replace a session's metadata or user."""
    session_id = call.access.session(call.path("session_id"))
    change = call.body
    session = await call.coordinator.update_session(
        session_id,
        user_id=None if change.user_id is None else call.access.user(change.user_id),
        metadata=change.metadata,
        **call.change,
    )
    return SessionView.of(session)


@sessions.post("/sessions/{session_id}/close")
async def close_session(call: Call[Closing, None]) -> SessionView:
    """Close a session for good; its threads are removed, or moved."""
    session_id = call.access.session(call.path("session_id"))
    move_to = call.body.move_threads_to
    if move_to is not None:
        call.access.session(move_to)
    if move_to == "remove":  # the coordinator's word for removing them
        closing = CloseSession(session_id=session_id, move_to=move_to)
        (session,) = await call.coordinator.transact([closing], **call.change)
    else:
        session = await call.coordinator.close_session(
            session_id, move_to or "remove", **call.change
        )
    return SessionView.of(session)
