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
    RemoteError,
    RestartsExceeded,
    WorkerDied,
    error_fields,
)
from weft.actors.events import Events, EventsExpired
from weft.actors.executor import ExecutionResult, PoolExecutor, WorkflowExecutor
from weft.actors.executors import Executors
from weft.actors.future import Future
from weft.actors.handles import SessionHandle, ThreadHandle
from weft.actors.loop_executor import LoopExecutor
from weft.actors.passivation import Passivation
from weft.actors.process_executor import ProcessExecutor
from weft.actors.retry import RetryPolicy, RunPolicy
from weft.actors.run_operations import HeartbeatLost
from weft.actors.runtime import Runtime
from weft.actors.sources import Sources
from weft.actors.spec import ThreadSpec
from weft.actors.state_keeper import StateKeeper
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
    "Events",
    "EventsExpired",
    "ExecutionContext",
    "ExecutionResult",
    "Executors",
    "Future",
    "HealthReport",
    "HeartbeatLost",
    "LoopExecutor",
    "Passivation",
    "PoolExecutor",
    "ProcessExecutor",
    "RemoteError",
    "RestartPolicy",
    "RestartsExceeded",
    "RetryPolicy",
    "RunPolicy",
    "Runtime",
    "RuntimeStatistics",
    "SessionHandle",
    "Sources",
    "StateKeeper",
    "Stream",
    "Supervisor",
    "Terminated",
    "ThreadHandle",
    "ThreadSpec",
    "WorkerDied",
    "Workflow",
    "WorkflowExecutor",
    "error_fields",
    "get_all",
    "workflow",
]
