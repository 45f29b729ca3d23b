"""Runtimes behind a real server, held through a client as if they were here."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, NamedTuple

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from tests.actors.conftest import WORKFLOWS
from tests.actors.support import LONG_S
from weft.actors import Runtime
from weft.daemon.app import Application, create_app
from weft.daemon.client import Client, RemoteCoordinator, connect
from weft.daemon.http import HttpSettings
from weft.daemon.listen import Address, bind
from weft.daemon.server import BackgroundServer
from weft.storage import MemoryStore

LOOPBACK = Address("127.0.0.1", 0)


class Switch:
    """An application in front of whichever one is served at present.

    Starting a server, and ending one, costs 0.2 s: the tests share it.
    """

    def __init__(self) -> None:
        self.app: Application | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.app is not None
        await self.app(scope, receive, send)

    def goodbye(self) -> None:
        if self.app is not None:
            self.app.goodbye()


class Wire:
    """What a client has asked that no answer has begun to, its streams' included.

    Args:
        client: not used yet.
    """

    def __init__(self, client: Client) -> None:
        self._loop = client._connection.loop
        self._on_its_way: set[asyncio.Future[None]] = set()
        client._connection._client.event_hooks = {
            "request": [self._sent],
            "response": [self._came],
        }

    def arrived(self) -> None:
        """Wait until the runtime was told all that was asked before."""
        for _ in range(4):  # a task within a task takes two turns of the loop to send
            turn = asyncio.run_coroutine_threadsafe(self._arrived(), self._loop)
            turn.result(LONG_S)

    async def _arrived(self) -> None:
        if self._on_its_way:
            await asyncio.wait(self._on_its_way)

    async def _sent(self, request: httpx.Request) -> None:
        came = request.extensions["came"] = self._loop.create_future()
        self._on_its_way.add(came)
        came.add_done_callback(self._on_its_way.discard)
        task = asyncio.current_task()
        assert task is not None
        task.add_done_callback(lambda _: _settle(came))  # it may have failed

    async def _came(self, response: httpx.Response) -> None:
        _settle(response.request.extensions["came"])


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class Shared(NamedTuple):
    """A server and a client of it, for all tests of a module."""

    switch: Switch
    server: BackgroundServer
    client: Client
    wire: Wire


class Behind:
    """A runtime behind a daemon: asked through the client, looked into directly.

    Args:
        runtime: what is served.
        client: of its daemon.
        wire: the client's.
    """

    def __init__(self, runtime: Runtime, client: Client, wire: Wire) -> None:
        self.runtime = runtime
        self._wire = wire
        self.local = runtime.coordinator
        self.client = client
        self.coordinator = client.coordinator
        self.session = client.session
        self.thread = client.thread

    @property
    def _root(self) -> Any:
        """Whom ``settle`` asks: what is on the wire comes before its question."""
        self._wire.arrived()
        return self.runtime._root

    def __getattr__(self, name: str) -> Any:
        return getattr(self.runtime, name)


Serve = Callable[..., Behind]


@pytest.fixture(scope="module")
def station() -> Iterator[Shared]:
    """Return a server and a client of it."""
    switch = Switch()
    server = BackgroundServer(switch, bind(LOOPBACK), on_stopping=switch.goodbye)
    with server, connect(server.url) as client:
        yield Shared(switch, server, client, Wire(client))


@pytest.fixture
def open_runtime(station: Shared) -> Iterator[Serve]:
    """Return a function that opens runtimes and serves them."""
    with ExitStack() as stack:

        def serve(*, workflows: Any = None, store: Any = None, **options: Any) -> Any:
            runtime = Runtime.open(
                store=store or MemoryStore(),
                workflows=WORKFLOWS | (workflows or {}),
                **options,
            )
            stack.callback(runtime.close, 5.0)
            station.switch.app = create_app(runtime, HttpSettings())
            return Behind(runtime, station.client, station.wire)

        yield serve


@pytest.fixture
def runtime(open_runtime: Serve) -> Behind:
    """Return a runtime behind a daemon."""
    return open_runtime()


@pytest.fixture
def coordinator(runtime: Behind) -> RemoteCoordinator:
    """Return the coordinator of a client."""
    return runtime.coordinator


@pytest.fixture
def client(runtime: Behind) -> Client:
    """Return a client."""
    return runtime.client
