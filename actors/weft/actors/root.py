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

import logging
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from weft.actors.cell import Cell, ChildFailed, LightActor, handles
from weft.actors.dispatcher import Mail
from weft.actors.messages import (
    Command,
    Drain,
    Feed,
    Ping,
    Publication,
    Recover,
    Resume,
    Routed,
    RunCommand,
    Settled,
)
from weft.actors.services import Services
from weft.actors.session import SessionActor
from weft.storage import (
    Operation,
    Outcome,
    SessionThreadException,
    StartRun,
    Submission,
)
from weft.storage.rules import Event
from weft.storage.store import clock_us

if TYPE_CHECKING:
    from weft.actors.future import Future

__all__ = ["Root"]

logger = logging.getLogger("weft.actors")


class Root(LightActor):
    """The supervisor of all sessions.

    Args:
        services: the runtime's shared parts.
    """

    kind: ClassVar[str] = "root"

    def __init__(self, services: Services) -> None:
        super().__init__(services.scheduler, "root")
        self._services = services
        self._draining: Future[None] | None = None
        services.root = self.actor_ref

    def session(self, session_id: str) -> Cell[SessionActor]:
        """Return the session's actor, activated if need be; in turns only."""
        cell = self._services.sessions.get(session_id)
        if cell is None:
            actor = SessionActor(self._services, session_id)
            cell = self._services.sessions[session_id] = actor.actor_ref
            cell.parent = self.actor_ref
            actor.activate()
        return cell

    @handles(Routed)
    def _route(self, routed: Routed) -> None:
        message = routed.message
        session_id = routed.session_id
        if session_id is None and routed.thread_id is not None:
            session_id = self._owner(routed.thread_id)
        if session_id is None:
            self._submit_unowned(message)
        else:
            self._services.scheduler.post(self.session(session_id), message)

    def _owner(self, thread_id: str) -> str | None:
        cell = self._services.threads.get(thread_id)
        if cell is not None and cell.parent is not None:
            return str(cell.parent.key)
        with self._services.store.read() as snapshot:
            thread = snapshot.thread(thread_id)
        return None if thread is None else thread.session_id

    def _submit_unowned(self, message: Command | RunCommand) -> None:
        """Let the writer say what is wrong with a thread that nobody owns."""
        operation: Operation
        if isinstance(message, Command):
            operation = message.operation
        else:
            operation = StartRun(
                op_id=message.op_id,
                at_us=clock_us(),
                thread_id=message.thread_id,
                run_id=message.run_id,
                workflow=message.workflow,
                config=message.config,
            )
        sender = (self.actor_ref, message)
        try:
            self._services.submit(Submission(operation, sender, message.deadline_ns))
        except SessionThreadException as error:
            _answer(message, Outcome(operation, None, error=error))

    @handles(Settled)
    def _settled(self, message: Settled) -> None:
        command, outcome = message.request, message.outcome
        if isinstance(command, RunCommand) and outcome.error is None:
            # A repeated start whose thread is live after all: its actor answers.
            routed = Routed(command, thread_id=outcome.result.thread_id)
            self.actor_ref.scheduler.post(self.actor_ref, routed)
        else:
            _answer(command, outcome)

    @handles(Publication)
    def _publish(self, publication: Publication) -> None:
        mail: list[Mail] = []
        now_ns = time.perf_counter_ns()
        for submission, outcome in publication.pairs:
            if outcome.seq is not None and outcome.events:
                self._feed(outcome.seq, outcome.events, mail, now_ns)
            if submission.sender is not None:
                cell, request = submission.sender
                mail.append((cell, Settled(request, outcome), None, now_ns))
        self._services.scheduler.post_many(mail)

    def _feed(
        self, seq: int, events: Sequence[Event], mail: list[Mail], now_ns: int
    ) -> None:
        by_session: dict[str, list[Event]] = {}
        for event in events:
            by_session.setdefault(event.session_id, []).append(event)
        for session_id, told in by_session.items():
            cell = self._services.sessions.get(session_id)
            if cell is None and self._brings_a_live_thread(told):
                cell = self.session(session_id)
            if cell is not None:
                mail.append((cell, Feed(seq, told), None, now_ns))

    def _brings_a_live_thread(self, events: Sequence[Event]) -> bool:
        threads = self._services.threads
        return any(
            event.change == "adopted"
            and event.thread is not None
            and event.thread.thread_id in threads
            for event in events
        )

    @handles(Recover)
    def _recover(self, _message: Recover) -> None:
        with self._services.store.read() as snapshot:
            found = [
                (snapshot.run(run_id), snapshot.thread(thread_id))
                for run_id, thread_id in snapshot.live_runs()
            ]
        for run, thread in found:
            if run is not None and thread is not None and thread.run_id == run.run_id:
                cell = self.session(thread.session_id)
                self._services.scheduler.post(cell, Resume(run, thread))

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

    @handles(ChildFailed)
    def _child_failed(self, message: ChildFailed) -> None:
        """Have a session that broke read its view anew; its caller hears of it."""
        logger.error(
            "the actor of session %s failed and reads its view anew",
            message.cell.key,
            exc_info=message.exception,
            extra={"action": "restart", "session_id": message.cell.key},
        )
        self._services.restarts += 1
        failed = message.message
        request: Any = failed.request if isinstance(failed, Settled) else failed
        if isinstance(request, Command | RunCommand):
            request.future.try_fail(message.exception)
        if message.cell.actor is not None:
            message.cell.actor.activate()


def _answer(command: Command | RunCommand, outcome: Outcome) -> None:
    if outcome.error is not None:
        if isinstance(command, RunCommand):
            command.fail(outcome.error)
        else:
            command.future.try_fail(outcome.error)
    elif isinstance(command, Command):
        command.future.try_set(command.answer(outcome.result))
