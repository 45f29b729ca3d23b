"""Reading server-sent events from a real server, line by line."""

import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

TIMEOUT_S = 10


class Heard(NamedTuple):
    """One event."""

    event: str
    data: Any
    id: str


class Listener:
    """A client of one stream.

    Attributes:
        comments: what came besides events.
    """

    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self._answer = answer
        self.comments: list[str] = []

    def __iter__(self) -> Iterator[Heard]:
        fields: dict[str, str] = {}
        for raw in self._answer:
            line = raw.decode().rstrip("\r\n")
            if line.startswith(":"):
                self.comments.append(line[1:].strip())
            elif line:
                name, _, value = line.partition(": ")
                fields[name] = value
            elif fields:
                data = msgspec.json.decode(fields["data"])
                yield Heard(fields.get("event", ""), data, fields.get("id", ""))
                fields = {}

    def take(self, number: int) -> list[Heard]:
        """Return the next events."""
        events = iter(self)
        return [next(events) for _ in range(number)]

    def wait_for_comment(self) -> str:
        """Return the next comment; no event may come before it."""
        line = "\r\n"
        while line == "\r\n":
            line = self._answer.readline().decode()
        assert line.startswith(":"), line
        return line[1:].strip()


@contextmanager
def listening(url: str, headers: dict[str, str] | None = None) -> Iterator[Listener]:
    """Open a stream for the time of a with block; its end hangs up."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=TIMEOUT_S)
    try:
        connection.request("GET", f"{parts.path}?{parts.query}", headers=headers or {})
        answer = connection.getresponse()
        assert 200 == answer.status, answer.read()
        assert "text/event-stream" in (answer.headers["content-type"] or "")
        yield Listener(answer)
    finally:
        connection.close()
