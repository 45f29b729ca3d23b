"""What can be read, wherever it is: through a daemon, or in a data directory.

Both give the same documents: what the HTTP API answers, decoded. So a command that
only reads works without a daemon and beside one.

Guarantees: a data directory is read at one moment, whatever its owner writes; nothing
in it is changed.
"""

from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Final, Protocol, Self

import msgspec

from weft.daemon.remote import Remote
from weft.daemon.wire import path_of

__all__ = ["DirectSource", "Doc", "RemoteSource", "Source"]

Doc = dict[str, Any]

PAGE: Final = 1000


class Source(Protocol):
    """What commands read.

    Attributes:
        place: what is read, for people.
    """

    place: str

    def sessions(self) -> Iterator[Doc]:
        """Yield all sessions in the order of the store."""
        ...

    def session(self, session_id: str) -> Doc:
        """Return a session."""
        ...

    def threads(self, session_id: str) -> list[Doc]:
        """Return a session's live threads, ordered by name."""
        ...

    def thread(self, thread: str, session_id: str | None = None) -> Doc:
        """Return a thread by its id, or by its name or id within a session."""
        ...

    def owners(self, thread_id: str) -> list[Doc]:
        """Return a thread's rows with all its owners."""
        ...

    def holdings(self, session_id: str) -> list[Doc]:
        """Return a session's rows with its threads, those it gave away too."""
        ...

    def operations(
        self,
        after_seq: int = 0,
        session_id: str | None = None,
        thread_id: str | None = None,
    ) -> Iterator[Doc]:
        """Yield the log, applied and refused, in the one order."""
        ...

    def states(self, thread_id: str, limit: int) -> list[Doc]:
        """Return a thread's states, newest first."""
        ...

    def seq(self) -> int:
        """Return the number of the last applied operation."""
        ...

    def position(self) -> tuple[int, str]:
        """Return that number, and the place in the feed behind it."""
        ...


class RemoteSource:
    """A daemon.

    Args:
        remote: the connection.
    """

    def __init__(self, remote: Remote) -> None:
        self._remote = remote
        self.place = remote.place

    def sessions(self) -> Iterator[Doc]:
        """Yield all sessions in the order of the store."""
        cursor = None
        while True:
            query = {"limit": PAGE, "cursor": cursor}
            page = self._remote.ask("GET", "/sessions", query=query)
            yield from page["sessions"]
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def session(self, session_id: str) -> Doc:
        """Return a session."""
        return self._doc(path_of("sessions", session_id))

    def threads(self, session_id: str) -> list[Doc]:
        """Return a session's live threads, ordered by name."""
        found: list[Doc] = self._doc(path_of("sessions", session_id, "threads"))[
            "threads"
        ]
        return found

    def thread(self, thread: str, session_id: str | None = None) -> Doc:
        """Return a thread by its id, or by its name or id within a session."""
        owner = session_id or self._owner(thread)
        return self._doc(path_of("sessions", owner, "threads", thread))

    def _owner(self, thread_id: str) -> str:
        owner: str | None = next(
            (row["session_id"] for row in self.owners(thread_id) if row["is_active"]),
            None,
        )
        if owner is None:
            raise _no_thread(thread_id)
        return owner

    def owners(self, thread_id: str) -> list[Doc]:
        """Return a thread's rows with all its owners."""
        path = path_of("threads", thread_id, "associations")
        found: list[Doc] = self._doc(path)["associations"]
        return found

    def holdings(self, session_id: str) -> list[Doc]:
        """Return a session's rows with its threads, those it gave away too."""
        path = path_of("sessions", session_id, "associations")
        found: list[Doc] = self._remote.ask(
            "GET", path, query={"active_only": "false"}
        )["associations"]
        return found

    def operations(
        self,
        after_seq: int = 0,
        session_id: str | None = None,
        thread_id: str | None = None,
    ) -> Iterator[Doc]:
        """Yield the log, applied and refused, in the one order."""
        query: Doc = {"session_id": session_id, "thread_id": thread_id, "limit": PAGE}
        query["after_seq"] = after_seq
        while True:
            page = self._remote.ask("GET", "/operations", query=query)
            yield from page["operations"]
            if page["next_cursor"] is None:
                return
            query["cursor"] = page["next_cursor"]

    def states(self, thread_id: str, limit: int) -> list[Doc]:
        """Return a thread's states, newest first."""
        path = path_of("threads", thread_id, "history")
        found = self._remote.ask("GET", path, query={"limit": limit})
        return [
            {
                "created_at": state["created_at"].replace("+00:00", "Z"),
                "values": state["values"],
            }
            for state in found
        ]

    def seq(self) -> int:
        """Return the number of the last applied operation."""
        return self.position()[0]

    def position(self) -> tuple[int, str]:
        """Return that number, and the place in the feed behind it."""
        events = self._remote.events("GET", "/events")
        with closing(events):
            position = next(events)  # a stream says where it begins
        return position.data["seq"], position.id

    def _doc(self, path: str) -> Doc:
        found: Doc = self._remote.ask("GET", path)
        return found


class DirectSource:
    """A data directory, at one moment.

    Args:
        snapshot: that moment.
        place: the directory.
    """

    def __init__(self, snapshot: Any, place: str) -> None:
        from weft.daemon.http import views

        self._snapshot = snapshot
        self._views = views
        self.place = place

    @classmethod
    @contextmanager
    def of(cls, data: Path) -> Generator[Self]:
        """Open a data directory for the time of a with block.

        Raises:
            StoreCorrupt: it holds no readable store.
        """
        from weft.daemon.places import reader_of

        reader = reader_of(data)
        try:
            with reader.read() as snapshot:
                yield cls(snapshot, str(data))
        finally:
            reader.close()

    def sessions(self) -> Iterator[Doc]:
        """Yield all sessions in the order of the store."""
        for session in self._snapshot.sessions():
            yield _doc(self._views.SessionView.of(session))

    def session(self, session_id: str) -> Doc:
        """Return a session."""
        return _doc(self._views.SessionView.of(self._session(session_id)))

    def _session(self, session_id: str) -> Any:
        from weft.storage import SessionNotFound

        found = self._snapshot.session(session_id)
        if found is None:
            words = f"Session {session_id!r} does not exist."
            raise SessionNotFound(words, session_id=session_id)
        return found

    def threads(self, session_id: str) -> list[Doc]:
        """Return a session's live threads, ordered by name."""
        self._session(session_id)
        return [
            _doc(self._views.ThreadView.of(thread))
            for thread in self._snapshot.threads(session_id)
        ]

    def thread(self, thread: str, session_id: str | None = None) -> Doc:
        """Return a thread by its id, or by its name or id within a session."""
        from weft.storage.keys import name_key

        thread_id = thread
        if session_id is not None:
            self._session(session_id)
            thread_id = self._snapshot.get(name_key(session_id, thread)) or thread
        found = self._snapshot.thread(thread_id)
        if found is None or session_id not in {None, found.session_id}:
            raise _no_thread(thread)
        return _doc(self._views.ThreadView.of(found))

    def owners(self, thread_id: str) -> list[Doc]:
        """Return a thread's rows with all its owners."""
        return self._rows(self._snapshot.associations_by_thread(thread_id))

    def holdings(self, session_id: str) -> list[Doc]:
        """Return a session's rows with its threads, those it gave away too."""
        self._session(session_id)
        return self._rows(self._snapshot.associations(session_id, active_only=False))

    def _rows(self, rows: Iterator[Any]) -> list[Doc]:
        return [_doc(self._views.AssociationView.of(row)) for row in rows]

    def operations(
        self,
        after_seq: int = 0,
        session_id: str | None = None,
        thread_id: str | None = None,
    ) -> Iterator[Doc]:
        """Yield the log, applied and refused, in the one order."""
        for record in self._snapshot.operations(after_seq):
            if session_id is not None and session_id not in record.session_ids:
                continue
            if thread_id is not None and thread_id not in record.thread_ids:
                continue
            yield _doc(self._views.OperationView.of(record))

    def states(self, thread_id: str, limit: int) -> list[Doc]:
        """Return a thread's states, newest first."""
        self.thread(thread_id)
        return [
            {
                "created_at": _plain(state.created_at),
                "values": _plain(self._views.json_of(state.values_raw)),
            }
            for state in islice(self._snapshot.states(thread_id), limit)
        ]

    def seq(self) -> int:
        """Return the number of the last applied operation."""
        seq: int = self._snapshot.seq
        return seq

    def position(self) -> tuple[int, str]:
        """Return that number, and the place in the feed behind it."""
        return self.seq(), str(self.seq())

    def counters(self) -> Doc:
        """Return how much the store holds."""
        return _doc(msgspec.structs.asdict(self._snapshot.counters))


def _doc(view: Any) -> Doc:
    """Return a view as the API would answer it, decoded."""
    found: Doc = _plain(view)
    return found


def _plain(value: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(value))


def _no_thread(thread: str) -> Exception:
    from weft.storage import ThreadNotFound

    return ThreadNotFound(f"There is no thread {thread!r}.", details={"thread": thread})
