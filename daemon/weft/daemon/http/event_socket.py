"""A thread's commands and events in one WebSocket, as the protocol's third version has.

Messages in are commands, one JSON object each; messages out are their answers and the
events of all subscriptions. A subscription may come before its thread: it begins when a
run has created that.

Guarantees:
    * the socket passes the gate as a request does, and each message counts as one;
    * commands are done one after the other, and events are read as fast as the client
      takes them: a slow one is behind in the store, and nothing piles up;
    * when the daemon stops, or the token is revoked, it is closed with 1012: come
      again, with ``since``.
"""

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from weft.daemon.http.call import Call
from weft.daemon.http.command_messages import (
    Command,
    Refused,
    Reply,
    Success,
    refused,
)
from weft.daemon.http.event_filters import Subscription
from weft.daemon.http.event_pump import EventPump
from weft.daemon.http.problems import RequestFault
from weft.daemon.http.protocol_commands import answer_command
from weft.daemon.http.site import Site
from weft.storage import new_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from weft.daemon.http.principals import Principal

__all__ = ["EventSocket", "sockets_of"]

SUBSCRIPTIONS_MAX: Final = 64
"""Of one socket; a page has one for each part of it that is drawn."""

RESTART: Final = 1012
FAILED: Final = 1011
TOO_BIG: Final = 1009
FORBIDDEN: Final = 4403
GONE: Final = 4404
"""4000 and a status of HTTP, which a browser could not read otherwise."""

_log: Final = logging.getLogger(__name__)

_decode: Final = msgspec.json.Decoder(Command).decode
_encode: Final = msgspec.json.Encoder().encode


class Unsubscribe(msgspec.Struct):
    """Which subscription is to end."""

    subscription_id: Annotated[str, msgspec.Meta(max_length=100)]


class EventSocket:
    """One socket.

    Args:
        site: what is served.
        socket: not accepted yet.

    Attributes:
        principal: who has opened it.
    """

    def __init__(self, site: Site, socket: WebSocket) -> None:
        self._site = site
        self._socket = socket
        self._call: Call[Any, Any] = Call(site, socket.scope, None, None)
        self._thread_id = self._call.path("thread_id")
        self._pump = EventPump(self._call, self._thread_id, self._send, self._pumped)
        self._task: asyncio.Task[Any] | None = None
        self._code = 0
        self.principal: Principal | None = self._call.principal

    async def serve(self) -> None:
        """Answer until the client goes, or has to."""
        await self._socket.accept()
        self._task = asyncio.current_task()
        self._site.streams.enter(self)
        try:
            if self._site.streams.ending:
                self._code = RESTART
            elif not self._call.principal.may("read"):
                self._code = FORBIDDEN
            else:
                await self._answer()
        except WebSocketDisconnect:
            return
        except asyncio.CancelledError:
            if not self._code or self._task is None:
                raise
            self._task.uncancel()
        finally:
            self._site.streams.leave(self)
            self._pump.close()
        with suppress(WebSocketDisconnect):
            await self._socket.close(self._code)

    def end(self) -> None:
        """Have the client come again; on the event loop."""
        self._end(RESTART)

    def _end(self, code: int) -> None:
        if not self._code and self._task is not None:
            self._code = code
            self._task.cancel()

    async def _answer(self) -> None:
        size_bytes_max = self._site.settings.body_size_bytes_max
        spend: Callable[[], None] = self._socket.scope["weft.spend"]
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect
            text: str | bytes = message.get("text") or message.get("bytes") or ""
            if len(text if isinstance(text, bytes) else text.encode()) > size_bytes_max:
                self._code = TOO_BIG
                return
            try:
                spend()
                command = _decode(text)
            except (RequestFault, msgspec.DecodeError) as error:
                await self._send(refused(None, error))
                continue
            await self._send(await self._reply(command))

    async def _reply(self, command: Command) -> Reply:
        try:
            if command.method == "subscription.subscribe":
                return self._subscribe(command)
            if command.method == "subscription.unsubscribe":
                return self._unsubscribe(command)
        except (Refused, RequestFault, msgspec.ValidationError) as error:
            return refused(command.id, error)
        if not self._call.principal.may("write"):
            words = "This token may not write."
            return refused(command.id, Refused("permission_denied", words))
        return await answer_command(self._call, self._thread_id, command)

    def _subscribe(self, command: Command) -> Reply:
        wanted = msgspec.convert(command.params, Subscription)
        if len(self._pump) >= SUBSCRIPTIONS_MAX:
            words = f"One socket has {SUBSCRIPTIONS_MAX} subscriptions at the most."
            raise Refused("invalid_argument", words)
        subscription_id = new_id()
        self._pump.enter(subscription_id, wanted)
        return Success(command.id, {"subscription_id": subscription_id})

    def _unsubscribe(self, command: Command) -> Reply:
        given = msgspec.convert(command.params, Unsubscribe)
        if not self._pump.leave(given.subscription_id):
            words = f"There is no subscription {given.subscription_id!r}."
            raise Refused("no_such_subscription", words)
        return Success(command.id, {})

    def _pumped(self, error: BaseException | None) -> None:
        if isinstance(error, WebSocketDisconnect):  # whoever receives is told, too
            return
        if error is None:
            self._end(RESTART if self._site.watch.closed else GONE)
        else:
            _log.error("The events of a socket cannot be told.", exc_info=error)
            self._end(FAILED)

    async def _send(self, message: object) -> None:
        await self._socket.send_text(_encode(message).decode())


def sockets_of(site: Site) -> list[WebSocketRoute]:
    """Return the routes of sockets."""

    async def serve(socket: WebSocket) -> None:
        await EventSocket(site, socket).serve()

    return [WebSocketRoute("/threads/{thread_id}/stream/events", serve)]
