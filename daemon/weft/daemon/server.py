"""Serving HTTP: uvicorn, on the main OS thread or beside somebody else's work.

Guarantees:
    * A stop ends within 2 s whatever clients do, and leaves the exit status alone:
      uvicorn would wait for the last connection, then die of the signal it had caught.
      Whoever holds a stream open is told first.
    * Signals are not touched: who owns the main OS thread decides what they mean.
    * Runtimes that are asked from its event loop are woken once per round of the loop
      (:mod:`weft.actors.rounds`); answers are sent so, too.
"""

import asyncio
import contextlib
import socket
import threading
from asyncio import AbstractEventLoop, get_running_loop
from collections.abc import Callable, Generator, Sequence
from types import TracebackType
from typing import Any, Final, Self

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from weft.actors.rounds import in_rounds
from weft.daemon.connection import CONNECTIONS_MAX, HEAD_TIMEOUT_S, connections
from weft.daemon.listen import BACKLOG, url_of
from weft.daemon.tls import Tls

__all__ = ["BackgroundServer", "HttpServer"]

MESSAGE_SIZE_BYTES_MAX: Final = 1 << 20
"""As much as the body of a request may have, unless that is configured."""

TICK_S: Final = 1.0
"""How old the date in an answer may be."""

GRACE_S: Final = 2
"""How long answers under way may take once a stop was asked for; uvicorn takes whole
seconds."""

START_TIMEOUT_S: Final = 10.0
STOP_TIMEOUT_S: Final = GRACE_S + 2.0


def _nothing() -> None:
    """Nobody wants to know."""


class HttpServer(uvicorn.Server):
    """A server on bound sockets.

    Args:
        app: what answers.
        listener: from :func:`weft.daemon.listen.bind`; the server closes it.
        on_ready: called once requests are answered.
        on_stopping: called on the event loop before connections are waited for.
        local: sockets that are served besides, without TLS.
        tls: the certificate of the listener.
        connections_max: open at once.
        message_size_bytes_max: of a message that comes through a WebSocket.
        on_rejected: called on the event loop for each that is one too many.
    """

    def __init__(
        self,
        app: ASGIApp,
        listener: socket.socket | None,
        on_ready: Callable[[], object] = _nothing,
        *,
        on_stopping: Callable[[], object] = _nothing,
        local: Sequence[socket.socket] = (),
        tls: Tls | None = None,
        connections_max: int = CONNECTIONS_MAX,
        message_size_bytes_max: int = MESSAGE_SIZE_BYTES_MAX,
        on_rejected: Callable[[], object] = _nothing,
    ) -> None:
        self._connection = connections(connections_max, on_rejected)
        config = uvicorn.Config(
            app,
            access_log=False,
            http=self._connection,
            lifespan="off",
            log_config=None,
            proxy_headers=False,
            server_header=False,
            ssl_certfile=None if tls is None else tls.cert,
            ssl_keyfile=None if tls is None else tls.key,
            timeout_graceful_shutdown=GRACE_S,
            ws="websockets-sansio",
            ws_max_size=message_size_bytes_max,
            ws_per_message_deflate=False,  # the loop has better to do
        )
        super().__init__(config)
        self._listeners = [] if listener is None else [listener]
        self._local = local
        self._on_ready = on_ready
        self._on_stopping = on_stopping
        self._loop: AbstractEventLoop | None = None
        self._told = asyncio.Event()

    def serve_until_stopped(self) -> None:
        """Answer requests until :meth:`stop`, on the calling OS thread."""
        self.run(sockets=[*self._listeners, *self._local])

    def stop(self) -> None:
        """Ask for the end, from a signal handler or any OS thread.

        The second time answers under way are not waited for.
        """
        self.force_exit = self.should_exit
        self.should_exit = True
        self.call_soon(self._told.set)

    def call_soon(self, function: Callable[[], object]) -> None:
        """Have a function called on the event loop, if it runs; from any OS thread."""
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # it has ended just now
                loop.call_soon_threadsafe(function)

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer requests until the end, in rounds of the event loop."""
        with in_rounds(get_running_loop()) as rounds:
            self._connection.rounds = rounds
            await super().serve(sockets)
            self._loop = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and tell."""
        self._loop = get_running_loop()
        await super().startup([])
        for each in sockets or []:
            # uvicorn would speak TLS on the local ones, too, and elsewhere wait a
            # minute for who connects and says nothing.
            is_secured = self.config.is_ssl and each not in self._local
            served = await self._loop.create_server(
                self._connect,
                sock=each,
                backlog=BACKLOG,
                ssl=self.config.ssl if is_secured else None,
                ssl_handshake_timeout=HEAD_TIMEOUT_S if is_secured else None,
            )
            self.servers.append(served)
        self._on_ready()

    async def main_loop(self) -> None:
        """Wait for the stop; uvicorn would look for it ten times a second."""
        while not await self.on_tick(0):  # the date that answers bear
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._told.wait(), TICK_S)

    def _connect(self) -> HttpToolsProtocol:
        protocol: Any = self.config.http_protocol_class
        connection: HttpToolsProtocol = protocol(
            config=self.config, server_state=self.server_state, app_state={}
        )
        return connection

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Tell those who hold a stream open, then wait for what is under way."""
        self._on_stopping()
        if self.server_state.connections or self.server_state.tasks:
            await super().shutdown(sockets)
            return
        for server in self.servers:  # nobody is there whom uvicorn's 0.1 s would serve
            server.close()
            await server.wait_closed()
        for each in sockets or []:
            each.close()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave the signals to their owner."""
        yield


class BackgroundServer:
    """A server on an OS thread of its own, for the time of a with block.

    Args:
        app: what answers.
        listener: from :func:`weft.daemon.listen.bind`.
        options: of :class:`HttpServer`.

    Attributes:
        url: where it answers.
    """

    def __init__(self, app: ASGIApp, listener: socket.socket, **options: Any) -> None:
        self.url = url_of(listener, "https" if options.get("tls") else "http")
        self._ready = threading.Event()
        self._server = HttpServer(app, listener, self._ready.set, **options)
        self._os_thread = threading.Thread(
            target=self._server.serve_until_stopped, name="weft-http", daemon=True
        )

    def __enter__(self) -> Self:
        self._os_thread.start()
        if not self._ready.wait(START_TIMEOUT_S):
            raise TimeoutError(f"No answer on {self.url} after {START_TIMEOUT_S} s.")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End it; stopping twice is no error."""
        self._server.stop()
        self._os_thread.join(STOP_TIMEOUT_S)
