"""A real receiver of webhooks on loopback."""

import ssl
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from typing import Any, NamedTuple

import msgspec

TIMEOUT_S = 20.0

LOOPBACK = ("127.0.0.0/8", "::1/128")
"""The networks that a daemon must be allowed to tell it."""


class Received(NamedTuple):
    """One request.

    Attributes:
        path: with its query.
        headers: by name in lower case.
        body: as it came.
    """

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def told(self) -> Any:
        """What the body says."""
        return msgspec.json.decode(self.body)


class Answer(msgspec.Struct, frozen=True):
    """What a receiver answers; it waits for its gate, if there is one."""

    status: int = 204
    headers: dict[str, str] = {}
    gate: threading.Event | None = None


class Receiver:
    """What a receiver got, and what it answers.

    Args:
        port: where it listens.
        scheme: how it is reached.

    Attributes:
        answers: the next ones; then it answers 204.
    """

    def __init__(self, port: int, scheme: str = "http") -> None:
        self._received: Queue[Received] = Queue()
        self.answers: Queue[Answer] = Queue()
        self.port = port
        self.url = f"{scheme}://localhost:{port}/hook?token=very-secret"

    def take(self, received: Received) -> Answer:
        """Take a request and return its answer."""
        answer = Answer() if self.answers.empty() else self.answers.get()
        self._received.put(received)
        return answer

    def next(self) -> Received:
        """Return the next request, waiting for it."""
        return self._received.get(timeout=TIMEOUT_S)

    @property
    def is_quiet(self) -> bool:
        """Whether nothing came that was not looked at."""
        return self._received.empty()


class _Handler(BaseHTTPRequestHandler):
    receiver: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.receiver.take(Received(self.path, headers, body))
        if answer.gate is not None:
            answer.gate.wait(TIMEOUT_S)
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a sender that was stopped


@contextmanager
def receiving(tls: ssl.SSLContext | None = None, port: int = 0) -> Generator[Receiver]:
    """Listen on loopback for the time of a with block."""

    class Handler(_Handler):
        pass

    with _Server(("127.0.0.1", port), Handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        scheme = "http" if tls is None else "https"
        receiver = Receiver(server.server_address[1], scheme)
        Handler.receiver = receiver
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            serving.join()
