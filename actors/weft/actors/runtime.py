"""The runtime: a store, its writer, its actors, and the door to them.

::

    with Runtime.open("./weft-data", workflows=[summarise]) as runtime:
        notes = runtime.session("alice").create_thread("notes").get()

OS threads: the dispatcher (all turns, one per process), the writer, timers, and the
executor's for user code. Clients call from any OS thread or from asyncio; every call
returns a future at once.
"""

import contextlib
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Self

import pykka

from weft.actors.checks import Checks
from weft.actors.closing import Closing
from weft.actors.container import Container, check_given, replaced
from weft.actors.coordinator import Coordinator
from weft.actors.dispatcher import Dispatcher
from weft.actors.events import Events, Feed
from weft.actors.executor import WorkflowExecutor
from weft.actors.executors import Executors
from weft.actors.future import Future
from weft.actors.handles import SessionHandle, ThreadHandle
from weft.actors.inside import Inside
from weft.actors.logs import follow
from weft.actors.messages import (
    Command,
    Drain,
    Ping,
    Publication,
    Recover,
    RunCommand,
    Sweep,
)
from weft.actors.opening import open_store
from weft.actors.passivation import Passivation
from weft.actors.process_settings import ProcessSettings, check_interval
from weft.actors.reception import Reception, op_id_of
from weft.actors.retention import Forget, Keeper
from weft.actors.root import Root
from weft.actors.scheduler import on_dispatcher
from weft.actors.services import Services
from weft.actors.statistics import RuntimeStatistics, counted_by
from weft.actors.timers import Timers
from weft.actors.workflow import Workflows
from weft.storage import (
    InvalidArgument,
    LmdbStore,
    Manifest,
    Overloaded,
    Store,
    StoreClosed,
    Writer,
)
from weft.storage.check import CheckReport
from weft.storage.ids import check_id
from weft.storage.retention import Retention

__all__ = ["Runtime"]

SETTLE_TIMEOUT_S: Final = 5.0
"""A turn takes microseconds; a dispatcher that is silent for this long is stuck."""

STEPS_TIMEOUT_S: Final = 0.25
"""For steps whose runs have ended: one that hangs goes on, on a daemon OS thread."""

HELPERS_TIMEOUT_S: Final = 1.0
"""Timers and collector end in microseconds, unless a long collection is under way."""


class Runtime(Closing, Container):
    """Sessions and threads on one store. Make one with :meth:`open`.

    Attributes:
        store: for reading; changes go through the handles and the coordinator.
        coordinator: every operation by name.
        sources: time and ids.
        workflows: those that are registered.
        checks: of the store, and what they found.
        inside: who is busy at this moment, by name.
    """

    def __init__(
        self,
        store: Store,
        *,
        workflows: Iterable[Any] | Mapping[str, Callable[..., Any]] = (),
        executor: WorkflowExecutor | None = None,
        passivation: Passivation | None = None,
        retention: Retention | None = None,
        switch_interval_s: float | None = None,
        collector: bool = False,
        one_core: bool = False,
        overrides: Mapping[Any, Any] | None = None,
    ) -> None:
        super().__init__(overrides)
        self.store = store
        self.workflows = Workflows(workflows)
        self._closed = self._settling = False
        self._drained: Future[None] = Future()
        self._dispatcher = Dispatcher.shared()
        self._timers = Timers()
        self._feed = Feed(store)
        self._writer = Writer(store, self._publish)
        self._executor = (
            executor if isinstance(executor, Executors) else Executors(executor)
        )
        self._services = Services(
            self._dispatcher,
            store,
            self._writer.submit,
            self._executor,
            self.workflows,
            self._timers,
            self.sources,
        )
        self._root = Root(self._services, passivation).actor_ref
        self._keeper = Keeper(self._services, retention or Retention())
        self._reception = Reception(self._services)
        self.checks = Checks(store)
        self.inside = Inside(self._services, self._dispatcher, self._keeper)
        self.coordinator = Coordinator(self)
        self._settings = ProcessSettings(
            self._dispatcher, switch_interval_s, collector=collector, one_core=one_core
        )
        self._timers.start()
        self._writer.start()
        self._dispatcher.add_crash_callback(self._rebuild)
        self._dispatcher.post(self._root, Recover())
        self._dispatcher.post(self._root, Sweep())

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str] | None = None,
        *,
        store: Store | None = None,
        workflows: Iterable[Any] | Mapping[str, Callable[..., Any]] = (),
        executor: WorkflowExecutor | None = None,
        passivation: Passivation | None = None,
        retention: Retention | None = None,
        switch_interval_s: float | None = None,
        collector: bool = False,
        one_core: bool = False,
        overrides: Mapping[Any, Any] | None = None,
    ) -> Self:
        """Open a runtime, on a data directory or on a store.

        Runs that were in progress when the process died are taken over if their
        workflow is registered, and marked interrupted otherwise.

        Args:
            path: the data directory, created if it is missing; or the address of a
                database, ``postgresql://host/database``.
            store: an open store instead; the runtime closes it.
            workflows: decorated functions, or a mapping of name to callable.
            executor: where plain functions and generators run; or the
                :class:`Executors` of all kinds. A pool of OS threads, an event loop
                and as many processes as there are cores, if omitted.
            passivation: how many sessions stay resident, and how long.
            retention: what is kept how long.
            switch_interval_s: Python's own 5 ms let one CPU-bound OS thread cut durable
                throughput to 2 %; the daemon has 0.0005.
            collector: take Python's garbage collector over, which stops everything for
                0.4 s with a million residents: see :mod:`weft.actors.collector`.
            one_core: keep OS threads together: see :mod:`weft.actors.one_core`.
            overrides: parts to use instead, by type: see :mod:`weft.actors.container`.

        Raises:
            StoreLocked: another process has the directory open; it is named.
            StoreFormatError: a newer version wrote it.
            StoreCorrupt: it is not a store.
            InvalidArgument: both or neither of path and store were given, or a
                workflow or a part is not one.
        """
        parts, store, executor = replaced(overrides, store, executor)
        if (path is None) == (store is None):
            raise InvalidArgument("Give Runtime.open a path or a store, one of them.")
        registered = Workflows(workflows)
        check_given({Passivation: passivation, Retention: retention})
        check_interval(switch_interval_s)
        return cls(
            open_store("" if path is None else path) if store is None else store,
            workflows=registered,
            executor=executor,
            passivation=passivation,
            retention=retention,
            switch_interval_s=switch_interval_s,
            collector=collector,
            one_core=one_core,
            overrides=parts,
        )

    # Handles

    def session(self, session_id: str) -> SessionHandle:
        """Return a handle to a session; the session is created when first used.

        Raises:
            InvalidArgument: the id is not acceptable.
        """
        return SessionHandle(self, check_id(session_id, "session id"))

    def thread(self, thread_id: str) -> ThreadHandle:
        """Return a handle to a thread by its id.

        Raises:
            InvalidArgument: the id is not acceptable.
        """
        return ThreadHandle(self, check_id(thread_id, "thread id"))

    def events(
        self, after_seq: int | None = 0, *, timeout_s: float | None = None
    ) -> Events:
        """Return what changes, in the one order: see :class:`Events`.

        Args:
            after_seq: begin behind this operation; 0: the whole log, None: from now on.
            timeout_s: how long to wait for a change, in seconds; None for ever.
        """
        return self._feed.events(after_seq, timeout_s)

    # Checking and counting

    def check(
        self,
        session_id: str | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> CheckReport:
        """Compare all stored copies of who owns what; takes a read snapshot.

        Args:
            session_id: look at one session only.
            progress: told (done, total) entries.
        """
        return self.checks.check(session_id, progress)

    def backup(self, to: str | os.PathLike[str]) -> Manifest:
        """Copy the store into a new directory: see :meth:`LmdbStore.backup`.

        Raises:
            InvalidArgument: the store is not one on disk.
        """
        if not isinstance(self.store, LmdbStore):
            raise InvalidArgument("Only a store on disk can be backed up.")
        return self.store.backup(to)

    def statistics(self) -> RuntimeStatistics:
        """Return what the runtime did and holds; callable from any OS thread."""
        return RuntimeStatistics(
            dispatcher=self._dispatcher.statistics(),
            writer=self._writer.statistics(),
            store=self.store.statistics(),
            check=self.checks.statistics(),
            pool=self._executor.statistics(),
            **counted_by(self._services),
            retention=self._keeper.statistics(),
            collector=self._settings.statistics(),
        )

    @property
    def last_report(self) -> CheckReport | None:
        """What the last check of the whole store found."""
        return self.checks.last_report

    @property
    def read_only(self) -> bool:
        """Whether the store could not be written lately, or is another's now."""
        return self._writer.read_only or getattr(self.store, "fenced", False)

    @property
    def closed(self) -> bool:
        """Whether the runtime accepts nothing any more; so it is in a forked child."""
        return self._closed or self._dispatcher.forked  # os.getpid() takes 0.15 us

    # Mail, for handles and coordinator

    def send(
        self,
        message: Command | RunCommand,
        *,
        session_id: str | None = None,
        thread_id: str | None = None,
        timeout_s: float | None = None,
    ) -> Future[Any]:
        """Post a command to a session, or to whoever owns a thread.

        Args:
            message: the command; its future is returned.
            session_id: whom to ask.
            thread_id: or whose owner.
            timeout_s: when to answer with DeadlineExceeded instead, in seconds.
        """
        future = message.future
        future.op_id = op_id = op_id_of(message)
        follow(message, session_id, thread_id)
        if self.closed:
            future.try_fail(StoreClosed("The runtime is closed.", op_id=op_id))
            return future
        try:
            self._reception.send(message, session_id, thread_id, timeout_s)
        except (InvalidArgument, Overloaded) as error:
            error.op_id = op_id
            future.try_fail(error)
        if self._settling:  # it came too late to be sure that a turn sees it
            future.try_fail(StoreClosed("The runtime is closed.", op_id=op_id))
        return future

    def cancel(self, run_id: str, *, undo: bool = False) -> Future[bool]:
        """Ask a run to stop; the answer is whether it was in progress here."""
        return self._reception.cancel(run_id, undo=undo)

    def retain(self, request: Forget) -> Future[dict[str, int]]:
        """Forget what a policy does not keep; the answer is how much, by kind."""
        return self._keeper.retain(request, closed=self.closed)

    def _rebuild(self, error: BaseException) -> None:
        """Have every view read anew: the dispatcher's loop broke.

        What was in hand is answered; what waits is kept, its answers come by mail.
        """
        root = self._root.actor
        if root is not None:
            root.rebuild(error, self._dispatcher.current)

    def _publish(self, pairs: Any) -> None:
        self._dispatcher.post(self._root, Publication(pairs))
        self._feed.wake()

    # Ending

    def close(self, timeout_s: float = 10.0) -> None:
        """Finish what is in progress, flush, and close the store.

        In phases: nothing new is accepted; runs in progress end, or their callers are
        answered at the deadline; the writer writes what was submitted; the answers are
        handed out; the store is closed. Runs that have not ended are taken over or
        marked interrupted at the next open. Closing twice is no error.

        Args:
            timeout_s: how long to wait for runs, in seconds; :meth:`hurry` ends it, and
                so does Ctrl-C.

        Raises:
            RuntimeError: called in a turn.
        """
        if self.closed:
            return
        if on_dispatcher():
            raise RuntimeError(
                "close() in a turn would wait for that turn. Call it elsewhere."
            )
        with contextlib.ExitStack() as rest:  # all of it, whatever ends the waiting
            for phase in reversed(self._phases()):
                rest.callback(phase)
            self._closed = True
            self._dispatcher.post(self._root, Drain(self._drained))
            self._dispatcher.post(self._keeper.actor_ref, Drain(Future()))
            with contextlib.suppress(pykka.Timeout):
                self._drained.get(timeout=timeout_s)

    def _phases(self) -> tuple[Callable[[], object], ...]:
        return (
            self._services.give_runs_up,
            lambda: self._executor.close(STEPS_TIMEOUT_S),
            self._writer.close,
            self._feed.close,
            self._settle,
            lambda: self._timers.stop(HELPERS_TIMEOUT_S),
            lambda: self._settings.restore(HELPERS_TIMEOUT_S),
            lambda: self._dispatcher.remove_crash_callback(self._rebuild),
            self._dispatcher.release,
            self.store.close,
        )

    def hurry(self) -> None:
        """Have :meth:`close` wait for runs no longer, now or when it is called.

        From any OS thread, also in a signal handler.
        """
        self._drained.try_set(None)

    def _settle(self) -> None:
        """Wait until the dispatcher has handed out all that the writer published.

        Three hops: the root hands the news to sessions, they answer and let go what
        was stashed, and that is answered with StoreClosed. Behind a turn that is stuck
        they get their answers when it ends.
        """
        self._settling = True
        with contextlib.suppress(pykka.Timeout):
            for _ in range(3):
                self._root.ask(Ping(), timeout=SETTLE_TIMEOUT_S)
