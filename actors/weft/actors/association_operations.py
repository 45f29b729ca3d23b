"""Associations as rows: the coordinator's part for who holds the row itself.

Creating, moving and removing threads keeps the rows right; nobody has to. These are for
systems that keep an association table of their own and change its rows.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from weft.actors.door import Door, at_the_door, check_limit
from weft.actors.future import Future
from weft.storage import (
    Association,
    DeleteAssociation,
    SaveAssociation,
    Snapshot,
)
from weft.storage.ids import check_id, check_name
from weft.storage.operations import encode_mapping

__all__ = ["AssociationOperations"]


class AssociationOperations(Door):
    """Save, delete and find rows."""

    @at_the_door
    def save_association(
        self,
        session_id: str,
        thread_id: str,
        thread_name: str,
        *,
        is_active: bool = True,
        association_type: str = "session_thread",
        metadata: Mapping[str, Any] | None = None,
        association_id: str | None = None,
        seen_seq: int | None = None,
        op_id: str | None = None,
        timeout_s: float | None = None,
    ) -> Future[Association]:
        """Write a row; the session and the thread go along with it.

        Args:
            session_id: the session.
            thread_id: the thread. If none of this id lives, one begins.
            thread_name: its name there; another one renames it.
            is_active: the session owns the thread. Making a row inactive removes the
                thread with its states; making it active begins a new life of it.
            association_type: free text.
            metadata: the caller's data; replaces what is there.
            association_id: a key of the caller's own; None for the one of the two ids.
            seen_seq: the row's ``updated_seq`` as it was read; None for a new row.
            op_id: see the module of the coordinator.
            timeout_s: likewise.

        Raises:
            ThreadExists: the row is not new, or another session owns the thread.
            StaleRevision: the row has changed since it was read.
            SessionNotFound, SessionClosed, NameTaken, ThreadBusy: as for threads.
        """
        operation = SaveAssociation(
            session_id=check_id(session_id, "session id"),
            thread_id=check_id(thread_id, "thread id"),
            thread_name=check_name(thread_name),
            is_active=bool(is_active),
            association_type=check_name(association_type, "association type"),
            metadata=encode_mapping(metadata, "metadata"),
            given_id=None
            if association_id is None
            else check_name(association_id, "association id"),
            seen_seq=None if seen_seq is None else check_limit(seen_seq, "seen_seq"),
        )
        return self._apply(
            operation,
            op_id,
            timeout_s,
            session_id=session_id,
            names=(thread_name,),
            thread_ids=(thread_id,),
        )

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
        """Remove a row, and the thread with it if the session owns it.

        Args:
            session_id: the session.
            thread_id: the thread.
            seen_seq: the row's ``updated_seq`` as it was read; None for whatever it is.
            op_id: see the module of the coordinator.
            timeout_s: likewise.

        Returns:
            True.

        Raises:
            ThreadNotFound: there is no such row.
            StaleRevision: the row has changed since it was read.
            ThreadBusy: a run is in progress on the thread.
        """
        operation = DeleteAssociation(
            session_id=check_id(session_id, "session id"),
            thread_id=check_id(thread_id, "thread id"),
            seen_seq=None if seen_seq is None else check_limit(seen_seq, "seen_seq"),
        )
        return self._apply(
            operation,
            op_id,
            timeout_s,
            session_id=session_id,
            thread_ids=(thread_id,),
        )

    @at_the_door
    def find_association(self, association_id: str) -> Future[Association | None]:
        """Return the row of a key, None if there is none.

        A key made of the two ids is looked up. One that was given has no index: all
        rows are looked at, some seconds for a million of them.
        """
        check_name(association_id, "association id")

        def find(snapshot: Snapshot) -> Association | None:
            for session_id, thread_id in _splits(association_id):
                row = snapshot.association(session_id, thread_id)
                if row is not None and row.association_id == association_id:
                    return row
            rows = _all_rows(snapshot)
            return next((r for r in rows if r.association_id == association_id), None)

        return self._read(find)


def _splits(association_id: str) -> Iterator[tuple[str, str]]:
    """Yield the pairs of ids that a key may be made of; ids may have slashes."""
    parts = association_id.split("/")
    for at in range(1, len(parts)):
        pair = "/".join(parts[:at]), "/".join(parts[at:])
        if all(pair):
            yield pair


def _all_rows(snapshot: Snapshot) -> Iterator[Association]:
    for session in snapshot.sessions():
        yield from snapshot.associations(session.session_id, active_only=False)
