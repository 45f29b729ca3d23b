"""A server beside somebody else's work: up at once, gone when told."""

import signal
import socket
import threading
import time

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from tests.daemon.asking import ask, connected
from weft.daemon.listen import Address, bind
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


def test_it_tells_before_it_waits_for_what_is_under_way() -> None:
    told = threading.Event()
    with BackgroundServer(greeter(), loopback(), on_stopping=told.set) as server:
        ask(server.url)
        assert not told.is_set()
    assert told.is_set()
