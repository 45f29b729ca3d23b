"""The actor of a session: what it owns, what it routes, what it makes wait.

A view of the store, fed by the writer. It never refuses and never changes its view on
its own: a client's command takes a turn here, goes to the writer, and what the writer
decided comes back as a feed (the view changes) and an answer (the client hears). So
a session that is wrong about itself does no harm, and waits form a star: everybody
waits for the writer, nobody for a session.

It is non-reentrant per thread and reentrant across threads: a command for a thread
that has one in flight is stashed, and forwarded to the new owner if the thread moves
away meanwhile; commands for other threads pass.

Guarantees:
    * every change of the session passes a turn of this actor;
    * a feed at or below the view's watermark changes nothing;
    * when a client has its answer, the view shows it.
"""

import logging
from collections.abc import Iterable
from time import perf_counter_ns
from typing import Any, ClassVar, Literal

from weft.actors.cell import Cell, ChildFailed
from weft.actors.children import NO_CHILDREN, Children
from weft.actors.crashes import answer_crash, crash_error, request_of
from weft.actors.light_actor import handles
from weft.actors.messages import (
    ChildGone,
    Command,
    Feed,
    Held,
    Hold,
    Passivate,
    Resume,
    Routed,
    RunCommand,
    Settled,
    Unhold,
)
from weft.actors.names import NO_NAMES, drop_name, with_name
from weft.actors.resident import Resident
from weft.actors.run_operations import unplaced_start_of
from weft.actors.services import Services
from weft.actors.stash import NOTHING_IN_FLIGHT, Stash, name_key, new_owner, thread_of
from weft.actors.thread import ThreadActor
from weft.storage import (
    Outcome,
    Overloaded,
    SessionThreadException,
    Submission,
)
from weft.storage.rules import Event

__all__ = ["SessionActor"]

logger = logging.getLogger("weft.actors")


class SessionActor(Resident):
    """One resident session.

    Args:
        services: the runtime's shared parts.
        session_id: the session.

    Attributes:
        spoken_to: a client has spoken to it since the clock hand came by.
    """

    __slots__ = (
        "_children", "_names", "_retired", "_services", "_session_id", "_stash",
        "_status", "_watermark", "spoken_to",
    )  # fmt: skip

    kind: ClassVar[str] = "session"
    awaits_leaves_only: ClassVar[bool] = True

    def __init__(self, services: Services, session_id: str) -> None:
        # Not super().__init__(): a session is made in 0.5 us, and that is 0.1.
        self._actor_ref = Cell(self, services.scheduler, session_id)
        self._services = services
        self._session_id = session_id
        self._status: Literal["open", "closed"] | None = None
        self._watermark = 0
        # Most sessions have none of these: 270 bytes and 0.8 us each.
        self._names = NO_NAMES
        self._stash = NOTHING_IN_FLIGHT
        self._children = NO_CHILDREN
        self._retired = False
        self.spoken_to = True

    def activate(self) -> None:
        """Read the view from the store; called after the directory knows this cell.

        In that order: a commit between the two is in the snapshot, and its feed finds
        the cell and is ignored. The other way round it would be in neither.
        """
        services, session_id = self._services, self._session_id
        with services.store.read() as snapshot:
            self._watermark = services.shared_seq(snapshot.seq)
            session = snapshot.session(session_id)
            names = dict(snapshot.names(session_id)) or NO_NAMES
            live = services.threads
            keys = [key for key in names.values() if key in live] if live else ()
            threads = [snapshot.thread(key) for key in keys] if keys else ()
        self._names, self._status = names, None if session is None else session.status
        for thread in threads:
            if thread is not None:
                self._own_children().adopt(thread)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is in flight and no child is resident."""
        return not (self._stash or self._children)

    def _own_stash(self) -> Stash:
        if self._stash is NOTHING_IN_FLIGHT:
            self._stash = Stash()
        return self._stash

    def _own_children(self) -> Children:
        if self._children is NO_CHILDREN:
            self._children = Children(self._services, self.actor_ref)
        return self._children

    # Commands

    @handles(Command)
    def _command(self, command: Command) -> None:
        self.spoken_to = True
        if self._forwarded(command):
            return
        names = self._names
        keys = {names.get(name) or name_key(name): None for name in command.names}
        keys.update(dict.fromkeys(command.thread_ids))
        try:
            if not self._own_stash().take(keys, command):
                return
        except Overloaded as error:
            command.future.try_fail(error)
            return
        command.keys = tuple(keys)
        child = self._child_to_wait_for(command)
        if child is None:
            self._submit(command)
        else:
            cancel = command.if_running == "cancel"
            hold = Hold(command, self.actor_ref, cancel)
            self._services.scheduler.post(child, hold)

    def _child_to_wait_for(self, command: Command) -> Cell[ThreadActor] | None:
        if command.if_running not in {"wait", "cancel"}:
            return None
        return next(
            (self._children[key] for key in command.keys if key in self._children), None
        )

    @handles(Held)
    def _held(self, message: Held) -> None:
        self._submit(message.command)

    def _submit(self, command: Command) -> None:
        submission = Submission(
            command.operation, (self.actor_ref, command), command.deadline_ns
        )
        try:
            self._services.submit(submission)
        except SessionThreadException as error:
            self._settle(command, Outcome(command.operation, None, error=error))

    @handles(RunCommand)
    def _run(self, command: RunCommand) -> None:
        self.spoken_to = True
        if self._forwarded(command):
            return
        name = command.thread_name
        thread_id = command.thread_id
        if thread_id is None and name is not None:
            thread_id = self._names.get(name)
            if name_key(name) in self._stash:  # it is being created
                self._let_wait(name_key(name), command)
                return
        if thread_id is None:
            self._submit_run(command)
            return
        if thread_id in self._stash:
            command.thread_id, command.session_id = thread_id, None
            self._let_wait(thread_id, command)
            return
        child = self._own_children().begin(thread_id)
        if child is not None:
            self._services.scheduler.post(child, command)
        elif command.session_id is None:
            routed = Routed(command, thread_id=thread_id)
            self._services.scheduler.post(self._services.root, routed)
        else:
            self._submit_run(command)

    def _let_wait(self, key: str, command: RunCommand) -> None:
        try:
            self._stash.wait(key, command)
        except Overloaded as error:
            command.fail(error)

    def _submit_run(self, command: RunCommand) -> None:
        """Let the writer say what is wrong with a run that has no thread here."""
        operation = unplaced_start_of(self._services.sources, command)
        submission = Submission(
            operation, (self.actor_ref, command), command.deadline_ns
        )
        try:
            self._services.submit(submission)
        except SessionThreadException as error:
            command.fail(error)

    def _forwarded(self, command: Command | RunCommand) -> bool:
        """Whether this actor has retired; its mail then goes to its successor."""
        if self._retired:
            self._forward((command,), self._session_id)
        return self._retired

    # Answers

    @handles(Settled)
    def _settled(self, message: Settled) -> None:
        if isinstance(message.request, Command):
            self._settle(message.request, message.outcome)
        else:
            self._run_settled(message)

    def _settle(self, command: Command, outcome: Outcome) -> None:
        if outcome.error is not None:
            command.future.try_fail(outcome.error)
        else:
            command.future.try_set(command.answer(outcome.result))
        if command.keys:
            self._release_keys(command, outcome)
        self._retire_if_nobody()

    def _release_keys(self, command: Command, outcome: Outcome) -> None:
        for key in command.keys:
            waiting = self._stash.release(key)
            if waiting:
                owner = new_owner(outcome, key)
                if owner is not None and owner != self._session_id:
                    self._forward(waiting, owner)
                else:
                    self._handle_again(waiting)
            if command.if_running in {"wait", "cancel"}:
                self._unhold(key, command)
        if not self._stash:
            self._stash = NOTHING_IN_FLIGHT

    def _unhold(self, thread_id: str, command: Command) -> None:
        cell = self._services.threads.get(thread_id)
        if cell is not None:
            self._services.scheduler.post(cell, Unhold(command))

    def _forward(self, waiting: Iterable[Command | RunCommand], owner: str) -> None:
        root, now_ns = self._services.root, perf_counter_ns()
        self._services.scheduler.post_many(
            [(root, Routed(one, session_id=owner), None, now_ns) for one in waiting]
        )

    def _handle_again(self, waiting: Iterable[Command | RunCommand]) -> None:
        rest = iter(waiting)
        for command in rest:
            try:
                if isinstance(command, Command):
                    self._command(command)
                else:
                    self._run(command)
            except BaseException as error:  # not what is in hand: nobody would answer
                answer_crash(command, crash_error(self.actor_ref, command, error))
                self._forward(rest, self._session_id)
                raise

    def _run_settled(self, message: Settled) -> None:
        command: RunCommand = message.request
        if message.outcome.error is not None:
            command.fail(message.outcome.error)
            self._retire_if_nobody()
            return
        thread_id = message.outcome.result.thread_id
        child = self._services.threads.get(thread_id)
        if child is None and not self._retired:
            child = self._own_children().begin(thread_id)
        if child is not None:
            self._services.scheduler.post(child, message)
        else:  # another session owns it by now, or this one's successor
            routed = Routed(message, thread_id=thread_id)
            self._services.scheduler.post(self._services.root, routed)

    # The view

    @handles(Feed)
    def _feed(self, feed: Feed) -> None:
        if feed.seq <= self._watermark:
            return
        if self._retired:
            self._hand_on(feed)
            return
        self._watermark = feed.seq
        for event in feed.events:
            self._see(event)

    def _hand_on(self, feed: Feed) -> None:
        """Wake the successor for what brings a live thread: it needs a parent.

        At once: mail to the root would let the thread hear of it after its writes
        under the old ``rev`` were refused.
        """
        if self._services.brings_a_live_thread(feed.events):
            root: Any = self._services.root.actor
            root.session(self._session_id)

    def _see(self, event: Event) -> None:
        match event.change:
            case "session":
                self._status = event.session.status if event.session else self._status
            case "adopted":
                self._see_adopted(event)
            case "released":
                self._see_released(event)
            case "renamed":
                self._see_renamed(event)

    def _see_adopted(self, event: Event) -> None:
        thread = thread_of(event)
        self._names = with_name(self._names, thread)
        if thread.thread_id in self._services.threads:
            self._own_children().adopt(thread)

    def _see_released(self, event: Event) -> None:
        thread = thread_of(event)
        drop_name(self._names, thread.thread_name, thread)
        if self._children:
            self._children.pop(thread.thread_id, None)

    def _see_renamed(self, event: Event) -> None:
        thread = thread_of(event)
        drop_name(self._names, event.counterpart or "", thread)
        self._names = with_name(self._names, thread)
        self._children.follow(thread)

    # Children

    @handles(Resume)
    def _resume(self, message: Resume) -> None:
        self._own_children().resume(message)

    @handles(ChildFailed)
    def _child_failed(self, message: ChildFailed) -> None:
        self._own_children().failed(message)

    @handles(ChildGone)
    def _child_gone(self, message: ChildGone) -> None:
        self._children.leave(message.cell)
        if not self._children:
            self._children = NO_CHILDREN

    @handles(Passivate)
    def _passivate(self, _message: Passivate) -> None:
        """Leave if there is nothing to do; else let the children go that can."""
        if self.is_idle:
            self._leave()
        else:
            self._children.passivate()

    def let_go(self, message: Any) -> None:
        """Retire after a failure over a message; what waited behind it goes on.

        What is in flight comes back here and is answered.
        """
        self.retire()
        request = request_of(message)
        if isinstance(request, Command) and request.keys:
            unknown = Outcome(request.operation, None)
            self._release_keys(request, getattr(message, "outcome", unknown))

    def _retire_if_nobody(self) -> None:
        """Do not stay resident for a session that does not exist."""
        if self._status is None and self.is_idle and not self._retired:
            self._leave()

    def _leave(self) -> None:
        self._services.stopped["session", "passivated"] += 1
        self.retire()
        self._children = NO_CHILDREN
        self.loosen()

    def retire(self) -> None:
        """Leave the directory; mail that is on its way is forwarded."""
        self._retired = True
        if self._services.sessions.get(self._session_id) is self.actor_ref:
            del self._services.sessions[self._session_id]
