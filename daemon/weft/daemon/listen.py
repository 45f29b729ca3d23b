"""Where the daemon listens: an address, checked, and the socket bound to it.

Guarantees:
    * nothing is bound beyond loopback unless requests carry tokens and go over TLS;
    * a Unix socket is its owner's alone (mode 0600) before anybody can connect;
    * what the system refuses is told as a sentence with a remedy.
"""

import ipaddress
import os
import socket
import stat
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import msgspec

from weft.daemon.unusable import Unusable

__all__ = ["Address", "ListenError", "bind", "bind_unix", "check_exposure", "url_of"]

BACKLOG: Final = 1024
"""Connections that may wait to be accepted: all clients of a daemon that comes back."""

PORT_MAX: Final = 65_535


class ListenError(Unusable):
    """The daemon cannot listen where it was told to.

    Args:
        reason: what is wrong, without a full stop.
        remedy: what to do about it, a sentence.
        exit_code: one of sysexits.h.
    """

    def __init__(self, reason: str, remedy: str, exit_code: int) -> None:
        super().__init__(reason, remedy)
        self.exit_code = exit_code


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


def bind(address: Address, *, secured: bool = False) -> socket.socket:
    """Bind a listening socket.

    Args:
        address: where; with port 0 the system chooses one.
        secured: requests carry tokens and go over TLS.

    Raises:
        ListenError: beyond loopback and not secured, in use, not permitted, or no such
            host.
    """
    family, host = check_exposure(address, secured=secured)
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


@contextmanager
def bind_unix(path: Path) -> Generator[socket.socket]:
    """Bind a listening Unix socket for the time of a with block.

    The socket of a daemon that has died is replaced, one that answers is not.

    Args:
        path: where; its directory exists.

    Raises:
        ListenError: something else is there, or the system refuses.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with listener:
        try:
            _clear(path)
            listener.bind(str(path))
            path.chmod(stat.S_IRUSR | stat.S_IWUSR)  # nobody can connect before listen
            listener.listen(BACKLOG)
            ours = path.stat().st_ino
        except OSError as error:
            reason = f"Cannot listen on {path}: {error.strerror or error}"
            remedy = "Name a path of at most 100 bytes in a directory of yours."
            raise ListenError(reason, remedy, os.EX_UNAVAILABLE) from error
        try:
            yield listener
        finally:
            with suppress(FileNotFoundError):  # somebody cleans the directory
                if path.stat().st_ino == ours:
                    path.unlink()


def _clear(path: Path) -> None:
    """Remove a socket that nobody listens on."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if stat.S_ISSOCK(mode):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trial:
            try:
                trial.connect(str(path))
            except ConnectionRefusedError:
                path.unlink()
                return
    what = "somebody listens there" if stat.S_ISSOCK(mode) else "it is no socket"
    remedy = "Stop what listens there, or name another path."
    raise ListenError(f"Cannot listen on {path}: {what}", remedy, os.EX_UNAVAILABLE)


def url_of(listener: socket.socket, scheme: str = "http") -> str:
    """Return the URL of a bound socket, with the port it really has."""
    host, port = listener.getsockname()[:2]
    return f"{scheme}://{Address(host, port)}"


def check_exposure(
    address: Address, *, secured: bool
) -> tuple[socket.AddressFamily, str]:
    """Return family and numeric address of a host that may be listened on.

    A name with one address beyond loopback counts as beyond it: which one would be
    bound?

    Args:
        address: where.
        secured: requests carry tokens and go over TLS.

    Raises:
        ListenError: beyond loopback and not secured, or no such host.
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
        if not secured and not ipaddress.ip_address(host.partition("%")[0]).is_loopback:
            raise ListenError(
                f"{address} can be reached from other machines, and there are not both "
                "tokens and TLS",
                "Listen on 127.0.0.1, or give --token-file, --tls-cert and --tls-key.",
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
