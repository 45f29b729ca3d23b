"""The runtime: a store, its writer, its actors, and the door to them.

::

    with Runtime.open("./weft-data", workflows=[summarise]) as runtime:
        notes = runtime.session("alice").create_thread("notes").get()

OS threads: the dispatcher (all turns, one per process), the writer, timers, and the
executor's for user code. Clients call from any OS thread or from asyncio; every call
returns a future at once.
"""

import asyncio
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Self

import msgspec
import pykka

from weft.actors.coordinator import Coordinator
from weft.actors.dispatcher import Dispatcher, DispatcherStatistics
from weft.actors.executor import PoolExecutor, WorkflowExecutor
from weft.actors.future import Future
from weft.actors.handles import SessionHandle, ThreadHandle
from weft.actors.messages import (
    Command,
    Drain,
    Ping,
    Publication,
    Recover,
    Release,
    RunCommand,
    Sweep,
)
from weft.actors.passivation import Passivation
from weft.actors.reception import Reception, op_id_of
from weft.actors.root import Root
from weft.actors.services import Services
from weft.actors.sources import REAL
from weft.actors.timers import Timers
from weft.actors.workflow import Workflows
from weft.storage import (
    InvalidArgument,
    LmdbStore,
    Store,
    StoreClosed,
    StoreStatistics,
    Writer,
    WriterStatistics,
)
from weft.storage.check import CheckReport, CheckStatistics, check
from weft.storage.ids import check_id

__all__ = ["Runtime", "RuntimeStatistics"]

SETTLE_TIMEOUT_S: Final = 5.0
"""A turn takes microseconds; a dispatcher that is silent for this long is stuck."""


class RuntimeStatistics(msgspec.Struct, frozen=True):
    """What a runtime did and holds.

    Attributes:
        dispatcher: turns, mailbox waits; of the process, which may have more runtimes.
        writer: operations, commits.
        store: records and bytes.
        check: what the consistency checks found.
        pool: the executor's own statistics.
        actors: resident ones, by ``(kind, state)``; state is idle or running.
        runs: how many ended here, by status.
        restarts: actors that were replaced after a failure.
    """

    dispatcher: DispatcherStatistics
    writer: WriterStatistics
    store: StoreStatistics
    check: Any
    pool: Any
    actors: dict[tuple[str, str], int]
    runs: dict[str, int]
    restarts: int


class Runtime:
    """Sessions and threads on one store. Make one with :meth:`open`.

    Attributes:
        store: for reading; changes go through the handles and the coordinator.
        coordinator: every operation by name.
        sources: time and ids.
    """

    def __init__(
        self,
        store: Store,
        *,
        workflows: Iterable[Any] | Mapping[str, Callable[..., Any]] = (),
        executor: WorkflowExecutor | None = None,
        passivation: Passivation | None = None,
        switch_interval_s: float | None = None,
    ) -> None:
        self.store = store
        self.sources = REAL
        self._pid = os.getpid()
        self._closed = False
        self._settling = False
        self._dispatcher = Dispatcher.shared()
        self._timers = Timers()
        self._writer = Writer(store, self._publish)
        self._executor = executor or PoolExecutor()
        self._services = Services(
            self._dispatcher,
            store,
            self._writer.submit,
            self._executor,
            Workflows(workflows),
            self._timers,
        )
        self._root = Root(self._services, passivation).actor_ref
        self._reception = Reception(self._services)
        self._checks = CheckStatistics()
        self._last_report: CheckReport | None = None
        self.coordinator = Coordinator(self)
        self._switch_intervals_s = _switch(switch_interval_s)
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
        switch_interval_s: float | None = None,
    ) -> Self:
        """Open a runtime, on a data directory or on a store.

        Runs that were in progress when the process died are taken over if their
        workflow is registered, and marked interrupted otherwise.

        Args:
            path: the data directory; created if it is missing.
            store: an open store instead; the runtime closes it.
            workflows: decorated functions, or a mapping of name to callable.
            executor: where user code runs; a pool of OS threads if omitted.
            passivation: how many sessions stay resident, and how long.
            switch_interval_s: set Python's switch interval while the runtime is open;
                with its 5 ms one CPU-bound OS thread cuts durable throughput to 2 %.
                0.0005 is what the daemon uses.

        Raises:
            StoreLocked: another process has the directory open; it is named.
            StoreFormatError: a newer version wrote it.
            StoreCorrupt: it is not a store.
            InvalidArgument: both or neither of path and store were given, or a
                workflow is not one.
        """
        if (path is None) == (store is None):
            raise InvalidArgument("Give Runtime.open a path or a store, one of them.")
        registered = Workflows(workflows)
        if switch_interval_s is not None:
            _check_interval(switch_interval_s)
        opened = store if store is not None else LmdbStore(path or "")
        return cls(
            opened,
            workflows=registered,
            executor=executor,
            passivation=passivation,
            switch_interval_s=switch_interval_s,
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
        with self.store.read() as snapshot:
            report = check(snapshot, session_id=session_id, progress=progress)
        if session_id is None:
            self._checks.record(report)
            self._last_report = report
        return report

    def statistics(self) -> RuntimeStatistics:
        """Return what the runtime did and holds; callable from any OS thread."""
        services = self._services
        running = len(services.live_runs)
        return RuntimeStatistics(
            dispatcher=self._dispatcher.statistics(),
            writer=self._writer.statistics(),
            store=self.store.statistics(),
            check=self._checks.statistics(),
            pool=self._executor.statistics(),
            actors={
                ("session", "idle"): len(services.sessions),
                ("thread", "running"): running,
                ("thread", "idle"): max(0, len(services.threads) - running),
            },
            runs=dict(services.finished_runs),
            restarts=services.restarts,
        )

    @property
    def last_report(self) -> CheckReport | None:
        """What the last check of the whole store found."""
        return self._last_report

    @property
    def read_only(self) -> bool:
        """Whether the store could not be written lately."""
        return self._writer.read_only

    @property
    def closed(self) -> bool:
        """Whether the runtime accepts nothing any more; so it is in a forked child."""
        return self._closed or os.getpid() != self._pid

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
        op_id = op_id_of(message)
        future.op_id = op_id
        if self.closed:
            future.try_fail(StoreClosed("The runtime is closed.", op_id=op_id))
            return future
        try:
            self._reception.send(message, session_id, thread_id, timeout_s)
        except InvalidArgument as error:
            future.try_fail(error)
        if self._settling:  # it came too late to be sure that a turn sees it
            future.try_fail(StoreClosed("The runtime is closed.", op_id=op_id))
        return future

    def cancel(self, run_id: str) -> Future[bool]:
        """Ask a run to stop; the answer is whether it was in progress here."""
        return self._reception.cancel(run_id)

    def _rebuild(self, _error: BaseException) -> None:
        """Have every session read its view anew: the dispatcher's loop broke.

        What is in flight stays so; its answers come by mail, which is kept.
        """
        for cell in list(self._services.sessions.values()):
            if cell.actor is not None:
                cell.actor.activate()

    def _publish(self, pairs: Any) -> None:
        self._dispatcher.post(self._root, Publication(pairs))

    # Ending

    def close(self, timeout_s: float = 10.0) -> None:
        """Finish what is in progress, flush, and close the store.

        Runs get until the deadline; what has not ended by then is taken over or marked
        interrupted at the next open. Closing twice is no error.

        Args:
            timeout_s: how long to wait for runs, in seconds.
        """
        if self.closed:
            return
        self._closed = True
        drained: Future[None] = Future()
        self._dispatcher.post(self._root, Drain(drained))
        deadline = time.monotonic() + timeout_s
        try:
            drained.get(timeout=timeout_s)
        except pykka.Timeout:
            self._interrupt()
        self._executor.close(max(0.0, deadline - time.monotonic()))
        self._writer.close()
        self._settling = True
        self._settle()
        self._timers.stop(1.0)
        self._dispatcher.remove_crash_callback(self._rebuild)
        self._dispatcher.release()
        self.store.close()
        if sys.getswitchinterval() == self._switch_intervals_s[1]:
            sys.setswitchinterval(self._switch_intervals_s[0])

    def _interrupt(self) -> None:
        """Answer the callers of runs that are out of time."""
        error = StoreClosed("The runtime was closed before the run had ended.")
        for cell in list(self._services.live_runs.values()):
            self._dispatcher.post(cell, Release(error))

    def _settle(self) -> None:
        """Wait until the dispatcher has handed out all that the writer published.

        Three hops: the root hands the news to sessions, they answer and let go what
        was stashed, and that is answered with StoreClosed.
        """
        for _ in range(3):
            self._root.ask(Ping(), timeout=SETTLE_TIMEOUT_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.close)


def _check_interval(interval_s: object) -> None:
    if not isinstance(interval_s, int | float) or not 0 < interval_s <= 1:
        raise InvalidArgument(
            f"switch_interval_s is a number above 0, at most 1, not {interval_s!r}."
        )


def _switch(interval_s: float | None) -> tuple[float, float | None]:
    """Set the switch interval; return what it was and, if it was set, what it is."""
    before_s = sys.getswitchinterval()
    if interval_s is None:
        return before_s, None
    sys.setswitchinterval(interval_s)
    return before_s, sys.getswitchinterval()
