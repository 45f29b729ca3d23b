"""Threads, their states and their rows over HTTP, whole and under their own names.

The same threads as the LangGraph protocol shows, as Weft keeps them: with owner,
``rev`` and place in the one order. The Python client reads and writes these.
"""

from http import HTTPStatus
from typing import Annotated, Any, Final

import msgspec

from weft.daemon.http.call import Call
from weft.daemon.http.decoding import Id, Name
from weft.daemon.http.endpoint import Table
from weft.daemon.http.record_views import StateRefView, StateView
from weft.daemon.http.threads import AssociationList, Removal
from weft.daemon.http.views import AssociationView, ThreadView

__all__ = ["records"]

records: Final = Table("records")

NUMBER_MAX: Final = (1 << 63) - 1
LIMIT_MAX: Final = 10_000
AGE_DAYS_MAX: Final = 100_000
"""Beyond 270 years the clock of microseconds knows no before."""

Number = Annotated[int, msgspec.Meta(ge=0, le=NUMBER_MAX)]
Limit = Annotated[int, msgspec.Meta(ge=0, le=LIMIT_MAX)]


class ThreadChange(msgspec.Struct, forbid_unknown_fields=True):
    """What is new in a thread's data, key by key; ``session_id`` must own it."""

    metadata: dict[str, Any] = {}
    config: dict[str, Any] = {}
    session_id: Id | None = None


class NewState(msgspec.Struct, forbid_unknown_fields=True):
    """A state to be appended by hand."""

    values: Any
    metadata: dict[str, Any] = {}


class Fork(msgspec.Struct, forbid_unknown_fields=True):
    """A copy of a thread; ``step`` is the last state that is copied, null for all."""

    new_name: Name
    session_id: Id | None = None
    step: Number | None = None
    new_thread_id: Id | None = None
    create_session: bool = True


class Step(msgspec.Struct, forbid_unknown_fields=True):
    """One of a thread's states."""

    step: Number


class StateFilter(msgspec.Struct, forbid_unknown_fields=True):
    """Which states: one step alone, or those below ``before``."""

    limit: Limit = 100
    before: Number | None = None
    step: Number | None = None


class StateList(msgspec.Struct):
    """States, newest first."""

    states: list[StateView]


class Kept(msgspec.Struct, forbid_unknown_fields=True):
    """How many of the newest states stay."""

    keep_latest: Number = 0


class Forgotten(msgspec.Struct):
    """How many were forgotten."""

    forgotten: int


class Row(msgspec.Struct, forbid_unknown_fields=True):
    """A row to be written; ``seen_seq`` is its ``updated_seq`` as it was read."""

    thread_name: Name
    is_active: bool = True
    association_type: Name = "session_thread"
    metadata: dict[str, Any] = {}
    association_id: Name | None = None
    seen_seq: Number | None = None


class Seen(msgspec.Struct, forbid_unknown_fields=True):
    """The row's ``updated_seq`` as it was read; omitted for whatever it is."""

    seen_seq: Number | None = None


class Key(msgspec.Struct, forbid_unknown_fields=True):
    """A row's key."""

    association_id: Name


class Age(msgspec.Struct, forbid_unknown_fields=True):
    """How long rows may have been inactive."""

    max_age_days: Annotated[float, msgspec.Meta(ge=0, le=AGE_DAYS_MAX)] = 30


@records.get("/threads/{thread_id}/record")
async def get_thread_record(call: Call[None, None]) -> ThreadView:
    """Return a thread as it is kept."""
    thread_id = call.access.thread(call.path("thread_id"))
    return ThreadView.of(await call.coordinator.get_thread(thread_id))


@records.patch("/threads/{thread_id}/record")
async def update_thread_record(call: Call[ThreadChange, None]) -> ThreadView:
    """Update a thread's metadata and config, key by key."""
    thread_id, change = call.access.thread(call.path("thread_id")), call.body
    updated = await call.coordinator.update_thread(
        thread_id,
        metadata=change.metadata,
        config=change.config,
        session_id=change.session_id,
        **call.change,
    )
    return ThreadView.of(updated)


@records.delete("/threads/{thread_id}/record")
async def remove_thread_record(call: Call[None, Removal]) -> None:
    """Remove a thread with its states and runs, whoever owns it."""
    thread_id = call.access.thread(call.path("thread_id"))
    await call.coordinator.remove_thread(
        thread_id, call.query.if_running, **call.change
    )


@records.post("/threads/{thread_id}/fork", status=HTTPStatus.CREATED)
async def fork_thread(call: Call[Fork, None]) -> ThreadView:
    """Copy a thread with config, metadata and states, in one transaction."""
    thread_id, fork = call.access.thread(call.path("thread_id")), call.body
    creates = fork.create_session
    if fork.session_id is not None and call.access.owner is not None:
        call.access.session(fork.session_id)
        creates = False  # what a bound token creates must be its owner's
    copied = await call.coordinator.fork_thread(
        thread_id,
        fork.new_name,
        fork.session_id,
        step=fork.step,
        new_thread_id=fork.new_thread_id,
        create_session=creates,
        **call.change,
    )
    return ThreadView.of(copied)


@records.get("/threads/{thread_id}/states")
async def list_states(call: Call[None, StateFilter]) -> StateList:
    """List a thread's states, newest first."""
    thread_id, query = call.access.thread(call.path("thread_id")), call.query
    coordinator = call.coordinator
    if query.step is not None:
        state = await coordinator.get_thread_state(thread_id, query.step)
        return StateList([] if state is None else [StateView.of(state)])
    found = await call.aside(
        lambda: coordinator.thread_history(
            thread_id, limit=query.limit, before=query.before
        )
    )
    return StateList([StateView.of(state) for state in found])


@records.post("/threads/{thread_id}/states", status=HTTPStatus.CREATED)
async def append_state(call: Call[NewState, None]) -> StateRefView:
    """Append a state by hand; the thread must be idle."""
    thread_id = call.access.thread(call.path("thread_id"))
    ref = await call.coordinator.append_state(
        thread_id, call.body.values, metadata=call.body.metadata, **call.change
    )
    return StateRefView.of(ref)


@records.delete("/threads/{thread_id}/states")
async def delete_states(call: Call[None, Kept]) -> Forgotten:
    """Forget a thread's states, but for the newest; the thread stays."""
    thread_id = call.access.thread(call.path("thread_id"))
    keep = call.query.keep_latest
    return Forgotten(await call.coordinator.delete_history(thread_id, keep_latest=keep))


@records.post("/threads/{thread_id}/restore")
async def restore_state(call: Call[Step, None]) -> StateRefView:
    """Make an earlier state the latest again; the thread must be idle."""
    thread_id = call.access.thread(call.path("thread_id"))
    restored = call.coordinator.restore_state(thread_id, call.body.step, **call.change)
    return StateRefView.of(await restored)


@records.put("/sessions/{session_id}/associations/{thread_id}")
async def save_association(call: Call[Row, None]) -> AssociationView:
    """Write a row; the session and the thread go along with it."""
    session_id, thread_id = _pair(call)
    row = call.body
    saved = await call.coordinator.save_association(
        session_id,
        thread_id,
        row.thread_name,
        is_active=row.is_active,
        association_type=row.association_type,
        metadata=row.metadata,
        association_id=row.association_id,
        seen_seq=row.seen_seq,
        **call.change,
    )
    return AssociationView.of(saved)


@records.delete("/sessions/{session_id}/associations/{thread_id}")
async def delete_association(call: Call[None, Seen]) -> None:
    """Remove a row, and the thread with it if the session owns it."""
    session_id, thread_id = _pair(call)
    await call.coordinator.delete_association(
        session_id, thread_id, seen_seq=call.query.seen_seq, **call.change
    )


@records.get("/associations")
async def find_association(call: Call[None, Key]) -> AssociationList:
    """Find the row of a key."""
    row = await call.aside(
        lambda: call.coordinator.find_association(call.query.association_id)
    )
    seen = row is not None and call.access.sees_session(row.session_id)
    return AssociationList([AssociationView.of(row)] if row and seen else [])


@records.post("/associations/cleanup", scope="admin")
async def cleanup_associations(call: Call[Age, None]) -> Forgotten:
    """Forget the rows that have been inactive for some time."""
    age_days = call.body.max_age_days
    return Forgotten(await call.coordinator.cleanup_inactive_associations(age_days))


def _pair(call: Call[Any, Any]) -> tuple[str, str]:
    """Return the ids of a row, if its session and its thread are seen."""
    session_id = call.access.session(call.path("session_id"))
    thread_id = call.path("thread_id")
    if call.access.owner is not None:
        with call.runtime.store.read() as snapshot:
            lives = snapshot.thread(thread_id) is not None
        if lives:
            call.access.thread(thread_id)
    return session_id, thread_id
