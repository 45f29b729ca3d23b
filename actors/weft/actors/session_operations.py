"""Changing sessions: the coordinator's part about them, and batches over many."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from weft.actors.door import Door, at_the_door
from weft.actors.future import Future
from weft.actors.parts import batch_of
from weft.storage import (
    CloseSession,
    CreateSession,
    InvalidArgument,
    Operation,
    Session,
    UpdateSession,
)
from weft.storage.ids import check_id
from weft.storage.operations import encode_mapping
from weft.storage.records import NIL
from weft.storage.rules import subjects

__all__ = ["SessionOperations"]


class SessionOperations(Door):
    """Create, change and close sessions; apply batches."""

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
        """Create a session.

        Args:
            session_id: the caller's id; None to have one generated.
            user_id: whose it is.
            metadata: the caller's data.
            if_exists: "open" returns the open session of this id instead of failing.
            op_id: see the module.
            timeout_s: see the module.

        Raises:
            SessionExists: there is one of this id.
            SessionClosed: there is one, closed.
            InvalidArgument: an argument cannot be used.
        """
        if if_exists not in {"raise", "open"}:
            raise InvalidArgument(f"if_exists is 'raise' or 'open', not {if_exists!r}.")
        operation = CreateSession(
            session_id=self._house.sources.new_id()
            if session_id is None
            else check_id(session_id, "session id"),
            user_id=None if user_id is None else check_id(user_id, "user id"),
            metadata=encode_mapping(metadata, "metadata"),
            open_existing=if_exists == "open",
        )
        return self._apply(operation, op_id, timeout_s, session_id=operation.session_id)

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
        """Replace a session's metadata or user; None leaves as it is.

        Raises:
            SessionNotFound: there is no such session.
            SessionClosed: it is closed.
        """
        operation = UpdateSession(
            session_id=check_id(session_id, "session id"),
            user_id=None if user_id is None else check_id(user_id, "user id"),
            metadata=NIL if metadata is None else encode_mapping(metadata, "metadata"),
        )
        return self._apply(operation, op_id, timeout_s, session_id=session_id)

    @at_the_door
    def close_session(
        self,
        session_id: str,
        threads: str = "remove",
        *,
        op_id: str | None = None,
        timeout_s: float | None = None,
    ) -> Future[Session]:
        """Close a session.

        Args:
            session_id: the session.
            threads: "remove", or the id of the session to move its threads to.
            op_id: see the module.
            timeout_s: see the module.

        Raises:
            SessionNotFound: there is no such session.
            ThreadBusy: a run is in progress on one of its threads.
            NameTaken: the other session has a thread of the same name.
        """
        move_to = None if threads == "remove" else check_id(threads, "session id")
        operation = CloseSession(
            session_id=check_id(session_id, "session id"), move_to=move_to
        )
        return self._apply(operation, op_id, timeout_s, session_id=session_id)

    @at_the_door
    def transact(
        self,
        operations: Iterable[Operation],
        *,
        op_id: str | None = None,
        timeout_s: float | None = None,
    ) -> Future[list[Any]]:
        """Apply several operations as one: all or none, over any sessions.

        Args:
            operations: of :mod:`weft.storage.operations`, runs excepted.
            op_id: see the module.
            timeout_s: see the module.

        Returns:
            their answers, in order.
        """
        batch = batch_of(operations)
        sessions, threads = subjects(batch)
        return self._apply(
            batch,
            op_id,
            timeout_s,
            session_id=sessions[0] if sessions else None,
            thread_ids=tuple(threads),
        )
