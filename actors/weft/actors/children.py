"""The thread actors that a session supervises.

A child is begun when it has something to do and passivated when it has not. A transfer
gives it another session; a failure lets it begin anew, in its own cell, so the mail
behind the message that broke it is handled.
"""

import logging
from typing import Any, Final

from weft.actors.cell import Cell, ChildFailed
from weft.actors.messages import (
    Held,
    Hold,
    Passivate,
    Resume,
    RunCommand,
    Settled,
    ThreadChanged,
)
from weft.actors.run_operations import end_of
from weft.actors.services import Services
from weft.actors.thread import ThreadActor
from weft.storage import Submission, Thread, WorkflowExecutionError
from weft.storage.operations import Failure

__all__ = ["NO_CHILDREN", "Children"]

logger = logging.getLogger("weft.actors")

ATTEMPTS_MAX: Final = 5
"""A run that brings its thread's actor down each time would do so for ever."""


class Children(dict[str, Cell[ThreadActor]]):
    """A session's resident children, by thread id.

    Args:
        services: the runtime's shared parts.
        session: the session's cell, the parent.
    """

    __slots__ = ("_services", "_session")

    def __init__(self, services: Services, session: Cell[Any]) -> None:
        super().__init__()
        self._services = services
        self._session = session

    def begin(self, thread_id: str) -> Cell[ThreadActor] | None:
        """Return the actor of a thread, begun if need be.

        Returns:
            None if the session does not own the thread.
        """
        child = self.get(thread_id)
        if child is not None:
            return child
        with self._services.store.read() as snapshot:
            thread = snapshot.thread(thread_id)
        if thread is None or thread.session_id != self._session.key:
            return None
        if thread_id not in self._services.threads:
            self._services.started["thread"] += 1
            child = ThreadActor(self._services, thread).actor_ref
            child.parent = self._session
            self._services.threads[thread_id] = child
        self.adopt(thread)
        return self[thread_id]

    def adopt(self, thread: Thread) -> None:
        """Become the parent of a thread's actor, if it is resident, and tell it."""
        child = self._services.threads.get(thread.thread_id)
        if child is not None:
            self[thread.thread_id] = child
            self.follow(thread)

    def follow(self, thread: Thread) -> None:
        """Tell a resident child that its thread has changed."""
        child = self.get(thread.thread_id)
        if child is not None:
            changed = ThreadChanged(thread, self._session)
            self._services.scheduler.post_system(child, changed)

    def passivate(self) -> None:
        """Let the children go that have nothing to do."""
        for child in self.values():
            self._services.scheduler.post(child, Passivate())

    def leave(self, child: Cell[Any]) -> None:
        """Forget a child that has gone, unless another has its place."""
        if self.get(str(child.key)) is child:
            del self[str(child.key)]

    def resume(self, message: Resume) -> None:
        """Let a child take a run over, ahead of other mail."""
        child = self.begin(message.thread.thread_id)
        if child is not None:
            self._services.scheduler.post_system(child, message)

    def failed(self, message: ChildFailed) -> None:
        """Have a child that broke begin anew; its callers hear of it."""
        child, broken = message.cell, message.message
        thread_id = str(child.key)
        logger.error(
            "the actor of thread %s failed and begins anew",
            thread_id,
            exc_info=message.exception,
            extra={"action": "restart", "thread_id": thread_id},
        )
        self._services.restarts["thread"] += 1
        error = WorkflowExecutionError(
            "The thread's actor failed.",
            session_id=str(self._session.key),
            thread_id=thread_id,
            cause=message.exception,
        )
        request = broken.request if isinstance(broken, Settled) else broken
        if isinstance(request, RunCommand):
            request.fail(error)
        elif isinstance(broken, Hold):  # it must not wait for one that forgot it
            self._services.scheduler.post(broken.session, Held(broken.command))
        if child.actor is not None:
            child.actor.abandon(error)
        else:
            self.pop(thread_id, None)
            self._services.threads.pop(thread_id, None)
        self._take_over(thread_id)

    def _take_over(self, thread_id: str) -> None:
        """Resume the runs that a broken actor had in hand."""
        with self._services.store.read() as snapshot:
            thread = snapshot.thread(thread_id)
            run_id = thread.run_id if thread is not None else None
            run = snapshot.run(run_id) if run_id is not None else None
            queued = [snapshot.run(key) for key, _ in snapshot.queued_runs(thread_id)]
        if thread is None:
            return
        if run is not None and run.attempt < ATTEMPTS_MAX:
            self.resume(Resume(run, thread))
        elif run is not None:
            failure = Failure("ActorCrashed", f"It crashed {run.attempt} times.")
            given_up = end_of(self._services.sources, run, "error", failure)
            self._services.submit(Submission(given_up))
        for one in filter(None, queued):  # behind it: they can begin when it has ended
            self.resume(Resume(one, thread))


_NOBODY: Any = None

NO_CHILDREN: Final = Children(_NOBODY, _NOBODY)
"""What all sessions share that have no resident child. It knows no runtime, so it can
adopt nobody."""
