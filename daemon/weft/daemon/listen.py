"""Where the daemon listens: an address, checked, and the socket bound to it.

Guarantees: nothing is bound beyond loopback, for there is no authentication yet; what
the system refuses is told as a sentence with a remedy.
"""

import ipaddress
import os
import socket
from typing import Final

import msgspec

__all__ = ["Address", "ListenError", "bind", "url_of"]

BACKLOG: Final = 128
"""Connections that may wait to be accepted; one Prometheus and some people."""

PORT_MAX: Final = 65_535


class ListenError(Exception):
    """The daemon cannot listen where it was told to.

    Args:
        reason: what is wrong, without a full stop.
        remedy: what to do about it, a sentence.
        exit_code: one of sysexits.h.
    """

    def __init__(self, reason: str, remedy: str, exit_code: int) -> None:
        super().__init__(reason, remedy, exit_code)
        self.reason = reason
        self.remedy = remedy
        self.exit_code = exit_code

    def __str__(self) -> str:
        return f"{self.reason}. {self.remedy}"


class Address(msgspec.Struct, frozen=True):
    """A host and a port.

    Attributes:
        host: a name or an address, without brackets.
        port: 0 for one that is free.
    """

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Read ``HOST:PORT``, or ``[ADDRESS]:PORT`` for IPv6.

        Raises:
            ValueError: it is neither.
        """
        host, colon, port = text.rpartition(":")
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
        elif ":" in host:
            raise ValueError(f"{text!r} needs brackets: [{host}]:{port}")
        if not (colon and host and port.isascii() and port.isdigit()):
            raise ValueError(f"{text!r} is not HOST:PORT")
        if int(port) > PORT_MAX:
            raise ValueError(f"port {port} is above {PORT_MAX}")
        return cls(host, int(port))

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def bind(address: Address) -> socket.socket:
    """Bind a listening socket on a loopback address.

    Args:
        address: where; with port 0 the system chooses one.

    Raises:
        ListenError: beyond loopback, in use, not permitted, or no such host.
    """
    family, host = _resolve(address)
    try:
        listener = socket.create_server(
            (host, address.port), family=family, backlog=BACKLOG
        )
    except OSError as error:
        raise _refusal(address, error) from error
    # asyncio sets it only on sockets it has made; with Nagle's algorithm a keep-alive
    # request takes 44 ms in place of 0.14 (measured).
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def url_of(listener: socket.socket) -> str:
    """Return the URL of a bound socket, with the port it really has."""
    host, port = listener.getsockname()[:2]
    return f"http://{Address(host, port)}"


def _resolve(address: Address) -> tuple[socket.AddressFamily, str]:
    """Return family and numeric address of a host that is loopback whatever it means.

    A name with one address beyond loopback is refused: which one would be bound?
    """
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise ListenError(
            f"The host of {address} is unknown: {error.strerror}",
            "Use 127.0.0.1, or correct the name.",
            os.EX_NOHOST,
        ) from error
    hosts = [(family, str(place[0])) for family, _, _, _, place in found]
    for _, host in hosts:
        if not ipaddress.ip_address(host.partition("%")[0]).is_loopback:
            raise ListenError(
                f"{address} can be reached from other machines, and there is no "
                "authentication",
                "Listen on 127.0.0.1, and put an authenticating proxy or an SSH "
                "tunnel before it.",
                os.EX_NOPERM,
            )
    return hosts[0]


def _refusal(address: Address, error: OSError) -> ListenError:
    if isinstance(error, PermissionError):
        remedy = "Choose a port above 1023; 0 takes a free one."
        return ListenError(f"{address} is not permitted", remedy, os.EX_NOPERM)
    reason = f"Cannot listen on {address}: {os.strerror(error.errno or 0)}"
    remedy = "Stop what listens there, or choose another port; 0 takes a free one."
    return ListenError(reason, remedy, os.EX_UNAVAILABLE)
