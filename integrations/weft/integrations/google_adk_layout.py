"""Where the sessions of Google's Agent Development Kit lie in a Weft store.

What a state of a thread holds, the names of threads and of their owners, the operations
that write them, and how they are read. All of it is decided from a snapshot.

Not here: applying operations (:mod:`weft.integrations.google_adk`).
"""

from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import msgspec
from google.adk.events import Event
from google.adk.sessions import Session, State
from google.adk.sessions.base_session_service import GetSessionConfig

from weft.integrations.desk import ATTEMPTS_MAX, stamp
from weft.storage import (
    AppendState,
    CreateThreads,
    NewThread,
    Overloaded,
    Snapshot,
    new_id,
)
from weft.storage.ids import ID_SIZE_BYTES_MAX
from weft.storage.keys import name_key
from weft.storage.operations import encode_value

__all__ = [
     "Change", "Node", "Where", "append", "begin", "by_scope",
    "events_of", "kept", "last_of", "next_attempt", "scoped", "told", "users_of",
]  # fmt: skip

_ROOT: Final = "adk"
_PREFIXES: Final = (State.APP_PREFIX, State.USER_PREFIX, State.TEMP_PREFIX)


class Node(msgspec.Struct, frozen=True):
    """What one state of a thread holds.

    Attributes:
        event: as JSON; None where nothing but the state changed.
        state: all of it, after the event.
    """

    event: dict[str, Any] | None
    state: dict[str, Any]


class Change(NamedTuple):
    """One transaction: its idempotency key, and the operations in it."""

    op_id: str
    parts: list[Any]


class Where(NamedTuple):
    """Where a session of ADK's lies.

    Attributes:
        app_name: of ADK.
        user_id: of ADK.
        name: ADK's session id.
    """

    app_name: str
    user_id: str
    name: str

    @property
    def app_session_id(self) -> str:
        """The session that owns what is kept for the app and its users."""
        return f"{_ROOT}/{quote(self.app_name, safe='')}"

    @property
    def user_session_id(self) -> str:
        """The session that owns the user's conversations with the app."""
        user = quote(self.user_id, safe="")
        plain = f"{self.app_session_id}/{user}"
        if len(plain) <= ID_SIZE_BYTES_MAX:
            return plain
        digest = sha256(self.user_id.encode()).hexdigest()[:32]
        return f"{self.app_session_id}/={digest}"

    def thread_id(self, snapshot: Snapshot) -> str | None:
        """Return the id of the conversation's thread."""
        found: str | None = snapshot.get(name_key(self.user_session_id, self.name))
        return found

    def scope(self, prefix: str) -> str:
        """Return the name of the thread that has what is kept under a prefix."""
        return "app" if prefix == State.APP_PREFIX else f"user {self.user_id}"


def by_scope(state: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return what is for the conversation (""), the user and the app, by prefix."""
    found: dict[str, dict[str, Any]] = {}
    for key, value in state.items():
        prefix = next((each for each in _PREFIXES if key.startswith(each)), "")
        if prefix != State.TEMP_PREFIX:
            found.setdefault(prefix, {})[key.removeprefix(prefix)] = value
    return found


def scoped(
    where: Where, snapshot: Snapshot, changed: Mapping[str, dict[str, Any]]
) -> Iterator[Any]:
    """Yield the operations that change what is kept for the user and the app."""
    for prefix, values in changed.items():
        name = where.scope(prefix)
        thread_id = snapshot.get(name_key(where.app_session_id, name))
        if thread_id is None:
            yield from begin(where.app_session_id, name, Node(None, values))
        else:
            last, node = last_of(snapshot, thread_id)
            yield append(thread_id, Node(None, node.state | values), last)


def begin(owner: str, name: str, node: Node) -> Iterator[Any]:
    """Yield the operations that create a thread with its first state."""
    thread_id = new_id()
    yield CreateThreads(
        **stamp(),
        session_id=owner,
        threads=(NewThread(thread_id, name),),
        create_session=True,
    )
    yield append(thread_id, node, 0)


def append(thread_id: str, node: Node, last: int) -> AppendState:
    """Return the operation that appends a state behind the last one known."""
    return AppendState(
        **stamp(),
        thread_id=thread_id,
        state_id=new_id(),
        values=encode_value(node, "the event"),
        after_step=last,
    )


def next_attempt(snapshot: Snapshot, event_key: str) -> str | None:
    """Return the idempotency key to append an event under; None if it was appended.

    The store keeps refusals, too: what came too late is tried under another key.
    """
    for number in range(ATTEMPTS_MAX):
        op_id = f"{event_key}/{number}"
        before = snapshot.operation(op_id)
        if before is None:
            return op_id
        if before.outcome == "applied":
            return None
    raise Overloaded


def last_of(snapshot: Snapshot, thread_id: str) -> tuple[int, Node]:
    """Return a thread's last step and what it holds."""
    state = snapshot.state(thread_id)
    if state is None:
        return 0, Node(None, {})
    return state.step, msgspec.msgpack.decode(state.values_raw, type=Node)


def kept(snapshot: Snapshot, owner: str, name: str) -> dict[str, Any]:
    """Return what is kept on a thread for a user or an app."""
    thread_id = snapshot.get(name_key(owner, name))
    return {} if thread_id is None else last_of(snapshot, thread_id)[1].state


def told(snapshot: Snapshot, where: Where, thread_id: str) -> Session:
    """Return a session without its events; its state has the user's and the app's."""
    last = snapshot.state(thread_id)
    node = last_of(snapshot, thread_id)[1]
    state = dict(node.state)
    for prefix in (State.APP_PREFIX, State.USER_PREFIX):
        values = kept(snapshot, where.app_session_id, where.scope(prefix))
        state |= {prefix + key: value for key, value in values.items()}
    at_s = last.created_at_us / 1e6 if last else 0.0
    return Session(
        id=where.name,
        app_name=where.app_name,
        user_id=where.user_id,
        state=state,
        last_update_time=(node.event or {}).get("timestamp", at_s),
    )


def events_of(
    snapshot: Snapshot, thread_id: str, config: GetSessionConfig
) -> list[Event]:
    """Return a thread's events, oldest first, as many as are asked for."""
    newest_first: list[Event] = []
    for state in snapshot.states(thread_id):
        if len(newest_first) == config.num_recent_events:
            break
        node = msgspec.msgpack.decode(state.values_raw, type=Node)
        if node.event is None:
            continue
        event = Event.model_validate(node.event)
        if event.timestamp < (config.after_timestamp or 0.0):
            break
        newest_first.append(event)
    return newest_first[::-1]


def users_of(snapshot: Snapshot, app_name: str) -> Iterator[str]:
    """Yield the users of an app."""
    prefix = Where(app_name, "", "").app_session_id + "/"
    for session in snapshot.sessions(after=prefix):
        if not session.session_id.startswith(prefix):
            return
        if session.user_id is not None:
            yield session.user_id
