"""The original in plain dicts: sessions that list threads, threads, a table of rows.

Three copies, as it kept them; each call changes all that it concerns, or refuses. There
is nothing of actors, operations or stores in here.
"""

from typing import Any, Final

from weft.actors.compat import (
    SessionThreadException,
    ThreadCreationError,
    ThreadRemovalError,
    ThreadTransferError,
)

__all__ = ["Original", "Refused"]

Row = dict[str, Any]


class Refused(Exception):
    """The call fails; the argument is the class that its caller catches."""

    def __init__(self, kind: type[SessionThreadException]) -> None:
        super().__init__(kind.__name__)
        self.kind = kind


class Original:
    """Everything the original kept."""

    def __init__(self) -> None:
        self.sessions: dict[str, list[str]] = {}
        self.threads: dict[str, dict[str, Any]] = {}
        self.rows: dict[tuple[str, str], Row] = {}

    def image(self) -> dict[str, Any]:
        """Return all of it, in an order of its own."""
        return {
            "sessions": {one: sorted(ids) for one, ids in self.sessions.items()},
            "threads": self.threads,
            "rows": self.rows,
        }

    # Looking

    def named(self, session_id: str, name: str) -> str | None:
        """Return the id of a session's thread of this name."""
        for thread_id in self.sessions.get(session_id, ()):
            if self.threads[thread_id]["name"] == name:
                return thread_id
        return None

    def held(
        self, session_id: str, thread: str, kind: type[SessionThreadException]
    ) -> str:
        """Return the id of a session's thread, given by id or name."""
        listed = self.sessions.get(session_id, ())
        found = self.named(session_id, thread) or thread
        if found not in listed:
            raise Refused(kind)
        return found

    # Changing

    def create_session(self, session_id: str) -> str:
        """Add a session."""
        if session_id in self.sessions:
            raise Refused(SessionThreadException)
        self.sessions[session_id] = []
        return session_id

    def create_threads(self, session_id: str, threads: dict[str, str]) -> None:
        """Add threads, by name, all or none."""
        taken = [n for n in threads if self.named(session_id, n) is not None]
        known = [i for i in threads.values() if i in self.threads]
        if session_id not in self.sessions or taken or known:
            raise Refused(ThreadCreationError)
        if len(set(threads.values())) < len(threads):
            raise Refused(ThreadCreationError)
        for name, thread_id in threads.items():
            self.threads[thread_id] = {"name": name, "states": []}
            self._associate(session_id, thread_id, name)

    def remove_thread(self, session_id: str, thread: str) -> bool:
        """Remove a thread and end its row."""
        thread_id = self.held(session_id, thread, ThreadRemovalError)
        self.sessions[session_id].remove(thread_id)
        self.rows[session_id, thread_id]["active"] = False
        del self.threads[thread_id]
        return True

    def transfer(
        self, thread_id: str, source: str, target: str, name: str | None
    ) -> bool:
        """Move a thread."""
        if thread_id not in self.sessions.get(source, ()):
            raise Refused(ThreadTransferError)
        if target not in self.sessions:
            raise Refused(ThreadTransferError)
        wanted = name or self.threads[thread_id]["name"]
        if self.named(target, wanted) not in {
            None,
            thread_id if source == target else None,
        }:
            raise Refused(ThreadTransferError)
        self.threads[thread_id]["name"] = wanted
        if source == target:
            self.rows[source, thread_id]["name"] = wanted
            return True
        self.sessions[source].remove(thread_id)
        self.rows[source, thread_id]["active"] = False
        self._associate(target, thread_id, wanted)
        return True

    def execute(self, session_id: str, name: str) -> int:
        """Run the workflow that counts its runs."""
        thread_id = self.held(session_id, name, SessionThreadException)
        states = self.threads[thread_id]["states"]
        states.append({"runs": len(states) + 1})
        return len(states)

    # Rows

    def create_row(self, session_id: str, thread_id: str, name: str, data: Row) -> None:
        """Add a row, and the thread with it."""
        if (session_id, thread_id) in self.rows or thread_id in self.threads:
            raise Refused(ThreadCreationError)
        self.create_threads(session_id, {name: thread_id})
        self.rows[session_id, thread_id]["metadata"] = data

    def update_row(self, session_id: str, thread_id: str, changes: Row) -> None:
        """Change a row, and with it session and thread."""
        row = self.rows[session_id, thread_id]
        after = row | changes
        version = row["version"] + 1
        if after["active"] and self.named(session_id, after["name"]) not in {
            None,
            thread_id,
        }:
            raise Refused(SessionThreadException)
        if after["active"] and not row["active"]:
            self.create_threads(session_id, {after["name"]: thread_id})
        elif after["active"]:
            self.threads[thread_id]["name"] = after["name"]
        elif row["active"]:
            self.remove_thread(session_id, thread_id)
        self.rows[session_id, thread_id] = after | {"version": version}

    def delete_row(self, session_id: str, thread_id: str) -> bool:
        """Remove a row, and its thread if the session owns it."""
        if (session_id, thread_id) not in self.rows:
            return False
        if thread_id in self.sessions[session_id]:
            self.remove_thread(session_id, thread_id)
        del self.rows[session_id, thread_id]
        return True

    def _associate(self, session_id: str, thread_id: str, name: str) -> None:
        self.sessions[session_id].append(thread_id)
        row = self.rows.setdefault((session_id, thread_id), dict(_NEW))
        row.update(name=name, active=True, version=row["version"] + 1)


_NEW: Final[Row] = {"metadata": {}, "version": 0}
