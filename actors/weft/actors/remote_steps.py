"""The steps of a run whose code is executed in a worker process.

An OS thread of this process goes along with each step: it tells the worker to go on,
and listens until the step has come to something. What the code records, emits and says
of itself meanwhile goes the way of all runs, so fencing and order are the same.

Guarantees: the process is given back, or killed, when the run ends, however it does; a
step that waits for its record is let go when the run is abandoned.
"""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any, Protocol

from weft.actors.context import RECORD_TIMEOUT_S
from weft.actors.errors import RemoteError, WorkerDied
from weft.actors.process_messages import (
    Answer,
    Ask,
    Beat,
    Begin,
    Emit,
    GoOn,
    Raised,
    Reached,
    Recall,
    Reply,
)
from weft.actors.reference import Reference
from weft.storage import RunInterrupted

if TYPE_CHECKING:
    from weft.actors.executor import Execution
    from weft.actors.future import Future
    from weft.actors.limits import Seat
    from weft.actors.steps import Step
    from weft.actors.worker_process import WorkerProcess

__all__ = ["RemoteSteps"]


class Processes(Protocol):
    """Where a run gets its process."""

    def take(self) -> WorkerProcess:
        """Return one without a run."""
        ...

    def give_back(self, worker: WorkerProcess) -> None:
        """Have one wait for another run."""

    def discard(self, worker: WorkerProcess) -> None:
        """Kill one."""


class RemoteSteps:
    """A run that is executed in a process, as its execution steps it.

    Args:
        processes: where it gets one.
        execution: the run.
        seat: given back with the process.

    Attributes:
        seat: its place among as many runs as there are processes.
        traceparent: the trace it belongs to; empty for none.
    """

    def __init__(self, processes: Processes, execution: Execution, seat: Seat) -> None:
        self._processes = processes
        self._execution = execution
        self._worker: WorkerProcess | None = None
        self._number = 0
        self._recording: Future[bool] | None = None
        self.seat = seat
        self.traceparent = ""

    def advance(self) -> Step:
        """Execute the next step; waits for it on this OS thread.

        Raises:
            WorkerDied: the process ended.
            RunInterrupted: the run was asked to stop.
            BaseException: what the workflow's code raised there.
        """
        try:
            worker = self._proceed()
            reply = self._listen(worker)
        except (WorkerDied, RunInterrupted, OSError):
            self.close()
            raise
        finally:
            self._execution.context.code_rests()
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
            execution.context.code_begins()
            return worker
        if execution.context.cancelled:
            raise RunInterrupted(thread_id=execution.run.thread_id)
        execution.read_state()
        worker = self._processes.take()
        self._worker = worker  # first: who cancels or kills now sees it, or is seen
        if execution.abandoned:
            worker.kill()
        self._number = worker.begin(self._begin())
        self._pass_on()
        return worker

    def _listen(self, worker: WorkerProcess) -> Reply:
        """Wait for the step's end; what the code says before that is passed on."""
        context = self._execution.context
        while True:
            match worker.receive():
                case Beat():  # the first one comes when the code begins
                    context.code_begins()
                case Emit(mode, encoded):
                    context.pass_on(mode, encoded)
                case Raised() | Reached() as reply:
                    return reply
                case question:
                    worker.answer(self._answer(question))

    def _answer(self, question: Ask) -> Answer:
        context = self._execution.context
        try:
            if isinstance(question, Recall):
                value = context.recall(question.name)
                return Answer() if value is None else Answer(True, value)
            recording = context.record(question.name, question.encoded)
            self._recording = recording
            if self._execution.abandoned:  # looked at after: who abandons it sees it
                self._stop_recording()
            with context.resting():
                recording.get(timeout=RECORD_TIMEOUT_S)
        except Exception as error:  # noqa: BLE001 - it is raised where it was asked
            return Answer(error=pickle.dumps(error))
        return Answer()

    def _stop_recording(self) -> None:
        recording = self._recording
        if recording is not None:
            thread_id = self._execution.run.thread_id
            recording.try_fail(RunInterrupted(thread_id=thread_id))

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
            traceparent=self.traceparent,
        )

    def _now(self) -> GoOn:
        context = self._execution.context
        return GoOn(
            context.session_id,
            context.thread_name,
            context.state_raw,
            context.cancelled,
        )

    def _end(self, worker: WorkerProcess) -> None:
        self._worker = None
        self._processes.give_back(worker)
        self.seat.leave()

    def cancel(self) -> None:
        """Have the code see that it is asked to stop; on any OS thread."""
        worker = self._worker
        if worker is not None and self._number:
            worker.cancel(self._number)

    def kill(self) -> None:
        """End the process, if there is one; on any OS thread."""
        self._stop_recording()
        worker = self._worker
        if worker is not None:
            worker.kill()

    def close(self) -> None:
        """Do without the process, and without a place for one."""
        worker, self._worker = self._worker, None
        if worker is not None:
            self._processes.discard(worker)
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
