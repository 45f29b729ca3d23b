"""Sessions through a daemon: the remote coordinator's part about them, and batches."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from weft.actors import Future
from weft.actors.door import at_the_door, check_limit
from weft.actors.parts import batch_of
from weft.daemon.client.asking import Asking, id_or_none, mapping_of
from weft.daemon.client.parts import answer_of, part_of
from weft.daemon.client.rebuild import record_of
from weft.daemon.wire import path_of
from weft.storage import InvalidArgument, Operation, Session
from weft.storage.ids import check_id

__all__ = ["SessionRequests"]

LIST_LIMIT = 100
PAGE_MAX = 1000


class SessionRequests(Asking):
    """Create, change, close and list sessions; apply batches."""

    @at_the_door
    def create_session(
        self,
        session_id: str | None = None,
        *,
        user_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        if_exists: Literal["raise", "open"] = "raise",
        op_id: str | None = None,
        timeout_s: float | None = None,
    ) -> Future[Session]:
        """Create a session; as :meth:`weft.actors.Coordinator.create_session`."""
        body = {
            "session_id": id_or_none(session_id, "session id"),
            "user_id": id_or_none(user_id, "user id"),
            "metadata": mapping_of(metadata, "metadata"),
            "if_exists": if_exists,
        }
        return self._change(
            "POST", "/sessions", _session, body, op_id=op_id, timeout_s=timeout_s
        )

    @at_the_door
    def update_session(
        self,
        session_id: str,
        *,
        user_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        op_id: str | None = None,
        timeout_s: float | None = None,
    ) -> Future[Session]:
        """Replace a session's metadata or user; None leaves as it is."""
        body: dict[str, Any] = {"user_id": id_or_none(user_id, "user id")}
        if metadata is not None:
            body["metadata"] = mapping_of(metadata, "metadata")
        path = path_of("sessions", check_id(session_id, "session id"))
        return self._change(
            "PATCH", path, _session, body, op_id=op_id, timeout_s=timeout_s
        )

    @at_the_door
    def close_session(
        self,
        session_id: str,
        threads: str = "remove",
        *,
        op_id: str | None = None,
        timeout_s: float | None = None,
    ) -> Future[Session]:
        """Close a session; "remove" its threads, or move them to another."""
        to = None if threads == "remove" else check_id(threads, "session id")
        path = path_of("sessions", check_id(session_id, "session id"), "close")
        body = {"move_threads_to": to}
        return self._change(
            "POST", path, _session, body, op_id=op_id, timeout_s=timeout_s
        )

    @at_the_door
    def transact(
        self,
        operations: Iterable[Operation],
        *,
        op_id: str | None = None,
        timeout_s: float | None = None,
    ) -> Future[list[Any]]:
        """Apply several operations as one: all or none, over any sessions."""
        parts = batch_of(operations).parts
        return self._change(
            "POST",
            "/transactions",
            lambda told: [
                answer_of(part, value)
                for part, value in zip(parts, told["answers"], strict=True)
            ],
            {"operations": [part_of(part) for part in parts]},
            op_id=op_id,
            timeout_s=timeout_s,
        )

    @at_the_door
    def get_session(self, session_id: str) -> Future[Session]:
        """Return a session."""
        path = path_of("sessions", check_id(session_id, "session id"))
        return self._ask("GET", path, _session)

    @at_the_door
    def list_sessions(
        self,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - the name people pass
        sort: str | None = None,
        limit: int = LIST_LIMIT,
        cursor: str | None = None,
    ) -> Future[list[Session]]:
        """Return sessions; a daemon hands out 1,000 of them at once at the most."""
        wanted = mapping_of(filter, "filter")
        if set(wanted) - {"status", "user_id", "metadata"}:
            unknown = sorted(set(wanted) - {"status", "user_id", "metadata"})
            raise InvalidArgument(f"Sessions cannot be filtered by {unknown}.")
        if sort is not None and cursor is not None:
            words = "A cursor goes with the store's own order, not sort."
            raise InvalidArgument(words)
        if check_limit(limit) == 0:
            return Future.completed([])
        if "metadata" in wanted:
            data = mapping_of(wanted["metadata"], "filter of metadata")
            wanted["metadata"] = json.dumps(data)
        if "user_id" in wanted and wanted["user_id"] is None:
            wanted["without_user"] = "true"
        query = {
            **wanted,
            "sort": sort,
            "limit": min(limit, PAGE_MAX),
            "cursor": id_or_none(cursor, "cursor"),
        }
        return self._ask("GET", "/sessions", _sessions, query=query)


def _session(view: Any) -> Session:
    return record_of(Session, view)


def _sessions(told: Any) -> list[Session]:
    return [record_of(Session, view) for view in told["sessions"]]
