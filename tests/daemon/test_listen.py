"""Addresses are read, and only loopback is bound."""

import os
import socket
import stat
from pathlib import Path

import pytest

from weft.daemon.listen import Address, ListenError, bind, bind_unix, url_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:8123", Address("127.0.0.1", 8123)),
        ("localhost:0", Address("localhost", 0)),
        ("[::1]:65535", Address("::1", 65535)),
    ],
)
def test_an_address_is_read_and_shown_as_written(text: str, expected: Address) -> None:
    assert expected == Address.parse(text)
    assert text == str(expected)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "8123",
        ":8123",
        "localhost",
        "localhost:",
        "localhost:http",
        "::1:8123",
        "127.0.0.1:-1",
        "127.0.0.1:65536",
        "127.0.0.1:\u0661",
        "[]:1",
        "a:1 ",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"HOST:PORT|brackets|65535"):
        Address.parse(text)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "localhost"])
def test_port_0_is_a_real_port_and_takes_connections(host: str) -> None:
    with bind(Address(host, 0)) as listener:
        port = listener.getsockname()[1]
        assert port > 0
        assert url_of(listener).endswith(f":{port}")
        with socket.create_connection((host, port), timeout=10):
            pass


def test_small_answers_are_not_held_back() -> None:
    with (
        bind(Address("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname(), timeout=10),
        listener.accept()[0] as accepted,
    ):
        # Nagle's algorithm costs 44 ms per request
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::"])  # noqa: S104
def test_beyond_loopback_is_refused(host: str) -> None:
    with pytest.raises(ListenError, match="other machines") as caught:
        bind(Address(host, 0))
    assert caught.value.exit_code == os.EX_NOPERM
    assert "Listen on 127.0.0.1" in str(caught.value)


def test_an_address_in_use_is_refused() -> None:
    with bind(Address("127.0.0.1", 0)) as listener:
        taken = Address(*listener.getsockname())
        with pytest.raises(ListenError) as caught:
            bind(taken)
    assert caught.value.exit_code == os.EX_UNAVAILABLE
    assert (
        f"Cannot listen on {taken}: Address already in use. "
        "Stop what listens there, or choose another port; 0 takes a free one."
    ) == str(caught.value)


def test_an_address_is_free_again_at_once() -> None:
    with bind(Address("127.0.0.1", 0)) as listener:
        address = Address(*listener.getsockname())
        with socket.create_connection((address.host, address.port), timeout=10):
            listener.accept()[0].close()  # this end waits out the connection
    with bind(address) as again:
        assert address == Address(*again.getsockname())


def test_an_unknown_host_is_refused() -> None:
    with pytest.raises(ListenError, match="unknown") as caught:
        bind(Address("host.invalid", 0))
    assert caught.value.exit_code == os.EX_NOHOST


def test_beyond_loopback_is_bound_with_tokens_and_tls() -> None:
    with bind(Address("0.0.0.0", 0), secured=True) as listener:  # noqa: S104
        assert listener.getsockname()[1] > 0


# -- Unix sockets --------------------------------------------------------------------


def test_a_unix_socket_is_its_owners_alone_and_gone_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "weft.sock"
    with bind_unix(path):
        assert 0o600 == stat.S_IMODE(path.stat().st_mode)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
    assert not path.exists()


def test_the_socket_of_a_dead_daemon_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "weft.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with bind_unix(path):
        assert 0o600 == stat.S_IMODE(path.stat().st_mode)


def test_the_socket_of_a_live_daemon_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "weft.sock"
    with bind_unix(path):
        with pytest.raises(ListenError, match="somebody listens"), bind_unix(path):
            pass
        assert path.exists()


def test_what_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("precious")
    with pytest.raises(ListenError, match="no socket"), bind_unix(path):
        pass
    assert "precious" == path.read_text()


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ListenError, match="no socket"), bind_unix(tmp_path / "link"):
        pass


@pytest.mark.parametrize("path", ["none/weft.sock", "x" * 200])
def test_a_path_that_cannot_be_bound_is_told(tmp_path: Path, path: str) -> None:
    with pytest.raises(ListenError, match="Cannot listen"), bind_unix(tmp_path / path):
        pass
