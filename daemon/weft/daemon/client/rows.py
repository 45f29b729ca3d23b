"""Rows, interactions and the log through a daemon: what stands in lists."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from weft.actors import Future
from weft.actors.door import at_the_door, check_limit
from weft.daemon.client.asking import Asking, id_or_none, mapping_of
from weft.daemon.client.missing import found_or
from weft.daemon.client.rebuild import association_of, operation_of, record_of
from weft.daemon.wire import path_of
from weft.storage import Association, Interaction, InvalidArgument, OperationRecord
from weft.storage.ids import check_id, check_name

__all__ = ["RowRequests"]

LIST_LIMIT = 100
INTERACTIONS_MAX = 10_000
"""As many as a daemon hands out at once."""


class RowRequests(Asking):
    """Associations, interactions, operations."""

    @at_the_door
    def list_associations(
        self, session_id: str, *, active_only: bool = True
    ) -> Future[list[Association]]:
        """Return a session's rows: its threads, and with it those it gave away."""
        path = path_of("sessions", check_id(session_id, "session id"), "associations")
        query = {"active_only": "true" if active_only else "false"}
        return self._ask("GET", path, _associations, query=query)

    @at_the_door
    def list_associations_by_thread(self, thread_id: str) -> Future[list[Association]]:
        """Return a thread's rows with all its owners, past ones too."""
        path = path_of("threads", check_id(thread_id, "thread id"), "associations")
        return self._ask("GET", path, _associations)

    @at_the_door
    def get_association(
        self, session_id: str, thread_id: str
    ) -> Future[Association | None]:
        """Return the row of a session and a thread, None if they never met."""
        return found_or(None, self._ask("GET", _row(session_id, thread_id), _one))

    def association_exists(self, session_id: str, thread_id: str) -> Future[bool]:
        """Return whether the session owns the thread, or once did."""
        found = self.get_association(session_id, thread_id)
        return found.map(lambda row: row is not None)

    @at_the_door
    def save_association(
        self,
        session_id: str,
        thread_id: str,
        thread_name: str,
        *,
        metadata: Mapping[str, Any] | None = None,
        op_id: str | None = None,
        timeout_s: float | None = None,
        **row: Any,
    ) -> Future[Association]:
        """Write a row; ``row`` is the rest of it, as the local coordinator takes it."""
        body = {
            "thread_name": check_name(thread_name),
            "metadata": mapping_of(metadata, "metadata"),
            **row,
        }
        path = _row(session_id, thread_id)
        return self._change("PUT", path, _one, body, op_id=op_id, timeout_s=timeout_s)

    @at_the_door
    def delete_association(
        self,
        session_id: str,
        thread_id: str,
        *,
        seen_seq: int | None = None,
        op_id: str | None = None,
        timeout_s: float | None = None,
    ) -> Future[bool]:
        """Remove a row, and the thread with it if the session owns it."""
        seen = None if seen_seq is None else check_limit(seen_seq, "seen_seq")
        return self._change(
            "DELETE",
            _row(session_id, thread_id),
            lambda _: True,
            query={"seen_seq": seen},
            op_id=op_id,
            timeout_s=timeout_s,
        )

    @at_the_door
    def find_association(self, association_id: str) -> Future[Association | None]:
        """Return the row of a key, None if there is none."""
        query = {"association_id": check_name(association_id, "association id")}
        return self._ask(
            "GET",
            "/associations",
            lambda told: next(iter(_associations(told)), None),
            query=query,
        )

    @at_the_door
    def cleanup_inactive_associations(self, max_age_days: float = 30) -> Future[int]:
        """Forget rows that have been inactive for some time; needs scope admin."""
        body = {"max_age_days": max_age_days}
        path = "/associations/cleanup"
        return self._ask("POST", path, lambda told: int(told["forgotten"]), body)

    @at_the_door
    def track_user_interaction(
        self,
        session_id: str,
        interaction: Mapping[str, Any] | Any,
        *,
        op_id: str | None = None,
        timeout_s: float | None = None,
    ) -> Future[Interaction]:
        """Record something the user did in a session."""
        path = path_of("sessions", check_id(session_id, "session id"), "interactions")
        body = _interaction(interaction)
        return self._change(
            "POST", path, _tracked, body, op_id=op_id, timeout_s=timeout_s
        )

    @at_the_door
    def list_interactions(
        self, session_id: str, *, limit: int | None = None
    ) -> Future[list[Interaction]]:
        """Return what the user did in a session, oldest first, 10,000 at the most."""
        path = path_of("sessions", check_id(session_id, "session id"), "interactions")
        most = INTERACTIONS_MAX if limit is None else check_limit(limit)
        return self._ask(
            "GET",
            path,
            lambda told: [_tracked(view) for view in told["interactions"]][:most],
            query={"limit": max(1, min(most, INTERACTIONS_MAX))},
        )

    @at_the_door
    def get_operation(self, op_id: str) -> Future[OperationRecord | None]:
        """Return the log's entry of an idempotency key, None if there is none."""
        path = path_of("operations", check_id(op_id, "op id"))
        return found_or(None, self._ask("GET", path, operation_of))

    @at_the_door
    def list_operations(
        self,
        after_seq: int = 0,
        session_id: str | None = None,
        thread_id: str | None = None,
        limit: int = LIST_LIMIT,
    ) -> Future[list[OperationRecord]]:
        """Return the log in the one order; 1,000 entries at once at the most."""
        if check_limit(limit) == 0:
            return Future.completed([])
        query = {
            "after_seq": check_limit(after_seq, "after_seq"),
            "session_id": id_or_none(session_id, "session id"),
            "thread_id": id_or_none(thread_id, "thread id"),
            "limit": min(limit, 1000),
        }
        return self._ask("GET", "/operations", _operations, query=query)


def _row(session_id: str, thread_id: str) -> str:
    session, thread = check_id(session_id, "session id"), check_id(thread_id, "thread")
    return path_of("sessions", session, "associations", thread)


def _interaction(given: Any) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        words = f"An interaction is a mapping, not {type(given).__name__}."
        raise InvalidArgument(words)
    body = dict(given)
    kind = body.pop("type", None)
    if kind and not body.get("interaction_type"):
        body["interaction_type"] = kind
    for name in ("thread_id", "interaction_id"):
        id_or_none(body.get(name), name.replace("_", " "))
    when = body.get("timestamp")
    if isinstance(when, datetime) and when.tzinfo is None:
        raise InvalidArgument("The interaction's timestamp has no time zone.")
    return body


def _one(view: Any) -> Association:
    return association_of(view)


def _associations(told: Any) -> list[Association]:
    return [association_of(view) for view in told["associations"]]


def _tracked(view: Any) -> Interaction:
    return record_of(Interaction, view)


def _operations(told: Any) -> list[OperationRecord]:
    return [operation_of(view) for view in told["operations"]]
