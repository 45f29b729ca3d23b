"""Whose turn it is on a thread: starts, queues, resumes, tries again.

The store decides what of a start becomes: a run in progress, a queued one, none. Here
is who asks it, in which order, and what is done about its answers.

Guarantees: who came first begins first; a queued run is durable before anybody is told
of it, and begins by an operation of its own, so that a crash loses none and begins none
twice.

How the run in progress goes on is in :mod:`weft.actors.running`; mail and ownership are
in :mod:`weft.actors.thread`.
"""

import msgspec

from weft.actors.active_run import (
    answer_repeated,
    execution_error,
    superseded_error,
)
from weft.actors.light_actor import handles
from weft.actors.line import Line, Waiting
from weft.actors.messages import Resume, RunCommand
from weft.actors.run_messages import Due, Overdue
from weft.actors.run_operations import (
    check_registered,
    end_of,
    resumption_of,
    start_of,
)
from weft.actors.running import Finish, Running
from weft.actors.services import Services
from weft.actors.takeover import needs_migration, objection
from weft.storage import (
    Outcome,
    Run,
    RunInterrupted,
    SessionThreadException,
    StartRun,
    StoreClosed,
    Thread,
    ThreadBusy,
)
from weft.storage.operations import DEFAULT_WORKFLOW, Failure
from weft.storage.records import RunStatus

__all__ = ["Begin", "End", "Turns"]


class Begin(msgspec.Struct):
    """The next attempt of a run on its way to the store."""

    waiting: Waiting


class End(msgspec.Struct):
    """The end of a run that is not at work, on its way to the store."""

    waiting: Waiting
    finish: Finish


class Turns(Running):
    """Decides which run of a thread is next.

    Args:
        services: the runtime's shared parts.
        thread: the thread's record.
    """

    def __init__(self, services: Services, thread: Thread) -> None:
        super().__init__(services, thread)
        self._line = Line()
        self._starting: RunCommand | Begin | End | None = None
        self._asked: dict[str, RunCommand] = {}
        self._removed: Exception | None = None
        self._retired = False

    def _ask(self, command: RunCommand) -> None:
        try:
            self._submit_start(command)
        except SessionThreadException as error:
            self._not_begun(command)
            command.fail(error)

    def _in_front(self) -> str | None:
        """Return a run that a new one comes behind, None if it can begin at once."""
        if self._active is not None:
            return self._active.run.run_id
        match self._starting:
            case RunCommand():
                return self._starting.run_id
            case Begin() | End():
                return self._starting.waiting.run_id
        now_us = self._sources.clock_us()
        asked = self._asked.items()
        return self._line.in_front(now_us) or next(
            (run_id for run_id, one in asked if one.not_before_us <= now_us), None
        )

    def _submit_start(self, command: RunCommand) -> None:
        services = self._services
        if services.closing:
            raise StoreClosed("The runtime is closing.", op_id=command.op_id)
        name = command.workflow or self._thread.workflow or DEFAULT_WORKFLOW
        check_registered(name, command, services.workflows, services.store)
        workflow = services.workflows.find(name) if name in services.workflows else None
        in_front = self._in_front()
        instead_of = (*[one.run_id for one in self._line], *self._asked)
        start = start_of(
            self._sources,
            command,
            self._thread,
            workflow,
            in_front,
            instead_of if command.if_running in {"interrupt", "rollback"} else (),
        )
        if in_front is None and command.not_before_us <= start.at_us:
            self._starting = command
        else:
            self._asked[command.run_id] = command
        # Live from here: a runtime that closes waits for what it has begun to begin.
        services.run_began(command.run_id, self.actor_ref)
        self._submitter.submit(start, command)

    def _unask(self, command: RunCommand) -> bool:
        """Expect no answer to a start any more; return whether one was expected."""
        expected = self._starting is command
        if expected:
            self._starting = None
        return self._asked.pop(command.run_id, None) is not None or expected

    def _not_begun(self, command: RunCommand) -> None:
        self._unask(command)
        self._services.run_ended(command.run_id, None)

    def _started(self, command: RunCommand, outcome: Outcome) -> None:
        if outcome.error is not None:
            self._not_begun(command)
            command.fail(outcome.error)
            self._next()
            return
        run: Run = outcome.result
        if outcome.replayed:
            self._not_begun(command)
            self._rejoin(command, run.run_id)
            self._next()
            return
        if not self._unask(command) and not self._stands(run):
            self._rejoin(command, run.run_id)
            self._next()
            return
        if isinstance(outcome.operation, StartRun):
            self._make_room(outcome.operation)
        commands = [command]
        if command.background:
            command.future.try_set(run)
            commands = [] if command.stream is None else [command]
        if run.is_queued:
            self._not_begun(command)
            self._wait(run, commands)
            self._next()
            return
        self._execute(run, commands)

    def _make_room(self, start: StartRun) -> None:
        """Have those go whose place a run takes: the store knows it already."""
        if start.if_busy not in {"interrupt", "rollback"}:
            return
        for run_id in start.instead_of:
            gone = self._line.drop(run_id)
            if gone is not None and gone.run is not None:
                self._services.waiting_runs.pop(run_id, None)
                gone.fail(superseded_error(gone.run, self._thread, start.run_id))
            elif gone is not None:
                gone.fail(RunInterrupted(f"Run {start.run_id} took its place."))
        if self._active is not None:
            self._active.execution.context.cancel()
        elif self._line.between is not None:
            self._stop_between("A later run took its place.")

    def _stop_between(self, words: str, *, undo: bool = False) -> None:
        waiting, self._line.between = self._line.between, None
        if waiting is not None and waiting.run is not None:
            failure = Failure("RunInterrupted", words)
            self._end(waiting.run, waiting.commands, "interrupted", failure, undo=undo)

    def _wait(self, run: Run, commands: list[RunCommand]) -> None:
        self._line.add(Waiting(run, commands))
        self._services.waiting_runs[run.run_id] = self.actor_ref

    def _try_again(self, run: Run, commands: list[RunCommand]) -> None:
        self._line.between = Waiting(run, commands)
        self._clocks.watch(self.actor_ref, run)
        self._services.waiting_runs[run.run_id] = self.actor_ref
        self._services.run_ended(run.run_id, None)
        self._next()

    def _rejoin(self, command: RunCommand, run_id: str) -> None:
        """Answer for a run that is there: with its end, or with its progress."""
        active, waiting = self._active, self._line.find(run_id)
        if command.background:
            answer_repeated(command, run_id, self._thread, self._services.store)
        elif active is not None and active.run.run_id == run_id:
            active.join(command)
        elif waiting is not None:
            waiting.commands.append(command)
        elif isinstance(self._starting, Begin | End) and (
            self._starting.waiting.run_id == run_id
        ):
            self._starting.waiting.commands.append(command)
        else:
            answer_repeated(command, run_id, self._thread, self._services.store)

    # What waits

    @handles(Due)
    def _due(self, _message: Due) -> None:
        self._clocks.woke()
        self._next()

    def _next(self) -> None:
        """Go on to what waits: first who wants the thread idle, then the next run."""
        if self._active or self._starting or self._holds.held:
            return
        if self._holds.waiting and self._line.between is None:
            self._holds.grant()
        elif self._services.closing:
            self._line.fail(StoreClosed("The runtime is closing; the run has to wait."))
        else:
            self._begin_next()

    def _begin_next(self) -> None:
        while not (self._active or self._starting):
            waiting = self._line.take(self._sources.clock_us())
            if waiting is None:
                break
            if waiting.run is None:
                self._ask(waiting.commands[0])
            else:
                self._go_on(waiting, waiting.run)
        wait = None if self._active or self._starting else self._line.next_us()
        self._clocks.wake(self.actor_ref, wait)

    def _go_on(self, waiting: Waiting, run: Run) -> None:
        """Begin a pending run, or take one over, unless there is an objection."""
        self._services.waiting_runs.pop(run.run_id, None)
        workflows = self._services.workflows
        why = objection(run, workflows)
        if why is not None:
            self._end(run, waiting.commands, "interrupted", why)
            return
        self._starting = Begin(waiting)
        workflow = workflows.get(run.workflow)
        keep = needs_migration(run, workflow)
        operation = resumption_of(self._sources, run, "" if keep else workflow.version)
        self._services.run_began(run.run_id, self.actor_ref)
        self._submitter.submit(operation, self._starting)

    def _begun(self, begin: Begin, outcome: Outcome) -> None:
        if self._starting is begin:
            self._starting = None
        if outcome.error is None:
            self._execute(outcome.result, begin.waiting.commands)
            return
        run_id, run = begin.waiting.run_id, begin.waiting.run
        self._services.run_ended(run_id, None)
        if isinstance(outcome.error, ThreadBusy) and run is not None:
            self._line.put_back(begin.waiting)  # it came too early
            self._services.waiting_runs[run_id] = self.actor_ref
            self._take_over(outcome.error.details.get("run_id"))
        else:
            self._refuse(begin.waiting.commands, run_id, outcome.error)
        self._next()

    def _take_over(self, run_id: str | None) -> None:
        """Go on with a run that is in progress, unless it is on its way here."""
        with self._services.store.read() as snapshot:
            run = None if run_id is None else snapshot.run(run_id)
        if run is not None and run.finished_at_us is None:
            self._resume(Resume(run, self._thread))

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
        finish = end_of(self._sources, run, status, failure, undo=undo)
        ending = End(Waiting(run, commands), Finish(finish, error))
        if not run.is_queued:
            self._starting = ending
        self._services.waiting_runs.pop(run.run_id, None)
        self._services.run_began(run.run_id, self.actor_ref)
        self._submitter.submit(finish, ending)

    def _ended(self, ending: End, outcome: Outcome) -> None:
        if self._starting is ending:
            self._starting = None
        finish, run = ending.finish, ending.waiting.run
        self._services.run_ended(ending.waiting.run_id, finish.operation.status)
        if outcome.error is not None:
            self._refuse(ending.waiting.commands, ending.waiting.run_id, outcome.error)
        elif run is not None:
            ending.waiting.fail(
                execution_error(run, self._thread, finish.error, finish.operation.error)
            )
        self._next()

    @handles(Resume)
    def _resume(self, message: Resume) -> None:
        run = message.run
        if self._removed is not None or self._knows(run.run_id):
            return
        parent = self.actor_ref.parent
        if self._retired and parent is not None:
            self._services.scheduler.post(parent, message)
        elif run.is_queued:
            self._wait(run, [])
            self._next()
        elif self._active is not None:
            return
        elif run.status == "pending" and not run.superseding:
            self._try_again(run, [])
        elif self._starting is not None:  # it will be told that this one is before it
            self._line.between = Waiting(run, [])
            self._services.waiting_runs[run.run_id] = self.actor_ref
        else:
            self._go_on(Waiting(run, []), run)

    def _knows(self, run_id: str) -> bool:
        """Whether a run is on its way here already."""
        starting = self._starting
        asked = isinstance(starting, RunCommand) and starting.run_id == run_id
        return asked or run_id in self._asked or self._has(run_id)

    def _stands(self, run: Run) -> bool:
        """Whether a run is where its start left it, and not in hand here.

        Where another submitted the start, the answer may come after a take-over.
        """
        with self._services.store.read() as snapshot:
            stored = snapshot.run(run.run_id)
        known = None if stored is None else (stored.status, stored.attempt)
        return known == (run.status, run.attempt) and not self._has(run.run_id)

    def _has(self, run_id: str) -> bool:
        """Whether a run that the store knows is in hand here."""
        active, starting = self._active, self._starting
        if active is not None and active.run.run_id == run_id:
            return True
        if isinstance(starting, Begin | End) and starting.waiting.run_id == run_id:
            return True
        return self._line.find(run_id) is not None

    @handles(Overdue)
    def _overdue(self, message: Overdue) -> None:
        """End a run that is out of time, between two attempts as well."""
        between = self._line.between
        if between is None or between.run_id != message.run_id or between.run is None:
            super()._overdue(message)
            return
        self._line.between = None
        words = f"It took longer than {between.run.timeout_us / 1e6:g} s."
        failure, error = Failure("TimeoutError", words), TimeoutError(words)
        self._end(between.run, between.commands, "timeout", failure, error)
