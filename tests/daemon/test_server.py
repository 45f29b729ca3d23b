"""A server beside somebody else's work: up at once, gone when told."""

import signal
import socket
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from tests.daemon.asking import ask, connected
from weft.daemon.connection import HEAD_SIZE_BYTES_MAX
from weft.daemon.listen import BACKLOG, Address, bind, bind_unix
from weft.daemon.server import BackgroundServer, HttpServer

STOP_S_MAX = 5.0


def greeter() -> Starlette:
    async def greet(_request: Request) -> PlainTextResponse:
        return PlainTextResponse("hello")

    async def listen_for_ever(request: Request) -> PlainTextResponse:
        return PlainTextResponse(await request.body())

    routes = [Route("/", greet), Route("/body", listen_for_ever, methods=["POST"])]
    return Starlette(routes=routes)


def loopback() -> socket.socket:
    return bind(Address("127.0.0.1", 0))


def test_it_answers_inside_the_block_and_not_after_it() -> None:
    with BackgroundServer(greeter(), loopback()) as server:
        assert ask(server.url).body == b"hello"
    with pytest.raises(ConnectionRefusedError):
        ask(server.url)
    assert "weft-http" not in {os_thread.name for os_thread in threading.enumerate()}


def test_signals_keep_the_meaning_that_their_owner_gave_them() -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    with BackgroundServer(greeter(), loopback()):
        during = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    assert before == during


def test_an_idle_connection_does_not_hold_up_the_end() -> None:
    with (
        BackgroundServer(greeter(), loopback()) as server,
        connected(server.url) as connection,
    ):
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"hello"
        assert stopped_in_s(server) < STOP_S_MAX


def test_half_a_request_does_not_hold_up_the_end() -> None:
    with (
        BackgroundServer(greeter(), loopback()) as server,
        connected(server.url) as connection,
    ):
        connection.putrequest("POST", "/body")
        connection.putheader("Content-Length", "1000")
        connection.endheaders(b"the rest never comes")
        ask(server.url)  # what was sent before this has been read
        assert stopped_in_s(server) < STOP_S_MAX


def stopped_in_s(server: BackgroundServer) -> float:
    began_s = time.monotonic()
    server.stop()
    return time.monotonic() - began_s


def test_it_serves_on_the_calling_os_thread_until_it_is_told_to_stop() -> None:
    listener = loopback()
    os_threads = []

    def on_ready() -> None:
        os_threads.append(threading.current_thread())
        server.stop()

    server = HttpServer(greeter(), listener, on_ready)
    server.serve_until_stopped()
    assert [threading.current_thread()] == os_threads
    assert listener.fileno() == -1


def test_who_comes_when_it_is_full_is_told_to_come_again() -> None:
    with (
        BackgroundServer(greeter(), loopback(), connections_max=1) as server,
        connected(server.url) as first,
    ):
        first.request("GET", "/")
        assert 200 == first.getresponse().status
        answer = ask(server.url)
        assert (503, "1") == (answer.status, answer.headers["retry-after"])


def test_many_may_wait_on_a_local_socket_while_the_loop_is_busy(
    tmp_path: Path,
) -> None:
    """Behind a full queue a connection to a Unix socket fails at once."""
    path = tmp_path / "weft.sock"
    is_busy, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        is_busy.set()
        assert go_on.wait(STOP_S_MAX)

    with (
        bind_unix(path) as local,
        BackgroundServer(greeter(), loopback(), local=[local]) as server,
        ExitStack() as clients,
    ):
        server._server.call_soon(hold)
        assert is_busy.wait(STOP_S_MAX)
        for _ in range(BACKLOG // 4):
            client = clients.enter_context(socket.socket(socket.AF_UNIX))
            client.setblocking(False)
            client.connect(str(path))
        go_on.set()


def test_who_does_not_say_what_it_wants_is_hung_up_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("weft.daemon.connection.HEAD_TIMEOUT_S", 0.05)
    with (
        BackgroundServer(greeter(), loopback()) as server,
        connected(server.url) as silent,
        connected(server.url) as slow,
    ):
        slow.putrequest("GET", "/")
        slow.putheader("X-Slow", "never ends")
        assert slow.sock is not None
        slow.sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: never")
        assert silent.sock is not None
        for connection in (silent, slow):
            assert connection.sock is not None
            assert b"" == connection.sock.recv(1)


@pytest.mark.parametrize("goes_on", [b"x", b"\r\n"], ids=["body", "breaks"])
def test_who_goes_on_with_what_was_answered_is_hung_up_on(
    monkeypatch: pytest.MonkeyPatch, goes_on: bytes
) -> None:
    """Such a byte stops the timer of uvicorn, which waits for the next request."""
    monkeypatch.setattr("weft.daemon.connection.HEAD_TIMEOUT_S", 0.05)
    length = b"Content-Length: 9\r\n" if goes_on == b"x" else b""
    with (
        BackgroundServer(greeter(), loopback()) as server,
        connected(server.url) as connection,
    ):
        assert connection.sock is not None
        connection.sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n" + length + b"\r\n")
        said = b""
        while not said.endswith(b"hello"):
            said += connection.sock.recv(4096)
        connection.sock.sendall(goes_on)
        assert b"" == connection.sock.recv(1)


@pytest.mark.parametrize(
    "head",
    [b"X-Long: ", b"Transfer-Encoding: chunked\r\n\r\n0\r\nX-Trailer: "],
    ids=["header", "trailer"],
)
def test_a_head_that_never_ends_is_refused(head: bytes) -> None:
    begin = b"POST /body HTTP/1.1\r\nHost: a\r\n" + head
    with (
        BackgroundServer(greeter(), loopback()) as server,
        connected(server.url) as connection,
    ):
        assert connection.sock is not None
        with pytest.raises(ConnectionError):
            connection.sock.sendall(begin + b"a" * (1000 * HEAD_SIZE_BYTES_MAX))


def test_a_body_may_come_in_small_chunks_and_be_large() -> None:
    body = bytes(5 * HEAD_SIZE_BYTES_MAX)
    with (
        BackgroundServer(greeter(), loopback()) as server,
        connected(server.url) as connection,
    ):
        chunks = (body[start : start + 16] for start in range(0, len(body), 16))
        for sent in (chunks, body):
            connection.request("POST", "/body", sent)
            assert body == connection.getresponse().read()


def test_it_tells_before_it_waits_for_what_is_under_way() -> None:
    told = threading.Event()
    with BackgroundServer(greeter(), loopback(), on_stopping=told.set) as server:
        ask(server.url)
        assert not told.is_set()
    assert told.is_set()
