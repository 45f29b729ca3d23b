"""What happened, over HTTP: the operation log as a list, and as it grows.

``GET /events`` follows the log: its ids are the ``seq`` of operations, so a client that
comes back with ``Last-Event-ID`` goes on exactly behind what it has, also after the
daemon was restarted. Before a cluster, which has many logs, an id is a place in all of
them; it is as good for going on, and nothing else is to be read from it. Its events:

===========  =====================================================================
position     where the stream stands: at the beginning, and now and then while what
             happens is not for this reader
operation    an operation was applied
gap          the log has forgotten what came between; behind ``resume_after`` it goes on
goodbye      the daemon stops; come back with the last id
===========  =====================================================================
"""

from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any, Final, Literal

import msgspec

from weft.actors.events import Events, EventsExpired
from weft.daemon.http.call import Call
from weft.daemon.http.decoding import Id
from weft.daemon.http.endpoint import Table
from weft.daemon.http.problems import Fault, RequestFault
from weft.daemon.http.streams import EventStream, ServerEvent
from weft.daemon.http.views import OperationView
from weft.storage import (
    InvalidArgument,
    OperationRecord,
    SessionThreadException,
    Snapshot,
)
from weft.storage.keys import log_place

__all__ = ["log"]

log: Final = Table("operations")

SEQ_MAX: Final = (1 << 63) - 1
LIMIT_MAX: Final = 1000
PASSED_MAX: Final = 256
"""Operations that are not for a reader, before it is told where it stands."""

LOOKED_AT_MAX: Final = 50_000
"""Entries that a page, newest first, looks at: 0.1 s; it may then hold fewer."""

Seq = Annotated[int, msgspec.Meta(ge=0, le=SEQ_MAX)]
Cursor = Annotated[str, msgspec.Meta(pattern="^[0-9]{1,18}[.][0-9]{1,18}$")]


class LogFilter(msgspec.Struct, forbid_unknown_fields=True):
    """Which entries: behind a ``seq`` or a cursor, of a session, of a thread.

    With ``order`` "desc" the newest come first, and a page may hold fewer than
    ``limit`` though there are more: ``next_cursor`` says.
    """

    after_seq: Seq = 0
    order: Literal["asc", "desc"] = "asc"
    session_id: Id | None = None
    thread_id: Id | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=LIMIT_MAX)] = 100
    cursor: Cursor | None = None


class FeedFilter(msgspec.Struct, forbid_unknown_fields=True):
    """Which operations: behind a place (else from now on), of a session, a thread.

    The place is a ``seq``, or the id of an event: ``after_id``, for those who cannot
    send ``Last-Event-ID``.
    """

    after_seq: Seq | None = None
    after_id: str | None = None
    session_id: Id | None = None
    thread_id: Id | None = None


class OperationPage(msgspec.Struct):
    """Entries, and where the next page begins; null while there is none."""

    operations: list[OperationView]
    next_cursor: str | None = None


Entry = tuple[bytes, OperationRecord]


@log.get("/operations")
async def list_operations(call: Call[None, LogFilter]) -> OperationPage:
    """List the operation log, applied and refused, in the one order."""
    return await call.beside(lambda: _page(call))


def _page(call: Call[None, LogFilter]) -> OperationPage:
    query = call.query
    found: list[OperationView] = []
    with call.runtime.store.read() as snapshot:
        for looked_at, (place, record) in enumerate(_entries(snapshot, query), 1):
            seen = call.access.record(snapshot, record)
            if seen is not None and _concerns(seen, query.session_id, query.thread_id):
                found.append(_view(call, seen))
            weary = query.order == "desc" and looked_at == LOOKED_AT_MAX
            if len(found) == query.limit or weary:
                return OperationPage(found, _cursor(place))
    return OperationPage(found)


def _entries(snapshot: Snapshot, query: LogFilter) -> Iterator[Entry]:
    """Yield the entries behind where a page begins, in its order."""
    first = log_place(query.after_seq + 1) if query.after_seq else b""
    seq, _, position = (query.cursor or "").partition(".")
    if query.order == "asc":
        start = log_place(int(seq), int(position) + 1) if seq else first
        yield from snapshot.scan("L", b"", start=start or None)
        return
    end = log_place(int(seq), int(position)) if seq else None
    for place, record in snapshot.scan("L", b"", start=end, reverse=True):
        if place < first:
            return
        yield place, record


def _cursor(place: bytes) -> str:
    half = len(place) // 2
    seq, position = (int.from_bytes(part) for part in (place[:half], place[half:]))
    return f"{seq}.{position}"


def _concerns(
    record: OperationRecord, session_id: str | None, thread_id: str | None
) -> bool:
    return (session_id is None or session_id in record.session_ids) and (
        thread_id is None or thread_id in record.thread_ids
    )


def _view(call: Call[Any, Any], record: OperationRecord) -> OperationView:
    return OperationView.of(record, call.principal.given_key(record.op_id))


@log.get("/operations/{op_id}")
async def get_operation(call: Call[None, None]) -> OperationView:
    """Return what became of the operation under an idempotency key."""
    op_id = call.principal.own_key(call.path("op_id"))
    record = await call.coordinator.get_operation(op_id)
    if record is not None:
        with call.runtime.store.read() as snapshot:
            record = call.access.record(snapshot, record)
    if record is None:
        raise RequestFault(
            404,
            "There is no operation under this key: it never came, or the log has "
            "forgotten it. Look at the present state.",
        )
    return _view(call, record)


@log.get("/events")
async def follow_events(call: Call[None, FeedFilter]) -> EventStream[OperationView]:
    """Follow what happens as server-sent events, from any place in the log.

    ``Last-Event-ID`` says where to go on, else ``after_id``, else ``after_seq``;
    without any of them it begins now.
    """
    return call.stream(_follow(call, await call.beside(lambda: _begin(call))))


def _begin(call: Call[None, FeedFilter]) -> Events:
    given, query = call.last_event_id or call.query.after_id, call.query
    if not given:
        return call.runtime.events(query.after_seq)
    try:
        return call.runtime.events(_place(given))
    except (InvalidArgument, ValueError) as error:
        words = f"Expected the id of an event, got {given!r}"
        where = "header" if call.last_event_id else "query"
        name = "Last-Event-ID" if call.last_event_id else "after_id"
        faults = [Fault(where, name, words)]
        raise RequestFault(422, f"The {name} is wrong: {words}.", faults) from error


def _place(event_id: str) -> Any:
    """Return what the runtime takes an event's id for: a ``seq``, else a cursor."""
    is_number = event_id.isascii() and event_id.isdecimal()
    return int(event_id) if is_number else event_id


async def _follow(
    call: Call[None, FeedFilter], events: Events
) -> AsyncIterator[ServerEvent]:
    yield _position(events)
    passed = 0
    while True:
        try:
            async for record in events:
                passed += 1
                event = _event(call, record, str(events.cursor))
                if event is not None:
                    passed = 0
                    yield event
                elif passed % PASSED_MAX == 0:
                    yield _position(events)
            return
        except EventsExpired as expired:
            data = {"after_seq": events.cursor, "resume_after": expired.resume_after}
            events = call.runtime.events(expired.resume_after)
            yield ServerEvent(data, "gap", str(expired.resume_after))
        except SessionThreadException as error:
            yield ServerEvent({"detail": str(error)}, "error")
            return


def _position(events: Events) -> ServerEvent:
    return ServerEvent({"seq": events.after_seq}, "position", str(events.cursor))


def _event(
    call: Call[None, FeedFilter], record: OperationRecord, event_id: str
) -> ServerEvent | None:
    if not _concerns(record, call.query.session_id, call.query.thread_id):
        return None
    seen: OperationRecord | None = record
    if call.access.owner is not None:
        with call.runtime.store.read() as snapshot:
            seen = call.access.record(snapshot, record)
    if seen is None or not _concerns(seen, call.query.session_id, call.query.thread_id):
        return None
    return ServerEvent(_view(call, seen), "operation", event_id)
