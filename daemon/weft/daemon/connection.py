"""One client's connection: how long it may take to ask, and how its answers are sent.

Guarantees:
    * clients beyond ``connections_max`` are told to come again; one that does not say
      within 10 s what it wants is hung up on, and so is one that goes on with what was
      answered already;
    * who does not read the last of what was sent is hung up on after 30 s;
    * of a request's head, and of what frames its body, no more than some 64 KiB are
      kept;
    * what is written in one round of the event loop is sent in one system call, at the
      end of the round at the latest: uvicorn writes head and body of an answer one by
      one, which cost a sixth of what a small request cost the loop;
    * no more than 64 KiB are held back for it.
"""

import asyncio
from asyncio import TimerHandle, Transport
from collections.abc import Callable
from typing import Any, Final, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from weft.actors.rounds import Rounds

__all__ = ["CONNECTIONS_MAX", "Connection", "GatheredWrites", "connections"]

CONNECTIONS_MAX: Final = 4096

HEAD_TIMEOUT_S: Final = 10.0
"""From the first byte of a request, or from connecting, to the end of its headers."""

UNREAD_TIMEOUT_S: Final = 30.0
"""A hundred KB at 3 KB/s; who reads nothing would hold the connection for ever."""

HEAD_SIZE_BYTES_MAX: Final = 1 << 16
"""Of a request's line and headers, as others have it; uvicorn keeps any number."""

FRAMING_PER_BYTE: Final = 8
"""What a chunk of one byte takes besides, generously: its size and two line breaks."""

HELD_SIZE_BYTES_MAX: Final = 1 << 16
"""What a transport itself takes before it says that it is full."""

_FULL: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\n"
    b"retry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
)

_TOO_LARGE: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-length: 0\r\nconnection: close\r\n\r\n"
)


def _nothing() -> None:
    """Nobody wants to know."""


class GatheredWrites:
    """A transport that sends what is written in a round of the loop at once.

    Args:
        transport: that sends it.
        rounds: of the loop.
    """

    __slots__ = ("_parts", "_rounds", "_size_bytes", "_transport")

    def __init__(self, transport: Transport, rounds: Rounds) -> None:
        self._transport = transport
        self._rounds = rounds
        self._parts: list[bytes] = []
        self._size_bytes = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Have something sent at the end of the round, or before."""
        if not self._parts:
            self._rounds.at_end(self.flush)
        self._parts.append(data)
        self._size_bytes += len(data)
        if self._size_bytes > HELD_SIZE_BYTES_MAX:
            self.flush()

    def flush(self) -> None:
        """Send what was written."""
        parts, self._parts = self._parts, []
        self._size_bytes = 0
        if parts and not self._transport.is_closing():
            self._transport.write(b"".join(parts))

    def close(self) -> None:
        """Send what was written, and hang up."""
        self.flush()
        is_read = not self._transport.get_write_buffer_size()
        self._transport.close()
        if not is_read:
            loop = asyncio.get_running_loop()
            loop.call_later(UNREAD_TIMEOUT_S, self._transport.abort)


class Connection(HttpToolsProtocol):
    """A client, who gets so much time to say what it wants."""

    connections_max = CONNECTIONS_MAX
    on_rejected: Callable[[], object] = staticmethod(_nothing)
    rounds: Rounds | None = None
    _deadline: TimerHandle | None = None
    _asks = False
    _head_size_bytes = 0

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Begin with a client."""
        if self.rounds is not None:
            gathered = GatheredWrites(transport, self.rounds)
            transport = cast("Transport", gathered)
        super().connection_made(transport)
        if len(self.connections) > self.connections_max:
            self.on_rejected()
            transport.write(_FULL)
            transport.close()
        else:
            self._begin()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a client."""
        self._end()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on."""
        self._head_size_bytes += len(data)
        super().data_received(data)
        if self._head_size_bytes > HEAD_SIZE_BYTES_MAX:
            self._refuse()
        elif self._asks or getattr(self.cycle, "response_complete", False):
            # Nearly always all headers come at once, and need no timer; behind an
            # answer uvicorn's has been stopped by what has come.
            self._begin()

    def on_message_begin(self) -> None:
        """Begin with a request."""
        self._asks = True
        self._head_size_bytes = 0
        super().on_message_begin()

    def on_body(self, body: bytes) -> None:
        """Take a part of a body; how much it may have is for others to say."""
        self._head_size_bytes -= (1 + FRAMING_PER_BYTE) * len(body)
        super().on_body(body)

    def on_headers_complete(self) -> None:
        """Have a request answered, whose body may be on its way."""
        self._asks = False
        self._end()
        super().on_headers_complete()

    def _refuse(self) -> None:
        if self in self.connections and not self.transport.is_closing():
            self.transport.write(_TOO_LARGE)
            self.transport.close()

    def _begin(self) -> None:
        # Who speaks WebSocket by now is no longer among the connections.
        if self._deadline is None and self in self.connections:
            self._deadline = self.loop.call_later(HEAD_TIMEOUT_S, self.transport.close)

    def _end(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def connections(
    connections_max: int, on_rejected: Callable[[], object]
) -> type[Connection]:
    """Return the class of a server's connections: uvicorn wants a class.

    Args:
        connections_max: open at once.
        on_rejected: called on the event loop for each that is one too many.
    """
    limits = {
        "connections_max": connections_max,
        "on_rejected": staticmethod(on_rejected),
    }
    return type("_Limited", (Connection,), limits)
