"""Asking a daemon: requests, streams of events, and its problems as errors.

Guarantees:
    * a problem of the daemon is raised as the error that the runtime raised there, with
      its ids and data; what has no such class is a :class:`RemoteProblem`;
    * where nobody answers, the error says where was asked and what to do;
    * every request has a deadline.

Not here: the API's nouns. This is what a client stands on.
"""

import re
import socket
from collections.abc import Generator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import httpx
import msgspec

from weft.daemon.remote_problems import NoDaemon, RemoteProblem, error_of
from weft.daemon.wire import Event, EventLines

__all__ = ["NoDaemon", "Remote", "RemoteProblem"]

_ERRNO: Final = re.compile(r"^\[Errno -?[0-9]+\] ")

SILENCE_S: Final = 45.0
"""How long a stream may be silent: three heartbeats."""


class Remote:
    """A daemon.

    Args:
        place: a URL, or the path of a Unix socket.
        token: to show.
        timeout_s: how long an answer may take.

    Attributes:
        place: as a URL.
    """

    def __init__(
        self, place: str | Path, *, token: str | None = None, timeout_s: float = 30.0
    ) -> None:
        self._timeout_s = timeout_s
        self._socket, base, self.place = _reached(place)
        verify = base.startswith("https:")  # loading certificates takes 23 ms
        transport = None
        if self._socket is not None:
            transport = httpx.HTTPTransport(uds=self._socket, verify=verify)
        headers = {"User-Agent": "weft"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        try:
            self._client = httpx.Client(
                base_url=base,
                headers=headers,
                transport=transport,
                verify=verify,
                trust_env=False,  # a proxy is for the network, not for one's daemon
            )
        except httpx.InvalidURL as error:
            raise NoDaemon(self.place, f"it is no address: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, Any] | None = None,
        op_id: str | None = None,
    ) -> Any:
        """Return the daemon's answer, decoded; None where it has none.

        Args:
            method: of HTTP.
            path: from :func:`weft.daemon.wire.path_of`.
            body: what msgspec can encode; None for none.
            query: None in it is left out.
            op_id: the idempotency key.

        Raises:
            NoDaemon: nobody answers.
            SessionThreadException: the runtime refused.
            RemoteProblem: the daemon refused.
        """
        with self._open(
            method, path, body, query, {"Idempotency-Key": op_id}
        ) as answer:
            content = answer.read()
        return msgspec.json.decode(content) if content else None

    def text(self, path: str) -> str:
        """Return an answer that is text.

        Raises:
            NoDaemon, SessionThreadException, RemoteProblem: as :meth:`ask`.
        """
        with self._open("GET", path, None, None, {"Accept": "text/plain"}) as answer:
            answer.read()
            return answer.text

    def events(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, Any] | None = None,
        last_event_id: str | None = None,
    ) -> Generator[Event, None, None]:
        """Yield the events of a stream until its end; closing it hangs up.

        Raises:
            NoDaemon, SessionThreadException, RemoteProblem: as :meth:`ask`.
        """
        headers = {"Accept": "text/event-stream", "Last-Event-ID": last_event_id}
        silence_s = max(self._timeout_s, SILENCE_S)
        opened = self._open(method, path, body, query, headers, silence_s)
        with opened as answer:
            lines = EventLines()
            yield from filter(None, map(lines.feed, answer.iter_lines()))

    def _open(
        self,
        method: str,
        path: str,
        body: Any,
        query: Mapping[str, Any] | None,
        headers: Mapping[str, str | None],
        silence_s: float | None = None,
    ) -> "_Answer":
        if self._socket is not None:
            _knock(self._socket, self.place)
        sent = {name: value for name, value in headers.items() if value is not None}
        content = None
        if body is not None:
            sent["Content-Type"] = "application/json"
            content = msgspec.json.encode(body)
        params = {
            name: value for name, value in (query or {}).items() if value is not None
        }
        request = self._client.build_request(
            method,
            path,
            content=content,
            params=params,
            headers=sent,
            timeout=httpx.Timeout(self._timeout_s, read=silence_s or self._timeout_s),
        )
        return _Answer(self._client, request, self.place)


def _raise_told(error: BaseException | None, place: str) -> None:
    """Raise what a failure of the connection is to who asked; let others be."""
    if isinstance(error, httpx.TimeoutException):
        from weft.storage.errors import DeadlineExceeded

        raise DeadlineExceeded(f"{place} did not answer in time.") from error
    if isinstance(error, httpx.TransportError):
        reason = _ERRNO.sub("", str(error)).rstrip(".")
        raise NoDaemon(place, reason or "it hung up") from error


class _Answer:
    """An answer that is read within a with block; a problem is raised."""

    def __init__(
        self, client: httpx.Client, request: httpx.Request, place: str
    ) -> None:
        self._client = client
        self._request = request
        self._place = place

    def __enter__(self) -> httpx.Response:
        try:
            self._answer = self._client.send(self._request, stream=True)
            if self._answer.is_error:
                content = self._answer.read()
                self._answer.close()
                raise error_of(self._answer.status_code, content)
        except httpx.TransportError as error:
            _raise_told(error, self._place)
            raise
        return self._answer

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._answer.close()
        _raise_told(error, self._place)


def _reached(place: str | Path) -> tuple[str | None, str, str]:
    """Return a daemon's socket if it has one, the base of its URLs, and its name."""
    text = str(place)
    if isinstance(place, Path) or text.startswith(("unix:", "/")):
        path = text.removeprefix("unix://").removeprefix("unix:")
        return path, "http://localhost", f"unix://{path}"
    if "://" not in text:
        text = f"http://{text}"
    return None, text, text.rstrip("/")


def _knock(path: str, place: str) -> None:
    """See whether somebody listens on a socket: httpcore leaks one where nobody does.

    Raises:
        NoDaemon: nobody does.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as knocking:
        try:
            knocking.connect(path)
        except OSError as error:
            raise NoDaemon(place, error.strerror or str(error)) from error
