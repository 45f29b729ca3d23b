"""The actor of a thread: its mail, its owner, and who wants it idle.

A supervised child of its session's actor, there while it has something to do; a
transfer gives it a new parent, live run and all. Which run is next is decided in
:mod:`weft.actors.turns`, and how it goes on in :mod:`weft.actors.running`.

Guarantees: runs of a thread never overlap; each begins after its start is durable and
is answered after its end is; every waiting caller is answered, whatever ends the run.
"""

from typing import Any, ClassVar

from weft.actors.light_actor import handles
from weft.actors.line import Waiting
from weft.actors.messages import (
    CancelRun,
    ChildGone,
    Hold,
    Passivate,
    Release,
    Retry,
    Routed,
    RunCommand,
    Settled,
    ThreadChanged,
    Unhold,
    Yielded,
)
from weft.actors.run_messages import Migrated, Stepped
from weft.actors.running import Finish, GiveBack
from weft.actors.submitter import Submitter
from weft.actors.turns import Begin, End, Turns
from weft.storage import Outcome, RunInterrupted
from weft.storage.operations import Failure

__all__ = ["ThreadActor"]


class ThreadActor(Turns):
    """Runs one thread.

    Args:
        services: the runtime's shared parts.
        thread: the thread's record.
    """

    kind: ClassVar[str] = "thread"

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
        busy = self._active or self._starting or self._asked
        return not (busy or self._line or self._holds)

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
        elif command.joins:
            self._rejoin(command, command.run_id)
        elif self._holds or (not command.is_lasting and self._in_front() is not None):
            # Nobody was told yet that it is accepted; so it need not be durable.
            self._line.add(Waiting(None, [command]))
            self._next()
        else:
            self._ask(command)

    # Answers

    @handles(Settled)
    def _settled(self, message: Settled) -> None:
        request, outcome = message.request, message.outcome
        if self._removed is not None:
            if isinstance(request, RunCommand):
                self._started_too_late(message, self._removed)
            elif isinstance(request, Stepped):
                request.future.try_fail(outcome.error or self._removed)
            return
        if self._retired and isinstance(request, RunCommand):  # another's submission
            self._hand_on(message)
        elif not self._submitter.retries(message):
            self._answered(request, outcome)

    def _answered(self, request: Any, outcome: Outcome) -> None:
        match request:
            case RunCommand():
                self._started(request, outcome)
            case Begin():
                self._begun(request, outcome)
            case End():
                self._ended(request, outcome)
            case Yielded() | Migrated():
                self._appended(request, outcome)
            case Stepped():
                self._recorded(request, outcome)
            case GiveBack():
                self._given_back(request, outcome)
            case Finish():
                self._finished_active(request, outcome)
                self._next()

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

    # Ownership

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
        run_id, active = message.run_id, self._active
        between = self._line.between
        if active is not None and active.run.run_id == run_id:
            active.undo = active.undo or message.undo
            active.execution.context.cancel()
        elif between is not None and between.run_id == run_id:
            self._stop_between("It was asked to stop.", undo=message.undo)
        else:
            return self._cancel_waiting(run_id)
        return True

    def _cancel_waiting(self, run_id: str) -> bool:
        waiting = self._line.drop(run_id)
        if waiting is None:
            return False
        failure = Failure("RunInterrupted", "It was cancelled before it began.")
        if waiting.run is None:
            waiting.fail(RunInterrupted(failure.message, op_id=None))
        else:
            error = RunInterrupted(failure.message, thread_id=self._thread.thread_id)
            self._end(waiting.run, waiting.commands, "interrupted", failure, error)
        return True

    @handles(Hold)
    def _hold(self, message: Hold) -> None:
        if message.cancel and self._active is not None:
            self._active.execution.context.cancel()
        elif message.cancel:
            self._stop_between("Its thread is to be removed.")
        self._holds.add(message)
        self._next()

    @handles(Unhold)
    def _unhold(self, message: Unhold) -> None:
        self._holds.release(message.command)
        self._next()

    @handles(Release)
    def _release(self, message: Release) -> None:
        if self._is_struck_off:  # the writer will say what became of them
            self.loosen()
            self._leave_asked()
            for waiting in list(self._line):
                if waiting.run is None and self._line.drop(waiting.run_id):
                    self._hand_on(waiting.commands[0])
        self.abandon(message.error)
        self._removed = message.error  # whose mail is on its way is answered, too

    def _leave_asked(self) -> None:
        """Let the writer's answers decide on the starts that are on their way to it."""
        if isinstance(self._starting, RunCommand):
            self._not_begun(self._starting)
        for command in list(self._asked.values()):
            self._not_begun(command)

    def abandon(self, error: BaseException) -> None:
        """Answer everybody who waits, with an error; who wants it idle has it."""
        active, self._active = self._active, None
        starting, self._starting = self._starting, None
        commands: list[RunCommand] = []
        for waiting in self._line.clear():
            commands += waiting.commands
            self._services.waiting_runs.pop(waiting.run_id, None)
        commands += self._asked.values()
        if isinstance(starting, RunCommand):
            commands.append(starting)
            self._services.run_ended(starting.run_id, None)
        elif starting is not None:
            commands += starting.waiting.commands
            self._services.run_ended(starting.waiting.run_id, None)
        self._forget_asked()
        if active is not None:
            self._abandon(active)
            self._services.run_ended(active.run.run_id, "interrupted")
            commands += active.commands
        for command in commands:
            command.fail(error)
        self._holds.grant_all()

    def _forget_asked(self) -> None:
        """Take the clocks down, and the own runs out of the directories."""
        self._clocks.stop()
        self._clocks.wake(self.actor_ref, None)
        for run_id in self._asked:
            self._services.run_ended(run_id, None)
        self._asked.clear()

    @handles(Retry)
    def _retry(self, message: Retry) -> None:
        self._submitter.retry(message)
