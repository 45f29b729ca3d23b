"""The connection to a daemon: requests from any OS thread, answers as futures.

One event loop on an OS thread of its own does all the talking, so that the same future
is waited for in plain code and awaited on any event loop.

Guarantees:
    * every wait has a deadline: for a connection, for an answer, for the next sign of
      life of a stream;
    * however many answers are asked for at once, so many connections at the most are
      open for them; the rest wait for their turn;
    * a request whose connection breaks is sent once more: what changes anything carries
      an op_id, so it is applied once all the same;
    * what does not come fails as a :class:`SessionThreadException` with that op_id.

Not here: what is asked.
"""

import asyncio
import os
import threading
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Coroutine,
    Generator,
    Mapping,
)
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, Final, TypeVar

import httpx
import msgspec

from weft.actors import Future
from weft.daemon.client.errors import DaemonUnreachable
from weft.daemon.client.problems import error_of_answer
from weft.daemon.wire import Event, EventLines, is_token
from weft.storage import (
    DeadlineExceeded,
    InvalidArgument,
    SessionThreadException,
    StoreClosed,
)

__all__ = ["Connection", "Request", "in_time"]

T = TypeVar("T")

CONNECT_TIMEOUT_S: Final = 5.0
ANSWER_TIMEOUT_S: Final = 60.0
"""Twice what a daemon gives an operation unless it is told otherwise."""

SILENCE_S: Final = 60.0
"""Four heartbeats of a daemon's streams."""

GRACE_S: Final = 5.0

CLOSE_TIMEOUT_S: Final = 5.0

ASKED_AT_ONCE_MAX: Final = 32
"""Each takes a connection: a process may have 1,024 files open as a rule, and with 64
httpx takes half as long again for a request (measured, 3.4 ms against 2.6)."""

_BROKEN: Final = (httpx.NetworkError, httpx.RemoteProtocolError)


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked.

    Attributes:
        method: of HTTP.
        path: from :func:`weft.daemon.wire.path_of`.
        body: what msgspec can encode; None for none.
        query: None in it is left out.
        op_id: the idempotency key.
        timeout_s: how long the daemon may take; None for its own limit.
    """

    method: str
    path: str
    body: Any = None
    query: Mapping[str, Any] = {}
    op_id: str | None = None
    timeout_s: float | None = None


class Connection:
    """A daemon, from a client's side.

    Args:
        place: a URL, ``HOST:PORT``, or the path of a Unix socket (``unix:PATH``, or a
            path with a slash).
        token: to be shown; None for none.
        verify: an SSL context for the daemon's certificate; None for the system's.

    Attributes:
        place: as a URL.
        loop: the event loop that does the talking.
        grace_s: for an answer to say itself that its deadline has passed.
    """

    def __init__(
        self, place: str | Path, token: str | None = None, *, verify: Any = None
    ) -> None:
        self.place, base, socket = _reached(place)
        headers = {"User-Agent": "weft"}
        if token is not None:
            headers["Authorization"] = f"Bearer {_checked(token)}"
        self._client = httpx.AsyncClient(
            base_url=base,
            headers=headers,
            transport=httpx.AsyncHTTPTransport(
                # Without TLS no certificates are read: that takes 20 ms.
                verify=base.startswith("https:") if verify is None else verify,
                uds=socket,
                limits=httpx.Limits(max_keepalive_connections=ASKED_AT_ONCE_MAX),
                trust_env=False,  # a proxy is for the network, not for one's daemon
            ),
            trust_env=False,
        )
        self.loop = asyncio.new_event_loop()
        self.grace_s = GRACE_S
        self._tasks: set[asyncio.Task[None]] = set()
        self._turns = asyncio.Semaphore(ASKED_AT_ONCE_MAX)
        self._closed = False
        self._closing = threading.Lock()  # what begins is begun before the end begins
        self._pid = os.getpid()
        self._os_thread = threading.Thread(
            target=self._talk, name="weft-client", daemon=True
        )
        self._os_thread.start()

    @property
    def closed(self) -> bool:
        """Whether nothing is asked any more."""
        return self._closed

    def ask(self, request: Request, decode: Callable[[Any], T]) -> Future[T]:
        """Return what the daemon answers.

        Args:
            request: what is asked.
            decode: makes the answer of decoded JSON, None where there was none.
        """
        future: Future[T] = Future()
        future.op_id = request.op_id
        self.begin(self._answer(future, request, decode), future.try_fail)
        return future

    def begin(
        self,
        work: Coroutine[Any, Any, None],
        on_failure: Callable[[BaseException], object],
    ) -> None:
        """Have a coroutine run on the client's loop.

        Args:
            work: tells its own success.
            on_failure: is told what it raised, or that the client was closed.
        """
        refusal = _forked() if os.getpid() != self._pid else None
        if refusal is None:
            with self._closing:
                if self._closed:
                    refusal = _closed()
                else:
                    self.loop.call_soon_threadsafe(self._start, work, on_failure)
        if refusal is not None:
            work.close()
            on_failure(refusal)

    def _start(
        self,
        work: Coroutine[Any, Any, None],
        on_failure: Callable[[BaseException], object],
    ) -> None:
        def end(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            error = _closed() if task.cancelled() else task.exception()
            if error is not None:
                on_failure(error)

        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(end)

    async def _answer(
        self, future: Future[T], request: Request, decode: Callable[[Any], T]
    ) -> None:
        limit_s = request.timeout_s
        silence_s = (ANSWER_TIMEOUT_S if limit_s is None else limit_s) + self.grace_s
        with in_time(request.op_id):
            async with (
                asyncio.timeout(None if limit_s is None else silence_s),
                self._turns,
                self._sent(request, "application/json", silence_s) as answer,
            ):
                content = await answer.aread()
        future.try_set(decode(msgspec.json.decode(content) if content else None))

    @asynccontextmanager
    async def follow(self, request: Request) -> AsyncGenerator[AsyncIterator[Event]]:
        """Open a stream of events for the time of a with block; on the client's loop.

        Raises:
            DaemonUnreachable: there is no daemon, or it does not give a sign of life.
            SessionThreadException: the daemon refused.
        """
        async with self._sent(request, "text/event-stream", SILENCE_S) as answer:
            yield _events_of(answer.aiter_lines())

    @asynccontextmanager
    async def _sent(
        self, request: Request, accept: str, silence_s: float
    ) -> AsyncGenerator[httpx.Response]:
        try:
            answer = await self._send(request, accept, silence_s)
            try:
                if answer.is_error:
                    content = await answer.aread()
                    raise error_of_answer(
                        answer.status_code, content, answer.headers, request.op_id
                    )
                yield answer
            finally:
                await answer.aclose()
        except SessionThreadException:  # one of them is an OSError, too
            raise
        except httpx.TimeoutException as error:
            words = f"{self.place} did not answer in time."
            raise DeadlineExceeded(words, op_id=request.op_id, cause=error) from error
        except (httpx.TransportError, OSError) as error:
            words = f"{self.place} does not answer: {_reason(error)}."
            raise DaemonUnreachable(words, op_id=request.op_id, cause=error) from error

    async def _send(
        self, request: Request, accept: str, silence_s: float
    ) -> httpx.Response:
        made = self._made(request, accept, silence_s)
        try:
            return await self._client.send(made, stream=True)
        except httpx.ConnectError:
            raise
        except _BROKEN:  # a kept connection that the daemon has given up
            return await self._client.send(made, stream=True)

    def _made(self, request: Request, accept: str, silence_s: float) -> httpx.Request:
        headers = {"Accept": accept}
        if request.op_id is not None:
            headers["Idempotency-Key"] = _header(request.op_id)
        if request.timeout_s is not None:
            headers["Weft-Timeout"] = repr(float(request.timeout_s))
        content = None
        if request.body is not None:
            headers["Content-Type"] = "application/json"
            content = _encoded(request.body)
        given = {k: v for k, v in request.query.items() if v is not None}
        timeout = httpx.Timeout(silence_s, connect=CONNECT_TIMEOUT_S)
        return self._client.build_request(
            request.method,
            request.path,
            content=content,
            params=given,
            headers=headers,
            timeout=timeout,
        )

    def close(self) -> None:
        """Hang up; who waits for an answer is told. Closing twice is no error.

        From a callback of an answer it does not wait for the end.
        """
        if os.getpid() != self._pid:  # the loop is the parent's
            self._closed = True
            return
        with self._closing:
            if not self._closed:
                self._closed = True
                self.loop.call_soon_threadsafe(self._begin_to_end)
        if threading.current_thread() is not self._os_thread:
            self._os_thread.join(CLOSE_TIMEOUT_S)

    def _talk(self) -> None:
        try:
            self.loop.run_forever()
        finally:
            self.loop.close()

    def _begin_to_end(self) -> None:
        self._ending = self.loop.create_task(self._end())
        self._ending.add_done_callback(lambda _: self.loop.stop())

    async def _end(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=CLOSE_TIMEOUT_S / 2)
        with suppress(httpx.HTTPError):
            await self._client.aclose()
        await self.loop.shutdown_asyncgens()  # of streams that were left half-read
        left = asyncio.all_tasks(self.loop) - {asyncio.current_task(self.loop)}
        if left:
            await asyncio.wait(left, timeout=CLOSE_TIMEOUT_S / 2)


async def _events_of(lines: AsyncIterator[str]) -> AsyncIterator[Event]:
    made = EventLines()
    async for line in lines:
        event = made.feed(line)
        if event is not None:
            yield event


def _checked(token: str) -> str:
    """Return a token, if one can be so; none is ever shown.

    Raises:
        InvalidArgument: it cannot be sent.
    """
    if is_token(token):
        return token
    words = "A token has printable ASCII characters only, and no spaces."
    raise InvalidArgument(words)


@contextmanager
def in_time(op_id: str | None) -> Generator[None]:
    """Say of a deadline of asyncio's which operation has missed it.

    Raises:
        DeadlineExceeded: it passed within the with block.
    """
    try:
        yield
    except SessionThreadException:  # one of them is a TimeoutError, too
        raise
    except TimeoutError as error:
        raise DeadlineExceeded(op_id=op_id, cause=error) from error


def _closed() -> SessionThreadException:
    return StoreClosed("The client is closed.")


def _forked() -> SessionThreadException:
    return StoreClosed("The client was opened before this process was forked.")


def _reason(error: BaseException) -> str:
    """Return what the system said, which httpx has put behind words of its own."""
    behind: BaseException | None = error
    while behind is not None:
        if isinstance(behind, OSError) and behind.errno:
            return os.strerror(behind.errno)
        behind = behind.__cause__ or behind.__context__
    return str(error) or type(error).__name__


def _header(op_id: str) -> str:
    if op_id.isascii():
        return op_id
    raise InvalidArgument("An op_id over HTTP has ASCII characters only.", op_id=op_id)


def _encoded(body: Any) -> bytes:
    try:
        return msgspec.json.encode(body)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        words = f"What is sent is no JSON: {error}."
        raise InvalidArgument(words, cause=error) from error


def _reached(place: str | Path) -> tuple[str, str, str | None]:
    """Return a daemon's name, the base of its URLs, and its Unix socket if it is one.

    Raises:
        InvalidArgument: it is no place.
    """
    text = str(place)
    is_socket = isinstance(place, Path) or "/" in text.partition("://")[0]
    if is_socket or text.startswith("unix:"):
        path = text.removeprefix("unix://").removeprefix("unix:")
        return f"unix://{path}", "http://localhost", path
    if "://" not in text:
        text = f"http://{text}"
    try:
        is_usable = httpx.URL(text).scheme in {"http", "https"} and httpx.URL(text).host
    except httpx.InvalidURL:
        is_usable = ""
    if not is_usable:
        words = f"{str(place)!r} is neither a URL nor the path of a socket."
        raise InvalidArgument(words)
    return text.rstrip("/"), text, None
