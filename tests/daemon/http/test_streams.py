"""Streams: alive while nothing happens, over when somebody leaves, bounded."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route

from tests.daemon.asking import connected
from tests.daemon.http.listening import listening
from weft.daemon.http.principals import Principal
from weft.daemon.http.streams import EventBuffer, EventStream, ServerEvent, Streams
from weft.daemon.listen import Address, bind
from weft.daemon.server import BackgroundServer

WAIT_S = 10

Source = Callable[[], AsyncIterator[ServerEvent]]


class Told:
    """What a stream did."""

    def __init__(self) -> None:
        self.closed = threading.Event()
        self.gone = threading.Event()


@contextmanager
def serving(
    source: Source, told: Told, streams: Streams | None = None
) -> Iterator[str]:
    """Serve one stream; return its URL."""
    opened = Streams() if streams is None else streams

    async def answer(_request: Request) -> EventStream[object]:
        return EventStream(source(), opened, on_gone=told.gone.set)

    app = Starlette(routes=[Route("/", answer)])
    listener = bind(Address("127.0.0.1", 0))
    with BackgroundServer(app, listener, on_stopping=opened.end) as server:
        yield f"{server.url}/"


def endless(told: Told, first: int = 1) -> Source:
    """Return a source of some events that then waits for ever."""

    async def source() -> AsyncIterator[ServerEvent]:
        try:
            for number in range(first):
                yield ServerEvent(number, "number", str(number))
            await asyncio.Event().wait()
        finally:
            told.closed.set()

    return source


def test_an_event_goes_over_the_wire_as_its_readers_expect() -> None:
    event = ServerEvent({"a": "b\nc"}, "x", "7")
    expected = b'event: x\r\ndata: {"a":"b\\nc"}\r\nid: 7\r\n\r\n'
    assert expected == event.to_bytes()
    assert b"data: 1\r\n\r\n" == ServerEvent(1).to_bytes()


def test_no_name_or_id_breaks_out_of_its_line() -> None:
    event = ServerEvent(1, "x\r\ndata: 2", "7\n\ndata: 3")
    expected = b"event: xdata: 2\r\ndata: 1\r\nid: 7data: 3\r\n\r\n"
    assert expected == event.to_bytes()


def test_a_stream_ends_with_its_source() -> None:
    async def source() -> AsyncIterator[ServerEvent]:
        for number in range(3):
            yield ServerEvent(number)

    told = Told()
    with serving(source, told) as url, listening(url) as stream:
        assert [0, 1, 2] == [event.data for event in stream]
    assert not told.gone.is_set()


def test_a_silent_stream_is_kept_alive() -> None:
    told = Told()
    with (
        serving(endless(told, 0), told, Streams(heartbeat_s=0.01)) as url,
        listening(url) as stream,
    ):
        assert ["heartbeat"] * 3 == [stream.wait_for_comment() for _ in range(3)]


def test_a_client_that_goes_is_noticed_and_its_source_closed() -> None:
    told = Told()
    streams = Streams()
    with serving(endless(told), told, streams) as url:
        with listening(url) as stream:
            stream.take(1)
            assert 1 == len(streams)
        assert told.closed.wait(WAIT_S)
        assert told.gone.wait(WAIT_S)
    assert 0 == len(streams)


def test_who_asks_for_the_head_alone_gets_it_and_may_ask_again() -> None:
    told = Told()
    streams = Streams()
    with serving(endless(told), told, streams) as url, connected(url) as connection:
        for _ in range(2):
            connection.request("HEAD", "/")
            answer = connection.getresponse()
            kind = answer.headers["content-type"].partition(";")[0]
            assert (200, "text/event-stream") == (answer.status, kind)
            answer.read()
    assert 0 == len(streams)
    assert not told.gone.is_set()


def test_a_daemon_that_stops_says_goodbye() -> None:
    told = Told()
    streams = Streams()
    with serving(endless(told), told, streams) as url, listening(url) as stream:
        stream.take(1)
        on_loop(streams, streams.end)
        assert ["goodbye"] == [event.event for event in stream]
    assert told.closed.wait(WAIT_S)
    assert not told.gone.is_set()


def on_loop(streams: Streams, function: Callable[[], object]) -> None:
    """Call a function on the event loop of the one stream that is open."""
    (stream,) = streams._open
    assert stream._task is not None
    stream._task.get_loop().call_soon_threadsafe(function)


def test_who_may_not_ask_any_more_reads_no_more() -> None:
    told = Told()
    streams = Streams()
    with serving(endless(told), told, streams) as url, listening(url) as stream:
        stream.take(1)
        (opened,) = streams._open
        opened.principal = Principal("was here")
        on_loop(streams, lambda: streams.revoke(lambda _: False))
        assert ["goodbye"] == [event.event for event in stream]


def test_a_slow_reader_makes_the_source_wait() -> None:
    made = 0

    async def source() -> AsyncIterator[ServerEvent]:
        nonlocal made
        for number in range(5000):
            made = number + 1
            yield ServerEvent("x" * 10_000, "", str(number))

    told = Told()
    with serving(source, told) as url, listening(url) as stream:
        stream.take(1)
        assert made < 5000
        assert [str(number) for number in range(1, 5000)] == [
            event.id for event in stream
        ]


def test_a_buffer_that_is_full_says_what_was_missed() -> None:
    async def run() -> list[ServerEvent]:
        def gap(last: ServerEvent | None) -> ServerEvent:
            return ServerEvent({"resume_after": last.id if last else None}, "gap")

        buffer: EventBuffer[int] = EventBuffer(gap, size_max=3)
        taken = [
            buffer.push(ServerEvent(number, "", str(number))) for number in range(6)
        ]
        assert [True, True, True, False, False, False] == taken
        return [event async for event in buffer]

    events = asyncio.run(run())
    assert [0, 1, 2, {"resume_after": "2"}] == [event.data for event in events]
    assert "gap" == events[-1].event


def test_a_buffer_is_read_while_it_fills() -> None:
    async def run() -> list[object]:
        buffer: EventBuffer[int] = EventBuffer(lambda _: ServerEvent(None, "gap"), 2)

        async def read() -> list[object]:
            return [event.data async for event in buffer]

        reader = asyncio.create_task(read())
        for number in range(10):
            assert buffer.push(ServerEvent(number))
            await asyncio.wait({reader}, timeout=0.001)
        buffer.finish()
        return await reader

    assert list(range(10)) == asyncio.run(run())


def test_a_source_that_fails_tells_and_ends_the_stream() -> None:
    async def source() -> AsyncIterator[ServerEvent]:
        yield ServerEvent(1)
        raise RuntimeError("a secret of the daemon")

    told = Told()
    with serving(source, told) as url, listening(url) as stream:
        _, error = list(stream)
    assert "error" == error.event
    assert "secret" not in str(error.data)
