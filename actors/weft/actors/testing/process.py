"""One simulated process: the runtime's parts, put together without OS threads."""

from typing import Any, Final

from weft.actors.messages import Publication, Recover
from weft.actors.reception import Reception
from weft.actors.root import Root
from weft.actors.services import Services
from weft.actors.sources import Sources
from weft.actors.testing.clock import SimClock, SimTimers
from weft.actors.testing.executor import SimExecutor
from weft.actors.testing.scheduler import CLIENT, SimScheduler
from weft.actors.testing.strategy import Event, Strategy
from weft.actors.workflow import Workflows
from weft.storage import Store, Writer

__all__ = ["Process"]

WRITER: Final = "writer"


class Process:
    """What a crash takes with it.

    Args:
        store: over the trees that stay.
        clock: the simulation's.
        sources: time and ids.
        workflows: by name.
        strategy: chooses how many operations make a group.
    """

    label = WRITER

    def __init__(
        self,
        store: Store,
        clock: SimClock,
        sources: Sources,
        workflows: Workflows,
        strategy: Strategy,
    ) -> None:
        self._strategy = strategy
        self.scheduler = SimScheduler()
        self.executor = SimExecutor(self.scheduler)
        self.timers = SimTimers(clock)
        self.writer = Writer(store, self._publish, monotonic_ns=clock.monotonic_ns)
        self.services = Services(
            self.scheduler,
            store,
            self.writer.submit,
            self.executor,
            workflows,
            self.timers,
            sources,
        )
        self.root = Root(self.services).actor_ref
        self.reception = Reception(self.services)
        # Nothing can come before it: nobody has the address yet.
        self.scheduler.turn(self.root, Recover(), None)

    def events(self) -> list[Event]:
        """Return what can happen next in the process; its writer is one of them."""
        events: list[Event] = [*self.scheduler.ready(), *self.executor.pending]
        if self.writer.queued:
            events.append(self)
        return events

    def describe(self) -> str:
        """Return what the writer has before it."""
        return f"writer: a group of at most {self.writer.queued}"

    def act(self) -> None:
        """Let the writer write one group, of as many operations as it is given."""
        queued = self.writer.queued
        self.writer.step(queued - self._strategy.number(queued))

    def _publish(self, pairs: Any) -> None:
        self.scheduler.sender = WRITER
        self.scheduler.post(self.root, Publication(pairs))
        self.scheduler.sender = CLIENT
