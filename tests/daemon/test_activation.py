"""Sockets that systemd has bound are served in place of the daemon's own."""

import http.client
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon.child import DEADLINE_S, environment, first_line, weft
from weft.daemon.activation import passed_sockets
from weft.daemon.listen import Address, ListenError, bind, bind_unix

SET_PID = """
import os, sys
os.environ["LISTEN_PID"] = str(os.getpid())
os.dup2(int(sys.argv[1]), 3)
os.set_inheritable(3, True)
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""
"""Does what systemd does between fork and exec."""


def free_descriptors(count: int) -> int:
    """Return the first of so many numbers in a row that no file has."""
    first = 100
    while any(map(is_open, range(first, first + count))):
        first += 1
    return first


def is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def passed_on(
    *sockets: socket.socket, secured: bool = False
) -> Iterator[tuple[int | None, int]]:
    """Yield the port of the TCP socket and the number of Unix ones, if accepted."""
    first = free_descriptors(len(sockets))
    for offset, each in enumerate(sockets):
        os.dup2(each.fileno(), first + offset)
    given = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(len(sockets))}
    with passed_sockets(secured=secured, environment=given, first_fd=first) as passed:
        assert {} == given
        listener = passed.listener
        port = None if listener is None else listener.getsockname()[1]
        yield port, len(passed.local)


def test_sockets_are_told_apart(tmp_path: Path) -> None:
    tcp = bind(Address("127.0.0.1", 0))
    with tcp, bind_unix(tmp_path / "a") as first, bind_unix(tmp_path / "b") as second:
        port = tcp.getsockname()[1]
        assert [(port, 2)] == list(passed_on(first, tcp, second))
        assert [(None, 1)] == list(passed_on(first))


@pytest.mark.parametrize(
    "given",
    [{}, {"LISTEN_PID": "1", "LISTEN_FDS": "2"}, {"LISTEN_PID": str(os.getpid())}],
)
def test_what_was_passed_to_another_process_is_not_taken(given: dict[str, str]) -> None:
    with passed_sockets(secured=False, environment=given) as passed:
        assert not passed


def test_nothing_is_accepted_beyond_loopback_without_tokens_and_tls() -> None:
    with socket.create_server(("0.0.0.0", 0)) as everywhere:  # noqa: S104 - refused
        with pytest.raises(ListenError, match="other machines"):
            list(passed_on(everywhere))
        assert 1 == len(list(passed_on(everywhere, secured=True)))


def test_sockets_of_no_use_are_refused() -> None:
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one, two = bind(Address("127.0.0.1", 0)), bind(Address("127.0.0.1", 0))
    with one, two, datagrams, socket.socket() as silent:
        with pytest.raises(ListenError, match="2 TCP sockets"):
            list(passed_on(one, two))
        with pytest.raises(ListenError, match="none of streams"):
            list(passed_on(datagrams))
        with pytest.raises(ListenError, match="not listen"):
            list(passed_on(silent))


def test_the_daemon_serves_the_socket_it_was_given(tmp_path: Path) -> None:
    with bind(Address("127.0.0.1", 0)) as listener:
        host, port = listener.getsockname()[:2]
        number = listener.fileno()
        command = ["-c", SET_PID, str(number), "-m", "weft.daemon"]
        with weft(
            "serve",
            "--data",
            tmp_path / "data",
            env=environment(LISTEN_FDS="1"),
            pass_fds=(number,),
            program=[sys.executable, *command],
        ) as child:
            assert f"http://127.0.0.1:{port}" in first_line(child)
            connection = http.client.HTTPConnection(host, port, timeout=DEADLINE_S)
            connection.request("GET", "/livez")
            assert 200 == connection.getresponse().status
            connection.close()
            child.terminate()
            assert 0 == child.wait(DEADLINE_S)
