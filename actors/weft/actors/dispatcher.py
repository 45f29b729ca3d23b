"""The one OS thread that runs every actor's turns.

A turn is one message handled by one cell, from start to end: ``cell.turn(message,
future)``. Any OS thread posts; only the dispatcher OS thread runs turns, so an
actor's state needs no lock. A second dispatcher would make everything slower under
the GIL (0.5 us a hop became 21.8 us, measured), so a process has one.

Guarantees:
    - Mail from one sender to one cell is handled in the order it was posted; system
      mail overtakes user mail.
    - Nothing that a turn raises ends the dispatcher. If its own loop breaks, it says
      so, counts it, tells who registered with ``add_crash_callback``, and goes on.
    - Mail that was posted is handled or refused; no future is left unanswered, also
      when ``post`` races ``stop``.
    - After ``os.fork`` the child cannot use the parent's dispatcher by accident.

How mail comes in is in :mod:`weft.actors.mailroom`; what a message means is the cell's
business (:mod:`weft.actors.cell`), and what a cell needs of a dispatcher is in
:mod:`weft.actors.scheduler`.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any, ClassVar, Final

from weft.actors.dead_letters import Reason
from weft.actors.mailroom import Mailroom
from weft.actors.scheduler import (
    Mail,
    Scheduler,
    on_dispatcher,
    running_turns,
    runs_no_turns,
)
from weft.actors.timers import Timers
from weft.actors.turn_counter import SYSTEM_KIND, DispatcherStatistics, TurnCounter
from weft.actors.watchdog import LONG_TURN_S, Watchdog

if TYPE_CHECKING:
    from collections.abc import Callable

    from weft.actors.cell import Cell
    from weft.actors.future import Future
    from weft.actors.suspension import Suspension

__all__ = [
    "Dispatcher",
    "DispatcherStatistics",
    "Mail",
    "Scheduler",
    "on_dispatcher",
    "running_turns",
]

_logger = logging.getLogger("weft.actors")

CRASH_PAUSE_S: Final = 0.1
"""Before a broken loop runs again: one that breaks at once would burn a core."""

HELPERS_TIMEOUT_S: Final = 1.0
"""Timers and watchdog end in microseconds; who joins the dispatcher joins them too."""


class _Stopper:
    """A cell whose turn ends the dispatcher: ``stop`` queues like any mail."""

    actor_class = type(None)

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher

    def turn(self, _message: Any, _future: Future[Any] | None) -> None:
        self._dispatcher._running = False  # noqa: SLF001


class Dispatcher(Mailroom):
    """Runs turns on one daemon OS thread named ``weft-dispatcher``.

    Attributes:
        trace: called with cell and message before each turn when it is set; for
            tests.
        current: the mail whose turn it is; None between turns.
        dead_letters: what nobody handled.
        suspended: what would have to be answered if the dispatcher ended now.
        timers: for those who have no runtime; its OS thread starts with the first.
        watchdog: reports long turns of this dispatcher; None if nobody watches it.
    """

    _shared: ClassVar[dict[int, Dispatcher]] = {}
    """The dispatcher of this process, by pid: a fork finds none."""

    _started: ClassVar[weakref.WeakSet[Dispatcher]] = weakref.WeakSet()

    def __init__(self, long_turn_s: float | None = None) -> None:
        """Create a dispatcher; :meth:`start` it.

        Args:
            long_turn_s: how long a turn may take before the watchdog reports it, in
                seconds; None for no watchdog.
        """
        super().__init__()
        # Here, not in the class, where looking it up takes 30 ns more.
        self.trace: Callable[[Cell[Any], Any], None] | None = None
        self.current: Mail | None = None
        self.suspended: set[Suspension] = set()
        self.watchdog = None if long_turn_s is None else Watchdog(self, long_turn_s)
        self._timers = Timers()
        self._timers_unstarted = [None]
        self._crash_callbacks: list[Callable[[BaseException], object]] = []
        self._crashes = 0
        self._running = True
        self._thread: threading.Thread | None = None
        self._counters: dict[str, TurnCounter] = {}
        self._counter_by_class: dict[type, TurnCounter] = {}
        self._users: list[None] = []
        # Deleting an attribute is atomic and fails the second time: whoever
        # succeeds is the one who starts, unregisters, stops.
        self._unstarted = True
        self._registered = True
        self._unstopped = True

    # Life

    def start(self) -> None:
        """Start the OS thread.

        Raises:
            RuntimeError: it was started before; a dispatcher lives once.
        """
        if not self._start_once():
            raise RuntimeError("A dispatcher starts once. Create a new one.")

    def _start_once(self) -> bool:
        try:
            del self._unstarted
        except AttributeError:
            return False
        self._started.add(self)
        self._thread = threading.Thread(
            target=self._run, name="weft-dispatcher", daemon=True
        )
        if self.watchdog is not None:
            self.watchdog.start()  # first: the end of the other joins it
        self._thread.start()
        return True

    def stop(self, timeout_s: float | None = None) -> bool:
        """Handle the mail that is here, then end the OS thread.

        Mail that is posted later is refused: its futures get
        :class:`pykka.ActorDeadError`.

        Args:
            timeout_s: seconds to wait for the end; None waits for ever.

        Returns:
            Whether the OS thread has ended.

        Raises:
            RuntimeError: called on the dispatcher itself.
        """
        if on_dispatcher():
            raise RuntimeError(
                "The dispatcher cannot wait for its own end. "
                "Stop it from another OS thread."
            )
        self._start_once()  # what was posted before the start is answered, too
        self._post_stop()
        thread = self._thread
        if thread is None:  # another OS thread is starting it right now
            return False
        thread.join(timeout_s)
        return not thread.is_alive()

    def _post_stop(self) -> None:
        with contextlib.suppress(AttributeError):
            del self._unstopped
            self.post(_Stopper(self), None)  # type: ignore[arg-type]  # turn is all it needs

    @classmethod
    def shared(cls) -> Dispatcher:
        """Acquire the dispatcher of this process; the first use starts it.

        Returns:
            The dispatcher; give it back with :meth:`release`.
        """
        pid = os.getpid()
        while True:
            dispatcher = cls._shared.get(pid) or cls._shared.setdefault(
                pid, cls(LONG_TURN_S)
            )
            if dispatcher._enter():  # noqa: SLF001  # of this class
                return dispatcher

    def _enter(self) -> bool:
        self._users.append(None)
        if self._shared.get(os.getpid()) is not self:
            self.release()  # its last user left while we came in
            return False
        self._start_once()
        return True

    def release(self) -> None:
        """Give the shared dispatcher back; the last user's release stops it.

        Does not wait for the end, so that an actor may call it in a turn.
        """
        self._users.pop()
        if self._users:
            return
        with contextlib.suppress(AttributeError):
            del self._registered
            self._shared.pop(os.getpid(), None)
        if not self._users:  # else somebody came in before it was unregistered
            self._post_stop()

    # The OS thread

    @property
    def os_thread_id(self) -> int | None:
        """Which OS thread runs the turns; None before the start."""
        return None if self._thread is None else self._thread.ident

    @property
    def timers(self) -> Timers:
        """Deadlines for those who have no runtime."""
        if self._timers_unstarted:
            with contextlib.suppress(IndexError):  # another OS thread starts it
                self._timers_unstarted.pop()
                self._timers.start()
        return self._timers

    def _run(self) -> None:
        with running_turns(self):
            while self._running:
                try:
                    self._run_turns()
                except BaseException as error:  # noqa: BLE001  # a bug of ours
                    self._recover(error)
        self._stopped = True
        self._sleeping = True
        self._refuse_leftovers()
        for suspension in list(self.suspended):
            suspension.close(Reason.SHUTDOWN)
        self._timers.stop(HELPERS_TIMEOUT_S)
        if self.watchdog is not None:
            self.watchdog.stop(HELPERS_TIMEOUT_S)

    def _run_turns(self) -> None:
        mail, system_mail = self._mail, self._system_mail
        counters = self._counter_by_class
        clock_ns = time.perf_counter_ns
        began_ns = clock_ns()
        cell: Any
        while self._running:
            queue = system_mail or mail
            if not queue:
                # A sleeper keeps nobody's mail alive.
                self.current = cell = message = future = None
                self._sleep()
                began_ns = clock_ns()
                continue
            self.current = cell, message, future, posted_ns = queue.popleft()
            if self.trace is not None:
                self.trace(cell, message)
            try:
                cell.turn(message, future)
            except BaseException:
                _logger.critical("A turn of %r escaped its cell", cell, exc_info=True)
                self._refuse(cell, message, future, Reason.CRASHED)
            ended_ns = clock_ns()
            counter = counters.get(cell.actor_class) or self._counter_of(cell)
            counter.observe(began_ns - posted_ns, ended_ns - began_ns)
            began_ns = ended_ns

    def _recover(self, error: BaseException) -> None:
        """Tell who has to know, answer what was in hand, and wait a little."""
        self._crashes += 1
        _logger.critical(
            "The dispatcher's loop broke and goes on",
            exc_info=error,
            extra={"action": "dispatcher_crash"},
        )
        for callback in list(self._crash_callbacks):
            try:
                callback(error)
            except BaseException:
                _logger.exception("A crash callback failed")
        if self.current is not None:
            cell, message, future, _ = self.current
            self.current = None
            self._refuse(cell, message, future, Reason.CRASHED)
        self._wakeup.wait(CRASH_PAUSE_S)

    def add_crash_callback(self, callback: Callable[[BaseException], object]) -> None:
        """Have a function called when the loop broke, before it goes on.

        What actors hold may be half-changed then: a runtime drops its cells, and they
        come back from the store.

        Args:
            callback: called on the dispatcher OS thread, with what the loop raised;
                ``current`` is what was in hand.
        """
        self._crash_callbacks.append(callback)

    def remove_crash_callback(
        self, callback: Callable[[BaseException], object]
    ) -> None:
        """Take a function back; no error if it was not added."""
        with contextlib.suppress(ValueError):
            self._crash_callbacks.remove(callback)

    # Numbers

    @property
    def is_idle(self) -> bool:
        """Whether no turn runs and no mail waits, at this moment."""
        return self.current is None and not self._mail and not self._system_mail

    def _counter_of(self, cell: Cell[Any]) -> TurnCounter:
        kind = getattr(cell.actor_class, "kind", SYSTEM_KIND)
        counter = self._counters.setdefault(kind, TurnCounter())
        self._counter_by_class[cell.actor_class] = counter
        return counter

    def statistics(self) -> DispatcherStatistics:
        """Return the numbers so far; callable from any OS thread."""
        counters = dict(self._counters)
        times = {
            kind: counter.turn_time.snapshot() for kind, counter in counters.items()
        }
        waits = {
            kind: counter.mailbox_wait.snapshot() for kind, counter in counters.items()
        }
        return DispatcherStatistics(
            turns=sum(time.count for time in times.values()),
            dead_letters=self.dead_letters.total,
            queued=len(self._mail) + len(self._system_mail),
            mailbox_wait=waits,
            turn_time=times,
            dead_letters_by_reason=self.dead_letters.by_reason(),
            refused=self._refused,
            long_turns={} if self.watchdog is None else dict(self.watchdog.long_turns),
            crashes=self._crashes,
            lag_ns=self.lag_ns,
        )


def _disown_all() -> None:
    for dispatcher in list(Dispatcher._started):  # noqa: SLF001
        dispatcher._disown()  # noqa: SLF001
    runs_no_turns()


os.register_at_fork(after_in_child=_disown_all)
