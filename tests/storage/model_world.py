"""What a store shows, in plain dicts: sessions, threads, associations, runs, items."""

from copy import deepcopy
from typing import Any

from weft.storage import operations as op

Fields = dict[str, Any]


class No(Exception):
    """The operation is refused; the argument is the error's class name."""


class World:
    """Everything a store shows of sessions, threads, associations, runs and states."""

    def __init__(self) -> None:
        self.sessions: dict[str, Fields] = {}
        self.threads: dict[str, Fields] = {}
        self.graves: dict[str, int] = {}
        self.rows: dict[tuple[str, str], Fields] = {}
        self.runs: dict[str, Fields] = {}
        self.interactions: list[tuple[str, str]] = []
        self.items: dict[tuple[tuple[str, ...], str], Fields] = {}

    def image(self) -> Fields:
        """Return everything, to be compared with that of a store."""
        return deepcopy(vars(self)) | {
            "names": sorted(
                (t["session"], t["name"], i) for i, t in self.threads.items()
            ),
            "interactions": sorted(self.interactions),
        }

    def owner(self, session_id: str) -> Fields:
        """Return an open session."""
        if session_id not in self.sessions:
            raise No("SessionNotFound")
        if self.sessions[session_id]["status"] == "closed":
            raise No("SessionClosed")
        return self.sessions[session_id]

    def live(self, thread_id: str, session_id: str | None = None) -> Fields:
        """Return a live thread, of a session if one is given."""
        thread = self.threads.get(thread_id)
        if thread is None or session_id not in {None, thread["session"]}:
            raise No("ThreadNotFound")
        return thread

    def called(self, session_id: str, name: str) -> str | None:
        """Return the id of the session's thread of this name."""
        for thread_id, thread in self.threads.items():
            if (thread["session"], thread["name"]) == (session_id, name):
                return thread_id
        return None

    def find(self, session_id: str, thread: str) -> str:
        """Return the id of a session's thread, given by name or id."""
        self.owner(session_id)
        thread_id = self.called(session_id, thread) or thread
        self.live(thread_id, session_id)
        return thread_id

    def place(self, thread_id: str, session_id: str, name: str) -> None:
        """Let a thread be in a session under a name."""
        if self.called(session_id, name) is not None:
            raise No("NameTaken")
        self.threads[thread_id].update(session=session_id, name=name)
        row = self.rows.setdefault((session_id, thread_id), {"version": 0})
        row.update(name=name, active=True, version=row["version"] + 1)

    def create_session(self, session_id: str, o: op.CreateSession | None) -> None:
        """Add a session."""
        self.sessions[session_id] = {
            "user": o.user_id if o else None,
            "metadata": bytes(o.metadata) if o else b"\x80",
            "status": "open",
            "rev": 1,
        }

    def append(self, thread_id: str, state_id: str, values: Any) -> None:
        """Add a state to a thread."""
        states = self.threads[thread_id]["states"]
        step = states[-1][0] + 1 if states else 1
        states.append((step, state_id, bytes(values)))
