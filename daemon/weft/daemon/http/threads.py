"""The threads of sessions over HTTP: create, look, move, rename, remove."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal

import msgspec

from weft.actors import ThreadSpec
from weft.daemon.http.call import Call
from weft.daemon.http.decoding import Id, Name
from weft.daemon.http.endpoint import Table
from weft.daemon.http.missing_session import MissingSession
from weft.daemon.http.views import AssociationView, ThreadView
from weft.storage import (
    CreateThreads,
    Snapshot,
    Thread,
    ThreadNotFound,
    TransferThreads,
)
from weft.storage.keys import name_key
from weft.storage.operations import PARTS_MAX

__all__ = ["threads"]

threads: Final = Table("threads")


class ThreadConfig(msgspec.Struct, forbid_unknown_fields=True):
    """A thread to be created; without an id one is generated."""

    name: Name
    workflow: Name | None = None
    config: dict[str, Any] = {}
    metadata: dict[str, Any] = {}
    thread_id: Id | None = None

    def to_spec(self) -> ThreadSpec:
        """Return it as the coordinator takes it."""
        return ThreadSpec(
            self.name, self.workflow, self.config, self.metadata, self.thread_id
        )


class NewThreads(MissingSession, forbid_unknown_fields=True):
    """Threads to be created, all or none.

    With ``create_session`` the session is created in the same transaction if it is
    missing; ``create`` is the same.
    """

    threads: Annotated[
        list[ThreadConfig], msgspec.Meta(min_length=1, max_length=PARTS_MAX)
    ]


class NewThreadIds(msgspec.Struct):
    """The ids of the threads, by name, and the threads as they are."""

    threads: dict[str, str]
    records: list[ThreadView]


class ThreadList(msgspec.Struct):
    """Threads, ordered by name."""

    threads: list[ThreadView]


class Transfer(MissingSession, forbid_unknown_fields=True):
    """Where a thread goes.

    ``from_session_id`` is the owner it must have, if given; ``create`` creates the
    other session in the same transaction, ``create_session`` is the same. A run in
    progress refuses the transfer, is waited for, or goes along.
    """

    to_session_id: Id
    from_session_id: Id | None = None
    new_thread_name: Name | None = None
    if_running: Literal["reject", "wait", "move"] = "reject"


class NewName(msgspec.Struct, forbid_unknown_fields=True):
    """The name that a thread is to have; ``session_id`` must own it, if given."""

    thread_name: Name
    session_id: Id | None = None


class Removal(msgspec.Struct, forbid_unknown_fields=True):
    """What becomes of a run in progress: it refuses, is cancelled, or is waited for."""

    if_running: Literal["reject", "cancel", "wait"] = "reject"


class ActiveOnly(msgspec.Struct, forbid_unknown_fields=True):
    """Whether the rows of threads that have gone are left out."""

    active_only: bool = True


class AssociationList(msgspec.Struct):
    """Rows of who owns, or owned, which thread."""

    associations: list[AssociationView]


@threads.get("/sessions/{session_id}/threads")
async def list_session_threads(call: Call[None, None]) -> ThreadList:
    """List a session's live threads, ordered by name."""
    session_id = call.access.session(call.path("session_id"))
    found = await call.aside(lambda: call.coordinator.list_threads(session_id))
    return ThreadList([ThreadView.of(thread) for thread in found])


@threads.post("/sessions/{session_id}/threads", status=HTTPStatus.CREATED)
async def create_session_threads(call: Call[NewThreads, None]) -> NewThreadIds:
    """Create threads in a session, all or none."""
    session_id = call.path("session_id")
    specs = [thread.to_spec() for thread in call.body.threads]
    operation = CreateThreads(
        session_id=session_id,
        threads=tuple(spec.to_new_thread() for spec in specs),
        create_session=call.body.creates,
    )
    made = await _apply(
        call,
        operation,
        lambda create: call.coordinator.create_threads(
            session_id,
            operation.threads,
            list,
            create_session=create,
            **call.change,
        ),
    )
    return NewThreadIds(
        {thread.thread_name: thread.thread_id for thread in made},
        [ThreadView.of(thread) for thread in made],
    )


@threads.get("/sessions/{session_id}/threads/{thread}")
async def get_session_thread(call: Call[None, None]) -> ThreadView:
    """Return a session's thread, found by its name or by its id."""
    session_id = call.access.session(call.path("session_id"))
    with call.runtime.store.read() as snapshot:
        return ThreadView.of(_find(snapshot, session_id, call.path("thread")))


@threads.delete("/sessions/{session_id}/threads/{thread}")
async def remove_session_thread(call: Call[None, Removal]) -> None:
    """Remove a session's thread, named or by its id, with its states and runs."""
    session_id = call.access.session(call.path("session_id"))
    await call.coordinator.remove_thread_from_session(
        session_id, call.path("thread"), call.query.if_running, **call.change
    )


@threads.post("/threads/{thread_id}/transfer")
async def transfer_thread(call: Call[Transfer, None]) -> ThreadView:
    """Move a thread to another session, in one transaction."""
    thread_id, to = call.path("thread_id"), call.body
    operation = TransferThreads(
        thread_ids=(thread_id,),
        from_session_id=to.from_session_id,
        to_session_id=to.to_session_id,
        new_name=to.new_thread_name,
        create_session=to.creates,
        even_busy=to.if_running == "move",
    )
    moved = await _apply(
        call,
        operation,
        lambda create: call.coordinator.transfer_thread(
            thread_id,
            to.from_session_id,
            to.to_session_id,
            to.new_thread_name,
            to.if_running,
            create_session=create,
            **call.change,
        ),
    )
    return ThreadView.of(moved[0] if isinstance(moved, list) else moved)


@threads.post("/threads/{thread_id}/rename")
async def rename_thread(call: Call[NewName, None]) -> ThreadView:
    """Give a thread another name within its session."""
    thread_id = call.access.thread(call.path("thread_id"))
    thread = await call.coordinator.rename_thread(
        thread_id,
        call.body.thread_name,
        session_id=call.body.session_id,
        **call.change,
    )
    return ThreadView.of(thread)


@threads.get("/threads/{thread_id}/associations")
async def list_thread_associations(call: Call[None, None]) -> AssociationList:
    """List a thread's rows with all its owners, past ones too."""
    thread_id = call.path("thread_id")
    found = await call.coordinator.list_associations_by_thread(thread_id)
    return AssociationList(
        [
            AssociationView.of(row)
            for row in found
            if call.access.sees_session(row.session_id)
        ]
    )


@threads.get("/sessions/{session_id}/associations")
async def list_session_associations(call: Call[None, ActiveOnly]) -> AssociationList:
    """List a session's rows: of its threads, and if asked of those it gave away."""
    session_id = call.access.session(call.path("session_id"))
    active_only = call.query.active_only
    found = await call.aside(
        lambda: call.coordinator.list_associations(session_id, active_only=active_only)
    )
    return AssociationList([AssociationView.of(row) for row in found])


@threads.get("/sessions/{session_id}/associations/{thread_id}")
async def get_association(call: Call[None, None]) -> AssociationView:
    """Return the row of a session and a thread that it owns or once owned.

    What happened in between stands in the log: GET /operations with the same
    ``session_id`` and ``thread_id``.
    """
    session_id = call.access.session(call.path("session_id"))
    thread_id = call.path("thread_id")
    row = await call.coordinator.get_association(session_id, thread_id)
    if row is None:
        raise _no_thread(session_id, thread_id)
    return AssociationView.of(row)


async def _apply(
    call: Call[Any, Any],
    operation: CreateThreads | TransferThreads,
    direct: Callable[[bool], Awaitable[Any]],
) -> Any:
    """Apply an operation as it is, or what stands for it where its sender is bound.

    Args:
        call: the request.
        operation: what it asks for.
        direct: applies it; told whether to create the session if it is missing.
    """
    (group,) = call.access.parts([operation])
    if len(group) == 1:
        (admitted,) = group
        return await direct(getattr(admitted, "create_session", False))
    return (await call.coordinator.transact(group, **call.change))[-1]


def _find(snapshot: Snapshot, session_id: str, name: str) -> Thread:
    thread_id = snapshot.get(name_key(session_id, name))
    thread = snapshot.thread(thread_id or name)
    if thread is None or thread.session_id != session_id:
        raise _no_thread(session_id, name)
    return thread


def _no_thread(session_id: str, thread: str) -> ThreadNotFound:
    return ThreadNotFound(
        f"Session {session_id!r} has no thread {thread!r}.",
        session_id=session_id,
        details={"thread": thread},
    )
