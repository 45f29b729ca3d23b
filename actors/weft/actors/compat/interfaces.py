"""The original's interfaces, as protocols: who implements one need not inherit it."""

from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import datetime
from typing import Any, Protocol, Self

from weft.actors.compat.association import SessionThreadAssociation
from weft.actors.compat.execution import ExecutionResult
from weft.actors.compat.reports import Report
from weft.actors.compat.session_repository import SessionRecord, ThreadRecord
from weft.storage import SessionThreadException

__all__ = [
    "ISessionCore",
    "ISessionRepository",
    "ISessionService",
    "ISessionThreadAssociation",
    "ISessionThreadAssociationRepository",
    "ISessionThreadExecutor",
    "ISessionThreadSynchronizer",
    "ISessionThreadTransaction",
    "IThreadExecutor",
    "IThreadRepository",
    "IThreadService",
    "IWorkflowExecutor",
]

Config = Mapping[str, Any] | None


class ISessionThreadAssociation(Protocol):
    """A session's row with a thread."""

    @property
    def association_id(self) -> str:
        """The row's key."""
        ...

    @property
    def session_id(self) -> str:
        """The session."""
        ...

    @property
    def thread_id(self) -> str:
        """The thread."""
        ...

    @property
    def thread_name(self) -> str:
        """Its name in the session."""
        ...

    @property
    def created_at(self) -> datetime:
        """When the session first owned the thread."""
        ...

    @property
    def updated_at(self) -> datetime:
        """When the row last changed."""
        ...

    @property
    def is_active(self) -> bool:
        """Whether the session owns the thread."""
        ...

    @property
    def association_type(self) -> str:
        """Free text."""
        ...

    @property
    def metadata(self) -> dict[str, Any]:
        """The caller's data."""
        ...

    @property
    def version(self) -> int:
        """How often the row was saved, or the thread came back."""
        ...

    def activate(self) -> Self:
        """Return the row with the session as the thread's owner."""
        ...

    def deactivate(self) -> Self:
        """Return the row without."""
        ...

    def update_metadata(self, metadata: dict[str, Any]) -> Self:
        """Return the row with entries of its metadata added or replaced."""
        ...

    def update_timestamp(self) -> Self:
        """Return the row as changed now."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """Return the columns."""
        ...


class ISessionThreadAssociationRepository(Protocol):
    """Where rows are kept."""

    async def create(
        self, association: SessionThreadAssociation
    ) -> SessionThreadAssociation:
        """Store a new row."""
        ...

    async def get(self, association_id: str) -> SessionThreadAssociation | None:
        """Return the row of a key."""

    async def get_by_session_and_thread(
        self, session_id: str, thread_id: str
    ) -> SessionThreadAssociation | None:
        """Return the row of a session and a thread."""

    async def list_by_session(self, session_id: str) -> list[SessionThreadAssociation]:
        """Return a session's rows."""
        ...

    async def list_by_thread(self, thread_id: str) -> list[SessionThreadAssociation]:
        """Return a thread's rows."""
        ...

    async def update(
        self, association: SessionThreadAssociation
    ) -> SessionThreadAssociation:
        """Store what has changed of a row."""
        ...

    async def delete(self, association_id: str) -> bool:
        """Remove a row."""
        ...

    async def delete_by_session_and_thread(
        self, session_id: str, thread_id: str
    ) -> bool:
        """Remove the row of a session and a thread."""
        ...

    async def exists(self, session_id: str, thread_id: str) -> bool:
        """Return whether there is a row."""
        ...

    async def get_active_associations_by_session(
        self, session_id: str
    ) -> list[SessionThreadAssociation]:
        """Return a session's active rows."""
        ...

    async def cleanup_inactive_associations(self, max_age_days: float = 30) -> int:
        """Forget rows that have been inactive for some days."""
        ...


class ISessionThreadSynchronizer(Protocol):
    """Checks and repairs."""

    async def sync_session_threads(self, session_id: str) -> Report:
        """Make the copies of what a session owns agree."""
        ...

    async def batch_sync_sessions(
        self, session_ids: Iterable[str]
    ) -> list[Report | SessionThreadException]:
        """Do so for several sessions."""
        ...

    async def validate_consistency(self, session_id: str) -> list[str]:
        """Return what is inconsistent about a session."""
        ...

    async def repair_inconsistencies(self, session_id: str) -> Report:
        """Repair what is inconsistent about a session."""
        ...


class ISessionThreadTransaction(Protocol):
    """Changes that are whole or not there."""

    async def create_thread_with_session(
        self, session_id: str, thread_config: Config, thread_name: str
    ) -> str:
        """Create a thread in a session, and return its id."""
        ...

    async def remove_thread_from_session(self, session_id: str, thread_id: str) -> bool:
        """Remove a thread."""
        ...

    async def transfer_thread_between_sessions(
        self,
        thread_id: str,
        from_session_id: str,
        to_session_id: str,
        new_thread_name: str | None = None,
    ) -> bool:
        """Move a thread to another session."""
        ...


class IWorkflowExecutor(Protocol):
    """Executes workflows; a failure is an answer like another."""

    async def execute(self, thread_id: str, config: Config = None) -> ExecutionResult:
        """Execute the workflow of a thread."""
        ...

    async def stream(self, thread_id: str, config: Config = None) -> AsyncIterator[Any]:
        """Execute the workflow of a thread and return its states."""
        ...


class ISessionThreadExecutor(Protocol):
    """Executes workflows of threads by their names in a session."""

    async def execute_workflow_in_session(
        self, session_id: str, thread_name: str, config: Config = None
    ) -> Any:
        """Run the workflow of a thread and return its result."""

    async def stream_workflow_in_session(
        self, session_id: str, thread_name: str, config: Config = None
    ) -> AsyncIterator[Any]:
        """Run the workflow of a thread and return its states."""
        ...


class IThreadExecutor(Protocol):
    """Executes workflows of threads by their ids."""

    async def execute_workflow(self, thread_id: str, config: Config = None) -> Any:
        """Run the workflow of a thread and return its result."""

    async def stream_workflow(
        self, thread_id: str, config: Config = None
    ) -> AsyncIterator[Any]:
        """Run the workflow of a thread and return its states."""
        ...


class IThreadService(IThreadExecutor, Protocol):
    """Executes threads, and keeps their states."""

    async def get_thread_state(self, thread_id: str) -> Any:
        """Return a thread's last state."""

    async def update_thread_state(self, thread_id: str, state: Any) -> bool:
        """Append a state by hand."""
        ...


class ISessionCore(Protocol):
    """Begins and ends sessions."""

    async def create_session(
        self,
        session_id: str | None = None,
        *,
        user_id: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> str:
        """Create a session, and return its id."""
        ...

    async def close_session(self, session_id: str) -> bool:
        """Close a session."""
        ...


class ISessionRepository(Protocol):
    """Reads sessions."""

    async def get(self, session_id: str) -> SessionRecord | None:
        """Return a session."""

    async def list_all(self) -> list[SessionRecord]:
        """Return all sessions."""
        ...


class IThreadRepository(Protocol):
    """Reads threads."""

    async def get(self, thread_id: str) -> ThreadRecord | None:
        """Return a live thread."""


class ISessionService(ISessionThreadExecutor, Protocol):
    """Sessions, what users do in them, and their threads."""

    async def create_session(
        self,
        session_id: str | None = None,
        *,
        user_id: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> str:
        """Create a session, and return its id."""
        ...

    async def list_sessions(self) -> list[dict[str, Any]]:
        """Return all sessions."""
        ...

    async def get_session_context(self, session_id: str) -> dict[str, Any] | None:
        """Return a session."""

    async def track_user_interaction(self, session_id: str, interaction: Any) -> None:
        """Record something the user did."""

    async def coordinate_threads(
        self, session_id: str, thread_configs: Iterable[Mapping[str, Any]]
    ) -> dict[str, str]:
        """Create threads in a session, all or none."""
        ...

    async def sync_session_data(self, session_id: str) -> Report:
        """Make the copies of what a session owns agree."""
        ...

    async def validate_session_consistency(self, session_id: str) -> list[str]:
        """Return what is inconsistent about a session."""
        ...

    async def repair_session_inconsistencies(self, session_id: str) -> Report:
        """Repair what is inconsistent about a session."""
        ...
