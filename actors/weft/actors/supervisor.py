"""Supervisors: actors that restart other actors when they fail.

A child's ref stays the same over its restarts: the fresh actor takes the place of the
one that failed, behind the same ref, and handles the mail that came meanwhile.

Guarantees:
    - A failure nobody waits for, one in ``on_start`` and a ``SystemExit`` or the like
      restart the child, after the delay that its policy gives. An exception that an
      asker gets does not, and neither does a stop in order.
    - ``rest_for_one`` restarts, in order, all children that were begun after it, too.
    - A child that fails too often makes the supervisor fail (its supervisor decides,
      and without one it ends), or is quarantined: its mail is refused with
      ActorQuarantined until it is tried again.
    - No child outlives its supervisor. One that is restarted begins its children anew.

The rules are in :mod:`weft.actors.supervision`, how an actor is replaced is in
:mod:`weft.actors.actor`.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import msgspec

from weft.actors import controls, supervision
from weft.actors.actor import Actor, ActorCell, start_under
from weft.actors.errors import RestartsExceeded
from weft.actors.supervision import RestartHistory, RestartPolicy, Strategy

if TYPE_CHECKING:
    from weft.actors.controls import ChildFailed

__all__ = ["Supervisor"]

_logger = logging.getLogger("weft.actors")

A = TypeVar("A", bound=Actor)


class _Child(msgspec.Struct, eq=False):
    cell: ActorCell[Any]
    history: RestartHistory
    restarts_at_ns: int = 0


class Supervisor(Actor):
    """An actor that begins others and restarts them when they fail.

    Example::

        class Pipeline(Supervisor):
            strategy = "rest_for_one"
            policy = RestartPolicy(restarts_max=3, period_s=10)

            def on_start(self) -> None:
                self.source = self.begin(Source, "https://example.org/feed")
                self.sink = self.begin(Sink, self.source)


        pipeline = Pipeline.start().proxy()
        source, sink = pipeline.children().get()  # the same refs after each restart
        other = pipeline.begin(Other).get()

    Supervisors may begin supervisors: failures escalate up this tree.

    Attributes:
        strategy: who is restarted with a child that failed.
        policy: how often and how fast, for children begun without one of their own.
    """

    strategy: ClassVar[Strategy] = "one_for_one"
    policy: ClassVar[RestartPolicy] = RestartPolicy()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._children: list[_Child] = []

    def begin(
        self,
        child_class: type[A],
        *args: Any,
        restart: RestartPolicy | None = None,
        **kwargs: Any,
    ) -> ActorCell[A]:
        """Start a child; in a turn of the supervisor, or through its proxy.

        Args:
            child_class: the class of the child.
            *args: for its constructor, at each restart.
            restart: the child's own policy.
            **kwargs: for its constructor.

        Returns:
            The child's ref, which stays the same over restarts.
        """
        cell = start_under(self.actor_ref, child_class, *args, **kwargs)  # type: ignore[arg-type]
        alive = [child for child in self._children if child.cell.is_alive()]
        self._children = [*alive, _Child(cell, RestartHistory(restart or self.policy))]
        return cell

    def children(self) -> list[ActorCell[Any]]:
        """Return the refs of the children that are alive, the oldest first."""
        return [child.cell for child in self._children if child.cell.is_alive()]

    def child_failed(self, failure: ChildFailed) -> None:
        """Carry out what the policy says.

        Args:
            failure: whose, and why.

        Raises:
            RestartsExceeded: the child failed too often: the supervisor fails.
        """
        child = self._find(failure.cell)
        now_ns = time.monotonic_ns()
        if child is None or child.restarts_at_ns > now_ns:
            return
        match child.history.failed(now_ns):
            case supervision.Restart(delay_s):
                self._log(child, f"is restarted in {delay_s:.2f} s", failure)
                self._restart_at(now_ns + round(delay_s * 1e9), child)
            case supervision.Quarantine(until_ns):
                self._log(child, "is quarantined", failure)
                self._post(child, controls.Quarantine(until_ns))
                self._restart_at(until_ns, child)
            case supervision.Escalate():
                raise RestartsExceeded(
                    f"{child.cell} failed too often for {self}.",
                    cause=failure.exception,
                )

    def _find(self, cell: Any) -> _Child | None:
        return next((child for child in self._children if child.cell is cell), None)

    def _restart_at(self, due_ns: int, child: _Child) -> None:
        rest = [child]
        if self.strategy == "rest_for_one":
            rest = self._children[self._children.index(child) :]
        now_ns = time.monotonic_ns()
        affected = [one for one in rest if one.restarts_at_ns <= now_ns]
        for one in reversed(affected):
            one.restarts_at_ns = due_ns
            self._post(one, controls.Halt())

        def restart() -> None:
            for one in affected:
                self._post(one, controls.Restart())

        self.actor_inbox.scheduler.timers.call_at(due_ns, restart)  # type: ignore[attr-defined]

    @staticmethod
    def _post(child: _Child, control: controls.Control) -> None:
        child.cell.scheduler.post_system(child.cell, control)

    @staticmethod
    def _log(child: _Child, what: str, failure: ChildFailed) -> None:
        _logger.warning(
            "%s %s: %r",
            child.cell,
            what,
            failure.exception,
            extra={"action": "restart", "actor_kind": child.cell.actor_class.kind},
        )

    def _end_children(self) -> None:
        for child in reversed(self._children):
            child.cell.stop(block=False, now=True)
        self._children = []
