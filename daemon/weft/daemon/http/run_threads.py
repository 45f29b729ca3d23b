"""The threads on which runs are started: one that is there, or a new one."""

import contextlib
from typing import Any, Final
from uuid import UUID, uuid5

from weft.daemon.http.assistant_runs import Order
from weft.daemon.http.call import Call
from weft.daemon.http.protocol import SESSION_ID
from weft.daemon.http.run_leftovers import STATELESS_SESSION
from weft.daemon.http.thread_creation import NewProtocolThread, create
from weft.storage import Thread, ThreadExists, new_id

__all__ = ["op_id_of", "own_thread", "thread_for"]

_NAMESPACE: Final = UUID("3d0a5a0c-60a5-5d9b-9f0e-1f3c7a3f5e11")


async def thread_for(call: Call[Any, Any], thread_id: str, order: Order) -> str:
    """Return the thread on which a run is to be started, created if that is asked for.

    Raises:
        ThreadNotFound: it is not there, or not seen.
    """
    if order.new.if_not_exists == "create" and _find(call, thread_id) is None:
        with contextlib.suppress(ThreadExists):  # created by another at that time
            await create(call, NewProtocolThread(thread_id, order.about))
    call.access.thread(thread_id)
    await _note(call, thread_id, order.about)
    return thread_id


async def _note(call: Call[Any, Any], thread_id: str, about: dict[str, Any]) -> None:
    """Have a thread tell which assistant was on it last."""
    thread = _find(call, thread_id)
    if thread is not None and not about.items() <= thread.metadata.items():
        await call.coordinator.update_thread(thread_id, metadata=about)


def _find(call: Call[Any, Any], thread_id: str) -> Thread | None:
    with call.runtime.store.read() as snapshot:
        return snapshot.thread(thread_id)


async def own_thread(call: Call[Any, Any], order: Order, number: int = 0) -> str:
    """Create a thread for one run and return its id.

    Args:
        call: who asks.
        order: the run.
        number: which of the runs that are asked for at once.
    """
    metadata = order.about
    if order.new.on_completion != "keep":
        metadata[SESSION_ID] = _session_of(call.access.owner)
    thread_id = op_id_of(call, f"thread {number}") or new_id()
    op_id = op_id_of(call, f"create {number}")
    thread = NewProtocolThread(thread_id, metadata)
    return (await create(call, thread, op_id=op_id)).thread_id


def op_id_of(call: Call[Any, Any], what: str) -> str | None:
    """Return the idempotency key of a part of a request, None if that has none.

    Args:
        call: the request.
        what: the part: the same each time that the request is repeated.
    """
    return None if call.op_id is None else str(uuid5(_NAMESPACE, call.op_id + what))


def _session_of(owner: str | None) -> str:
    if owner is None:
        return STATELESS_SESSION
    return f"{STATELESS_SESSION}-{uuid5(_NAMESPACE, owner)}"
