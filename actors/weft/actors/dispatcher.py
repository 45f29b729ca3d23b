"""The one OS thread that runs every actor's turns.

A turn is one message handled by one cell, from start to end: ``cell.turn(message,
future)``. Any OS thread posts; only the dispatcher OS thread runs turns, so an
actor's state needs no lock. A second dispatcher would make everything slower under
the GIL (0.5 us a hop became 21.8 us, measured), so a process has one.

Guarantees:
    - Mail from one sender to one cell is handled in the order it was posted; system
      mail overtakes user mail.
    - Nothing that a turn raises ends the dispatcher.
    - Mail that was posted is handled or refused; no future is left unanswered, also
      when ``post`` races ``stop``.
    - After ``os.fork`` the child cannot use the parent's dispatcher by accident.

What a message means is the cell's business (:mod:`weft.actors.cell`).
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
import weakref
from collections import deque
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeAlias

from pykka import ActorDeadError

from weft.actors.turn_counter import SYSTEM_KIND, DispatcherStatistics, TurnCounter
from weft.actors.wakeup import Wakeup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from weft.actors.cell import Cell
    from weft.actors.future import Future

__all__ = [
    "Dispatcher",
    "DispatcherStatistics",
    "Mail",
    "Scheduler",
    "on_dispatcher",
    "running_turns",
]

_logger = logging.getLogger("weft.actors")

Mail: TypeAlias = "tuple[Cell[Any], Any, Future[Any] | None, int]"
"""A posted message: cell, message, future or None, ``time.perf_counter_ns()`` of the
posting."""


class Scheduler(Protocol):
    """What a cell needs from whatever runs its turns.

    :class:`Dispatcher` is the one for production; a simulation injects another.
    """

    dead_letters: int

    def post(
        self, cell: Cell[Any], message: Any, future: Future[Any] | None = None
    ) -> None:
        """Have the cell handle a message, in a turn of its own."""

    def post_many(self, items: Iterable[Mail]) -> None:
        """Post messages that are in tuple form already."""

    def post_system(self, cell: Cell[Any], message: Any) -> None:
        """Post a message that overtakes user mail."""


class _Local(threading.local):
    runs_turns = False


_local = _Local()


def on_dispatcher() -> bool:
    """Whether the calling OS thread runs turns, and so must not block."""
    return _local.runs_turns


@contextlib.contextmanager
def running_turns() -> Iterator[None]:
    """Mark the calling OS thread as one that runs turns, inside a with block."""
    before, _local.runs_turns = _local.runs_turns, True
    try:
        yield
    finally:
        _local.runs_turns = before


class _Stopper:
    """A cell whose turn ends the dispatcher: ``stop`` queues like any mail."""

    actor_class = type(None)

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher

    def turn(self, _message: Any, _future: Future[Any] | None) -> None:
        self._dispatcher._running = False  # noqa: SLF001


class Dispatcher:
    """Runs turns on one daemon OS thread named ``weft-dispatcher``.

    Attributes:
        trace: called with cell and message before each turn when it is set; for
            tests.
        dead_letters: messages whose actor was gone.
    """

    trace: Callable[[Cell[Any], Any], None] | None = None

    _shared: ClassVar[dict[int, Dispatcher]] = {}
    """The dispatcher of this process, by pid: a fork finds none."""

    _started: ClassVar[weakref.WeakSet[Dispatcher]] = weakref.WeakSet()

    def __init__(self) -> None:
        self.dead_letters = 0
        self._mail: deque[Mail] = deque()
        self._system_mail: deque[Mail] = deque()
        self._wakeup = Wakeup()
        self._sleeping = False
        self._running = True
        self._stopped = False
        self._forked = False
        self._thread: threading.Thread | None = None
        self._counters: dict[str, TurnCounter] = {}
        self._counter_by_class: dict[type, TurnCounter] = {}
        self._users: list[None] = []
        # Deleting an attribute is atomic and fails the second time: whoever
        # succeeds is the one who starts, unregisters, stops.
        self._unstarted = True
        self._registered = True
        self._unstopped = True

    # Posting, from any OS thread

    def post(
        self, cell: Cell[Any], message: Any, future: Future[Any] | None = None
    ) -> None:
        """Have the cell handle a message, in a turn of its own.

        Args:
            cell: who handles it.
            message: any object; it is not copied.
            future: gets the answer, if one is wanted.

        Raises:
            RuntimeError: the process was forked after this dispatcher started.
        """
        self._mail.append((cell, message, future, time.perf_counter_ns()))
        if self._sleeping:
            self._wake()

    def post_many(self, items: Iterable[Mail]) -> None:
        """Post messages that are in tuple form already, with one wake-up.

        Args:
            items: mail; one time stamp may serve them all.

        Raises:
            RuntimeError: the process was forked after this dispatcher started.
        """
        self._mail.extend(items)
        if self._sleeping:
            self._wake()

    def post_system(self, cell: Cell[Any], message: Any) -> None:
        """Post a message that overtakes user mail.

        Args:
            cell: who handles it.
            message: any object.

        Raises:
            RuntimeError: the process was forked after this dispatcher started.
        """
        self._system_mail.append((cell, message, None, time.perf_counter_ns()))
        if self._sleeping:
            self._wake()

    def _wake(self) -> None:
        if self._forked:
            raise RuntimeError(
                "This dispatcher belongs to the parent process. "
                "Open a new runtime, or start new actors, after os.fork()."
            )
        self._sleeping = False
        self._wakeup.wake()
        if self._stopped:  # nobody will wake up: answer here
            self._sleeping = True
            self._refuse_leftovers()

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
            dispatcher = cls._shared.get(pid) or cls._shared.setdefault(pid, cls())
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

    def _run(self) -> None:
        with running_turns():
            self._run_turns()
        self._stopped = True
        self._sleeping = True
        self._refuse_leftovers()

    def _run_turns(self) -> None:
        mail, system_mail = self._mail, self._system_mail
        counters = self._counter_by_class
        clock_ns = time.perf_counter_ns
        started_ns = clock_ns()
        cell: Any
        while self._running:
            queue = system_mail or mail
            if not queue:
                cell = message = future = None  # a sleeper keeps nobody's mail alive
                self._sleep()
                started_ns = clock_ns()
                continue
            cell, message, future, posted_ns = queue.popleft()
            if self.trace is not None:
                self.trace(cell, message)
            try:
                cell.turn(message, future)
            except BaseException:
                _logger.critical("A turn of %r escaped its cell", cell, exc_info=True)
                self._refuse(cell, future)
            ended_ns = clock_ns()
            counter = counters.get(cell.actor_class) or self._counter_of(cell)
            counter.observe(started_ns - posted_ns, ended_ns - started_ns)
            started_ns = ended_ns

    def _sleep(self) -> None:
        self._sleeping = True
        # A poster that saw no sleeper has appended before this look.
        if not self._mail and not self._system_mail:
            self._wakeup.wait()
        self._sleeping = False

    def _refuse_leftovers(self) -> None:
        for queue in (self._system_mail, self._mail):
            with contextlib.suppress(IndexError):
                while True:
                    cell, _, future, _ = queue.popleft()
                    self.dead_letters += 1
                    self._refuse(cell, future)

    @staticmethod
    def _refuse(cell: Cell[Any], future: Future[Any] | None) -> None:
        if future is not None:
            future.try_fail(ActorDeadError(f"{cell} did not handle the message"))

    # Numbers

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
            dead_letters=self.dead_letters,
            queued=len(self._mail) + len(self._system_mail),
            mailbox_wait=waits,
            turn_time=times,
        )

    def _disown(self) -> None:
        """In a forked child: there is no OS thread behind this object."""
        self._mail.clear()
        self._system_mail.clear()
        self._forked = True
        self._sleeping = True


def _disown_all() -> None:
    for dispatcher in list(Dispatcher._started):  # noqa: SLF001
        dispatcher._disown()  # noqa: SLF001
    _local.runs_turns = False


os.register_at_fork(after_in_child=_disown_all)
