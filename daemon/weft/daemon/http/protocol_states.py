"""States of threads over HTTP: the last, an earlier one, all of them, and by hand.

A thread's workflow decides what an update means. A graph folds it in as if one of its
nodes had made it; of a plain workflow the keys of a mapping are replaced.
"""

from typing import Annotated, Any, Final

import msgspec

from weft.daemon.http.call import Call
from weft.daemon.http.endpoint import Table
from weft.daemon.http.first_answer import first_checkpoint
from weft.daemon.http.protocol import (
    FORKED_FROM,
    ProtocolCheckpoint,
    ProtocolState,
    checkpoint_id_of,
)
from weft.daemon.http.thread_creation import Update, folded
from weft.daemon.http.thread_states import (
    ThreadStates,
    asked_thread,
    check_workflow,
    keeper_of,
    last_state,
    state_at,
    with_fields,
)
from weft.storage import (
    AppendState,
    Snapshot,
    StaleRevision,
    State,
    Thread,
    new_id,
)
from weft.storage.operations import encode_mapping, encode_value

__all__ = ["protocol_states"]

protocol_states: Final = Table("threads")

LIMIT_MAX: Final = 1000

ATTEMPTS_MAX: Final = 10
"""Updates by hand that meet are made one after the other, each on what is there."""

Limit = Annotated[int, msgspec.Meta(ge=1, le=LIMIT_MAX)]


class Where(msgspec.Struct):
    """A checkpoint as clients name it; the thread is the path's in any case."""

    checkpoint_id: str | None = None
    checkpoint_ns: str | None = None
    checkpoint_map: dict[str, Any] | None = None
    thread_id: str | None = None

    def of(self, thread_id: str) -> ProtocolCheckpoint:
        """Return the checkpoint of a thread that this names."""
        return ProtocolCheckpoint(
            thread_id,
            self.checkpoint_ns or "",
            self.checkpoint_id,
            self.checkpoint_map,
        )


class StateFields(msgspec.Struct):
    """What is shown of a state; ``values.name`` is a single value."""

    subgraphs: bool = False
    select: list[str] = []


class StateQuery(msgspec.Struct):
    """Which state, and what is shown of it."""

    checkpoint: Where = msgspec.field(default_factory=Where)
    subgraphs: bool = False
    select: list[str] | None = None


class StateUpdate(msgspec.Struct):
    """What is changed, on top of which state: the last one if none is named."""

    values: Any = None
    as_node: str | None = None
    command: dict[str, Any] | None = None
    checkpoint: Where | None = None
    checkpoint_id: str | None = None


class Updated(msgspec.Struct):
    """Where the new state stands."""

    checkpoint: ProtocolCheckpoint


class HistoryPage(msgspec.Struct):
    """How many states, and before which checkpoint."""

    limit: Limit = 10
    before: str | None = None
    select: list[str] = []


class HistoryQuery(msgspec.Struct):
    """Which states, newest first, and what is shown of them."""

    limit: Limit = 10
    before: Where | str | None = None
    metadata: dict[str, Any] | None = None
    checkpoint: Where | None = None
    select: list[str] | None = None


@protocol_states.get("/threads/{thread_id}/state")
async def get_thread_state(call: Call[None, StateFields]) -> ProtocolState:
    """Return a thread's last state; an empty one if it has none."""
    thread, asked = asked_thread(call), call.query
    found = await last_state(call, thread, subgraphs=asked.subgraphs)
    return with_fields(found, asked.select)


@protocol_states.get("/threads/{thread_id}/state/{checkpoint_id}")
async def get_thread_state_at(call: Call[None, StateFields]) -> ProtocolState:
    """Return the state of a checkpoint."""
    where = Where(call.path("checkpoint_id"))
    return await _state_at(call, where, call.query)


@protocol_states.post("/threads/{thread_id}/state/checkpoint", scope="read")
async def find_thread_state(call: Call[StateQuery, None]) -> ProtocolState:
    """Return the state of a checkpoint, also of a graph within the graph."""
    return await _state_at(call, call.body.checkpoint, call.body)


@protocol_states.post("/threads/{thread_id}/state")
async def update_thread_state(call: Call[StateUpdate, None]) -> Updated:
    """Change a thread's state by hand; the thread must be idle.

    On top of an earlier checkpoint it is a fork: the new state is the last one. A
    graph's thread is ``interrupted`` afterwards where a node comes next, else ``idle``.
    """
    thread, new = asked_thread(call), call.body
    where = new.checkpoint or Where(new.checkpoint_id)
    at = where.of(thread.thread_id)
    with call.runtime.store.read() as snapshot:
        keeper = keeper_of(call.runtime, snapshot, thread)
        if keeper is None:
            check_workflow(call.runtime, snapshot, thread)
    if keeper is None:
        return Updated(await _append(call, thread, at))
    before = first_checkpoint(call, call.op_id)
    if before is not None:
        return Updated(ProtocolCheckpoint(thread.thread_id, at.checkpoint_ns, before))
    if at.checkpoint_id is not None:  # a graph would begin with nothing
        await call.beside(lambda: ThreadStates(call.runtime).at(thread, at))
    update = Update(new.values, new.as_node, new.command)
    planned, made = await call.beside(
        lambda: keeper.update(
            call.runtime.store,
            thread.thread_id,
            msgspec.structs.asdict(at),
            [[msgspec.structs.asdict(update)]],
        )
    )
    await call.coordinator.transact(planned, **call.change)
    return Updated(msgspec.convert(made, ProtocolCheckpoint))


@protocol_states.get("/threads/{thread_id}/history")
async def list_thread_history(call: Call[None, HistoryPage]) -> list[ProtocolState]:
    """Return a thread's states, newest first."""
    page = call.query
    query = HistoryQuery(page.limit, page.before, select=page.select)
    return await _history(call, query)


@protocol_states.post("/threads/{thread_id}/history", scope="read")
async def search_thread_history(call: Call[HistoryQuery, None]) -> list[ProtocolState]:
    """Return the states that match, newest first."""
    return await _history(call, call.body)


async def _state_at(
    call: Call[Any, Any], where: Where, asked: StateFields | StateQuery
) -> ProtocolState:
    thread = asked_thread(call)
    at, states = where.of(thread.thread_id), ThreadStates(call.runtime)
    found = await call.beside(lambda: states.at(thread, at, subgraphs=asked.subgraphs))
    return with_fields(found, asked.select)


async def _history(call: Call[Any, Any], asked: HistoryQuery) -> list[ProtocolState]:
    thread = asked_thread(call)
    before = Where(asked.before) if isinstance(asked.before, str) else asked.before
    inner, states = asked.checkpoint, ThreadStates(call.runtime)
    found = await call.beside(
        lambda: states.history(
            thread,
            None if inner is None else inner.of(thread.thread_id),
            limit=asked.limit,
            before=None if before is None else before.of(thread.thread_id),
            metadata=asked.metadata or {},
        )
    )
    return [with_fields(state, asked.select) for state in found]


async def _append(
    call: Call[StateUpdate, Any], thread: Thread, at: ProtocolCheckpoint
) -> ProtocolCheckpoint:
    """Append a state of a plain workflow, on top of what is there when it is made."""
    for attempt in range(ATTEMPTS_MAX):
        with call.runtime.store.read() as snapshot:
            operation = _appended(snapshot, thread, at, call.body)
        try:
            (ref,) = await call.coordinator.transact([operation], **call.change)
        except StaleRevision:
            # Its idempotency key has this refusal for an answer now.
            if call.op_id is not None or attempt == ATTEMPTS_MAX - 1:
                raise
        else:
            return ProtocolCheckpoint(
                thread.thread_id, "", f"{ref.step}-{ref.state_id}"
            )
    raise AssertionError


def _appended(
    snapshot: Snapshot, thread: Thread, at: ProtocolCheckpoint, new: StateUpdate
) -> AppendState:
    last = snapshot.state(thread.thread_id)
    base = last
    if at.checkpoint_id is not None:
        base = state_at(snapshot, thread.thread_id, at.checkpoint_id)
    about = {"source": "update"}
    if new.as_node is not None:
        about["as_node"] = new.as_node
    if base is not None and base != last:
        about |= {"source": "fork", FORKED_FROM: checkpoint_id_of(base)}
    values = folded(_values(base), new.command, new.values)
    return AppendState(
        thread_id=thread.thread_id,
        state_id=new_id(),
        after_step=0 if last is None else last.step,
        values=encode_value(values, "values"),
        metadata=encode_mapping(about, "metadata"),
    )


def _values(state: State | None) -> Any:
    return {} if state is None else state.values
