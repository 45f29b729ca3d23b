"""Threads as the LangGraph protocol has them: create, look, change, copy, remove.

Beside them stand what only Weft has: moving a thread to another session, renaming it,
its owners so far (:mod:`weft.daemon.http.threads`).
"""

from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal

import msgspec

from weft.daemon.http.call import Call
from weft.daemon.http.decoding import Id
from weft.daemon.http.endpoint import Table
from weft.daemon.http.first_answer import first_answers, first_removed
from weft.daemon.http.problems import Fault, RequestFault
from weft.daemon.http.protocol import (
    SESSION_ID,
    THREAD_NAME,
    ProtocolState,
    ProtocolThread,
    Ttl,
)
from weft.daemon.http.thread_creation import (
    NewProtocolThread,
    TimeToLive,
    create,
    retention_of,
    text_in,
)
from weft.daemon.http.thread_states import asked_thread, find_thread, last_state
from weft.storage import (
    Operation,
    RemoveThreads,
    RenameThread,
    Thread,
    ThreadExists,
    ThreadNotFound,
    UpdateThread,
    new_id,
)
from weft.storage.operations import PARTS_MAX, encode_mapping
from weft.storage.retention import HISTORY_KEY

__all__ = ["protocol_threads"]

protocol_threads: Final = Table("threads")


class ThreadPatch(msgspec.Struct):
    """What is new about a thread; other keys of the metadata stay."""

    metadata: dict[str, Any] | None = None
    ttl: TimeToLive | None = None


class Including(msgspec.Struct):
    """What is shown besides: ``ttl``; several with commas between them."""

    include: str = ""


class Pruning(msgspec.Struct):
    """Threads to be removed, or to lose all states but the last."""

    thread_ids: Annotated[list[Id], msgspec.Meta(max_length=PARTS_MAX)]
    strategy: Literal["delete", "keep_latest"] = "delete"


class Pruned(msgspec.Struct):
    """How many of the threads were there."""

    pruned_count: int


@protocol_threads.post("/threads")
async def create_thread(call: Call[NewProtocolThread, None]) -> ProtocolThread:
    """Create a thread, with its session and its first states, in one transaction.

    With ``if_exists`` "do_nothing" a thread of this id is the answer instead.
    """
    new = call.body
    opened = _opened(call)
    if opened is not None:
        return await _view(call, opened)
    try:
        made = await create(call, new, op_id=call.op_id)
    except ThreadExists:
        opened = _opened(call)  # somebody was faster
        if opened is None:
            raise
        return await _view(call, opened)
    if new.supersteps:
        return await _view(call, made)
    return ProtocolThread.of(made, ProtocolState.empty(made.thread_id))


@protocol_threads.get("/threads/{thread_id}")
async def get_thread(call: Call[None, Including]) -> ProtocolThread:
    """Return a thread with its last state."""
    thread = asked_thread(call)
    view = await _view(call, thread)
    if "ttl" in call.query.include.split(","):
        view.ttl = _ttl_of(thread)
    return view


@protocol_threads.patch("/threads/{thread_id}")
async def update_thread(call: Call[ThreadPatch, None]) -> ProtocolThread | None:
    """Merge metadata into a thread's, or change how long it is kept.

    ``metadata.thread_name`` renames it. With ``Prefer: return=minimal`` there is no
    body in the answer.
    """
    thread = asked_thread(call)
    if not first_answers(call, call.op_id):
        operations = _changes(thread, call.body)
        await call.coordinator.transact(operations, **call.change)
    if "return=minimal" in call.headers.get("prefer", ""):
        return None
    return await _view(call, asked_thread(call))


@protocol_threads.delete("/threads/{thread_id}")
async def delete_thread(call: Call[None, None]) -> None:
    """Remove a thread with its states and runs; a run in progress is stopped."""
    if first_removed(call, call.op_id) is not None:
        return
    thread = asked_thread(call)
    await _stop(call, [thread])
    removal = RemoveThreads(threads=(thread.thread_id,), even_busy=True)
    await call.coordinator.transact([removal], **call.change)


@protocol_threads.post("/threads/{thread_id}/copy")
async def copy_thread(call: Call[None, None]) -> ProtocolThread:
    """Copy a thread with its states, in the session of the original."""
    thread = asked_thread(call)
    copy_id = new_id()
    copy = await call.coordinator.fork_thread(
        thread.thread_id,
        copy_id,
        thread.session_id,
        new_thread_id=copy_id,
        create_session=False,
        **call.change,
    )
    return await _view(call, copy)


@protocol_threads.post("/threads/prune")
async def prune_threads(call: Call[Pruning, None]) -> Pruned:
    """Remove threads, or all their states and checkpoints but the last.

    Threads that are not there are no error; those that are removed go together.
    """
    before = first_removed(call, call.op_id)
    if before is not None:
        return Pruned(len(before))
    found = []
    for thread_id in dict.fromkeys(call.body.thread_ids):
        thread = _seen(call, thread_id)
        if thread is not None:
            found.append(thread)
    if call.body.strategy == "keep_latest":
        for thread in found:
            await call.coordinator.delete_history(thread.thread_id, keep_latest=1)
    elif found:
        await _stop(call, found)
        ids = tuple(thread.thread_id for thread in found)
        removal = RemoveThreads(threads=ids, even_busy=True)
        await call.coordinator.transact([removal], **call.change)
    return Pruned(len(found))


def _opened(call: Call[NewProtocolThread, None]) -> Thread | None:
    """Return the thread that is opened instead of being created."""
    if call.body.if_exists != "do_nothing" or call.body.thread_id is None:
        return None
    return _seen(call, call.body.thread_id)


def _seen(call: Call[Any, Any], thread_id: str) -> Thread | None:
    """Return a thread if it is there for whoever asks."""
    with call.runtime.store.read() as snapshot:
        try:
            thread = find_thread(snapshot, thread_id)
        except ThreadNotFound:
            return None
        return thread if call.access.sees(snapshot, thread) else None


async def _view(call: Call[Any, Any], thread: Thread) -> ProtocolThread:
    return ProtocolThread.of(thread, await last_state(call, thread))


async def _stop(call: Call[Any, Any], threads: list[Thread]) -> None:
    """Have the code of runs in progress stop: their threads go without waiting."""
    for thread in threads:
        if thread.run_id is not None:
            await call.coordinator.cancel_run(thread.run_id)


def _changes(thread: Thread, patch: ThreadPatch) -> list[Operation]:
    metadata = dict(patch.metadata or {})
    owner = text_in(metadata, SESSION_ID)
    if owner not in {None, thread.session_id}:
        raise _no_move(thread)
    changes: list[Operation] = []
    name = text_in(metadata, THREAD_NAME)
    if name not in {None, thread.thread_name}:
        changes.append(RenameThread(thread_id=thread.thread_id, new_name=str(name)))
    changes.append(
        UpdateThread(
            thread_id=thread.thread_id,
            metadata=encode_mapping(metadata, "metadata"),
            config=encode_mapping(retention_of(patch.ttl), "ttl"),
        )
    )
    return changes


def _no_move(thread: Thread) -> RequestFault:
    path = f"$.metadata.{SESSION_ID}"
    words = (
        f"Thread {thread.thread_id!r} belongs to session {thread.session_id!r}. "
        "To move it, POST /threads/{thread_id}/transfer with to_session_id"
    )
    faults = [Fault("body", path, words)]
    return RequestFault(HTTPStatus.UNPROCESSABLE_ENTITY, f"{words}.", faults)


def _ttl_of(thread: Thread) -> Ttl | None:
    kept = thread.config.get(HISTORY_KEY)
    if not isinstance(kept, dict):
        return None
    ttl_s = float(kept.get("ttl_s", 0.0))
    return Ttl(
        strategy=kept.get("strategy", "keep_latest"),
        ttl_minutes=ttl_s / 60.0,
        expires_at=thread.updated_at + timedelta(seconds=ttl_s),
    )
