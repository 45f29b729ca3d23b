"""One request, as its endpoint sees it: typed, with the right to ask checked."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast

from starlette.types import Scope

from weft.actors import Coordinator, Future, Runtime
from weft.daemon.http.access import Access
from weft.daemon.http.headers import Given, headers_of
from weft.daemon.http.problems import Fault, RequestFault
from weft.daemon.http.site import Site
from weft.daemon.http.streams import EventStream, ServerEvent
from weft.storage.ids import check_id

if TYPE_CHECKING:
    from weft.daemon.http.principals import Principal

__all__ = ["Call", "Reply"]

SLASH: Final = "\0"
"""In a path, for a slash that was sent as %2F: no id has this character."""

B = TypeVar("B")
Q = TypeVar("Q")
T = TypeVar("T")


class Reply(Generic[T]):
    """An answer with a status or headers of its own.

    Args:
        value: the answer.
        status: of HTTP; the endpoint's if omitted.
        headers: further ones.
    """

    __slots__ = ("headers", "status", "value")

    def __init__(
        self,
        value: T,
        status: int | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        self.value = value
        self.status = status
        self.headers = headers


class Call(Generic[B, Q]):
    """One request.

    Attributes:
        site: what all endpoints share.
        scope: the request as ASGI has it.
        principal: who asks.
        access: what they see; ask it before touching a session or thread.
        body: decoded.
        query: its parameters, decoded.
        op_id: the idempotency key, from ``Idempotency-Key``; None to have one
            generated.
        timeout_s: how long the operation may take, from ``Weft-Timeout``.
    """

    __slots__ = (
        "access",
        "body",
        "op_id",
        "principal",
        "query",
        "scope",
        "site",
        "timeout_s",
    )

    def __init__(self, site: Site, scope: Scope, body: B, query: Q) -> None:
        self.site = site
        self.scope = scope
        self.body = body
        self.query = query
        self.principal = cast("Principal", scope["weft.principal"])
        self.access = Access(site.runtime, self.principal)
        self.op_id: str | None = None
        self.timeout_s = site.settings.timeout_s

    @property
    def runtime(self) -> Runtime:
        """What is served."""
        runtime: Runtime = self.site.runtime
        return runtime

    @property
    def coordinator(self) -> Coordinator:
        """Every operation by name."""
        return self.runtime.coordinator

    @property
    def headers(self) -> Given:
        """What the client said besides."""
        return headers_of(self.scope)

    def path(self, name: str) -> str:
        """Return a part of the path, decoded."""
        part: str = self.scope["path_params"][name]
        return part.replace(SLASH, "/")

    def check_change(self) -> None:
        """Read what goes with every change, before anything is done.

        Raises:
            InvalidArgument: the idempotency key is none.
            RequestFault: it is too long, or the time is no number of seconds.
        """
        key = self.headers.get("idempotency-key")
        if key is not None:
            self.op_id = self.principal.own_key(check_id(key, "Idempotency-Key"))
        given = self.headers.get("weft-timeout")
        if given is not None:
            self.timeout_s = min(_seconds(given), self.timeout_s)

    @property
    def change(self) -> dict[str, Any]:
        """What goes with every change: ``op_id`` and ``timeout_s``."""
        return {"op_id": self.op_id, "timeout_s": self.timeout_s}

    @property
    def last_event_id(self) -> str | None:
        """The last event that a client has, when it resumes a stream."""
        return self.headers.get("last-event-id")

    def wants_stream(self) -> bool:
        """Whether the client asks for events rather than for one answer."""
        return "text/event-stream" in self.headers.get("accept", "")

    def stream(
        self,
        source: AsyncIterator[ServerEvent],
        *,
        on_gone: Callable[[], object] | None = None,
        headers: dict[str, str] | None = None,
    ) -> EventStream[Any]:
        """Return a stream of events as the answer; see :class:`EventStream`."""
        return EventStream(source, self.site.streams, on_gone=on_gone, headers=headers)

    async def beside(self, function: Callable[[], T]) -> T:
        """Return what a function does that takes long, called beside the event loop."""
        return await asyncio.to_thread(function)

    async def aside(self, function: Callable[[], Future[T]]) -> T:
        """Return what a long read answers, made beside the event loop.

        Args:
            function: calls the coordinator, such as a list over the whole store.
        """
        return await asyncio.to_thread(lambda: function().get())


def _seconds(given: str) -> float:
    try:
        seconds = float(given)
    except ValueError:
        seconds = -1.0
    if seconds >= 0:
        return seconds
    words = f"Expected seconds, got {given!r}"
    faults = [Fault("header", "Weft-Timeout", words)]
    raise RequestFault(422, f"The Weft-Timeout is wrong: {words}.", faults)
