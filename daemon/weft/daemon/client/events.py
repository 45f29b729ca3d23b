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
        after: begin behind this operation, or this cursor; 0: the whole log, None: from
            now on.
        timeout_s: how long to wait for a change, in seconds; then `pykka.Timeout` is
            raised. None waits for ever.

    Attributes:
        after_seq: the last operation that was handed out.
        cursor: where to resume: what ``events()`` takes; before a cluster, whose many
            logs have no one number for it, a text.
    """

    def __init__(
        self, connection: Connection, after: int | str | None, timeout_s: float | None
    ) -> None:
        self.after_seq = after if isinstance(after, int) else 0
        self.cursor = after
        closed: Future[None] = Future()
        self._stream: PacedStream[_Told] = PacedStream(
            connection.loop,
            on_close=lambda: closed.try_set(None),
            timeout_s=timeout_s,
        )
        reading = _read(connection, after, self._stream)
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

    def _noted(self, told: "_Told") -> OperationRecord:
        event_id, record = told
        self.after_seq = record.seq or self.after_seq
        self.cursor = int(event_id) if event_id.isdecimal() else event_id
        return record


_Told = tuple[str, OperationRecord]


async def _read(
    connection: Connection, after: int | str | None, stream: PacedStream[_Told]
) -> None:
    query = {"after_id" if isinstance(after, str) else "after_seq": after}
    request = Request(method="GET", path="/events", query=query)
    async with connection.follow(request) as events:
        async for event in events:
            if event.event == "goodbye":
                break
            if event.event == "operation":
                await stream.put((event.id, operation_of(event.data)))
            else:
                _check(event.event, event.data)
    stream.finish()


def _check(name: str, data: Any) -> None:
    if name == "gap":
        words = f"Operations behind {data['after_seq']} have been forgotten."
        raise EventsExpired(words, details=data)
    if name == "error":
        raise DaemonFault(str(data.get("detail")), details={"status": 500})
