"""Workflows in processes of their own: what computes, and what must be killable.

Guarantees:
    - A run has a process to itself from its beginning to its end; its states come over
      a pipe one by one, each after the one before is durable.
    - The end of a process is that run's error, WorkerDied, and nobody else's; the next
      run gets another process.
    - Being asked to stop shows in the run's context; a run that is abandoned is killed,
      with every process that it has started.
    - Runs that wait for a process take turns by session.

What the code records, emits and says of itself in a step comes over the same pipe, and
goes on as if it were executed here. It finds no runtime there: it can ask for no run.
"""

import contextlib
import os
from collections.abc import Callable
from typing import Final

import msgspec

from weft.actors.executor import Execution
from weft.actors.limits import Gate, Seat
from weft.actors.pool import Pool
from weft.actors.remote_steps import RemoteSteps
from weft.actors.worker_process import WorkerProcess
from weft.storage import RunInterrupted, StoreClosed

__all__ = ["ProcessExecutor", "ProcessStatistics"]

PROCESSES_MAX_DEFAULT: Final = os.cpu_count() or 1
"""What computes gains nothing from more processes than cores."""

KILLED_TIMEOUT_S: Final = 5.0
"""What steps get whose process was just killed."""


class ProcessStatistics(msgspec.Struct, frozen=True):
    """What an executor of processes is doing.

    Attributes:
        processes: alive.
        idle: that wait for a run.
        running: runs that have a process.
        queued: runs that wait for one.
        died: processes that ended under a run, or were killed with it.
    """

    processes: int = 0
    idle: int = 0
    running: int = 0
    queued: int = 0
    died: int = 0


class ProcessExecutor:
    """Executes each run in a worker process; processes are started as needed, and kept.

    Args:
        size_max: how many processes at the most.

    Raises:
        ValueError: there would be none at all.
    """

    def __init__(self, size_max: int = PROCESSES_MAX_DEFAULT) -> None:
        self._pool = Pool(size_max, spares_max=0)
        self._gate = Gate(size_max)
        self._idle: list[WorkerProcess] = []
        self._workers: dict[WorkerProcess, None] = {}
        self._died = 0
        self._closed = False

    def submit(self, step: Callable[[], None]) -> None:
        """Have a run's next step executed, in its process.

        Raises:
            TypeError: the step is not an :class:`Execution`.
        """
        if not isinstance(step, Execution):
            raise TypeError(f"A run is executed in a process, not {step!r}.")
        if step.begun:
            self._pool.submit(step)
            return
        step.begun = True
        remote = self.steps_of(step, Seat((self._gate,)))
        step.steps = remote
        step.context.on_cancel = remote.cancel
        remote.seat.enter(step.context.session_id, lambda: self._begin(step))

    def steps_of(self, execution: Execution, seat: Seat) -> RemoteSteps:
        """Return the steps of a run; who follows runs returns others of its own."""
        return RemoteSteps(self, execution, seat)

    def _begin(self, execution: Execution) -> None:
        try:
            self._pool.submit(execution)
        except RuntimeError as error:  # who gave the place back is not to blame
            words = "The runtime was closed before the run began."
            execution.fail(StoreClosed(words, cause=error))

    def abandon(self, execution: Execution) -> None:
        """Kill the process that executes a run."""
        execution.abandon()
        remote = execution.steps
        if isinstance(remote, RemoteSteps):
            remote.kill()
        self._pool.offer(execution.close)

    def take(self) -> WorkerProcess:
        """Return a process without a run; on an OS thread that may wait.

        Raises:
            OSError: none can be started.
            RunInterrupted: the executor is closed.
        """
        with contextlib.suppress(IndexError):
            while True:
                worker = self._idle.pop()
                if worker.is_alive:
                    return worker
                self.discard(worker)
        worker = WorkerProcess()
        self._workers[worker] = None
        if self._closed:  # close() may not have seen it
            self.discard(worker)
            raise RunInterrupted("The executor was closed.")
        return worker

    def give_back(self, worker: WorkerProcess) -> None:
        """Have a process wait for another run."""
        self._idle.append(worker)

    def discard(self, worker: WorkerProcess) -> None:
        """Kill a process; on an OS thread that may wait."""
        self._died += 1
        worker.bury()
        self._workers.pop(worker, None)

    def statistics(self) -> ProcessStatistics:
        """Return the numbers so far; callable from any OS thread."""
        return ProcessStatistics(
            processes=len(self._workers),
            idle=len(self._idle),
            running=self._gate.taken,
            queued=self._gate.waiting,
            died=self._died,
        )

    def close(self, timeout_s: float) -> bool:
        """Finish the steps that are under way, and kill the processes.

        Args:
            timeout_s: seconds to wait for steps; after that they are killed.

        Returns:
            Whether all ended in time.
        """
        self._closed = True
        in_time = self._pool.close(timeout_s)
        for worker in list(self._workers):
            worker.kill()
        if not in_time:
            self._pool.close(KILLED_TIMEOUT_S)
        for worker in list(self._workers):
            worker.bury()
            self._workers.pop(worker, None)
        return in_time
