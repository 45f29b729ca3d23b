"""Reading by name: what the coordinator answers without asking an actor.

A read takes a snapshot on the caller's OS thread and is done: an acknowledged change
is committed, so the caller's next read shows it. The answers are completed futures, so
that reads and changes are used alike.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final

from weft.actors.door import Door, at_the_door, check_limit, find_session
from weft.actors.future import Future
from weft.storage import (
    Association,
    Interaction,
    InvalidArgument,
    OperationRecord,
    Run,
    Session,
    Snapshot,
    State,
    Thread,
    ThreadNotFound,
)
from weft.storage.ids import check_id
from weft.storage.operations import encode_mapping

__all__ = ["LIST_LIMIT", "Queries"]

LIST_LIMIT: Final = 100
"""How many entries a list has unless the caller says otherwise."""

_SORT_FIELDS: Final = ("created_at", "updated_at", "session_id", "user_id")


class Queries(Door):
    """The coordinator's half that reads."""

    def get_session(self, session_id: str) -> Future[Session]:
        """Return a session.

        Raises:
            SessionNotFound: there is none of this id.
        """
        return self._read(lambda snapshot: find_session(snapshot, session_id))

    @at_the_door
    def list_sessions(
        self,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - the name people pass
        sort: str | None = None,
        limit: int = LIST_LIMIT,
        cursor: str | None = None,
    ) -> Future[list[Session]]:
        """Return sessions.

        Args:
            filter: wanted values of ``status``, ``user_id``, and of ``metadata`` (a
                mapping that must be contained).
            sort: a field (created_at, updated_at, session_id, user_id), with ``-``
                before it for the reverse; the store's order if omitted.
            limit: how many at the most.
            cursor: the last session id of the page before; without ``sort`` only.
        """
        encode_mapping(filter, "filter")
        check_limit(limit)
        wanted = dict(filter or {})
        encode_mapping(wanted.get("metadata"), "filter of metadata")
        if cursor is not None:
            check_id(cursor, "cursor")
        unknown = set(wanted) - {"status", "user_id", "metadata"}
        if unknown:
            raise InvalidArgument(f"Sessions cannot be filtered by {sorted(unknown)}.")
        if sort is None:
            return self._read(
                lambda snapshot: list(
                    islice(_matching(snapshot.sessions(cursor), wanted), limit)
                )
            )
        if cursor is not None:
            raise InvalidArgument("A cursor goes with the store's own order, not sort.")
        field = str(sort).removeprefix("-")
        if field not in _SORT_FIELDS:
            raise InvalidArgument(f"Sessions cannot be sorted by {field!r}.")

        def find(snapshot: Snapshot) -> list[Session]:
            found = list(_matching(snapshot.sessions(), wanted))
            found.sort(
                key=lambda session: getattr(session, field) or "",
                reverse=sort.startswith("-"),
            )
            return found[:limit]

        return self._read(find)

    def list_threads(self, session_id: str) -> Future[list[Thread]]:
        """Return a session's live threads, ordered by name.

        Raises:
            SessionNotFound: there is no such session.
        """

        def find(snapshot: Snapshot) -> list[Thread]:
            find_session(snapshot, session_id)
            return list(snapshot.threads(session_id))

        return self._read(find)

    def get_thread(self, thread_id: str) -> Future[Thread]:
        """Return a live thread.

        Raises:
            ThreadNotFound: there is none of this id.
        """
        return self._read(lambda snapshot: _thread(snapshot, thread_id))

    @at_the_door
    def get_thread_state(
        self, thread_id: str, step: int | None = None
    ) -> Future[State | None]:
        """Return a thread's last durable state, None before the first.

        Args:
            thread_id: the thread.
            step: the state of this step instead; None if it is not, or not any more.

        Raises:
            ThreadNotFound: there is no such thread.
        """
        if step is not None:
            check_limit(step, "step")

        def find(snapshot: Snapshot) -> State | None:
            _thread(snapshot, thread_id)
            return snapshot.state(thread_id, step)

        return self._read(find)

    @at_the_door
    def thread_history(
        self, thread_id: str, *, limit: int = LIST_LIMIT, before: int | None = None
    ) -> Future[list[State]]:
        """Return a thread's states, newest first.

        Args:
            thread_id: the thread.
            limit: how many at the most.
            before: only steps below this one: the last step of the page before.

        Raises:
            ThreadNotFound: there is no such thread.
        """
        check_limit(limit)
        if before is not None:
            check_limit(before, "before")

        def find(snapshot: Snapshot) -> list[State]:
            _thread(snapshot, thread_id)
            return list(islice(snapshot.states(thread_id, before), limit))

        return self._read(find)

    def get_run(self, run_id: str) -> Future[Run | None]:
        """Return a run, None if there is none of this id."""
        return self._read(lambda snapshot: snapshot.run(check_id(run_id, "run id")))

    @at_the_door
    def list_runs(
        self, thread_id: str, *, limit: int = LIST_LIMIT
    ) -> Future[list[Run]]:
        """Return a thread's runs, newest first.

        Raises:
            ThreadNotFound: there is no such thread.
        """
        check_limit(limit)

        def find(snapshot: Snapshot) -> list[Run]:
            _thread(snapshot, thread_id)
            return list(islice(snapshot.runs(thread_id), limit))

        return self._read(find)

    @at_the_door
    def list_interactions(
        self, session_id: str, *, limit: int | None = None
    ) -> Future[list[Interaction]]:
        """Return what the user did in a session, oldest first.

        Raises:
            SessionNotFound: there is no such session.
        """
        if limit is not None:
            check_limit(limit)

        def find(snapshot: Snapshot) -> list[Interaction]:
            find_session(snapshot, session_id)
            return list(islice(snapshot.interactions(session_id), limit))

        return self._read(find)

    @at_the_door
    def list_associations(
        self, session_id: str, *, active_only: bool = True
    ) -> Future[list[Association]]:
        """Return a session's rows: its threads, and with it those it gave away."""
        check_id(session_id, "session id")
        return self._read(
            lambda snapshot: list(
                snapshot.associations(session_id, active_only=active_only)
            )
        )

    @at_the_door
    def list_associations_by_thread(self, thread_id: str) -> Future[list[Association]]:
        """Return a thread's rows with all its owners, past ones too."""
        check_id(thread_id, "thread id")
        return self._read(
            lambda snapshot: list(snapshot.associations_by_thread(thread_id))
        )

    @at_the_door
    def get_association(
        self, session_id: str, thread_id: str
    ) -> Future[Association | None]:
        """Return the row of a session and a thread, None if they never met."""
        check_id(session_id, "session id")
        check_id(thread_id, "thread id")
        return self._read(lambda snapshot: snapshot.association(session_id, thread_id))

    def association_exists(self, session_id: str, thread_id: str) -> Future[bool]:
        """Return whether the session owns the thread, or once did."""
        found = self.get_association(session_id, thread_id)
        return found.map(lambda row: row is not None)

    def get_operation(self, op_id: str) -> Future[OperationRecord | None]:
        """Return the log's entry of an idempotency key, None if there is none."""
        return self._read(lambda snapshot: snapshot.operation(check_id(op_id, "op id")))

    @at_the_door
    def list_operations(
        self,
        after_seq: int = 0,
        session_id: str | None = None,
        thread_id: str | None = None,
        limit: int = LIST_LIMIT,
    ) -> Future[list[OperationRecord]]:
        """Return the log, applied and refused, in the one order.

        Args:
            after_seq: begin behind this operation.
            session_id: only what concerned this session.
            thread_id: only what concerned this thread.
            limit: how many at the most.
        """
        check_limit(after_seq, "after_seq")
        check_limit(limit)
        if session_id is not None:
            check_id(session_id, "session id")
        if thread_id is not None:
            check_id(thread_id, "thread id")

        def find(snapshot: Snapshot) -> list[OperationRecord]:
            found = (
                record
                for record in snapshot.operations(after_seq)
                if (session_id is None or session_id in record.session_ids)
                and (thread_id is None or thread_id in record.thread_ids)
            )
            return list(islice(found, limit))

        return self._read(find)


def _thread(snapshot: Snapshot, thread_id: str) -> Thread:
    check_id(thread_id, "thread id")
    thread = snapshot.thread(thread_id)
    if thread is None:
        raise ThreadNotFound(
            f"Thread {thread_id!r} does not exist.", thread_id=thread_id
        )
    return thread


def _matching(
    sessions: Iterable[Session], wanted: Mapping[str, Any]
) -> Iterator[Session]:
    metadata = wanted.get("metadata") or {}
    for session in sessions:
        if "status" in wanted and session.status != wanted["status"]:
            continue
        if "user_id" in wanted and session.user_id != wanted["user_id"]:
            continue
        if metadata and not metadata.items() <= session.metadata.items():
            continue
        yield session
