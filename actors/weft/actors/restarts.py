"""How sessions come back whose actors failed, and all of them after a broken loop.

A session that fails is dropped: its actor answers what is in flight and forwards the
rest, a stand-in takes its place, and after a delay that doubles with each failure a
fresh actor reads its view from the store. One that keeps failing is quarantined.

Guarantees:
    - Whoever waited for what an actor had in hand is answered.
    - Who watched the actor hears of its end.
    - A session that fails costs no other session anything.

The rules are in :mod:`weft.actors.supervision`, what a stand-in does is in
:mod:`weft.actors.stand_in`.
"""

import logging
from collections.abc import Callable
from typing import Any, Final

from weft.actors.cell import Cell, ChildFailed
from weft.actors.controls import Terminated
from weft.actors.crashes import answer_crash, crash_error, lost_start
from weft.actors.messages import Readmit, Resume
from weft.actors.services import Services
from weft.actors.session import SessionActor
from weft.actors.stand_in import StandIn
from weft.actors.supervision import Quarantine, Restart, RestartHistory, RestartPolicy
from weft.storage import Run, SessionThreadException

__all__ = ["SESSIONS", "Restarts"]

SESSIONS: Final = RestartPolicy(quarantine_s=30.0)
"""Five restarts a minute, then half a minute alone: a session that fails at every
message costs 6 turns a minute, and people who mend something see it soon."""

_logger = logging.getLogger("weft.actors")


class Restarts:
    """Brings one runtime's sessions back.

    Args:
        services: the runtime's shared parts.
        activate: returns a session's actor, activated if need be.
        policy: how often, how fast, how long one is left alone; ``SESSIONS`` if
            omitted.
    """

    def __init__(
        self,
        services: Services,
        activate: Callable[[str], Cell[SessionActor]],
        policy: RestartPolicy | None = None,
    ) -> None:
        self._services = services
        self._activate = activate
        self._policy = policy or SESSIONS
        # By last failure, the oldest first.
        self._histories: dict[str, tuple[RestartHistory, int]] = {}
        self._postponed: dict[str, list[Run]] = {}

    def failed(self, failure: ChildFailed) -> None:
        """Replace a session's actor whose handler failed.

        Args:
            failure: whose, over what.
        """
        cell, message = failure.cell, failure.message
        session_id = str(cell.key)
        is_present = self._services.sessions.get(session_id) is cell
        had_threads = is_present and not cell.actor.is_idle  # type: ignore[union-attr]
        self._let_go(cell, message, failure.exception)
        if is_present:
            self._services.restarts["session"] += 1
            self._services.stopped["session", "failed"] += 1
        if isinstance(failure.exception, SessionThreadException):
            if had_threads:  # it is the store that failed: there is nothing to wait for
                self._wake(session_id)
        elif is_present:
            self._stand_in(session_id, failure.exception)
        run = lost_start(message)
        if run is None:
            return
        if isinstance(message, Resume) and _is_away(self._services, session_id):
            # Not at once: it may be what the actor fails over, time after time.
            self._postponed.setdefault(session_id, []).append(run)
        else:
            self._take_over(run)

    def _let_go(self, cell: Cell[Any], message: Any, exception: BaseException) -> None:
        """Answer what an actor had in hand, and make it retire."""
        answer_crash(message, crash_error(cell, message, exception))
        cell.actor.let_go(message)  # type: ignore[union-attr]  # it is a resident
        self._tell_watchers(cell, exception)

    def _tell_watchers(self, cell: Cell[Any], exception: BaseException) -> None:
        watchers, cell.watchers = cell.watchers, None
        for watcher in watchers or ():
            told = Terminated(cell, "failed", exception)
            self._services.scheduler.post_system(watcher, told)

    def _stand_in(self, session_id: str, exception: BaseException) -> None:
        services = self._services
        now_ns = services.sources.monotonic_ns()
        match self._history(session_id, now_ns).failed(now_ns):
            case Restart(delay_s):
                until_ns, quarantined = now_ns + round(delay_s * 1e9), False
            case Quarantine(until_ns):
                quarantined = True
                services.quarantines += 1
                services.quarantined += 1
            case _:
                raise AssertionError("The policy of sessions does not escalate.")
        stand_in = StandIn(services, session_id, until_ns, quarantined=quarantined)
        cell, root = stand_in.actor_ref, services.root
        cell.parent = root
        services.sessions[session_id] = cell
        services.away[session_id] = until_ns, quarantined
        services.timers.call_at(
            until_ns, lambda: services.scheduler.post(root, Readmit(cell))
        )
        self._log(session_id, (until_ns - now_ns) / 1e9, exception, stand_in)
        try:
            stand_in.activate()
        except Exception:
            _logger.exception("session %s has no view while it is away", session_id)

    def _history(self, session_id: str, now_ns: int) -> RestartHistory:
        """Return a session's history, and forget those of the healthy."""
        history, _ = self._histories.pop(session_id, (None, 0))
        policy = self._policy
        kept_s = max(policy.period_s, policy.reset_after_s) + (policy.quarantine_s or 0)
        for healthy, (_, failed_ns) in list(self._histories.items()):
            if now_ns - failed_ns < kept_s * 1e9:
                break
            del self._histories[healthy]
        history = history or RestartHistory(policy, self._services.sources.random)
        self._histories[session_id] = history, now_ns
        return history

    @staticmethod
    def _log(
        session_id: str, delay_s: float, exception: BaseException, stand_in: StandIn
    ) -> None:
        what = "is quarantined for" if stand_in.quarantined else "comes back in"
        _logger.error(
            "the actor of session %s failed; it %s %.2f s",
            session_id,
            what,
            delay_s,
            exc_info=exception,
            extra={
                "action": "quarantine" if stand_in.quarantined else "restart",
                "session_id": session_id,
            },
        )

    def readmit(self, cell: Cell[Any]) -> None:
        """Have a session back whose time is over.

        Args:
            cell: what stood in for it.
        """
        session_id = str(cell.key)
        if self._services.sessions.get(session_id) is not cell or cell.actor is None:
            return
        cell.actor.let_go(None)
        self._wake(session_id)
        for run in self._postponed.pop(session_id, ()):
            self._take_over(run)

    def _wake(self, session_id: str) -> None:
        try:
            self._activate(session_id)
        except Exception:  # whoever asks it next is told why
            _logger.exception("session %s could not be activated", session_id)

    def _take_over(self, lost: Run) -> None:
        try:
            with self._services.store.read() as snapshot:
                run = snapshot.run(lost.run_id)
                thread = snapshot.thread(lost.thread_id)
            if run is None or thread is None:
                return
            if run.is_queued or thread.run_id == run.run_id:
                cell = self._activate(thread.session_id)
                self._services.scheduler.post_system(cell, Resume(run, thread))
        except Exception:  # the next open finds it
            _logger.exception("run %s could not be taken over", lost.run_id)

    def rebuild(self, error: BaseException) -> None:
        """Drop every session's actor; those that have live threads come back at once.

        The others do when they are spoken to. What stands in for one stays.

        Args:
            error: what broke.
        """
        for session_id, cell in list(self._services.sessions.items()):
            actor = cell.actor
            if actor is not None and not isinstance(actor, StandIn):
                had_threads = not actor.is_idle
                actor.retire()
                self._tell_watchers(cell, error)
                self._services.stopped["session", "rebuilt"] += 1
                if had_threads:
                    self._wake(session_id)

    def lose(self, cell: Cell[Any], message: Any, error: BaseException) -> None:
        """See to what a session's or a thread's actor had in hand as the loop broke.

        Nobody knows whether the turn had begun or had ended.

        Args:
            cell: whose turn it was.
            message: of what.
            error: what the loop raised.
        """
        run = lost_start(message)
        if cell.parent is self._services.root:
            self._let_go(cell, message, error)
            if run is not None:
                self._take_over(run)
        elif cell.parent is not None:
            self._wake(str(cell.parent.key))
            owner = self._services.sessions.get(str(cell.parent.key), cell.parent)
            failure = ChildFailed(cell, error, message)
            self._services.scheduler.post_system(owner, failure)


def _is_away(services: Services, session_id: str) -> bool:
    """Whether somebody stands in for a session, who will be told when to go."""
    cell = services.sessions.get(session_id)
    return cell is not None and isinstance(cell.actor, StandIn)
