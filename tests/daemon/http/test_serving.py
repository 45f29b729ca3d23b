"""The real daemon: tokens, a Unix socket, TLS, reloading, stopping."""

import http.client
import os
import signal
import socket
import ssl
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.daemon.asking import ask, url_in
from tests.daemon.child import DEADLINE_S, first_line, run_weft, weft
from tests.daemon.http.asking import ADMIN, READER, bearer, token_file
from tests.daemon.http.listening import listening
from weft.actors import Runtime
from weft.daemon.app import create_app
from weft.daemon.listen import Address, bind
from weft.daemon.server import BackgroundServer
from weft.daemon.tls import check_tls
from weft.storage import MemoryStore

FREE = "127.0.0.1:0"
JSON = {"content-type": "application/json"}


class LocalConnection(http.client.HTTPConnection):
    """A connection to a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=DEADLINE_S)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self.path))


def ask_locally(path: Path, target: str, headers: dict[str, str] | None = None) -> int:
    connection = LocalConnection(path)
    connection.request("GET", target, headers=headers or {})
    status = connection.getresponse().status
    connection.close()
    return status


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return a certificate for this machine, and its key."""
    directory = tmp_path_factory.mktemp("certificate")
    cert, key = directory / "cert.pem", directory / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"]
    curve = ["-pkeyopt", "ec_paramgen_curve:prime256v1"]
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    places = ["-keyout", str(key), "-out", str(cert)]
    subprocess.run(
        command + curve + subject + places, check=True, capture_output=True, timeout=60
    )
    return cert, key


def test_the_socket_needs_no_token_and_tcp_does(tmp_path: Path) -> None:
    path, tokens = tmp_path / "weft.sock", token_file(tmp_path)
    places = ("--listen", FREE, "--socket", path, "--token-file", tokens)
    with weft("serve", "--data", tmp_path / "data", *places) as child:
        line = first_line(child)
        assert f"the socket {path}" in line
        url = url_in(line)
        assert 0o600 == path.stat().st_mode & 0o777
        assert 200 == ask_locally(path, "/sessions")
        assert 403 == ask_locally(path, "/metrics", bearer(READER))
        assert 401 == ask_locally(path, "/sessions", bearer("wrong-wrong-wrong"))
        assert 401 == ask(f"{url}/sessions").status
        assert 200 == ask(f"{url}/sessions", headers=bearer(READER)).status
        child.terminate()
        assert 0 == child.wait(DEADLINE_S)
    assert not path.exists()


def test_a_socket_alone_is_enough(tmp_path: Path) -> None:
    path = tmp_path / "weft.sock"
    arguments = ("--data", tmp_path / "data", "--listen", "", "--socket", path)
    with weft("serve", *arguments) as child:
        assert "http" not in first_line(child)
        assert 200 == ask_locally(path, "/readyz")


def test_tokens_are_read_again_and_streams_of_old_ones_end(tmp_path: Path) -> None:
    tokens = token_file(tmp_path)
    arguments = ("--data", tmp_path / "data", "--listen", FREE, "--token-file", tokens)
    with weft("serve", *arguments) as child:
        url = url_in(first_line(child))
        with listening(f"{url}/events", bearer(READER)) as stream:
            stream.take(1)
            tokens.write_text("short")
            child.send_signal(signal.SIGHUP)
            assert "same as before" in first_line(child)
            assert 200 == ask(f"{url}/sessions", headers=bearer(READER)).status
            tokens.write_text(f"{ADMIN}\n")
            child.send_signal(signal.SIGHUP)
            assert "tokens: 1" in first_line(child)
            assert ["goodbye"] == [event.event for event in stream]
        assert 401 == ask(f"{url}/sessions", headers=bearer(READER)).status
        assert 200 == ask(f"{url}/sessions", headers=bearer(ADMIN)).status


def test_open_streams_are_told_goodbye_at_the_end(tmp_path: Path) -> None:
    with weft("serve", "--data", tmp_path / "data", "--listen", FREE) as child:
        url = url_in(first_line(child))
        with listening(f"{url}/events") as stream:
            stream.take(1)
            child.terminate()
            assert ["goodbye"] == [event.event for event in stream]
        assert (0, "") == (child.wait(DEADLINE_S), child.communicate()[0])


def test_beyond_loopback_it_serves_with_tokens_and_tls(
    tmp_path: Path, certificate: tuple[Path, Path]
) -> None:
    cert, key = certificate
    secured = (
        "--tls-cert",
        cert,
        "--tls-key",
        key,
        "--token-file",
        token_file(tmp_path),
    )
    everywhere = ("--data", tmp_path / "data", "--listen", "0.0.0.0:0")
    with weft("serve", *everywhere, *secured) as child:
        line = first_line(child)
        assert "https://0.0.0.0:" in line
        port = int(line.split("https://0.0.0.0:")[1].split()[0])
        context = ssl.create_default_context(cafile=str(cert))
        connection = http.client.HTTPSConnection(
            "127.0.0.1", port, timeout=DEADLINE_S, context=context
        )
        connection.request("GET", "/sessions", headers=bearer(ADMIN))
        assert 200 == connection.getresponse().status
        connection.close()


def test_who_connects_and_does_not_begin_with_tls_is_hung_up_on(
    certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("weft.daemon.server.HEAD_TIMEOUT_S", 0.05)
    listener = bind(Address("127.0.0.1", 0))
    with (
        Runtime.open(store=MemoryStore()) as runtime,
        BackgroundServer(create_app(runtime), listener, tls=check_tls(*certificate)),
        socket.create_connection(listener.getsockname(), DEADLINE_S) as silent,
    ):
        assert b"" == silent.recv(1)


@pytest.mark.parametrize("missing", ["--token-file", "--tls-cert"])
def test_beyond_loopback_it_does_not_begin_without_both(
    tmp_path: Path, certificate: tuple[Path, Path], missing: str
) -> None:
    cert, key = certificate
    options: dict[str, Any] = {
        "--tls-cert": cert,
        "--tls-key": key,
        "--token-file": token_file(tmp_path),
    }
    if missing == "--tls-cert":
        del options["--tls-key"]
    del options[missing]
    given = [each for pair in options.items() for each in pair]
    everywhere = ("--data", tmp_path / "data", "--listen", "0.0.0.0:0")
    done = run_weft("serve", *everywhere, *given)
    assert os.EX_NOPERM == done.returncode
    assert "tokens and TLS" in done.stderr
    assert not (tmp_path / "data").exists()


def test_what_was_acknowledged_is_there_after_a_kill(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with weft("serve", "--data", data, "--listen", FREE) as child:
        url = url_in(first_line(child))
        body = msgspec.json.encode({"session_id": "kept"})
        assert 201 == ask(f"{url}/sessions", "POST", body, JSON).status
        child.kill()
        child.wait(DEADLINE_S)
    with weft("serve", "--data", data, "--listen", FREE) as child:
        url = url_in(first_line(child))
        assert 200 == ask(f"{url}/sessions/kept").status


def test_a_follower_goes_on_exactly_where_it_was_after_a_restart(
    tmp_path: Path,
) -> None:
    data = tmp_path / "data"
    create = b'{"metadata": {"a": 1}}'
    heard: list[str] = []
    for _ in range(3):
        with weft("serve", "--data", data, "--listen", FREE) as child:
            url = url_in(first_line(child))
            place = {"Last-Event-ID": heard[-1] if heard else "0"}
            with listening(f"{url}/events", place) as stream:
                for _ in range(5):
                    ask(f"{url}/sessions", "POST", create, JSON)
                # all but the last two, which the next daemon tells
                wanted = 1 + 3 + (2 if heard else 0)
                heard += [event.id for event in stream.take(wanted)[1:]]
            child.kill()
    assert [str(seq) for seq in range(1, len(heard) + 1)] == heard
    assert 13 == len(heard)
