"""What is written in a round of the loop is sent at once, in order, nothing late."""

import asyncio
from typing import Any, cast

import pytest

from tests.actors.test_rounds import end_of_round
from weft.actors.rounds import Rounds
from weft.daemon.connection import HELD_SIZE_BYTES_MAX, GatheredWrites

DEADLINE_S = 10.0


class Sink(asyncio.Transport):
    """A transport that remembers what it is told."""

    def __init__(self) -> None:
        super().__init__({"peername": ("192.0.2.1", 5)})
        self.sent: list[Any] = []
        self.closed = False

    def write(self, data: Any) -> None:
        self.sent.append(data)

    def close(self) -> None:
        self.closed = True

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self.closed


def gathered() -> tuple[GatheredWrites, Sink]:
    sink = Sink()
    return GatheredWrites(sink, Rounds(asyncio.get_running_loop())), sink


def test_the_writes_of_a_round_are_sent_as_one_at_its_end() -> None:
    async def write() -> None:
        writes, sink = gathered()
        for part in (b"head", b"body"):
            writes.write(part)
        assert [] == sink.sent
        await end_of_round()
        assert [b"headbody"] == sink.sent
        writes.write(b"next")
        await end_of_round()
        assert [b"headbody", b"next"] == sink.sent

    asyncio.run(write())


def test_more_than_is_held_is_sent_at_once() -> None:
    async def write() -> None:
        writes, sink = gathered()
        large = bytes(HELD_SIZE_BYTES_MAX)
        writes.write(b"a")
        writes.write(large)
        assert [b"a" + large] == sink.sent
        await end_of_round()
        assert 1 == len(sink.sent)

    asyncio.run(write())


def test_what_was_written_is_sent_before_hanging_up() -> None:
    async def write() -> None:
        writes, sink = gathered()
        writes.write(b"last words")
        writes.close()
        assert [b"last words"] == sink.sent
        assert sink.closed

    asyncio.run(write())


def test_nothing_is_sent_to_who_has_gone() -> None:
    async def write() -> None:
        writes, sink = gathered()
        writes.write(b"too late")
        sink.closed = True
        await end_of_round()
        assert [] == sink.sent

    asyncio.run(write())


def test_all_else_is_the_transports_own() -> None:
    async def ask() -> None:
        writes, _ = gathered()
        assert ("192.0.2.1", 5) == writes.get_extra_info("peername")
        assert not writes.is_closing()

    asyncio.run(ask())


@pytest.mark.parametrize("size_bytes", [1, HELD_SIZE_BYTES_MAX, 3_000_000])
def test_a_slow_reader_gets_everything_in_order(size_bytes: int) -> None:
    """Flow control of the real transport is not disturbed by holding back."""
    data = bytes(range(256)) * (size_bytes // 256 + 1)

    async def answer(_reader: asyncio.StreamReader, writer: Any) -> None:
        rounds = Rounds(asyncio.get_running_loop())
        writes = GatheredWrites(cast("Any", writer.transport), rounds)
        for start in range(0, len(data), 40_000):
            writes.write(data[start : start + 40_000])
            await writer.drain()
        writes.close()

    async def ask() -> bytes:
        async with asyncio.timeout(DEADLINE_S):
            server = await asyncio.start_server(answer, "127.0.0.1", 0)
            async with server:
                place = server.sockets[0].getsockname()
                reader, writer = await asyncio.open_connection(*place)
                received = await reader.read(-1)
                writer.close()
                return received

    assert data == asyncio.run(ask())


def test_who_never_reads_the_end_is_hung_up_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("weft.daemon.connection.UNREAD_TIMEOUT_S", 0.05)

    async def is_told() -> bool:
        ended = asyncio.Event()

        async def answer(_reader: asyncio.StreamReader, writer: Any) -> None:
            rounds = Rounds(asyncio.get_running_loop())
            writes = GatheredWrites(cast("Any", writer.transport), rounds)
            writes.write(bytes(32 << 20))  # more than all buffers between
            writes.close()
            await writer.wait_closed()
            ended.set()

        async with asyncio.timeout(DEADLINE_S):
            server = await asyncio.start_server(answer, "127.0.0.1", 0)
            async with server:
                place = server.sockets[0].getsockname()
                _, writer = await asyncio.open_connection(*place)
                told = await ended.wait()
                writer.close()
                return told

    assert asyncio.run(is_told())
