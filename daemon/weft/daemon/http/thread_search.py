"""Searching threads: which are wanted, in which order, and what of them is shown.

There is no index of metadata or values: without ids or ``metadata.session_id`` every
thread that is seen is looked at, which takes 5 us each among 40,000, and 13 us with a
filter of values, for which the last states are read. Only a page of them is held.

Guarantees: what is found is of one moment; the order is total, so that pages neither
overlap nor leave gaps while nothing changes.
"""

from collections.abc import Callable, Iterator
from heapq import nlargest, nsmallest
from typing import Annotated, Any, Final, Literal

import msgspec

from weft.daemon.http.call import Call, Reply
from weft.daemon.http.endpoint import Table
from weft.daemon.http.json_filter import MISSING, contains, lookup, parse_path
from weft.daemon.http.problems import Fault, RequestFault
from weft.daemon.http.protocol import (
    SESSION_ID,
    ProtocolThread,
    metadata_of,
    selected,
)
from weft.daemon.http.thread_states import ThreadStates
from weft.storage import Snapshot, Thread
from weft.storage.ids import check_id

__all__ = ["ThreadFilter", "matching", "thread_search"]

thread_search: Final = Table("threads")

LIMIT_MAX: Final = 1000
EXTRACTS_MAX: Final = 10

Limit = Annotated[int, msgspec.Meta(ge=1, le=LIMIT_MAX)]
Offset = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
Object = dict[str, Any] | None
Field = Literal[
    "thread_id",
    "created_at",
    "updated_at",
    "state_updated_at",
    "metadata",
    "status",
    "config",
    "context",
    "values",
    "interrupts",
    "error",
]
"""What clients of the protocol may select; a thread here has neither of its own
context and error."""


class ThreadFilter(msgspec.Struct):
    """Which threads: those whose metadata and values contain these."""

    metadata: Object = None
    values: Object = None
    ids: list[str] | None = None
    status: Literal["idle", "busy", "interrupted", "error"] | None = None


class ThreadSearch(ThreadFilter):
    """Which threads, in which order, and what of them is shown.

    ``extract`` gives a name to what lies at a path, such as
    ``{"last": "values.messages[-1].content"}``.
    """

    limit: Limit = 10
    offset: Offset = 0
    sort_by: (
        Literal["thread_id", "status", "created_at", "updated_at", "state_updated_at"]
        | None
    ) = None
    sort_order: Literal["asc", "desc"] | None = None
    select: list[Field] | None = None
    extract: Annotated[dict[str, str], msgspec.Meta(max_length=EXTRACTS_MAX)] | None = (
        None
    )


_OF_STATES: Final = frozenset({"values", "interrupts", "state_updated_at"})


def _age(thread: Thread) -> tuple[int, int, str]:
    """Return what threads are ordered by in time; a ``seq`` alone is of one shard."""
    return thread.created_at_us, thread.created_seq, thread.thread_id


_ORDERS: Final[dict[str, Callable[[Thread], Any]]] = {
    "thread_id": lambda thread: thread.thread_id,
    "status": lambda thread: (thread.status, *_age(thread)),
    "created_at": _age,
    "updated_at": lambda thread: (thread.updated_at_us, thread.thread_id),
}


@thread_search.post("/threads/search", scope="read")
async def search_threads(call: Call[ThreadSearch, None]) -> Reply[list[ProtocolThread]]:
    """List the threads that match, newest first unless asked otherwise."""
    wanted = call.body
    paths = _paths(wanted)
    found = await call.beside(lambda: _page(call, wanted))
    views = await call.beside(lambda: _views(call, wanted, found[: wanted.limit]))
    for view, (name, path) in ((v, p) for v in views for p in paths.items()):
        taken = lookup(_plain(view), path)
        extracted = view.extracted if isinstance(view.extracted, dict) else {}
        view.extracted = {**extracted, name: None if taken is MISSING else taken}
    more = len(found) > wanted.limit
    end = str(wanted.offset + wanted.limit)
    headers = {"X-Pagination-Next": end} if more else None
    return Reply([_shown(view, wanted) for view in views], headers=headers)


@thread_search.post("/threads/count", scope="read")
async def count_threads(call: Call[ThreadFilter, None]) -> int:
    """Count the threads that match."""
    wanted = call.body
    if call.access.owner is None and wanted == ThreadFilter(status=wanted.status):
        with call.runtime.store.read() as snapshot:
            held = snapshot.counters.threads
        return (
            sum(held.values()) if wanted.status is None else held.get(wanted.status, 0)
        )
    return await call.beside(lambda: _count(call, wanted))


def _count(call: Call[Any, Any], wanted: ThreadFilter) -> int:
    with call.runtime.store.read() as snapshot:
        return sum(1 for _ in matching(call, snapshot, wanted))


def _page(call: Call[Any, Any], wanted: ThreadSearch) -> list[Thread]:
    """Return the threads of a page, and the one behind it."""
    pick = nsmallest if wanted.sort_order == "asc" else nlargest
    with call.runtime.store.read() as snapshot:
        found = pick(
            wanted.offset + wanted.limit + 1,
            matching(call, snapshot, wanted),
            key=_order(snapshot, wanted.sort_by or "created_at"),
        )
    return found[wanted.offset :]


def _order(snapshot: Snapshot, field: str) -> Callable[[Thread], Any]:
    """Return what threads are ordered by."""

    def changed(thread: Thread) -> tuple[int, str]:
        state = snapshot.state(thread.thread_id)
        at_us = thread.created_at_us if state is None else state.created_at_us
        return at_us, thread.thread_id

    return changed if field == "state_updated_at" else _ORDERS[field]


def matching(
    call: Call[Any, Any], snapshot: Snapshot, wanted: ThreadFilter
) -> Iterator[Thread]:
    """Yield the threads that match, of those that are seen."""
    states = ThreadStates(call.runtime)
    for thread in _candidates(call, snapshot, wanted):
        if wanted.status not in {None, thread.status}:
            continue
        if wanted.metadata and not contains(metadata_of(thread), wanted.metadata):
            continue
        if wanted.values:
            held = msgspec.json.decode(_raw(states.last(thread).values))
            if not contains(held, wanted.values):
                continue
        yield thread


def _candidates(
    call: Call[Any, Any], snapshot: Snapshot, wanted: ThreadFilter
) -> Iterator[Thread]:
    """Yield the threads that are seen, of as few as the filter allows."""
    if wanted.ids is not None:
        for thread_id in dict.fromkeys(wanted.ids):
            thread = snapshot.thread(check_id(thread_id, "thread id"))
            if thread is not None and call.access.sees(snapshot, thread):
                yield thread
        return
    owner = call.access.owner
    named = (wanted.metadata or {}).get(SESSION_ID)
    if isinstance(named, str):
        session = snapshot.session(check_id(named, "session id"))
        sessions = iter(() if session is None else (session,))
    else:
        sessions = snapshot.sessions()
    for session in sessions:
        if owner in {None, session.user_id}:
            yield from snapshot.threads(session.session_id)


def _views(
    call: Call[Any, Any], wanted: ThreadSearch, found: list[Thread]
) -> list[ProtocolThread]:
    states = ThreadStates(call.runtime)
    shown = wanted.select
    needs_state = not shown or not _OF_STATES.isdisjoint(shown)
    needs_state = needs_state or bool(wanted.extract)
    return [
        ProtocolThread.of(thread, states.last(thread) if needs_state else None)
        for thread in found
    ]


def _shown(view: ProtocolThread, wanted: ThreadSearch) -> ProtocolThread:
    if not wanted.select:
        return view
    shown: ProtocolThread = selected(view, [*wanted.select, "extracted"])
    return shown


def _paths(wanted: ThreadSearch) -> dict[str, Any]:
    paths = {}
    for name, text in (wanted.extract or {}).items():
        try:
            paths[name] = parse_path(text)
            _check_field(paths[name][0])
        except ValueError as error:
            path = f"$.extract.{name}"
            faults = [Fault("body", path, str(error))]
            detail = f"The body is wrong at {path}: {error}."
            raise RequestFault(422, detail, faults) from error
    return paths


def _check_field(name: str | int) -> None:
    if name not in ProtocolThread.__struct_fields__:
        words = f"a path begins with a thread's field, such as 'values', not {name!r}"
        raise ValueError(words)


def _plain(view: ProtocolThread) -> Any:
    return msgspec.json.decode(msgspec.json.encode(view))


def _raw(values: Any) -> msgspec.Raw:
    raw: msgspec.Raw = values
    return raw
