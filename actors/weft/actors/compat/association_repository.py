"""The repository of associations under the original's name: rows there and back."""

from collections.abc import Iterable

from weft.actors.compat.association import SessionThreadAssociation
from weft.actors.compat.part import Part, apart
from weft.storage import (
    Association,
    InvalidArgument,
    SessionNotFound,
    ThreadNotFound,
)

__all__ = ["SessionThreadAssociationRepository"]


class SessionThreadAssociationRepository(Part):
    """Reads rows, and writes them through operations, each guarded by what was read."""

    async def create(
        self, association: SessionThreadAssociation
    ) -> SessionThreadAssociation:
        """Store a new row; its thread is created if there is none of its id.

        Raises:
            ThreadCreationError: there is such a row, or another session owns the
                thread.
        """
        return await self._save(association, None)

    async def get(self, association_id: str) -> SessionThreadAssociation | None:
        """Return the row of a key, None if there is none."""
        operations = self._operations
        row = await apart(lambda: operations.find_association(association_id))
        return None if row is None else SessionThreadAssociation.of(row)

    async def get_by_session_and_thread(
        self, session_id: str, thread_id: str
    ) -> SessionThreadAssociation | None:
        """Return the row of a session and a thread, None if they never met."""
        row = await self._operations.get_association(session_id, thread_id)
        return None if row is None else SessionThreadAssociation.of(row)

    async def list_by_session(self, session_id: str) -> list[SessionThreadAssociation]:
        """Return a session's rows, active and not."""
        return await self._list(session_id, active_only=False)

    async def list_by_thread(self, thread_id: str) -> list[SessionThreadAssociation]:
        """Return a thread's rows with all its owners, past ones too."""
        rows = await self._operations.list_associations_by_thread(thread_id)
        return _entities(rows)

    async def get_active_associations_by_session(
        self, session_id: str
    ) -> list[SessionThreadAssociation]:
        """Return a session's active rows: one for each of its threads."""
        return await self._list(session_id, active_only=True)

    async def update(
        self, association: SessionThreadAssociation
    ) -> SessionThreadAssociation:
        """Store what has changed of a row: name, activity, type and metadata.

        Returns:
            the row as it is stored now; change that one further.

        Raises:
            InvalidArgument: the row was never stored.
            StaleRevision: it has changed since it was read.
            NameTaken, ThreadBusy, ThreadExists: the thread cannot go along.
        """
        if association.seen_seq is None:
            raise InvalidArgument(
                "The association was never stored: create it.",
                session_id=association.session_id,
                thread_id=association.thread_id,
            )
        return await self._save(association, association.seen_seq)

    async def delete(self, association_id: str) -> bool:
        """Remove a row, and its thread if the session owns it.

        Returns:
            whether there was one.
        """
        found = await self.get(association_id)
        if found is None:
            return False
        return await self.delete_by_session_and_thread(
            found.session_id, found.thread_id
        )

    async def delete_by_session_and_thread(
        self, session_id: str, thread_id: str
    ) -> bool:
        """Remove the row of a session and a thread; likewise."""
        try:
            return await self._operations.delete_association(session_id, thread_id)
        except (SessionNotFound, ThreadNotFound):
            return False

    async def exists(self, session_id: str, thread_id: str) -> bool:
        """Return whether the session owns the thread, or once did."""
        return await self._operations.association_exists(session_id, thread_id)

    async def cleanup_inactive_associations(self, max_age_days: float = 30) -> int:
        """Forget rows that have been inactive for some days; return how many."""
        return await self._operations.cleanup_inactive_associations(max_age_days)

    async def _save(
        self, association: SessionThreadAssociation, seen_seq: int | None
    ) -> SessionThreadAssociation:
        row = await self._operations.save_association(
            association.session_id,
            association.thread_id,
            association.thread_name,
            is_active=association.is_active,
            association_type=association.association_type,
            metadata=association.metadata,
            association_id=association.given_id,
            seen_seq=seen_seq,
        )
        return SessionThreadAssociation.of(row)

    async def _list(
        self, session_id: str, *, active_only: bool
    ) -> list[SessionThreadAssociation]:
        operations = self._operations
        rows = await apart(
            lambda: operations.list_associations(session_id, active_only=active_only)
        )
        return _entities(rows)


def _entities(rows: Iterable[Association]) -> list[SessionThreadAssociation]:
    return [SessionThreadAssociation.of(row) for row in rows]
