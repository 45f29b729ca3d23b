"""What the runtime's actors share: who runs turns, who writes, who is resident.

The directories are plain dicts. Only turns change them, and turns run on one OS
thread; others may look a key up, which is atomic, and be told a moment later by the
root that they looked too early.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from weft.actors.cell import Cell
from weft.actors.dispatcher import Scheduler
from weft.actors.executor import WorkflowExecutor
from weft.actors.future import Future
from weft.actors.messages import Release
from weft.actors.owners import Owners
from weft.actors.sources import REAL, Sources, Timing
from weft.actors.workflow import Workflows
from weft.storage import Store, StoreClosed, Submission
from weft.storage.rules import Event
from weft.storage.statistics import Histogram

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
        waiting_runs: the thread of each run that waits for its turn here.
        asks: one entry for each command that is not answered yet.
        reply_time: from the flush of a group to the posting of its answers.
        stale_writes: how many late writes of runs were refused.
        finished_runs: how many ended here, by status.
        restarts: actors that were replaced after a failure, by kind.
        started: actors that became resident, by kind.
        stopped: actors that are resident no more, by kind and reason.
        away: sessions that are stood in for: until when, on the clock of ``sources``,
            and whether in quarantine.
        quarantined: sessions in quarantine now.
        quarantines: those that were put there so far.
        closing: begin no more runs.
        on_quiet: called when the last run in progress has ended.
    """

    __slots__ = (
        "_answered",
        "_seq",
        "asks",
        "away",
        "closing",
        "executor",
        "finished_runs",
        "live_runs",
        "on_quiet",
        "owners",
        "quarantined",
        "quarantines",
        "reply_time",
        "restarts",
        "root",
        "scheduler",
        "sessions",
        "sources",
        "stale_writes",
        "started",
        "stopped",
        "store",
        "submit",
        "threads",
        "timers",
        "waiting_runs",
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
        self.waiting_runs: dict[str, Cell[Any]] = {}
        self.finished_runs: dict[str, int] = {}
        self.asks: list[None] = []
        self._answered: Callable[[Future[Any]], object] = lambda _: self.asks.pop()
        self.reply_time = Histogram()
        self.stale_writes = 0
        self.restarts: Counter[str] = Counter()
        # Not a Counter, whose += takes twice as long.
        self.started = {"session": 0, "thread": 0}
        self.stopped: Counter[tuple[str, str]] = Counter()
        self.away: dict[str, tuple[int, bool]] = {}
        self.quarantined = self.quarantines = 0
        self.closing = False
        self._seq = 0
        self.on_quiet: Callable[[], None] | None = None

    def asked(self, future: Future[Any]) -> None:
        """Count a command as in flight until it is answered; from any OS thread.

        Appending and popping are atomic, adding to a number is not.
        """
        self.asks.append(None)
        future.add_done_callback(self._answered)

    def brings_a_live_thread(self, events: Iterable[Event]) -> bool:
        """Return whether a thread with an actor comes to a session.

        Args:
            events: for that session.
        """
        return any(
            event.change == "adopted"
            and event.thread is not None
            and event.thread.thread_id in self.threads
            for event in events
        )

    def shared_seq(self, seq: int) -> int:
        """Return one object for equal numbers: a million views share 28 bytes each."""
        if seq != self._seq:
            self._seq = seq
        return self._seq

    def run_began(self, run_id: str, cell: Cell[Any]) -> None:
        """Enter a run that is in progress."""
        self.live_runs[run_id] = cell

    def run_ended(self, run_id: str, status: str | None) -> None:
        """Strike a run off; count how it ended, unless it never began."""
        if self.live_runs.pop(run_id, None) is not None and status is not None:
            self.finished_runs[status] = self.finished_runs.get(status, 0) + 1
        if not self.live_runs and self.on_quiet is not None:
            self.on_quiet()

    def give_runs_up(self) -> None:
        """Answer the callers of all runs: the runtime closes; from any OS thread."""
        error = StoreClosed("The runtime was closed before the run had ended.")
        for cell in {*self.live_runs.values(), *self.waiting_runs.values()}:
            self.scheduler.post(cell, Release(error))
