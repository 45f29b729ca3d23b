"""Where a client's command enters: addressed, given its deadline, posted.

Behind the door, before the actors. A command for a session that is resident goes
straight to it, as does one for a thread whose owner is known; any other to the root.

Guarantees: with a timeout the future is answered by then, whoever is slow.
"""

from weft.actors.door import check_timeout
from weft.actors.future import Future
from weft.actors.messages import CancelRun, Command, Routed, RunCommand
from weft.actors.services import Services
from weft.storage import DeadlineExceeded

__all__ = ["Reception", "op_id_of"]


class Reception:
    """Posts commands to one runtime's actors.

    Args:
        services: the runtime's shared parts.
    """

    def __init__(self, services: Services) -> None:
        self._services = services

    def send(
        self,
        message: Command | RunCommand,
        session_id: str | None,
        thread_id: str | None,
        timeout_s: float | None,
    ) -> None:
        """Post a command to a session, or to whoever owns a thread.

        Args:
            message: the command; its future will be answered.
            session_id: whom to ask.
            thread_id: or whose owner.
            timeout_s: when to answer with DeadlineExceeded instead, in seconds.

        Raises:
            InvalidArgument: the timeout is none.
            Overloaded: too much mail waits.
        """
        services = self._services
        if timeout_s is not None:
            self._set_deadline(message, check_timeout(timeout_s))
        owner = session_id
        if owner is None and thread_id is not None:
            owner = services.owners.of(thread_id)
        cell = None if owner is None else services.sessions.get(owner)
        if cell is not None:
            services.scheduler.offer(cell, message)
        else:
            services.scheduler.offer(
                services.root, Routed(message, session_id, thread_id)
            )
        services.asked(message.future)

    def cancel(self, run_id: str, *, undo: bool = False) -> Future[bool]:
        """Ask a run to stop; the answer is whether it had not ended."""
        services = self._services
        cell = services.live_runs.get(run_id) or services.waiting_runs.get(run_id)
        if cell is None:
            return Future.completed(value=False)
        future: Future[bool] = cell.ask(CancelRun(run_id, undo), block=False)
        return future

    def _set_deadline(self, message: Command | RunCommand, timeout_s: float) -> None:
        services = self._services
        message.deadline_ns = services.sources.monotonic_ns() + int(timeout_s * 1e9)
        future, op_id = message.future, op_id_of(message)

        def expire() -> None:
            words = f"There was no answer within {timeout_s} s."
            future.try_fail(DeadlineExceeded(words, op_id=op_id))

        timer = services.timers.call_at(message.deadline_ns, expire)
        future.add_done_callback(lambda _: timer.cancel())


def op_id_of(message: Command | RunCommand) -> str:
    """Return the idempotency key of a command."""
    return message.operation.op_id if isinstance(message, Command) else message.op_id
