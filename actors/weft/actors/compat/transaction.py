"""Transactions under the original's name.

Each is one operation of the store, all or nothing. There is nothing to roll back: what
is refused was never written.
"""

from collections.abc import Mapping
from typing import Any

from weft.actors.compat.part import Part

__all__ = ["SessionThreadTransaction"]


class SessionThreadTransaction(Part):
    """Creates, removes and moves threads."""

    async def create_thread_with_session(
        self,
        session_id: str,
        thread_config: Mapping[str, Any] | None,
        thread_name: str,
    ) -> str:
        """Create a thread in a session, and return its id.

        Raises:
            ThreadCreationError: it cannot be created.
        """
        return await self._operations.create_thread_with_session(
            session_id, thread_config, thread_name
        )

    async def remove_thread_from_session(self, session_id: str, thread_id: str) -> bool:
        """Remove a thread, given by id or name, with its states and runs.

        Raises:
            ThreadRemovalError: it cannot be removed.
        """
        return await self._operations.remove_thread_from_session(session_id, thread_id)

    async def transfer_thread_between_sessions(
        self,
        thread_id: str,
        from_session_id: str,
        to_session_id: str,
        new_thread_name: str | None = None,
    ) -> bool:
        """Move a thread to another session, under its own or another name.

        Raises:
            ThreadTransferError: it cannot be moved.
        """
        moved = await self._operations.transfer_thread_between_sessions(
            thread_id, from_session_id, to_session_id, new_thread_name
        )
        return moved.session_id == to_session_id
