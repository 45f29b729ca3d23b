"""Server-sent events: answers that go on while somebody listens.

A stream pulls from its source as fast as its client reads: a slow one makes the source
wait, so nothing is lost and nothing piles up. A source that cannot wait puts an
:class:`EventBuffer` between; that is bounded, and says with a ``gap`` event what its
reader has missed.

Guarantees:
    * a comment is sent every ``heartbeat_s`` while nothing else is, so that proxies and
      clients know the connection lives;
    * when the client has gone, the source is closed at once and ``on_gone`` is called;
    * who asks with HEAD gets the head alone, at once;
    * when the daemon stops, the last event is ``goodbye``, and the stream ends.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any, Final, Generic, Protocol, TypeVar

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from weft.daemon.http.principals import Principal

__all__ = ["EventBuffer", "EventStream", "ServerEvent", "Streams", "is_stream"]

HEARTBEAT_S: Final = 15.0
"""Under the 30 s to 60 s after which proxies give an idle connection up."""

BUFFER_EVENTS_MAX: Final = 1024
"""As many as an unread :class:`weft.actors.Stream` holds."""

T = TypeVar("T")

_encode: Final = msgspec.json.Encoder().encode
_BREAKS: Final = str.maketrans("", "", "\r\n\0")


class ServerEvent(msgspec.Struct, frozen=True):
    """One event.

    Attributes:
        data: any value that has JSON.
        event: its name; ``message`` where empty.
        id: where a reader resumes behind it (``Last-Event-ID``).
        at_us: when it happened; not sent. 0 where nobody knows.
        step: of the state that it tells, in its thread; not sent. 0 for none.
    """

    data: Any
    event: str = ""
    id: str = ""
    at_us: int = 0
    step: int = 0

    def to_bytes(self) -> bytes:
        """Return the event as it goes over the wire."""
        name = f"event: {self.event.translate(_BREAKS)}\r\n" if self.event else ""
        place = f"\r\nid: {self.id.translate(_BREAKS)}" if self.id else ""
        return b"".join(
            (name.encode(), b"data: ", _encode(self.data), place.encode(), b"\r\n\r\n")
        )


HEARTBEAT: Final = b": heartbeat\r\n\r\n"
GOODBYE: Final = ServerEvent({"reason": "the daemon stops"}, "goodbye").to_bytes()

FAILED: Final = ServerEvent(
    {"detail": "The daemon failed to go on. Its log has the details."}, "error"
).to_bytes()


class Open(Protocol):
    """A stream that is open.

    Attributes:
        principal: who reads it; None before that is known.
    """

    principal: Principal | None

    def end(self) -> None:
        """Say goodbye and end; on the event loop."""
        ...


class Streams:
    """The streams of one application that are open.

    Args:
        heartbeat_s: how long a stream may be silent, in seconds.
    """

    def __init__(self, heartbeat_s: float = HEARTBEAT_S) -> None:
        self.heartbeat_s = heartbeat_s
        self.ending = False
        self._open: set[Any] = set()

    def __len__(self) -> int:
        return len(self._open)

    def enter(self, stream: Open) -> None:
        """Note a stream that begins."""
        self._open.add(stream)

    def leave(self, stream: Open) -> None:
        """Strike off a stream that has ended."""
        self._open.discard(stream)

    def revoke(self, may_stay: Callable[[Principal], bool]) -> None:
        """End the streams of those who may not ask any more; on the event loop."""
        for stream in list(self._open):
            if stream.principal is not None and not may_stay(stream.principal):
                stream.end()

    def end(self) -> None:
        """Have all streams say goodbye, those that begin later as well."""
        self.ending = True
        for stream in list(self._open):
            stream.end()


class EventStream(Response, Generic[T]):
    """An answer that is a stream of events; ``T`` is what their data is.

    Args:
        source: the events; closed when the stream ends, however it ends.
        streams: the application's.
        on_gone: called when the client has gone before the end, once.
        headers: further ones.

    Attributes:
        principal: who reads it.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        source: AsyncIterator[ServerEvent],
        streams: Streams,
        *,
        on_gone: Callable[[], object] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        self.status_code = 200
        self.background = None
        self.body = b""
        fixed = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        self.init_headers(fixed | (headers or {}))
        del self.headers["content-length"]
        self._source = source
        self._streams = streams
        self._on_gone = on_gone
        self.principal: Principal | None = None
        self._task: asyncio.Task[Any] | None = None
        self._silent = True
        self._reason = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events until their end, the client's or the daemon's."""
        self.principal = scope.get("weft.principal")
        await send(
            {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        )
        if scope["method"] == "HEAD":
            await self._close()
            await _send(send, b"", more=False)
            return
        self._task = asyncio.current_task()
        watcher = asyncio.ensure_future(self._watch(receive, send))
        self._streams.enter(self)
        try:
            await self._pump(send)
        finally:
            self._streams.leave(self)
            watcher.cancel()
            if self._reason == "gone" and self._on_gone is not None:
                self._on_gone()
        if self._reason != "gone":
            await _send(send, GOODBYE if self._reason == "end" else b"", more=False)

    def end(self) -> None:
        """Say goodbye and end; on the event loop."""
        self._interrupt("end")

    def _interrupt(self, reason: str) -> None:
        if not self._reason and self._task is not None:
            self._reason = reason
            self._task.cancel()

    async def _pump(self, send: Send) -> None:
        try:
            if self._streams.ending:
                self._reason = "end"
                return
            async for event in self._source:
                self._silent = False
                await _send(send, event.to_bytes())
        except asyncio.CancelledError:
            if not self._reason:
                raise
            assert self._task is not None  # noqa: S101 - it was cancelled
            self._task.uncancel()
        except Exception:
            self._reason = "failed"
            await _send(send, FAILED)
            raise
        finally:
            self._reason = self._reason or "done"  # nobody cancels what follows
            await self._close()

    async def _close(self) -> None:
        close = getattr(self._source, "aclose", None)
        if close is not None:
            await close()

    async def _watch(self, receive: Receive, send: Send) -> None:
        """See the client go; keep the connection alive until then."""
        while not self._reason:
            try:
                async with asyncio.timeout(self._streams.heartbeat_s):
                    message = await receive()
            except TimeoutError:
                if self._silent:
                    await _send(send, HEARTBEAT)
                self._silent = True
                continue
            if message["type"] == "http.disconnect":
                self._interrupt("gone")


async def _send(send: Send, body: bytes, *, more: bool = True) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": more})


class EventBuffer(Generic[T]):
    """Events between a source that does not wait and one reader, on one event loop.

    Args:
        gap: makes the event that tells what was missed, of the last event that was
            kept (None if there was none); the stream ends behind it.
        size_max: events that may be unread.
    """

    def __init__(
        self,
        gap: Callable[[ServerEvent | None], ServerEvent],
        size_max: int = BUFFER_EVENTS_MAX,
    ) -> None:
        self._gap = gap
        self._size_max = size_max
        self._events: deque[ServerEvent] = deque()
        self._arrived = asyncio.Event()
        self._ended = False

    def push(self, event: ServerEvent) -> bool:
        """Add an event; return whether it will be read."""
        if self._ended:
            return False
        if len(self._events) >= self._size_max:
            self._events.append(self._gap(self._events[-1] if self._events else None))
            self.finish()
            return False
        self._events.append(event)
        self._arrived.set()
        return True

    def finish(self) -> None:
        """End it; what is there is still read."""
        self._ended = True
        self._arrived.set()

    async def __aiter__(self) -> AsyncIterator[ServerEvent]:
        try:
            while True:
                while self._events:
                    yield self._events.popleft()
                if self._ended:
                    return
                self._arrived.clear()
                await self._arrived.wait()
        finally:
            self._ended = True


def is_stream(kind: Any) -> bool:
    """Whether a type is that of a stream."""
    kind = getattr(kind, "__origin__", kind)
    return isinstance(kind, type) and issubclass(kind, EventStream)
