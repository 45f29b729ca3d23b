"""The change feed through a daemon, in plain code and asyncio."""

from typing import Any, Self

from weft.actors import EventsExpired, Future
from weft.daemon.client.connection import Connection, Request
from weft.daemon.client.errors import DaemonFault
from weft.daemon.client.paced import PacedStream
from weft.daemon.client.rebuild import operation_of
from weft.daemon.client.runs import until
from weft.storage import OperationRecord

__all__ = ["RemoteEvents"]


class RemoteEvents:
    """The changes behind a place, as :class:`weft.actors.Events` has them.

    It ends when the daemon stops, or when it is closed itself; until then it waits for
    more. Who goes on behind ``after_seq`` loses nothing.

    Args:
        connection: to the daemon.
        after_seq: begin behind this operation; 0 for the whole log.
        timeout_s: how long to wait for a change, in seconds; then `pykka.Timeout` is
            raised. None waits for ever.

    Attributes:
        after_seq: the last operation that was handed out: where to resume.
    """

    def __init__(
        self, connection: Connection, after_seq: int, timeout_s: float | None
    ) -> None:
        self.after_seq = after_seq
        closed: Future[None] = Future()
        self._stream: PacedStream[OperationRecord] = PacedStream(
            connection.loop,
            on_close=lambda: closed.try_set(None),
            timeout_s=timeout_s,
        )
        reading = _read(connection, after_seq, self._stream)
        connection.begin(until(closed, reading), self._stream.fail)

    def close(self) -> None:
        """Read no more; a reader that waits sees the end."""
        self._stream.close()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> OperationRecord:
        return self._noted(next(self._stream))

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> OperationRecord:
        return self._noted(await anext(self._stream))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc_info: object) -> None:
        self.close()

    def _noted(self, record: OperationRecord) -> OperationRecord:
        self.after_seq = record.seq or self.after_seq
        return record


async def _read(
    connection: Connection, after_seq: int, stream: PacedStream[OperationRecord]
) -> None:
    query = {"after_seq": after_seq}
    request = Request(method="GET", path="/events", query=query)
    async with connection.follow(request) as events:
        async for event in events:
            if event.event == "goodbye":
                break
            if event.event == "operation":
                await stream.put(operation_of(event.data))
            else:
                _check(event.event, event.data)
    stream.finish()


def _check(name: str, data: Any) -> None:
    if name == "gap":
        words = f"Operations behind {data['after_seq']} have been forgotten."
        raise EventsExpired(words, details=data)
    if name == "error":
        raise DaemonFault(str(data.get("detail")), details={"status": 500})
