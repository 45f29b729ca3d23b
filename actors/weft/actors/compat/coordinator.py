"""The coordinator under the original's name.

It works through the container's transaction and synchroniser: what an application puts
in their place is used here, too.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

from weft.actors.compat import reports
from weft.actors.compat.execution import execution_errors, states_of
from weft.actors.compat.interfaces import (
    ISessionThreadSynchronizer,
    ISessionThreadTransaction,
)
from weft.actors.compat.part import Part
from weft.actors.compat.reports import Report
from weft.storage import SessionThreadException

__all__ = ["SessionThreadCoordinator"]


class SessionThreadCoordinator(Part):
    """Creates, runs, moves and checks the threads of sessions."""

    @property
    def _transaction(self) -> ISessionThreadTransaction:
        part: ISessionThreadTransaction = self._runtime.get(ISessionThreadTransaction)
        return part

    @property
    def _synchronizer(self) -> ISessionThreadSynchronizer:
        part: ISessionThreadSynchronizer = self._runtime.get(ISessionThreadSynchronizer)
        return part

    async def coordinate_threads(
        self, session_id: str, thread_configs: Iterable[Mapping[str, Any]]
    ) -> dict[str, str]:
        """Create threads in a session, all or none.

        Args:
            session_id: the session.
            thread_configs: mappings with ``name`` and any of ``config``, ``workflow``,
                ``metadata``, ``thread_id``.

        Returns:
            thread id by name.

        Raises:
            ThreadCreationError: one of them cannot be created.
        """
        return await self._operations.coordinate_threads(session_id, thread_configs)

    async def create_thread_with_session(
        self,
        session_id: str,
        thread_config: Mapping[str, Any] | None,
        thread_name: str,
    ) -> str:
        """Create a thread in a session: see the transaction."""
        return await self._transaction.create_thread_with_session(
            session_id, thread_config, thread_name
        )

    async def remove_thread_from_session(self, session_id: str, thread_id: str) -> bool:
        """Remove a thread of a session: see the transaction."""
        return await self._transaction.remove_thread_from_session(session_id, thread_id)

    async def transfer_thread_between_sessions(
        self,
        thread_id: str,
        from_session_id: str,
        to_session_id: str,
        new_thread_name: str | None = None,
    ) -> bool:
        """Move a thread to another session: see the transaction."""
        return await self._transaction.transfer_thread_between_sessions(
            thread_id, from_session_id, to_session_id, new_thread_name
        )

    async def execute_workflow_in_session(
        self,
        session_id: str,
        thread_name: str,
        config: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run the workflow of a thread and return its result.

        Raises:
            WorkflowExecutionError: it failed, or there is nothing to execute.
        """
        with execution_errors(session_id=session_id, thread_name=thread_name):
            return await self._operations.execute_workflow_in_session(
                session_id, thread_name, config
            )

    async def stream_workflow_in_session(
        self,
        session_id: str,
        thread_name: str,
        config: Mapping[str, Any] | None = None,
    ) -> AsyncIterator[Any]:
        """Run the workflow of a thread and return the stream of its states."""
        stream = self._operations.stream_workflow_in_session(
            session_id, thread_name, config
        )
        return states_of(stream, session_id=session_id, thread_name=thread_name)

    async def sync_session_data(self, session_id: str) -> Report:
        """Make the copies of what a session owns agree: see the synchroniser."""
        return await self._synchronizer.sync_session_threads(session_id)

    async def batch_sync_sessions(
        self, session_ids: Iterable[str]
    ) -> list[Report | SessionThreadException]:
        """Do so for several sessions; one that fails does not stop the others."""
        return await self._synchronizer.batch_sync_sessions(session_ids)

    async def validate_session_consistency(self, session_id: str) -> list[str]:
        """Return what is inconsistent about a session, a sentence each."""
        return await self._synchronizer.validate_consistency(session_id)

    async def repair_session_inconsistencies(self, session_id: str) -> Report:
        """Repair what is inconsistent about a session, and report."""
        return await self._synchronizer.repair_inconsistencies(session_id)

    async def health_check(self) -> Report:
        """Check all sessions, and return how the runtime is."""
        await asyncio.to_thread(self._runtime.check)
        return reports.health(await self._operations.health_check())
