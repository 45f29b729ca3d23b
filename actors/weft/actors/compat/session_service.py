"""The session service under the original's name: sessions, and what users do in them.

With a coordinator it passes on what concerns threads. Without one it works as the
original did before there was one, through its legacy methods, which warn.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import datetime
from types import EllipsisType
from typing import Any, Final

from weft.actors.compat.coordinator import SessionThreadCoordinator
from weft.actors.compat.interfaces import (
    ISessionCore,
    ISessionRepository,
    IThreadService,
)
from weft.actors.compat.legacy import legacy
from weft.actors.compat.part import Part
from weft.actors.compat.reports import Report
from weft.actors.runtime import Runtime
from weft.storage import SessionNotFound

__all__ = ["SessionService"]

_INTERACTION: Final = (
    "interaction_id",
    "interaction_type",
    "type",
    "content",
    "thread_id",
    "metadata",
    "timestamp",
)


class SessionService(Part):
    """Creates sessions, tells about them, and works on their threads.

    Args:
        runtime: see :class:`Part`.
        session_core: begins sessions; the container's if left out.
        session_repository: reads them; likewise.
        thread_service: runs threads for those who ask the service for it; likewise.
        coordinator: works on threads; None for the legacy way.
    """

    def __init__(
        self,
        runtime: Runtime | EllipsisType = ...,
        *,
        session_core: ISessionCore | None = None,
        session_repository: ISessionRepository | None = None,
        thread_service: IThreadService | None = None,
        coordinator: SessionThreadCoordinator | None = None,
    ) -> None:
        super().__init__(runtime)
        get = self._runtime.get
        self._core: ISessionCore = session_core or get(ISessionCore)
        self._sessions: ISessionRepository = session_repository or get(
            ISessionRepository
        )
        self.thread_service: IThreadService = thread_service or get(IThreadService)
        self._coordinator = coordinator

    # Sessions

    async def create_session(
        self,
        session_id: str | None = None,
        *,
        user_id: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> str:
        """Create a session, and return its id."""
        return await self._core.create_session(
            session_id, user_id=user_id, metadata=metadata
        )

    async def list_sessions(self) -> list[dict[str, Any]]:
        """Return all sessions, each with ``session_id``, ``threads`` and so on."""
        return [session.to_dict() for session in await self._sessions.list_all()]

    async def get_session_context(self, session_id: str) -> dict[str, Any] | None:
        """Return a session, None if there is none of this id."""
        found = await self._sessions.get(session_id)
        return None if found is None else found.to_dict()

    async def track_user_interaction(self, session_id: str, interaction: Any) -> None:
        """Record something the user did.

        Args:
            session_id: the session.
            interaction: a mapping, or an object with the attributes; a timestamp
                without a time zone is local time.

        Raises:
            SessionNotFound: there is no such session.
        """
        fields = _fields(interaction)
        await self._operations.track_user_interaction(session_id, fields)

    # Threads

    async def coordinate_threads(
        self, session_id: str, thread_configs: Iterable[Mapping[str, Any]]
    ) -> dict[str, str]:
        """Create threads in a session, all or none: see the coordinator."""
        if self._coordinator is None:
            return await self.coordinate_threads_legacy(session_id, thread_configs)
        return await self._coordinator.coordinate_threads(session_id, thread_configs)

    async def execute_workflow_in_session(
        self,
        session_id: str,
        thread_name: str,
        config: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run the workflow of a thread: see the coordinator."""
        if self._coordinator is None:
            return await self.execute_workflow_legacy(session_id, thread_name, config)
        return await self._coordinator.execute_workflow_in_session(
            session_id, thread_name, config
        )

    async def stream_workflow_in_session(
        self,
        session_id: str,
        thread_name: str,
        config: Mapping[str, Any] | None = None,
    ) -> AsyncIterator[Any]:
        """Run the workflow of a thread and return its states: see the coordinator."""
        if self._coordinator is None:
            return await self.stream_workflow_legacy(session_id, thread_name, config)
        return await self._coordinator.stream_workflow_in_session(
            session_id, thread_name, config
        )

    async def sync_session_data(self, session_id: str) -> Report:
        """Make the copies of what a session owns agree: see the coordinator."""
        return await self._any_coordinator.sync_session_data(session_id)

    async def validate_session_consistency(self, session_id: str) -> list[str]:
        """Return what is inconsistent about a session: see the coordinator."""
        return await self._any_coordinator.validate_session_consistency(session_id)

    async def repair_session_inconsistencies(self, session_id: str) -> Report:
        """Repair what is inconsistent about a session: see the coordinator."""
        return await self._any_coordinator.repair_session_inconsistencies(session_id)

    # The legacy way

    @legacy("a SessionService with a coordinator")
    async def coordinate_threads_legacy(
        self, session_id: str, thread_configs: Iterable[Mapping[str, Any]]
    ) -> dict[str, str]:
        """Create threads in a session; as the coordinator does it."""
        return await self._any_coordinator.coordinate_threads(
            session_id, thread_configs
        )

    @legacy("a SessionService with a coordinator")
    async def execute_workflow_legacy(
        self,
        session_id: str,
        thread_name: str,
        config: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run the workflow of a thread, through the thread service."""
        thread_id = await self._thread_id(session_id, thread_name)
        return await self.thread_service.execute_workflow(thread_id, config)

    @legacy("a SessionService with a coordinator")
    async def stream_workflow_legacy(
        self,
        session_id: str,
        thread_name: str,
        config: Mapping[str, Any] | None = None,
    ) -> AsyncIterator[Any]:
        """Run the workflow of a thread and return its states; likewise."""
        thread_id = await self._thread_id(session_id, thread_name)
        return await self.thread_service.stream_workflow(thread_id, config)

    @property
    def _any_coordinator(self) -> SessionThreadCoordinator:
        found: SessionThreadCoordinator = self._coordinator or self._runtime.get(
            SessionThreadCoordinator
        )
        return found

    async def _thread_id(self, session_id: str, thread_name: str) -> str:
        session = await self._sessions.get(session_id)
        if session is None:
            raise SessionNotFound(
                f"Session {session_id!r} does not exist.", session_id=session_id
            )
        return session.threads.get(thread_name, thread_name)


def _fields(interaction: Any) -> dict[str, Any]:
    if isinstance(interaction, Mapping):
        fields = dict(interaction)
    else:
        names = [name for name in _INTERACTION if hasattr(interaction, name)]
        fields = {name: getattr(interaction, name) for name in names}
    when = fields.get("timestamp")
    if isinstance(when, datetime) and when.tzinfo is None:
        fields["timestamp"] = when.astimezone()
    return fields
