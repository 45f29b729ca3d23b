"""What the runtime's actors share: who runs turns, who writes, who is resident.

The directories are plain dicts. Only turns change them, and turns run on one OS
thread; others may look a key up, which is atomic, and be told a moment later by the
root that they looked too early.
"""

from collections.abc import Callable
from typing import Any

from weft.actors.cell import Cell
from weft.actors.dispatcher import Scheduler
from weft.actors.executor import WorkflowExecutor
from weft.actors.owners import Owners
from weft.actors.sources import REAL, Sources, Timing
from weft.actors.workflow import Workflows
from weft.storage import Store, Submission

__all__ = ["Services"]


class Services:
    """One runtime's shared parts.

    Attributes:
        scheduler: runs the turns.
        store: read anywhere, written by the writer only.
        submit: queues an operation for the writer.
        executor: runs user code.
        workflows: by name.
        timers: fires deadlines.
        sources: time and ids.
        root: the cell that activates sessions; set by the runtime.
        sessions: resident sessions by id.
        threads: resident threads by id.
        owners: of threads that were looked for.
        live_runs: the thread of each run that is in progress here.
        finished_runs: how many ended here, by status.
        restarts: actors that were replaced or made to read their view anew.
        closing: begin no more runs.
        on_quiet: called when the last run in progress has ended.
    """

    __slots__ = (
        "closing",
        "executor",
        "finished_runs",
        "live_runs",
        "on_quiet",
        "owners",
        "restarts",
        "root",
        "scheduler",
        "sessions",
        "sources",
        "store",
        "submit",
        "threads",
        "timers",
        "workflows",
    )

    root: Cell[Any]

    def __init__(
        self,
        scheduler: Scheduler,
        store: Store,
        submit: Callable[[Submission], None],
        executor: WorkflowExecutor,
        workflows: Workflows,
        timers: Timing,
        sources: Sources = REAL,
    ) -> None:
        self.scheduler = scheduler
        self.store = store
        self.submit = submit
        self.executor = executor
        self.workflows = workflows
        self.timers = timers
        self.sources = sources
        self.sessions: dict[str, Cell[Any]] = {}
        self.threads: dict[str, Cell[Any]] = {}
        self.owners = Owners()
        self.live_runs: dict[str, Cell[Any]] = {}
        self.finished_runs: dict[str, int] = {}
        self.restarts = 0
        self.closing = False
        self.on_quiet: Callable[[], None] | None = None

    def run_began(self, run_id: str, cell: Cell[Any]) -> None:
        """Enter a run that is in progress."""
        self.live_runs[run_id] = cell

    def run_ended(self, run_id: str, status: str | None) -> None:
        """Strike a run off; count how it ended, unless it never began."""
        if self.live_runs.pop(run_id, None) is not None and status is not None:
            self.finished_runs[status] = self.finished_runs.get(status, 0) + 1
        if not self.live_runs and self.on_quiet is not None:
            self.on_quiet()
