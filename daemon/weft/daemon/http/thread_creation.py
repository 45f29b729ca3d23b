"""How a thread of the protocol comes to be: whose it is, its name, its first states.

The protocol knows threads only, so each has its session chosen here: the one that
``metadata.session_id`` names, which is created if it is missing, or the default session
of whoever asks.

Guarantees: the thread, its session and all of its first states are one transaction.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal
from uuid import UUID, uuid5

import msgspec

from weft.daemon.http.call import Call
from weft.daemon.http.decoding import Id
from weft.daemon.http.first_answer import first_thread
from weft.daemon.http.problems import Fault, RequestFault
from weft.daemon.http.protocol import GRAPH_ID, SESSION_ID, THREAD_NAME
from weft.daemon.http.thread_states import check_workflow
from weft.storage import (
    AppendState,
    CreateThreads,
    InvalidArgument,
    NewThread,
    Operation,
    SessionClosed,
    SessionExists,
    Thread,
    new_id,
)
from weft.storage.ids import check_id, check_name
from weft.storage.operations import DEFAULT_WORKFLOW, encode_mapping, encode_value
from weft.storage.retention import HISTORY_KEY

__all__ = [
    "DEFAULT_SESSION",
    "NewProtocolThread",
    "Superstep",
    "TimeToLive",
    "Update",
    "create",
    "folded",
    "retention_of",
    "text_in",
]

DEFAULT_SESSION: Final = "default"
"""The session of threads that name none; where the asker is bound to a user, a name is
made of it and the user's id."""

DEFAULTS_MAX: Final = 100
"""A default session that was closed, or that somebody else took, has a successor."""

_NAMESPACE: Final = UUID("b8e7a0d4-5f0e-5d0f-9d5c-6f1b8f1d7a11")

ATTEMPTS_MAX: Final = 5
"""Two that create one session at a time: one of them is told so, and looks again."""

_CHECKS: Final = {SESSION_ID: check_id, THREAD_NAME: check_name}


class TimeToLive(msgspec.Struct):
    """How long a thread is kept once nothing happens on it, in minutes."""

    ttl: Annotated[float, msgspec.Meta(ge=0, le=1e9)]
    strategy: Literal["delete", "keep_latest"] = "delete"


class Update(msgspec.Struct):
    """What is changed of a state, as if a node of the graph had."""

    values: Any = None
    as_node: str | None = None
    command: dict[str, Any] | None = None


class Superstep(msgspec.Struct):
    """Updates that are made together."""

    updates: Annotated[list[Update], msgspec.Meta(min_length=1)]


class NewProtocolThread(msgspec.Struct):
    """A thread to be created; without an id one is generated.

    ``metadata.session_id`` names the session that is to own it, which is created if it
    is missing; ``metadata.thread_name`` is its name there, else its id is.
    """

    thread_id: Id | None = None
    metadata: dict[str, Any] | None = None
    if_exists: Literal["raise", "do_nothing"] | None = None
    ttl: TimeToLive | None = None
    supersteps: list[Superstep] | None = None


async def create(
    call: Call[Any, Any], new: NewProtocolThread, *, op_id: str | None = None
) -> Thread:
    """Create a thread, with its session and its first states.

    Args:
        call: who asks.
        new: the thread; ``if_exists`` is not looked at.
        op_id: the idempotency key.

    Raises:
        ThreadExists: the id is taken.
        NameTaken: the session has a thread of this name.
        SessionNotFound: the session is somebody else's.
        SessionClosed: the session is closed.
        InvalidArgument: the first states are none for this workflow.
    """
    before = first_thread(call, op_id)
    if before is not None:
        return before
    session_id, thread = _asked_for(call, new)
    states: list[Operation] = []
    if new.supersteps:
        steps = new.supersteps
        states = await call.beside(lambda: _first_states(call, thread, steps))
    # Looking first costs a fifth of a create; a closed default session is rare.
    guess = None if call.access.owner or op_id else DEFAULT_SESSION
    for attempt in range(ATTEMPTS_MAX):
        owner = session_id or guess or _default_session(call)
        creation = CreateThreads(
            session_id=owner, threads=(thread,), create_session=True
        )
        guess = None
        (admitted,) = call.access.parts([creation])
        try:
            return await _apply(call, [*admitted, *states], op_id)
        except (SessionExists, SessionClosed) as error:
            is_final = isinstance(error, SessionClosed) and session_id is not None
            # A key has this refusal for an answer now.
            if is_final or op_id or attempt == ATTEMPTS_MAX - 1:
                raise
    raise AssertionError


def _asked_for(
    call: Call[Any, Any], new: NewProtocolThread
) -> tuple[str | None, NewThread]:
    """Return the session that is to own a thread, if one is named, and the thread."""
    thread_id = new.thread_id or new_id()
    metadata = dict(new.metadata or {})
    session_id = text_in(metadata, SESSION_ID)
    name = text_in(metadata, THREAD_NAME) or thread_id
    thread = NewThread(
        thread_id,
        name,
        _workflow(call, metadata),
        encode_mapping(retention_of(new.ttl), "ttl"),
        encode_mapping(metadata, "metadata"),
    )
    return session_id, thread


async def _apply(
    call: Call[Any, Any], operations: list[Operation], op_id: str | None
) -> Thread:
    how: dict[str, Any] = {"op_id": op_id, "timeout_s": call.timeout_s}
    if len(operations) == 1:  # nearly always, and a batch costs being checked anew
        (only,) = operations
        assert isinstance(only, CreateThreads)  # noqa: S101 - for the type checker
        made: list[Thread] = await call.coordinator.create_threads(
            only.session_id,
            only.threads,
            list,
            create_session=only.create_session,
            **how,
        )
        return made[0]
    answers = await call.coordinator.transact(operations, **how)
    kinds = [type(operation) for operation in operations]
    thread: Thread = answers[kinds.index(CreateThreads)][0]
    return thread


def _default_session(call: Call[Any, Any]) -> str:
    """Return the default session of whoever asks, existing or not."""
    owner = call.access.owner
    base = DEFAULT_SESSION
    if owner is not None:
        base = f"{DEFAULT_SESSION}-{uuid5(_NAMESPACE, owner)}"
    with call.runtime.store.read() as snapshot:
        for session_id in _candidates(base):
            session = snapshot.session(session_id)
            if session is None:
                return session_id
            if session.status == "open" and owner in {None, session.user_id}:
                return session_id
    return base


def _candidates(base: str) -> Iterator[str]:
    yield base
    for number in range(2, DEFAULTS_MAX):
        yield f"{base}-{number}"


def _workflow(call: Call[Any, Any], metadata: Mapping[str, Any]) -> str | None:
    """Return the workflow that a thread's metadata name, if it is registered."""
    given = metadata.get(GRAPH_ID)
    known = isinstance(given, str) and given in call.runtime.workflows
    return given if known else None


def _first_states(
    call: Call[Any, Any], thread: NewThread, supersteps: list[Superstep]
) -> list[Operation]:
    workflow = call.runtime.workflows.find(thread.workflow or DEFAULT_WORKFLOW)
    if workflow.keeper is not None:
        steps = [
            [msgspec.structs.asdict(update) for update in step.updates]
            for step in supersteps
        ]
        operations, _ = workflow.keeper.update(
            call.runtime.store, thread.thread_id, None, steps
        )
        return operations
    if thread.workflow is None:
        with call.runtime.store.read() as snapshot:
            check_workflow(call.runtime, snapshot, None)
    states: list[Operation] = []
    values: Any = None
    for step in supersteps:
        for update in step.updates:
            values = folded(values, update.command, update.values)
        states.append(
            AppendState(
                thread_id=thread.thread_id,
                state_id=new_id(),
                values=encode_value(values, "values"),
                metadata=encode_mapping(
                    {"as_node": step.updates[-1].as_node}, "metadata"
                ),
            )
        )
    return states


def folded(values: Any, command: dict[str, Any] | None, update: Any) -> Any:
    """Return values after an update: keys of a mapping are replaced, one by one.

    A workflow without a graph has no other rule; None leaves everything.

    Raises:
        InvalidArgument: it is a command, and only graphs know any.
    """
    if command is not None:
        raise InvalidArgument("The workflow has no graph; a command is for graphs.")
    if update is None:
        return values
    if isinstance(values, dict) and isinstance(update, dict):
        return {**values, **update}
    return update


def retention_of(ttl: TimeToLive | None) -> dict[str, Any]:
    """Return the config of a thread that is kept for so long."""
    if ttl is None:
        return {}
    kept = {"strategy": ttl.strategy, "ttl_s": ttl.ttl * 60.0}
    return {HISTORY_KEY: kept}


def text_in(metadata: dict[str, Any], key: str) -> str | None:
    """Take an id or a name out of metadata, None if it is not there.

    Raises:
        RequestFault: 422, it is something else.
    """
    given = metadata.pop(key, None)
    if given is None:
        return None
    try:
        taken = _CHECKS[key](given, key)
    except InvalidArgument as error:
        path = f"$.metadata.{key}"
        detail = f"The body is wrong at {path}: {error}."
        raise RequestFault(422, detail, [Fault("body", path, str(error))]) from error
    return taken
