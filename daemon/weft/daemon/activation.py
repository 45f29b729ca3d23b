"""Sockets that systemd has bound for the daemon (``LISTEN_FDS``).

They are there before the daemon is, so a restart refuses nobody: clients wait.

Guarantees: nothing is accepted beyond loopback unless requests carry tokens and go over
TLS, whoever bound the socket; child processes do not take the sockets for theirs.
"""

import os
import socket
import stat
from collections.abc import Generator, MutableMapping
from contextlib import ExitStack, contextmanager
from typing import Final

import msgspec

from weft.daemon.listen import Address, ListenError, check_exposure

__all__ = ["Passed", "passed_sockets"]

FIRST_FD: Final = 3
"""Behind stdin, stdout and stderr: sd_listen_fds(3)."""


class Passed(msgspec.Struct, frozen=True):
    """What systemd has passed.

    Attributes:
        listener: the TCP socket, None if there is none.
        local: Unix sockets.
    """

    listener: socket.socket | None = None
    local: tuple[socket.socket, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is any."""
        return self.listener is not None or bool(self.local)


@contextmanager
def passed_sockets(
    *,
    secured: bool,
    environment: MutableMapping[str, str] = os.environ,
    first_fd: int = FIRST_FD,
) -> Generator[Passed]:
    """Return the sockets that this process was given, for the time of a with block.

    Args:
        secured: requests carry tokens and go over TLS.
        environment: of the process; what is about sockets is taken out of it.
        first_fd: the first file descriptor.

    Raises:
        ListenError: one is of no use, or may not be listened on.
    """
    pid = environment.pop("LISTEN_PID", "")
    number = environment.pop("LISTEN_FDS", "")
    environment.pop("LISTEN_FDNAMES", None)
    count = int(number) if pid == str(os.getpid()) and number.isdecimal() else 0
    with ExitStack() as stack:
        yield _sorted(
            [
                stack.enter_context(_socket_of(first_fd + offset))
                for offset in range(count)
            ],
            secured=secured,
        )


def _socket_of(descriptor: int) -> socket.socket:
    os.set_inheritable(descriptor, False)
    if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
        raise _wrong(f"File descriptor {descriptor} is no socket")
    return socket.socket(fileno=descriptor)


def _sorted(sockets: list[socket.socket], *, secured: bool) -> Passed:
    local: list[socket.socket] = []
    listeners: list[socket.socket] = []
    for each in sockets:
        if each.type != socket.SOCK_STREAM:
            raise _wrong("A socket is none of streams")
        if not each.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            raise _wrong("A socket does not listen: with Accept=no it would")
        (local if each.family == socket.AF_UNIX else listeners).append(each)
    if len(listeners) > 1:
        raise _wrong(f"There are {len(listeners)} TCP sockets, and one is served")
    for each in listeners:
        host, port = each.getsockname()[:2]
        check_exposure(Address(host, port), secured=secured)
        # Without it a keep-alive request takes 44 ms in place of 0.14 (measured).
        each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return Passed(listeners[0] if listeners else None, tuple(local))


def _wrong(reason: str) -> ListenError:
    remedy = "Pass listening stream sockets: one of TCP, any number of Unix ones."
    return ListenError(reason, remedy, os.EX_CONFIG)
