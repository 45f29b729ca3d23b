"""Connections of webhooks: to addresses that were judged, and to no others.

Guarantees:
    * a name is resolved once for each request, all its addresses are judged, and one
      of those very addresses is connected to: a name that leads elsewhere the next
      moment (DNS rebinding) gains nothing;
    * TLS still proves the name of the URL, for only the address is put in its place;
    * there is no way around it: no proxy, no Unix socket, no kept connection.
"""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Iterable
from ipaddress import ip_address
from threading import Thread
from typing import Any, Final

import httpcore

from weft.daemon.webhook_guard import Address, Forbidden, Guard

__all__ = ["GuardedNetwork", "Resolve", "resolve"]

ADDRESSES_MAX: Final = 4
"""Tried one after the other, within the time of one request."""

Resolve = Callable[[str, int], Awaitable[list[Address]]]
"""Returns the addresses of a host."""


async def resolve(host: str, port: int) -> list[Address]:
    """Return the addresses of a host, as the system has them.

    A look-up may hang for half a minute, and cannot be ended. It has an OS thread of
    its own, which neither other look-ups nor the end of the process wait for.

    Raises:
        OSError: there are none.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[Address]] = loop.create_future()

    def look_up() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            tell(answer.set_exception, OSError(str(error)))
        else:
            unique = dict.fromkeys(ip_address(place[4][0]) for place in found)
            tell(answer.set_result, list(unique))

    def tell(end: Callable[[Any], None], what: object) -> None:
        def end_once() -> None:
            if not answer.done():
                end(what)

        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(end_once)

    Thread(target=look_up, name="weft-webhook-name", daemon=True).start()
    return await answer


class GuardedNetwork(httpcore.AsyncNetworkBackend):
    """Opens the connections of one sender.

    Args:
        guard: judges addresses.
        resolver: of names.
    """

    def __init__(self, guard: Guard, resolver: Resolve = resolve) -> None:
        self._guard = guard
        self._resolve = resolver
        network: Any = httpcore.AnyIOBackend()
        self._network: httpcore.AsyncNetworkBackend = network

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's own
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to one of the addresses of a host.

        Raises:
            Forbidden: one of them is not allowed.
            httpcore.ConnectError: none answers, or there are none.
        """
        try:
            addresses = await self._resolve(host, port)
        except OSError as error:
            raise httpcore.ConnectError("the name has no address") from error
        self._guard.check(addresses)
        failure: Exception = httpcore.ConnectError("the name has no address")
        for address in addresses[:ADDRESSES_MAX]:
            try:
                return await self._network.connect_tcp(
                    str(address), port, timeout, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's own
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Refuse: no webhook goes to a Unix socket."""
        del path, timeout, socket_options
        raise Forbidden("it leads to a Unix socket")

    async def sleep(self, seconds: float) -> None:
        """Wait between two attempts to connect."""
        await self._network.sleep(seconds)
