"""The actor of a thread: it runs the thread's workflow, one run at a time.

A supervised child of its session's actor, there while it has something to do; a
transfer gives it a new parent, live run and all. Its run's writes carry the thread's
``rev``: one that was on its way when the thread moved is refused as stale and sent
again under the new ``rev``; one of a run that was superseded stays refused.

Guarantees: runs of a thread never overlap; each begins after its start is durable and
is answered after its end is; every waiting caller is answered, whatever ends the run.
"""

from collections import deque
from typing import ClassVar

import msgspec

from weft.actors.active_run import ActiveRun, answer_repeated, context_of
from weft.actors.executor import Execution
from weft.actors.holds import Holds
from weft.actors.light_actor import handles
from weft.actors.messages import (
    CancelRun,
    ChildGone,
    Failed,
    Hold,
    Passivate,
    Release,
    Resume,
    Retry,
    Returned,
    Routed,
    RunCommand,
    Settled,
    ThreadChanged,
    Unhold,
    Yielded,
)
from weft.actors.resident import Resident
from weft.actors.run_operations import (
    append_of,
    check_registered,
    end_of,
    failed_end_of,
    resumption_of,
    start_of,
)
from weft.actors.services import Services
from weft.actors.submitter import Submitter
from weft.storage import (
    FinishRun,
    Outcome,
    Run,
    SessionThreadException,
    StaleRevision,
    StoreClosed,
    Thread,
)
from weft.storage.operations import DEFAULT_WORKFLOW, Failure

__all__ = ["ThreadActor"]


class _Finish(msgspec.Struct):
    """The end of a run on its way to the store."""

    operation: FinishRun
    error: BaseException | None = None


class ThreadActor(Resident):
    """Runs one thread.

    Args:
        services: the runtime's shared parts.
        thread: the thread's record.
    """

    kind: ClassVar[str] = "thread"

    def __init__(self, services: Services, thread: Thread) -> None:
        super().__init__(services.scheduler, thread.thread_id)
        self._services = services
        self._sources = services.sources
        self._submitter = Submitter(services, self.actor_ref)
        self._thread = thread
        self._queue: deque[RunCommand] = deque()
        self._starting: RunCommand | Resume | None = None
        self._active: ActiveRun | None = None
        self._holds = Holds(services.scheduler)
        self._removed: Exception | None = None
        self._retired = False

    @property
    def rev(self) -> int:
        """The thread's revision as far as it is known here."""
        return self._thread.rev

    def loosen(self) -> None:
        """Stop keeping the own ref alive, as every resident."""
        super().loosen()
        self._submitter = Submitter(self._services, self.actor_ref)

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to do."""
        return not (self._active or self._starting or self._queue or self._holds)

    @handles(Passivate)
    def _passivate(self, _message: Passivate) -> None:
        """Leave if there is nothing to do; mail that is on its way is forwarded."""
        cell, threads = self.actor_ref, self._services.threads
        if not self.is_idle or threads.get(self._thread.thread_id) is not cell:
            return
        self._retired = True
        self._services.stopped["thread", "passivated"] += 1
        del threads[self._thread.thread_id]
        if cell.parent is not None:
            self._services.scheduler.post(cell.parent, ChildGone(cell))
        self.loosen()

    @handles(RunCommand)
    def _enqueue(self, command: RunCommand) -> None:
        if self._is_struck_off:
            self._hand_on(command)
        elif self._removed is not None:
            command.fail(self._removed)
        else:
            self._queue.append(command)
            self._begin_next()

    def _begin_next(self) -> None:
        while self._queue and not (self._active or self._starting or self._holds.held):
            command = self._queue.popleft()
            try:
                self._begin(command)
            except SessionThreadException as error:
                self._not_begun(command)
                command.fail(error)

    def _begin(self, command: RunCommand) -> None:
        services = self._services
        if services.closing:
            raise StoreClosed("The runtime is closing.", op_id=command.op_id)
        name = command.workflow or self._thread.workflow or DEFAULT_WORKFLOW
        check_registered(name, command, services.workflows, services.store)
        self._starting = command
        # Live from here: a runtime that closes waits for what it has begun to begin.
        services.run_began(command.run_id, self.actor_ref)
        version = services.workflows.version(name)
        start = start_of(self._sources, command, self._thread, version)
        self._submitter.submit(start, command)

    def _not_begun(self, command: RunCommand) -> None:
        self._starting = None
        self._services.run_ended(command.run_id, None)

    @handles(Resume)
    def _resume(self, message: Resume) -> None:
        run = message.run
        if self._active is not None or self._removed is not None:
            return
        parent = self.actor_ref.parent
        if self._retired and parent is not None:
            self._services.scheduler.post(parent, message)
            return
        self._starting = message
        if run.workflow in self._services.workflows:
            version = self._services.workflows.version(run.workflow)
            self._submitter.submit(resumption_of(self._sources, run, version), message)
        else:
            failure = Failure(
                "WorkflowNotRegistered",
                f"The process ended and workflow {run.workflow!r} is not registered.",
            )
            finish = end_of(self._sources, run, "interrupted", failure)
            self._submitter.submit(finish, _Finish(finish))

    @handles(Settled)
    def _settled(self, message: Settled) -> None:
        request, outcome = message.request, message.outcome
        if self._removed is not None:
            if isinstance(request, RunCommand):
                self._started_too_late(message, self._removed)
            return
        if self._submitter.retries(message):
            return
        match request:
            case RunCommand():
                self._started(request, outcome)
            case Resume():
                self._resumed(outcome)
            case Yielded():
                self._appended(request, outcome)
            case _Finish():
                self._finished(request, outcome)

    def _started(self, command: RunCommand, outcome: Outcome) -> None:
        if outcome.error is None and not outcome.replayed:
            if self._starting is command:
                self._starting = None
            self._execute(outcome.result, [command])
            return
        if self._starting is command:
            self._not_begun(command)
        if outcome.error is not None:
            command.fail(outcome.error)
            self._next()
        else:
            self._rejoin(command, outcome.result)

    def _started_too_late(self, message: Settled, removed: Exception) -> None:
        """Hand on a start that crossed the removal; if applied, to the next life."""
        error = message.outcome.error
        if error is None and self._is_struck_off:
            self._hand_on(message)
        else:
            message.request.fail(error or removed)

    def _hand_on(self, message: RunCommand | Settled) -> None:
        """Let the root find who is to answer: a next life, or else the writer."""
        routed = Routed(message, thread_id=self._thread.thread_id)
        self._services.scheduler.post(self._services.root, routed)

    @property
    def _is_struck_off(self) -> bool:
        """Whether another actor, or none, stands for the thread."""
        return self._services.threads.get(self._thread.thread_id) is not self.actor_ref

    def _rejoin(self, command: RunCommand, run: Run) -> None:
        """Answer a repeated start: with the run's end, or with its progress."""
        if self._active is not None and self._active.run.run_id == run.run_id:
            self._active.commands.append(command)
            return
        answer_repeated(command, run, self._thread, self._services.store)
        self._next()

    def _resumed(self, outcome: Outcome) -> None:
        self._starting = None
        if outcome.error is None:
            self._execute(outcome.result, [])
        else:
            self._next()

    def _execute(self, run: Run, commands: list[RunCommand]) -> None:
        services, cell = self._services, self.actor_ref
        workflow = services.workflows.find(run.workflow)
        context = context_of(run, self._thread)
        execution = Execution(cell, services.store, workflow, run, context)
        if self._holds.cancelling:  # it came before the start
            context.cancel()
        self._active = ActiveRun(run, execution, commands)
        self._services.run_began(run.run_id, self.actor_ref)
        self._services.executor.submit(execution.step)

    def _current(self, run_id: str, attempt: int) -> ActiveRun | None:
        active = self._active
        if active is None or active.run.run_id != run_id:
            return None
        return active if active.run.attempt == attempt else None

    @handles(Yielded)
    def _yielded(self, message: Yielded) -> None:
        active = self._current(message.run_id, message.attempt)
        if active is not None and message.is_stored:
            active.keep(message.encoded)
            self._services.executor.submit(active.execution.step)
        elif active is not None:
            self._append(message, self._thread.rev)

    def _append(self, message: Yielded, rev: int) -> None:
        operation = append_of(self._sources, message, self._thread.thread_id, rev)
        self._submitter.submit(operation, message)

    def _appended(self, message: Yielded, outcome: Outcome) -> None:
        active = self._current(message.run_id, message.attempt)
        if active is None:
            return
        error = outcome.error
        if error is None:
            active.keep(message.encoded)
            self._services.executor.submit(active.execution.step)
        elif isinstance(error, StaleRevision) and "stored_rev" in error.details:
            # Still the present run and attempt: its thread has moved.
            self._append(message, error.details["stored_rev"])
        else:
            self._drop(active, error)

    @handles(Returned)
    def _returned(self, message: Returned) -> None:
        active = self._current(message.run_id, message.attempt)
        if active is not None:
            value, is_state = message.encoded, message.is_state
            finish = end_of(
                self._sources, active.run, "success", result=value, is_state=is_state
            )
            self._submitter.submit(finish, _Finish(finish))

    @handles(Failed)
    def _failed(self, message: Failed) -> None:
        active = self._current(message.run_id, message.attempt)
        if active is not None:
            finish = failed_end_of(self._sources, active.run, message)
            self._submitter.submit(finish, _Finish(finish, message.error))

    def _finished(self, finish: _Finish, outcome: Outcome) -> None:
        operation = finish.operation
        if isinstance(self._starting, Resume):
            self._starting = None
        active = self._current(operation.run_id, operation.attempt)
        if active is not None and outcome.error is not None:
            self._drop(active, outcome.error)
        elif active is not None:
            self._services.run_ended(operation.run_id, operation.status)
            active.answer(finish.operation, finish.error, self._thread)
            self._active = None
        self._next()

    def _drop(self, active: ActiveRun, error: BaseException) -> None:
        """Give a run up that the store does not know as the present one any more."""
        self._active = None
        active.execution.context.cancel()
        self._services.run_ended(active.run.run_id, "interrupted")
        active.fail(error)
        self._next()

    @handles(ThreadChanged)
    def _changed(self, message: ThreadChanged) -> None:
        """Follow the thread; the sessions of one batch may tell in any order."""
        known, told = self._thread, message.thread
        if (told.updated_seq, told.rev) < (known.updated_seq, known.rev):
            return
        self._thread = told
        self.actor_ref.parent = message.parent
        if self._active is not None:
            context = self._active.execution.context
            context.session_id = message.thread.session_id
            context.thread_name = message.thread.thread_name

    @handles(CancelRun)
    def _cancel(self, message: CancelRun) -> bool:
        active = self._active
        if active is None or active.run.run_id != message.run_id:
            return False
        active.execution.context.cancel()
        return True

    @handles(Hold)
    def _hold(self, message: Hold) -> None:
        if message.cancel and self._active is not None:
            self._active.execution.context.cancel()
        self._holds.add(message)
        self._next()

    @handles(Unhold)
    def _unhold(self, message: Unhold) -> None:
        self._holds.release(message.command)
        self._next()

    def _next(self) -> None:
        """Go on to what waits: first who wants the thread idle, then the next run."""
        if self._active or self._starting or self._holds.held:
            return
        if self._holds.waiting:
            self._holds.grant()
        else:
            self._begin_next()

    @handles(Release)
    def _release(self, message: Release) -> None:
        if self._is_struck_off:  # the writer will say what became of them
            self.loosen()
            if isinstance(self._starting, RunCommand):
                self._not_begun(self._starting)
            while self._queue:
                self._hand_on(self._queue.popleft())
        self.abandon(message.error)
        self._removed = message.error  # whose mail is on its way is answered, too

    def abandon(self, error: BaseException) -> None:
        """Answer everybody who waits, with an error; who wants it idle has it."""
        active, self._active = self._active, None
        waiting = list(self._queue)
        self._queue.clear()
        if isinstance(self._starting, RunCommand):
            waiting.append(self._starting)
            self._not_begun(self._starting)
        if active is not None:
            active.execution.context.cancel()
            self._services.run_ended(active.run.run_id, "interrupted")
            waiting += active.commands
        self._starting = None
        for command in waiting:
            command.fail(error)
        self._holds.grant_all()

    @handles(Retry)
    def _retry(self, message: Retry) -> None:
        self._submitter.retry(message)
