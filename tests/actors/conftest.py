"""Runtimes that are closed whatever happens, and the workflows most tests run."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.actors.support import LONG_S, FailingStore, GatedStore, Walk
from tests.actors.waiting import Waiter
from weft.actors import Coordinator, ExecutionContext, Runtime
from weft.actors.dispatcher import Dispatcher
from weft.actors.future import Future
from weft.storage import LmdbStore, MemoryStore, Store

Open = Callable[..., Runtime]


def increment(context: ExecutionContext, _config: Any) -> dict[str, int]:
    """Count the runs of a thread."""
    return {"runs": (context.state or {"runs": 0})["runs"] + 1}


def count(_context: ExecutionContext, config: Any) -> Any:
    """Yield 1, 2, ... up to the config's ``to``."""
    yield from range(1, config.get("to", 3) + 1)


def echo(_context: ExecutionContext, config: Any) -> Any:
    """Return the config."""
    return config


def fail(_context: ExecutionContext, config: Any) -> None:
    """Raise what the config says."""
    raise ValueError(config.get("why", "no reason"))


WORKFLOWS: dict[str, Any] = {
    "default": increment,
    "count": count,
    "echo": echo,
    "fail": fail,
}


@pytest.fixture
def open_runtime() -> Iterator[Open]:
    """Return a function that opens runtimes: in memory unless it is told otherwise."""
    opened: list[Runtime] = []

    def make(
        path: Path | None = None,
        *,
        store: Store | None = None,
        workflows: Any = None,
        **options: Any,
    ) -> Runtime:
        if path is None and store is None:
            store = MemoryStore()
        runtime = Runtime.open(
            path,
            store=store,
            workflows=WORKFLOWS | (workflows or {}),
            **options,
        )
        opened.append(runtime)
        return runtime

    yield make
    for runtime in reversed(opened):
        runtime._dispatcher.trace = None
        runtime.close(timeout_s=5.0)


@pytest.fixture(params=["memory", "lmdb"])
def runtime(
    request: pytest.FixtureRequest, tmp_store: Path, open_runtime: Open
) -> Runtime:
    """Return a runtime; a test that asks for it runs once on each store."""
    made = MemoryStore() if request.param == "memory" else LmdbStore(tmp_store)
    return open_runtime(store=made)


@pytest.fixture
def coordinator(runtime: Runtime) -> Coordinator:
    """Return the coordinator of a runtime."""
    return runtime.coordinator


@pytest.fixture
def gated() -> GatedStore:
    """Return a store in memory whose writer a test can hold."""
    return GatedStore(MemoryStore())


@pytest.fixture
def failing() -> FailingStore:
    """Return a store in memory that a test can keep from writing."""
    return FailingStore(MemoryStore())


@pytest.fixture
def walk() -> Iterator[Walk]:
    """Return a workflow of two states that a test can hold between them."""
    made = Walk()
    yield made
    made.stop.open()


@pytest.fixture
def dispatcher() -> Iterator[Dispatcher]:
    """Return a dispatcher of the test's own, which leaves nobody suspended."""
    dispatcher = Dispatcher()
    dispatcher.start()
    yield dispatcher
    assert dispatcher.stop(LONG_S)
    assert set() == dispatcher.suspended


@pytest.fixture
def waiter(dispatcher: Dispatcher) -> Waiter:
    """Return an actor that waits for the futures it gets."""
    return Waiter(dispatcher)


@pytest.fixture
def leaf() -> Future[str]:
    """Return a future that nobody has settled."""
    return Future()
