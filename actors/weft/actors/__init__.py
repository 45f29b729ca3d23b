"""The actor runtime: sessions that own threads, and threads that run workflows.

Begin with :meth:`Runtime.open`; hold a session with ``runtime.session(id)``, or call
any operation by name on ``runtime.coordinator``.
"""

from weft.actors.actor import Actor
from weft.actors.context import ExecutionContext
from weft.actors.controls import Terminated
from weft.actors.coordinator import Coordinator, HealthReport
from weft.actors.derived import get_all
from weft.actors.errors import (
    ActorCrashed,
    ActorQuarantined,
    AskOrderError,
    DeadlockError,
    RestartsExceeded,
)
from weft.actors.executor import PoolExecutor, WorkflowExecutor
from weft.actors.future import Future
from weft.actors.handles import SessionHandle, ThreadHandle
from weft.actors.runtime import Runtime
from weft.actors.spec import ThreadSpec
from weft.actors.statistics import RuntimeStatistics
from weft.actors.stream import Stream
from weft.actors.supervision import RestartPolicy
from weft.actors.supervisor import Supervisor
from weft.actors.workflow import Workflow, workflow

__all__ = [
    "Actor",
    "ActorCrashed",
    "ActorQuarantined",
    "AskOrderError",
    "Coordinator",
    "DeadlockError",
    "ExecutionContext",
    "Future",
    "HealthReport",
    "PoolExecutor",
    "RestartPolicy",
    "RestartsExceeded",
    "Runtime",
    "RuntimeStatistics",
    "SessionHandle",
    "Stream",
    "Supervisor",
    "Terminated",
    "ThreadHandle",
    "ThreadSpec",
    "Workflow",
    "WorkflowExecutor",
    "get_all",
    "workflow",
]
