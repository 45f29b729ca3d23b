"""A runtime in one OS thread, under virtual time, in an order that a seed decides.

::

    with Simulation(seed=1, workflows=[summarise]) as simulation:
        creating = simulation.session("alice").create_thread("notes")
        notes = simulation.result(creating)
        running = notes.run(timeout_s=3.0)
        simulation.advance(5.0)
        assert "done" == running.get()

The code that runs is production's: actors, writer, rules, store. Only what turns,
steps, timers and disks do by themselves elsewhere is an event here, and a
:class:`~weft.actors.testing.strategy.Strategy` picks the next one.

Guarantees:
    - The same seed gives the same run, ids and times included, whatever the machine.
    - A crash loses what a crash loses: actors, mail, what is queued or in progress and
      the answers to it. What was committed is there, and runs are taken over.

Not here: OS threads and asyncio. A workflow that waits for a future cannot be
simulated, for nothing else happens while it waits; ``get`` raises there.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Self, TypeVar, cast

from weft.actors.coordinator import Coordinator
from weft.actors.future import Future
from weft.actors.handles import SessionHandle, ThreadHandle
from weft.actors.messages import Command, Passivate, RunCommand
from weft.actors.reception import op_id_of
from weft.actors.retention import Forget
from weft.actors.scheduler import running_turns
from weft.actors.testing.breakage import BREAK_POINTS, is_of_session
from weft.actors.testing.client import Client, Script
from weft.actors.testing.clock import SimClock
from weft.actors.testing.engine import CrashPoint, PowerLoss, SimEngine
from weft.actors.testing.error_log import ErrorLog
from weft.actors.testing.process import Process
from weft.actors.testing.scheduler import CLIENT, Channel
from weft.actors.testing.strategy import Event, Strategy, Uniform
from weft.actors.workflow import Workflows
from weft.storage import InvalidArgument
from weft.storage.check import CheckReport, check
from weft.storage.store import TreeStore

__all__ = ["Crashed", "NoProgressError", "Simulation"]

T = TypeVar("T")

STEPS_MAX: Final = 20_000
"""Steps of one ``run``. A case of a dozen operations takes some hundred."""


class Crashed(Exception):
    """The simulated process died before the answer.

    Nobody knows whether the operation was applied; repeat it under its ``op_id``.
    """


class NoProgressError(AssertionError):
    """The simulation goes on and on: actors keep each other busy."""


class Simulation:
    """A house of its own: everything a runtime offers, on no OS thread but this.

    Args:
        seed: of the strategy, if none is given.
        workflows: decorated functions, or a mapping of name to callable: plain
            functions and generators, which neither block nor record steps.
        strategy: decides what happens next; uniform by the seed if omitted.
        crashes_max: how often the process may die by itself, at times and points the
            strategy chooses; :meth:`crash` is always possible.
        crash_within: within how many steps of its start it does.
        breaks_max: how often a session's actor fails in a turn, at times and points
            the strategy chooses; what supervision logs of it is no error here.

    Attributes:
        clock: virtual time.
        store: for reading.
        coordinator: every operation by name.
        sources: time and ids.
        steps: events so far.
        crashes: deaths so far.
        breaks: turns of sessions that failed so far.
        clients: who was spawned.
        errors: what was logged as an error or worse.
        trace: a sentence for each event, if it was asked for with ``trace``.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        workflows: Iterable[Any] | Mapping[str, Callable[..., Any]] = (),
        strategy: Strategy | None = None,
        crashes_max: int = 0,
        crash_within: int = 100,
        breaks_max: int = 0,
        trace: bool = False,
    ) -> None:
        self.seed = seed
        self.strategy = strategy or Uniform(seed)
        self.clock = SimClock()
        self.sources = self.clock.sources()
        self.steps = self.crashes = self.breaks = 0
        self.clients: list[Client] = []
        self.trace: list[str] = []
        self._tracing = trace
        self._workflows = Workflows(workflows)
        self._engine = SimEngine()
        self._ready: list[Client] = []
        self._pending: dict[int, Future[Any]] = {}
        self._crashes_max, self._crash_within = crashes_max, crash_within
        self._crash_at = self._break_at = 0
        self._breaks_max = breaks_max
        self.coordinator = Coordinator(self)
        self._log = ErrorLog()
        self.errors = self._log.errors
        self._log.listen()
        self._open()

    # The house

    closed = False
    last_report: CheckReport | None = None

    @property
    def read_only(self) -> bool:
        """Whether the store could not be written lately."""
        return self.process.writer.read_only

    def session(self, session_id: str) -> SessionHandle:
        """Return a handle to a session, as the runtime's."""
        return SessionHandle(cast("Any", self), session_id)

    def thread(self, thread_id: str) -> ThreadHandle:
        """Return a handle to a thread, as the runtime's."""
        return ThreadHandle(cast("Any", self), thread_id)

    def send(
        self,
        message: Command | RunCommand,
        *,
        session_id: str | None = None,
        thread_id: str | None = None,
        timeout_s: float | None = None,
    ) -> Future[Any]:
        """Post a command; a crash before the answer fails its future."""
        future = message.future
        future.op_id = op_id_of(message)
        self._pending[id(future)] = future
        future.add_done_callback(lambda done: self._pending.pop(id(done), None))
        try:
            self.process.reception.send(message, session_id, thread_id, timeout_s)
        except InvalidArgument as error:
            future.try_fail(error)
        return future

    def cancel(self, run_id: str, *, undo: bool = False) -> Future[bool]:
        """Ask a run to stop."""
        return self.process.reception.cancel(run_id, undo=undo)

    def retain(self, request: Forget) -> Future[dict[str, int]]:  # noqa: ARG002
        """Forget nothing: a simulation has no time to."""
        return Future.failed(InvalidArgument("A simulation has no retention."))

    def check(self, session_id: str | None = None) -> CheckReport:
        """Compare all stored copies of who owns what."""
        with self.store.read() as snapshot:
            return check(snapshot, session_id=session_id)

    # Running

    def spawn(self, script: Script, name: str | None = None) -> Client:
        """Add a client; it takes its part in :meth:`run`.

        Args:
            script: a generator that yields futures, see
                :mod:`weft.actors.testing.client`.
            name: for traces.
        """
        name = name or f"client {len(self.clients) + 1}"
        client = Client(name, script, self._ready.append, self._goes_on)
        self.clients.append(client)
        return client

    def _goes_on(self, client: Client) -> None:
        self._ready.remove(client)
        self.process.scheduler.sender = client.label

    def run(self, steps_max: int = STEPS_MAX, *, until_quiet: bool = True) -> Self:
        """Let things happen until nothing can; time stands still.

        Args:
            steps_max: how many at the most.
            until_quiet: more than these are an error; else they are simply enough.

        Raises:
            NoProgressError: that was not enough.
        """
        with running_turns():
            for _ in range(steps_max):
                if not self._step():
                    return self
        if until_quiet:
            raise NoProgressError(f"{steps_max} steps and no end")
        return self

    def result(self, future: Future[T]) -> T:
        """Let things happen until nothing can, and return a future's result.

        Raises:
            RuntimeError: it has none: what it waits for does not come by itself.
            Exception: the one the future failed with.
        """
        self.run()
        if not future.done():
            raise RuntimeError("Nothing happens any more. Does it wait for a timer?")
        return future.get()

    def advance(self, duration_s: float) -> Self:
        """Let time pass, and run what it brings, timer after timer.

        Args:
            duration_s: how much, in seconds.
        """
        end_ns = self.clock.now_ns + round(duration_s * 1e9)
        self.run()
        while True:
            due_ns = self.process.timers.next_ns()
            if due_ns is None or due_ns > end_ns:
                break
            self.process.timers.call_next()
            self.run()
        self.clock.now_ns = end_ns
        return self

    def _step(self) -> bool:
        if self._crash_at and self.steps >= self._crash_at:
            self._crash_by_itself()
        process = self.process
        events: list[Event] = [*process.events(), *self._ready]
        if not events:
            return False
        event = self._breaking(events) or events[self.strategy.pick(events)]
        self.steps += 1
        if self._tracing:
            self.trace.append(event.describe())
        try:
            event.act()
        except PowerLoss:
            self.crash()
        finally:
            self.process.scheduler.sender = CLIENT
        return True

    def _breaking(self, events: list[Event]) -> Event | None:
        """Return the turn of a session that is to fail next, if it is time for one."""
        if not self._break_at or self.steps < self._break_at:
            return None
        turns = [
            one
            for one in events
            if isinstance(one, Channel) and is_of_session(one.cell)
        ]
        if not turns:
            return None
        self.breaks += 1
        self._draw_break()
        point = BREAK_POINTS[self.strategy.number(len(BREAK_POINTS))]
        self.process.scheduler.breakage.armed = point
        if self._tracing:
            self.trace.append(f"--- the next turn breaks: {point} ---")
        return turns[self.strategy.number(len(turns))]

    def _draw_break(self) -> None:
        self._break_at = 0
        if self.breaks < self._breaks_max:
            after = self.strategy.number(self._crash_within)
            self._break_at = self.steps + after if after else 0

    # Dying

    def crash(self, point: CrashPoint | None = None) -> None:
        """Let the process die, and start another one on what it has committed.

        Args:
            point: in the next commit; None for now.
        """
        if point is not None:
            self._engine.crash_point = point
            return
        self.crashes += 1
        if self._tracing:
            self.trace.append("--- crash ---")
        lost = list(self._pending.values())
        self._pending.clear()
        self._open()
        for future in lost:
            future.try_fail(Crashed("The process died before the answer."))

    def _open(self) -> None:
        self._engine.crash_point = None
        self.store = TreeStore(self._engine, clock=self.clock.clock_us)
        self.process = Process(
            self.store, self.clock, self.sources, self._workflows, self.strategy
        )
        self._crash_at = 0
        if self.crashes < self._crashes_max:
            after = self.strategy.number(self._crash_within)
            self._crash_at = self.steps + after if after else 0
        self._draw_break()

    def _crash_by_itself(self) -> None:
        self._crash_at = 0
        points: tuple[CrashPoint | None, ...] = (None, "before", "inside", "after")
        self.crash(points[self.strategy.number(len(points))])

    def passivate(self, session_id: str) -> None:
        """Ask a session to leave memory if it has nothing to do."""
        cell = self.process.services.sessions.get(session_id)
        if cell is not None:
            self.process.scheduler.post(cell, Passivate())

    def close(self) -> None:
        """Stop listening for errors."""
        self._log.leave()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
