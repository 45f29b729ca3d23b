"""The thread's actor at work: it takes the run in progress from state to state.

What its code yields, records, emits and comes to arrives as messages; each goes to the
store, fenced by run, attempt and the thread's ``rev``, before the code goes on. A write
that was on its way when the thread moved is refused as stale and sent again under the
new ``rev``; one of a run that was superseded stays refused, and is counted.

Guarantees: the code is advanced past a state only when that is durable; a run that is
out of time, or silent, is ended although its code goes on, and can write no more.

Which run is next is decided in :mod:`weft.actors.turns`.
"""

from abc import abstractmethod

import msgspec

from weft.actors.active_run import ActiveRun, answer_repeated, context_of
from weft.actors.clocks import Clocks
from weft.actors.executor import Execution
from weft.actors.holds import Holds
from weft.actors.light_actor import handles
from weft.actors.messages import Failed, Returned, RunCommand, Yielded
from weft.actors.resident import Resident
from weft.actors.retry import RetryPolicy
from weft.actors.run_messages import Emitted, Migrated, Overdue, Pulse, Stepped
from weft.actors.run_operations import (
    HeartbeatLost,
    append_of,
    end_of,
    failed_end_of,
    retry_of,
    step_of,
)
from weft.actors.services import Services
from weft.actors.submitter import Submitter
from weft.actors.takeover import Migration, needs_migration
from weft.storage import FinishRun, Outcome, Run, StaleRevision, Thread
from weft.storage.operations import Failure
from weft.storage.records import RunRef, RunStatus
from weft.storage.rules_supersede import ROLLED_BACK

__all__ = ["Finish", "GiveBack", "Running"]


class Finish(msgspec.Struct):
    """The end of a run on its way to the store."""

    operation: FinishRun
    error: BaseException | None = None


class GiveBack(msgspec.Struct):
    """A failed attempt's end on its way to the store; another attempt will follow."""

    run_id: str
    attempt: int


class Running(Resident):
    """Executes one run after the other.

    Args:
        services: the runtime's shared parts.
        thread: the thread's record.
    """

    def __init__(self, services: Services, thread: Thread) -> None:
        super().__init__(services.scheduler, thread.thread_id)
        self._services = services
        self._sources = services.sources
        self._submitter = Submitter(services, self.actor_ref)
        self._thread = thread
        self._active: ActiveRun | None = None
        self._holds = Holds(services.scheduler)
        self._clocks = Clocks(services)

    @abstractmethod
    def _next(self) -> None:
        """Go on to what waits; the run in progress has ended."""

    @abstractmethod
    def _try_again(self, run: Run, commands: list[RunCommand]) -> None:
        """Let a run wait for its next attempt."""

    def _execute(self, run: Run, commands: list[RunCommand]) -> None:
        services, cell = self._services, self.actor_ref
        workflow = services.workflows.find(run.workflow)
        context = context_of(run, self._thread)
        scheduler = cell.scheduler
        context.post = lambda message: scheduler.post(cell, message)
        execution = Execution(cell, services.store, workflow, run, context)
        if self._holds.cancelling:  # it came before the start
            context.cancel()
        self._active = ActiveRun(run, execution, commands)
        services.run_began(run.run_id, cell)
        self._clocks.watch(cell, run)
        if workflow.policy.heartbeat_s is not None:
            self._clocks.listen(cell, run, workflow.policy.heartbeat_s, context.beats)
        if run.attempt > 1 and needs_migration(run, workflow):
            services.executor.submit(
                Migration(cell, services.store, workflow, run, context)
            )
        else:
            services.executor.submit(execution)

    def _current(self, run_id: str, attempt: int) -> ActiveRun | None:
        active = self._active
        if active is None or active.run.run_id != run_id:
            return None
        return active if active.run.attempt == attempt else None

    # States

    @handles(Yielded)
    @handles(Migrated)
    def _yielded(self, message: Yielded | Migrated) -> None:
        active = self._current(message.run_id, message.attempt)
        if active is None:
            return
        if isinstance(message, Yielded) and message.is_stored:
            self._advance(active, message.encoded)
        else:
            self._append(message, self._thread.rev)

    def _append(self, message: Yielded | Migrated, rev: int) -> None:
        operation = append_of(self._sources, message, self._thread.thread_id, rev)
        self._submitter.submit(operation, message)

    def _appended(self, message: Yielded | Migrated, outcome: Outcome) -> None:
        error = outcome.error
        if isinstance(error, StaleRevision):
            self._services.stale_writes += 1
        active = self._current(message.run_id, message.attempt)
        if active is None:
            return
        if error is None:
            self._advance(active, message.encoded)
        elif isinstance(error, StaleRevision) and "stored_rev" in error.details:
            # Still the present run and attempt: its thread has moved.
            self._append(message, error.details["stored_rev"])
        else:
            self._drop(active, error)

    def _advance(self, active: ActiveRun, encoded: msgspec.Raw) -> None:
        """Have the code go on past a state that is durable."""
        active.execution.context.beats += 1
        active.keep(encoded)
        if not active.ending:
            self._services.executor.submit(active.execution)

    # Steps and news

    @handles(Stepped)
    def _stepped(self, message: Stepped) -> None:
        self._record(message, self._thread.rev)

    def _record(self, message: Stepped, rev: int) -> None:
        operation = step_of(self._sources, message, self._thread.thread_id, rev)
        self._submitter.submit(operation, message)

    def _recorded(self, message: Stepped, outcome: Outcome) -> None:
        error = outcome.error
        if isinstance(error, StaleRevision):
            self._services.stale_writes += 1
            if "stored_rev" in error.details:  # its thread has moved
                self._record(message, error.details["stored_rev"])
                return
        if error is None:
            message.future.try_set(outcome.result)
        else:
            message.future.try_fail(error)

    @handles(Emitted)
    def _emitted(self, message: Emitted) -> None:
        active = self._current(message.run_id, message.attempt)
        if active is not None:
            active.tell(message.mode, msgspec.msgpack.decode(message.encoded))

    # Ends

    @handles(Returned)
    def _returned(self, message: Returned) -> None:
        active = self._current(message.run_id, message.attempt)
        if active is not None and not active.ending:
            value, is_state = message.encoded, message.is_state
            finish = end_of(
                self._sources,
                active.run,
                "success",
                result=value,
                is_state=is_state,
                undo=active.undo,
            )
            self._submitter.submit(finish, Finish(finish))

    @handles(Failed)
    def _failed(self, message: Failed) -> None:
        active = self._current(message.run_id, message.attempt)
        if active is None or active.ending:
            return
        retry = active.execution.workflow.policy.retry
        failures = active.run.failures + 1
        wanted = retry is not None and retry.allows(failures, message.error)
        if retry is not None and wanted and not active.execution.context.cancelled:
            self._give_back(active, message.failure, retry)
            return
        finish = failed_end_of(self._sources, active.run, message, undo=active.undo)
        self._submitter.submit(finish, Finish(finish, message.error))

    def _give_back(
        self, active: ActiveRun, failure: Failure, retry: RetryPolicy
    ) -> None:
        delay_s = retry.delay_s(active.run.failures + 1, self._sources.random())
        operation = retry_of(self._sources, active.run, failure, delay_s)
        self._submitter.submit(
            operation, GiveBack(active.run.run_id, active.run.attempt)
        )
        active.failed_once(failure, delay_s)

    def _given_back(self, message: GiveBack, outcome: Outcome) -> None:
        active = self._current(message.run_id, message.attempt)
        if active is None or active.ending:
            return
        if outcome.error is not None:
            self._drop(active, outcome.error)
            return
        self._active = None
        self._clocks.stop()
        run: Run = outcome.result
        if active.execution.context.cancelled:  # meanwhile
            failure = Failure("RunInterrupted", "It was asked to stop.")
            self._end(run, active.commands, "interrupted", failure, undo=active.undo)
        else:
            self._try_again(run, active.commands)

    @abstractmethod
    def _end(
        self,
        run: Run,
        commands: list[RunCommand],
        status: RunStatus,
        failure: Failure,
        error: BaseException | None = None,
        *,
        undo: bool = False,
    ) -> None:
        """End a run whose code is not executed."""

    def _finished_active(self, finish: Finish, outcome: Outcome) -> None:
        operation = finish.operation
        active = self._current(operation.run_id, operation.attempt)
        if active is None:
            return
        if outcome.error is not None:
            self._drop(active, outcome.error)
            return
        self._active = None
        self._clocks.stop()
        ref: RunRef = outcome.result
        if operation.undo or ref.status != operation.status:  # it was undone
            undone = Failure(**ROLLED_BACK)
            operation = msgspec.structs.replace(
                operation, status=ref.status, error=undone, state_id=None
            )
        self._services.run_ended(operation.run_id, ref.status)
        active.answer(operation, finish.error, self._thread)

    def _drop(self, active: ActiveRun, error: BaseException) -> None:
        """Give a run up that the store does not know as the present one any more."""
        if isinstance(error, StaleRevision):
            self._services.stale_writes += 1
        self._active = None
        self._clocks.stop()
        self._abandon(active)
        self._services.run_ended(active.run.run_id, "interrupted")
        self._refuse(active.commands, active.run.run_id, error)
        self._next()

    def _refuse(
        self, commands: list[RunCommand], run_id: str, error: BaseException
    ) -> None:
        """Answer for a run whose write was refused: with its end, if it has one."""
        for command in commands:
            if isinstance(error, StaleRevision):  # another run has taken its place
                answer_repeated(command, run_id, self._thread, self._services.store)
            else:
                command.fail(error)

    def _abandon(self, active: ActiveRun) -> None:
        active.execution.context.cancel()
        self._services.executor.abandon(active.execution)

    # Time

    @handles(Overdue)
    def _overdue(self, message: Overdue) -> None:
        """End a run that is out of time; what it writes from here on is stale."""
        active = self._active
        if active is None or active.run.run_id != message.run_id or active.ending:
            return
        words = f"It took longer than {active.run.timeout_us / 1e6:g} s."
        failure = Failure("TimeoutError", words)
        finish = end_of(self._sources, active.run, "timeout", failure)
        self._submitter.submit(finish, Finish(finish, TimeoutError(words)))
        active.ending = True
        self._abandon(active)

    @handles(Pulse)
    def _pulse(self, message: Pulse) -> None:
        """Give an attempt up that has been silent since the last look."""
        active = self._current(message.run_id, message.attempt)
        if active is None or active.ending:
            return
        every_s = active.execution.workflow.policy.heartbeat_s
        if every_s is None:
            return
        context = active.execution.context
        beats = context.beats
        if beats != message.beats or not context.at_work:
            self._clocks.listen(self.actor_ref, active.run, every_s, beats)
            return
        lost = HeartbeatLost(f"There was no heartbeat for {every_s:g} s.")
        failure = Failure("HeartbeatLost", str(lost))
        self._failed(Failed(message.run_id, message.attempt, lost, failure))
        self._abandon(active)
