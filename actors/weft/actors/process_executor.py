"""Workflows in processes of their own: what computes, and what must be killable.

Guarantees:
    - A run has a process to itself from its beginning to its end; its states come over
      a pipe one by one, each after the one before is durable.
    - The end of a process is that run's error, WorkerDied, and nobody else's; the next
      run gets another process.
    - Being asked to stop shows in the run's context; a run that is abandoned is killed,
      with every process that it has started.
    - Runs that wait for a process take turns by session.

The code finds no runtime there: it can return, not ask.
"""

import contextlib
import os
import pickle
import time
from collections.abc import Callable
from typing import Any, Final

import msgspec

from weft.actors.errors import RemoteError, WorkerDied
from weft.actors.executor import Execution
from weft.actors.limits import Gate, Seat
from weft.actors.pool import Pool
from weft.actors.process_worker import Begin, GoOn, Raised
from weft.actors.reference import Reference
from weft.actors.steps import Step
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

    processes: int
    idle: int
    running: int
    queued: int
    died: int


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
        remote = _Remote(self, step, Seat((self._gate,)))
        step.steps = remote
        step.context.on_cancel = remote.cancel
        remote.seat.enter(step.context.session_id, lambda: self._begin(step))

    def _begin(self, execution: Execution) -> None:
        try:
            self._pool.submit(execution)
        except RuntimeError as error:  # who gave the place back is not to blame
            closed = StoreClosed("The runtime was closed before the run began.")
            closed.cause = closed.__cause__ = error
            execution.fail(closed)

    def abandon(self, execution: Execution) -> None:
        """Kill the process that executes a run."""
        execution.abandon()
        remote = execution.steps
        if isinstance(remote, _Remote):
            remote.kill()
        with contextlib.suppress(RuntimeError):  # the pool is closed
            self._pool.submit(execution.close)

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
        deadline_s = time.monotonic() + timeout_s
        self._closed = True
        in_time = self._pool.close(timeout_s)
        for worker in list(self._workers):
            worker.kill()
        if not in_time:
            self._pool.close(max(KILLED_TIMEOUT_S, deadline_s - time.monotonic()))
        for worker in list(self._workers):
            worker.bury()
            self._workers.pop(worker, None)
        return in_time


class _Remote:
    """A run that is executed in a process, as its execution steps it.

    Attributes:
        seat: its place among as many runs as there are processes.
    """

    def __init__(
        self, executor: ProcessExecutor, execution: Execution, seat: Seat
    ) -> None:
        self._executor = executor
        self._execution = execution
        self._worker: WorkerProcess | None = None
        self._number = 0
        self.seat = seat

    def advance(self) -> Step:
        """Execute the next step; waits for it on this OS thread.

        Raises:
            WorkerDied: the process ended.
            RunInterrupted: the run was asked to stop.
            BaseException: what the workflow's code raised there.
        """
        try:
            worker = self._proceed()
            reply = worker.receive()
        except (WorkerDied, RunInterrupted, OSError):
            self.close()
            raise
        if isinstance(reply, Raised):
            self._end(worker)
            raise _error_of(reply)
        if reply.step.ended:
            self._end(worker)
        return reply.step

    def _proceed(self) -> WorkerProcess:
        execution, worker = self._execution, self._worker
        if worker is not None:
            worker.go_on(self._now())
            return worker
        if execution.context.cancelled:
            raise RunInterrupted(thread_id=execution.run.thread_id)
        execution.read_state()
        worker = self._executor.take()
        self._worker = worker  # first: who cancels or kills now sees it, or is seen
        if execution.abandoned:
            worker.kill()
        self._number = worker.begin(self._begin())
        self._pass_on()
        return worker

    def _pass_on(self) -> None:
        """Pass on a request to stop that came while the run's number was not known."""
        if self._execution.context.cancelled:
            self.cancel()

    def _begin(self) -> Begin:
        execution = self._execution
        run = execution.run
        return Begin(
            number=0,  # the worker's own count
            reference=Reference.of(execution.workflow.function),
            now=self._now(),
            thread_id=run.thread_id,
            run_id=run.run_id,
            attempt=run.attempt,
            config=run.config_raw,
            last=execution.last,
            cancelled=execution.context.cancelled,
        )

    def _now(self) -> GoOn:
        context = self._execution.context
        return GoOn(context.session_id, context.thread_name, context.state_raw)

    def _end(self, worker: WorkerProcess) -> None:
        self._worker = None
        self._executor.give_back(worker)
        self.seat.leave()

    def cancel(self) -> None:
        """Have the code see that it is asked to stop; on any OS thread."""
        worker = self._worker
        if worker is not None and self._number:
            worker.cancel(self._number)

    def kill(self) -> None:
        """End the process, if there is one; on any OS thread."""
        worker = self._worker
        if worker is not None:
            worker.kill()

    def close(self) -> None:
        """Do without the process, and without a place for one."""
        worker, self._worker = self._worker, None
        if worker is not None:
            self._executor.discard(worker)
        self.seat.leave()


def _error_of(reply: Raised) -> BaseException:
    """Return the error that was raised in the process, or one that tells of it."""
    error = _unpickled(reply.pickled)
    if error is None:
        kind, words = reply.failure.type, reply.failure.message
        details = {"type": kind, "message": words}
        error = RemoteError(f"{kind}: {words}.", details=details)
    error.add_note(f"In the worker process:\n{reply.words}")
    return error


def _unpickled(data: bytes | None) -> BaseException | None:
    try:
        error: Any = pickle.loads(data or b"")  # noqa: S301 - our own process's
    except Exception:  # noqa: BLE001 - not all that is pickled can be read again
        return None
    return error if isinstance(error, BaseException) else None
