"""The names of the system that Weft grew from, all of them asynchronous.

For code written against that system: import from here and change nothing else. There is
no logic in this package; each method is one of the coordinator's, and the page
``docs/from-the-original.md`` says which, name by name. New code uses
:class:`weft.actors.Runtime` itself.

::

    async with Runtime.open("./weft-data", workflows=[...]) as container:
        coordinator = container.get(SessionThreadCoordinator)
        await coordinator.coordinate_threads("alice", [{"name": "notes"}])

Guarantees:
    * every change passes the actors and the writer, as all others do;
    * no method blocks the event loop.
"""

from collections.abc import Callable
from typing import Any, Final

from weft.actors.compat.association import SessionThreadAssociation
from weft.actors.compat.association_repository import (
    SessionThreadAssociationRepository,
)
from weft.actors.compat.coordinator import SessionThreadCoordinator
from weft.actors.compat.execution import ExecutionResult, WorkflowExecutor
from weft.actors.compat.interfaces import (
    ISessionCore,
    ISessionRepository,
    ISessionService,
    ISessionThreadAssociation,
    ISessionThreadAssociationRepository,
    ISessionThreadExecutor,
    ISessionThreadSynchronizer,
    ISessionThreadTransaction,
    IThreadExecutor,
    IThreadRepository,
    IThreadService,
    IWorkflowExecutor,
)
from weft.actors.compat.reports import Issue, Report
from weft.actors.compat.session_repository import (
    SessionCore,
    SessionRecord,
    SessionRepository,
    ThreadRecord,
    ThreadRepository,
)
from weft.actors.compat.session_service import SessionService
from weft.actors.compat.synchronizer import SessionThreadSynchronizer
from weft.actors.compat.thread_service import ThreadService
from weft.actors.compat.transaction import SessionThreadTransaction
from weft.actors.container import provide
from weft.actors.context import ExecutionContext
from weft.actors.coordinator import Coordinator
from weft.storage import (
    SessionThreadException,
    SessionThreadInconsistencyError,
    ThreadCreationError,
    ThreadRemovalError,
    ThreadTransferError,
    WorkflowExecutionError,
)

__all__ = [
    "ExecutionContext",
    "ExecutionResult",
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
    "Issue",
    "Report",
    "SessionCore",
    "SessionRecord",
    "SessionRepository",
    "SessionService",
    "SessionThreadAssociation",
    "SessionThreadAssociationRepository",
    "SessionThreadCoordinator",
    "SessionThreadException",
    "SessionThreadInconsistencyError",
    "SessionThreadSynchronizer",
    "SessionThreadTransaction",
    "ThreadCreationError",
    "ThreadRecord",
    "ThreadRemovalError",
    "ThreadRepository",
    "ThreadService",
    "ThreadTransferError",
    "WorkflowExecutionError",
    "WorkflowExecutor",
]

_PARTS: Final[dict[type, type]] = {
    ISessionCore: SessionCore,
    ISessionRepository: SessionRepository,
    ISessionThreadAssociationRepository: SessionThreadAssociationRepository,
    ISessionThreadSynchronizer: SessionThreadSynchronizer,
    ISessionThreadTransaction: SessionThreadTransaction,
    IThreadRepository: ThreadRepository,
    IThreadService: ThreadService,
    IWorkflowExecutor: WorkflowExecutor,
}
"""What implements an interface unless something else is put in its place."""


def _session_service(runtime: Any) -> SessionService:
    coordinator = runtime.get(SessionThreadCoordinator)
    return SessionService(runtime, coordinator=coordinator)


def _same(kind: type) -> Callable[[Any], object]:
    """Return what answers with the part of another type."""
    return lambda runtime: runtime.get(kind)


def _provide_all() -> None:
    for interface, part in _PARTS.items():
        provide(interface, part)
        provide(part, _same(interface))
    provide(SessionThreadCoordinator, SessionThreadCoordinator)
    provide(ISessionThreadExecutor, _same(SessionThreadCoordinator))
    provide(IThreadExecutor, _same(IThreadService))
    provide(ISessionService, _session_service)
    provide(SessionService, _same(ISessionService))
    provide(Coordinator, lambda runtime: runtime.coordinator)


_provide_all()
