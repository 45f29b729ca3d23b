"""The root of a runtime's actors: it activates sessions and hands out the mail.

Clients post to a session that is resident; for one that is not, and for a thread whose
owner they do not know, they post here. The writer posts here what became of a commit
group: each session concerned is fed before the submitter is answered.

Guarantees:
    * one actor per session;
    * the destination of a transfer hears from the writer, never from the source;
    * a session that is not resident gets no feed: it reads a snapshot when it wakes;
      a thread with a live actor activates its new owner, so it always has a parent.
"""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final

from weft.actors.cell import Cell, ChildFailed
from weft.actors.crashes import answer_crash, crash_error
from weft.actors.dispatcher import Mail
from weft.actors.light_actor import handles
from weft.actors.messages import (
    Command,
    Drain,
    Feed,
    MakeRoom,
    Passivate,
    Ping,
    Publication,
    Readmit,
    Recover,
    Release,
    Resume,
    Routed,
    RunCommand,
    Settled,
    Sweep,
)
from weft.actors.passivation import SWEEP_INTERVAL_S, ClockHand, Passivation
from weft.actors.resident import Resident
from weft.actors.restarts import Restarts
from weft.actors.run_operations import unplaced_start_of
from weft.actors.services import Services
from weft.actors.session import SessionActor
from weft.storage import (
    Operation,
    Outcome,
    SessionThreadException,
    Submission,
    ThreadNotFound,
)
from weft.storage.rules import Event

if TYPE_CHECKING:
    from weft.actors.future import Future
    from weft.actors.sources import Cancellable

__all__ = ["Root"]


class Root(Resident):
    """The supervisor of all sessions.

    Args:
        services: the runtime's shared parts.
        passivation: when sessions are asked to go; the default policy if omitted.
    """

    kind: ClassVar[str] = "root"

    def __init__(
        self, services: Services, passivation: Passivation | None = None
    ) -> None:
        super().__init__(services.scheduler, "root")
        self._services = services
        self._hand = ClockHand(passivation or Passivation())
        self._draining: Future[None] | None = None
        self._next_sweep: Cancellable | None = None
        self._restarts = Restarts(services, self.session)
        services.root = self.actor_ref

    def session(self, session_id: str) -> Cell[SessionActor]:
        """Return the session's actor, activated if need be; in turns only."""
        services = self._services
        cell = services.sessions.get(session_id)
        if cell is None:
            actor = SessionActor(services, session_id)
            cell = actor._actor_ref  # noqa: SLF001  # the property takes 0.1 us
            services.sessions[session_id] = cell
            cell.parent = self._actor_ref
            services.started["session"] += 1
            places = self._hand.enter(session_id)
            if places:  # later: the newcomer itself may be asked, and has mail first
                services.scheduler.post(self._actor_ref, MakeRoom(places))
            try:
                actor.activate()
            except BaseException:
                services.stopped["session", "failed"] += 1
                actor.retire()
                raise
        return cell

    @handles(Sweep)
    def _sweep(self, _message: Sweep) -> None:
        """Ask those to go whom nobody spoke to, and come again."""
        self._come_again()
        self._ask_to_go(self._hand.share())

    @handles(MakeRoom)
    def _make_room(self, message: MakeRoom) -> None:
        self._ask_to_go(message.places)

    def _come_again(self) -> None:
        if self._next_sweep is not None:
            self._next_sweep.cancel()
        if not self._services.closing:
            cell, sources = self.actor_ref, self._services.sources
            due_ns = sources.monotonic_ns() + int(SWEEP_INTERVAL_S * 1e9)
            self._next_sweep = self._services.timers.call_at(
                due_ns, lambda: cell.scheduler.post(cell, Sweep())
            )

    def _ask_to_go(self, places: int) -> None:
        for session_id in self._hand.idle(places, self._visit):
            cell = self._services.sessions[session_id]
            self._services.scheduler.post(cell, Passivate())

    def _visit(self, session_id: str) -> bool | None:
        cell = self._services.sessions.get(session_id)
        actor = None if cell is None else cell.actor
        if actor is None:
            return None
        spoken_to, actor.spoken_to = actor.spoken_to, False
        return bool(spoken_to)

    @handles(Routed)
    def _route(self, routed: Routed) -> None:
        message = routed.message
        session_id = routed.session_id
        if session_id is None and routed.thread_id is not None:
            session_id = self._owner(routed.thread_id)
        if session_id is not None:
            self._services.scheduler.post(self.session(session_id), message)
        elif isinstance(message, Settled):
            _fail_gone(message)
        else:
            self._submit_unowned(message)

    def _owner(self, thread_id: str) -> str | None:
        cell = self._services.threads.get(thread_id)
        if cell is not None and cell.parent is not None:
            return str(cell.parent.key)
        with self._services.store.read() as snapshot:
            thread = snapshot.thread(thread_id)
        if thread is None:
            return None
        self._services.owners.note(thread_id, thread.session_id)
        return thread.session_id

    def _submit_unowned(self, message: Command | RunCommand) -> None:
        """Let the writer say what is wrong with a thread that nobody owns."""
        operation: Operation
        if isinstance(message, Command):
            operation = message.operation
        else:
            operation = unplaced_start_of(self._services.sources, message)
        sender = (self.actor_ref, message)
        try:
            self._services.submit(Submission(operation, sender, message.deadline_ns))
        except SessionThreadException as error:
            _answer(message, Outcome(operation, None, error=error))

    @handles(Settled)
    def _settled(self, message: Settled) -> None:
        command, outcome = message.request, message.outcome
        if isinstance(command, RunCommand) and outcome.error is None:
            # A repeated start: its thread's actor answers, if it lives after all.
            self._route(Routed(message, thread_id=outcome.result.thread_id))
        else:
            _answer(command, outcome)

    @handles(Publication)
    def _publish(self, publication: Publication) -> None:
        mail: list[Mail] = []
        now_ns = time.perf_counter_ns()
        for submission, outcome in publication.pairs:
            if outcome.events:
                self._tell(outcome, mail, now_ns)
            if submission.sender is not None:
                cell, request = submission.sender
                mail.append((cell, Settled(request, outcome), None, now_ns))
        self._services.scheduler.post_many(mail)
        self._services.reply_time.observe(time.perf_counter_ns() - publication.at_ns)
        publication.pairs = []  # told: a repetition tells nobody twice

    def _tell(self, outcome: Outcome, mail: list[Mail], now_ns: int) -> None:
        seq, events = outcome.seq or 0, outcome.events
        if len(events) == 1 and events[0].change != "released":  # nearly always
            cell = self._services.sessions.get(events[0].session_id)
            if cell is not None:
                mail.append((cell, Feed(seq, events), None, now_ns))
                return
        for event in events:
            if event.change == "released" and event.thread is not None:
                self._services.owners.forget(event.thread.thread_id)
        removed = self._strike_off_removed(events)
        self._feed(seq, events, mail, now_ns)
        mail += [(cell, told, None, now_ns) for cell, told in removed]

    def _feed(
        self, seq: int, events: Sequence[Event], mail: list[Mail], now_ns: int
    ) -> None:
        by_session: dict[str, list[Event]] = {}
        for event in events:
            by_session.setdefault(event.session_id, []).append(event)
        for session_id, told in by_session.items():
            cell = self._services.sessions.get(session_id)
            if cell is None and self._services.brings_a_live_thread(told):
                cell = self.session(session_id)
            if cell is not None:
                mail.append((cell, Feed(seq, told), None, now_ns))

    def _strike_off_removed(
        self, events: Sequence[Event]
    ) -> list[tuple[Cell[Any], Release]]:
        """Take the actors of removed threads out; return them, and their last word.

        Not the sessions do it: one that wakes up in the middle of a batch would take
        the actor of a thread's former life for that of its next.
        """
        found = []
        for event in events:
            if event.change == "released" and event.counterpart is None:
                thread_id = event.thread.thread_id if event.thread else ""
                cell = self._services.threads.get(thread_id)
                if cell is not None and not _lives_again(cell, event):
                    del self._services.threads[thread_id]
                    self._services.stopped["thread", "removed"] += 1
                    error = ThreadNotFound(
                        f"Thread {thread_id!r} was removed.",
                        session_id=event.session_id,
                        thread_id=thread_id,
                    )
                    found.append((cell, Release(error)))
        return found

    @handles(Recover)
    def _recover(self, _message: Recover) -> None:
        with self._services.store.read() as snapshot:
            found = [
                (snapshot.run(run_id), snapshot.thread(thread_id))
                for runs in (snapshot.live_runs(), snapshot.queued_runs())
                for run_id, thread_id in runs
            ]
        for run, thread in found:
            if run is None or thread is None:
                continue
            if run.is_queued or thread.run_id == run.run_id:
                cell = self.session(thread.session_id)
                # Ahead of clients' mail: the thread is busy with this run.
                self._services.scheduler.post_system(cell, Resume(run, thread))

    @handles(Drain)
    def _drain(self, message: Drain) -> None:
        self._draining = message.future
        self._services.closing = True
        self._services.on_quiet = self._quiet
        if not self._services.live_runs:
            self._quiet()

    @handles(Ping)
    def _answer_ping(self, _message: Ping) -> None:
        return None

    def _quiet(self) -> None:
        if self._draining is not None:
            self._draining.try_set(None)

    # What breaks

    @handles(ChildFailed)
    def _child_failed(self, message: ChildFailed) -> None:
        self._restarts.failed(message)

    @handles(Readmit)
    def _readmit(self, message: Readmit) -> None:
        self._restarts.readmit(message.cell)

    def rebuild(self, error: BaseException, in_hand: "Mail | None") -> None:
        """Begin anew after the dispatcher's loop broke; between turns.

        Args:
            error: what the loop raised.
            in_hand: the mail whose turn it was.
        """
        self._restarts.rebuild(error)
        if in_hand is not None:
            cell, message = in_hand[:2]
            if cell is self.actor_ref:
                self._lose(message, error)
            elif self._is_mine(cell):
                self._restarts.lose(cell, message, error)

    def _is_mine(self, cell: Cell[Any]) -> bool:
        parent = cell.parent
        return parent is not None and self.actor_ref in {parent, parent.parent}

    def _lose(self, message: Any, error: BaseException) -> None:
        """See to what was in hand; what may be done twice is done again."""
        if isinstance(message, _REPEATABLE):
            self._services.scheduler.post_system(self.actor_ref, message)
        else:
            self.handle_failure(error, message)

    def handle_failure(self, exception: BaseException, message: Any) -> None:
        """Answer whoever the message was about: nobody else would."""
        super().handle_failure(exception, message)
        answer_crash(message, crash_error(self.actor_ref, message, exception))
        if isinstance(message, Sweep):
            self._come_again()
        elif isinstance(message, Publication):
            for submission, outcome in message.pairs:
                if submission.sender is not None:
                    cell, request = submission.sender
                    self._services.scheduler.post(cell, Settled(request, outcome))
            self._restarts.rebuild(exception)  # they did not hear the news


_REPEATABLE: Final = (ChildFailed, Drain, Publication, Readmit, Recover)
"""What the root does again after a broken loop: the second time does no harm."""


def _lives_again(cell: Cell[Any], removal: Event) -> bool:
    """Whether an actor is of a later life than the one that was removed.

    The news of a removal may come after somebody has read the thread's next life from
    the store and begun an actor for it.
    """
    removed, actor = removal.thread, cell.actor
    return removed is not None and actor is not None and actor.rev > removed.rev


def _fail_gone(message: Settled) -> None:
    command, run = message.request, message.outcome.result
    command.fail(
        ThreadNotFound(
            f"Thread {run.thread_id!r} has gone since run {run.run_id} began.",
            thread_id=run.thread_id,
            op_id=command.op_id,
        )
    )


def _answer(command: Command | RunCommand, outcome: Outcome) -> None:
    if outcome.error is not None:
        if isinstance(command, RunCommand):
            command.fail(outcome.error)
        else:
            command.future.try_fail(outcome.error)
    elif isinstance(command, Command):
        command.future.try_set(command.answer(outcome.result))
