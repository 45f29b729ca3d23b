"""Serving HTTP: uvicorn, on the main OS thread or beside somebody else's work.

Guarantees:
    * A stop ends within 2 s whatever clients do, and leaves the exit status alone:
      uvicorn would wait for the last connection, then die of the signal it had caught.
    * Signals are not touched: who owns the main OS thread decides what they mean.
"""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Final, Self

import uvicorn
from starlette.types import ASGIApp

from weft.daemon.listen import url_of

__all__ = ["BackgroundServer", "HttpServer"]

GRACE_S: Final = 2
"""How long answers under way may take once a stop was asked for; uvicorn takes whole
seconds."""

START_TIMEOUT_S: Final = 10.0
STOP_TIMEOUT_S: Final = GRACE_S + 2.0


class HttpServer(uvicorn.Server):
    """A server on a bound socket.

    Args:
        app: what answers.
        listener: from :func:`weft.daemon.listen.bind`; the server closes it.
        on_ready: called once requests are answered.
    """

    def __init__(
        self,
        app: ASGIApp,
        listener: socket.socket,
        on_ready: Callable[[], object] = lambda: None,
    ) -> None:
        config = uvicorn.Config(
            app,
            access_log=False,
            http="httptools",
            lifespan="off",
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=GRACE_S,
            ws="none",
        )
        super().__init__(config)
        self._listener = listener
        self._on_ready = on_ready

    def serve_until_stopped(self) -> None:
        """Answer requests until :meth:`stop`, on the calling OS thread."""
        self.run(sockets=[self._listener])

    def stop(self) -> None:
        """Ask for the end, from a signal handler or any OS thread.

        The second time answers under way are not waited for.
        """
        self.force_exit = self.should_exit
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and tell."""
        await super().startup(sockets)
        self._on_ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to their owner."""
        yield


class BackgroundServer:
    """A server on an OS thread of its own, for the time of a with block.

    Args:
        app: what answers.
        listener: from :func:`weft.daemon.listen.bind`.

    Attributes:
        url: where it answers.
    """

    def __init__(self, app: ASGIApp, listener: socket.socket) -> None:
        self.url = url_of(listener)
        self._ready = threading.Event()
        self._server = HttpServer(app, listener, self._ready.set)
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
