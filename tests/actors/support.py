"""What the tests of the actor layer share: stops, stores that wait or fail, a trace.

A test decides an interleaving with a :class:`Stop` inside a workflow and a
:class:`GatedStore` under the writer; nothing sleeps, and every wait has a deadline.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar

import pytest

from tests.storage.client import Dump, dump
from weft.actors import Runtime
from weft.actors.cell import Cell
from weft.actors.future import Future
from weft.actors.messages import Ping
from weft.storage import (
    Operation,
    Outcome,
    SessionThreadException,
    Snapshot,
    Store,
    StoreStatistics,
)

LONG_S = 20.0
"""No wait of a test is longer: what takes seconds here hangs."""

T = TypeVar("T")


class Stop:
    """A place in a workflow where it waits for the test, and the test for it."""

    def __init__(self) -> None:
        self._reached = threading.Event()
        self._opened = threading.Event()

    def here(self) -> None:
        """Wait, in the workflow, until the test lets it go on."""
        self._reached.set()
        assert self._opened.wait(LONG_S)

    def reached(self) -> None:
        """Wait, in the test, until the workflow is here."""
        assert self._reached.wait(LONG_S)

    def open(self) -> None:
        """Let the workflow go on, now or when it comes here."""
        self._opened.set()


class Walk:
    """A generator of 1, 2 that stops behind its first state."""

    def __init__(self) -> None:
        self.stop = Stop()
        self.begun = 0

    def __call__(self, _context: Any, _config: Any) -> Any:
        self.begun += 1
        yield 1
        self.stop.here()
        yield 2


class WrappedStore:
    """A store that passes everything on."""

    def __init__(self, inner: Store) -> None:
        self.inner = inner

    def apply(self, operations: Sequence[Operation]) -> list[Outcome]:
        return self.inner.apply(operations)

    def read(self) -> AbstractContextManager[Snapshot]:
        return self.inner.read()

    def statistics(self) -> StoreStatistics:
        return self.inner.statistics()

    def close(self) -> None:
        self.inner.close()


class GatedStore(WrappedStore):
    """A store whose writer waits at a gate: what is submitted meanwhile is one group.

    Attributes:
        groups: the kinds of operations of each group.
    """

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self._open = threading.Event()
        self._open.set()
        self._arrived = threading.Event()
        self.groups: list[list[Operation]] = []

    def apply(self, operations: Sequence[Operation]) -> list[Outcome]:
        self._arrived.set()
        assert self._open.wait(LONG_S)
        self.groups.append(list(operations))
        return super().apply(operations)

    @contextmanager
    def shut(self, runtime: Runtime) -> Iterator[None]:
        """Hold the writer, inside a with block, at a group of its own."""
        self._open.clear()
        self._arrived.clear()
        opening = runtime.coordinator.create_session("gate", if_exists="open")
        assert self._arrived.wait(LONG_S)
        try:
            yield
        finally:
            settle(runtime)
            self._open.set()
            opening.get(timeout=LONG_S)


class FailingStore(WrappedStore):
    """A store that cannot write while ``error`` is set.

    Attributes:
        error: raised by ``apply``; None to write again.
        failed: set when a group has failed.
    """

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)
        self.error: Exception | None = None
        self.failed = threading.Event()

    def apply(self, operations: Sequence[Operation]) -> list[Outcome]:
        if self.error is not None:
            self.failed.set()
            raise self.error
        return super().apply(operations)


class Trace:
    """Remembers every turn of a runtime's dispatcher: whose it was, and of what."""

    def __init__(self, runtime: Runtime) -> None:
        self.turns: list[tuple[Cell[Any], Any]] = []
        runtime._dispatcher.trace = self._see

    def _see(self, cell: Cell[Any], message: Any) -> None:
        self.turns.append((cell, message))

    def of(self, kind: str, key: object = None) -> list[Any]:
        """Return what the actors of a kind, or one of them, were told."""
        return [
            message
            for cell, message in list(self.turns)
            if getattr(cell.actor_class, "kind", "") == kind and key in {None, cell.key}
        ]


def settle(runtime: Runtime) -> None:
    """Wait until the dispatcher has handed on all mail that is on its way."""
    for _ in range(4):
        ping(runtime)


def ping(runtime: Runtime) -> None:
    """Wait until the root has handled what was posted before."""
    runtime._root.ask(Ping(), timeout=LONG_S)


def answer(future: Future[T]) -> T:
    """Return a future's result."""
    return future.get(timeout=LONG_S)


def failure(future: Future[Any]) -> SessionThreadException:
    """Return a future's failure, which has to be one of ours, with a remedy."""
    with pytest.raises(SessionThreadException) as caught:
        future.get(timeout=LONG_S)
    assert caught.value.remedy
    assert caught.value.message
    return caught.value


def answers(futures: Iterable[Future[T]]) -> list[T]:
    """Return the results of several futures."""
    return [answer(future) for future in futures]


def contents(runtime: Runtime, *, log: bool = False) -> Dump:
    """Return all trees of a runtime's store; the log only if asked for.

    A refusal is an entry of the log and changes nothing else.
    """
    store: Any = runtime.store
    while isinstance(store, WrappedStore):
        store = store.inner
    return dump(store, log=log)


def in_threads(functions: Sequence[Callable[[], object]]) -> None:
    """Run functions at once, each on its own OS thread; raise what one raised."""
    failures: list[BaseException] = []
    barrier = threading.Barrier(len(functions), timeout=LONG_S)

    def run(function: Callable[[], object]) -> None:
        try:
            barrier.wait()
            function()
        except BaseException as error:  # noqa: BLE001 - raised below
            failures.append(error)

    threads = [
        threading.Thread(target=run, args=(function,), daemon=True)
        for function in functions
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG_S)
        assert not thread.is_alive()
    if failures:
        raise failures[0]


def view(runtime: Runtime, session_id: str) -> Any:
    """Return the actor of a resident session, to look at its view."""
    return runtime._services.sessions[session_id].actor


def check_views(runtime: Runtime) -> None:
    """Compare the stored copies with each other and every view with the store."""
    settle(runtime)
    assert runtime.check().clean
    with runtime.store.read() as snapshot:
        for session_id, cell in runtime._services.sessions.items():
            view: Any = cell.actor
            assert dict(snapshot.names(session_id)) == view._names
            assert not view._stash
            for thread_id, child in view._children.items():
                assert cell is child.parent
                assert child is runtime._services.threads[thread_id]
