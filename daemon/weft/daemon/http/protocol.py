"""Weft's nouns in the words of the LangGraph server protocol.

A workflow is an *assistant*, a thread's durable state a *checkpoint*, and the session
that owns a thread stands in the thread's ``metadata.session_id``. The names and shapes
here are the protocol's, so that clients made for it read them.

Guarantees:
    * ``metadata.session_id`` and ``metadata.thread_name`` are what the store says now,
      whatever was sent when the thread was created;
    * a state's checkpoint id names that very state: one that was rolled back is not
      found under the id of what came in its place;
    * an assistant's id is the same on every machine: made of the workflow's name.

Not here: what needs the store or the runtime (:mod:`weft.daemon.http.thread_states`).
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID, uuid5

import msgspec
from msgspec import UNSET, UnsetType

from weft.daemon.http.problems import RequestFault
from weft.daemon.http.views import Free, FreeMapping, json_of
from weft.storage import Run, State, Thread
from weft.storage.plain import to_json

__all__ = [
    "FORKED_FROM",
    "GRAPH_ID",
    "SESSION_ID",
    "THREAD_NAME",
    "ProtocolCheckpoint",
    "ProtocolInterrupt",
    "ProtocolRun",
    "ProtocolState",
    "ProtocolTask",
    "ProtocolThread",
    "RunStatus",
    "Strategy",
    "assistant_id_of",
    "checkpoint_id_of",
    "encoded",
    "metadata_of",
    "selected",
    "step_of",
    "unregistered",
    "workflow_name_of",
]

SESSION_ID: Final = "session_id"
"""In a thread's metadata: the session that owns it."""

THREAD_NAME: Final = "thread_name"
"""In a thread's metadata: its name in that session, where it is not its id."""

GRAPH_ID: Final = "graph_id"
"""In a thread's metadata: the workflow it runs unless a run says otherwise, and once
there is one, the last one's."""

FORKED_FROM: Final = "forked_from"
"""In a state's metadata: the checkpoint that it was made of, if not the one before."""

_NAMESPACE: Final = UUID("6ba7b821-9dad-11d1-80b4-00c04fd430c8")
"""LangGraph's servers make the ids of their assistants in it, too."""

RunStatus = Literal["pending", "running", "error", "success", "timeout", "interrupted"]
ThreadStatus = Literal["idle", "busy", "interrupted", "error"]
Strategy = Literal["reject", "interrupt", "rollback", "enqueue"]

_encode: Final = msgspec.json.Encoder(enc_hook=str).encode
_pack: Final = msgspec.msgpack.Encoder(enc_hook=str).encode
_EMPTY: Final = msgspec.Raw(b"{}")


class ProtocolCheckpoint(msgspec.Struct, frozen=True):
    """Where a state stands: in a thread, in a graph within the graph, under an id."""

    thread_id: str
    checkpoint_ns: str = ""
    checkpoint_id: str | None = None
    checkpoint_map: dict[str, Any] | None = None


class ProtocolInterrupt(msgspec.Struct, frozen=True):
    """What a workflow waits for somebody to answer."""

    value: Any = None
    id: str = ""


class ProtocolTask(msgspec.Struct):
    """A task of the next step; with an error, or interrupts, if it was tried."""

    id: str
    name: str
    error: str | None = None
    interrupts: list[ProtocolInterrupt] = []
    checkpoint: ProtocolCheckpoint | None = None
    state: Any = None
    result: Any = None
    path: list[Any] = []


class ProtocolState(msgspec.Struct):
    """A durable state of a thread."""

    values: Free | UnsetType = UNSET
    next: list[str] | UnsetType = UNSET
    tasks: list[ProtocolTask] | UnsetType = UNSET
    metadata: FreeMapping | UnsetType = UNSET
    created_at: str | UnsetType | None = UNSET
    checkpoint: ProtocolCheckpoint | UnsetType = UNSET
    parent_checkpoint: ProtocolCheckpoint | UnsetType | None = UNSET
    interrupts: list[ProtocolInterrupt] | UnsetType = UNSET

    @classmethod
    def of(cls, state: State, following: Iterable[str] = ()) -> "ProtocolState":
        """Return the view of a state that a run yielded, or that came by hand.

        Args:
            state: the record.
            following: what runs next on the thread, of its last state.
        """
        metadata = state.metadata
        about = {"step": state.step, "source": "loop" if state.run_id else "update"}
        if state.run_id is not None:
            about["run_id"] = state.run_id
        before = metadata.get(FORKED_FROM) or _id_before(state)
        thread_id = state.thread_id
        return cls(
            values=json_of(state.values_raw),
            next=list(following),
            tasks=[],
            metadata=encoded({**about, **metadata, "thread_id": thread_id}),
            created_at=state.created_at.isoformat(),
            checkpoint=ProtocolCheckpoint(thread_id, "", checkpoint_id_of(state)),
            parent_checkpoint=None
            if before is None
            else ProtocolCheckpoint(thread_id, "", str(before)),
            interrupts=[],
        )

    @classmethod
    def empty(cls, thread_id: str, following: Iterable[str] = ()) -> "ProtocolState":
        """Return the view of a thread that has no state yet."""
        return cls(
            values=_EMPTY,
            next=list(following),
            tasks=[],
            metadata=_EMPTY,
            created_at=None,
            checkpoint=ProtocolCheckpoint(thread_id),
            parent_checkpoint=None,
            interrupts=[],
        )


class Ttl(msgspec.Struct):
    """How long a thread is kept once it is idle."""

    strategy: Literal["delete", "keep_latest"]
    ttl_minutes: float
    expires_at: datetime | None


class ProtocolThread(msgspec.Struct):
    """A thread; ``metadata.session_id`` is its owner."""

    thread_id: str | UnsetType = UNSET
    created_at: datetime | UnsetType = UNSET
    updated_at: datetime | UnsetType = UNSET
    state_updated_at: datetime | UnsetType = UNSET
    metadata: FreeMapping | UnsetType = UNSET
    status: ThreadStatus | UnsetType = UNSET
    config: FreeMapping | UnsetType = UNSET
    values: Free | UnsetType | None = UNSET
    interrupts: dict[str, list[ProtocolInterrupt]] | UnsetType = UNSET
    ttl: Ttl | UnsetType | None = UNSET
    extracted: dict[str, Any] | UnsetType = UNSET

    @classmethod
    def of(cls, thread: Thread, state: ProtocolState | None) -> "ProtocolThread":
        """Return the view of a thread.

        Args:
            thread: the record.
            state: its last state; None for one that has none, or is not asked for.
        """
        return cls(
            thread_id=thread.thread_id,
            created_at=thread.created_at,
            updated_at=thread.updated_at,
            state_updated_at=UNSET if state is None else _changed_at(thread, state),
            metadata=encoded(metadata_of(thread)),
            status=thread.status,
            config=json_of(thread.config_raw),
            values=None if state is None else _given(state.values),
            interrupts={} if state is None else interrupts_of(state),
        )


class ProtocolRun(msgspec.Struct):
    """One execution of a thread's workflow."""

    run_id: str | UnsetType = UNSET
    thread_id: str | UnsetType = UNSET
    assistant_id: str | UnsetType = UNSET
    created_at: datetime | UnsetType = UNSET
    updated_at: datetime | UnsetType = UNSET
    status: RunStatus | UnsetType = UNSET
    metadata: FreeMapping | UnsetType = UNSET
    kwargs: FreeMapping | UnsetType = UNSET
    multitask_strategy: Strategy | UnsetType = UNSET

    @classmethod
    def of(
        cls,
        run: Run,
        metadata: Mapping[str, Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        strategy: Strategy = "enqueue",
    ) -> "ProtocolRun":
        """Return the view of a run.

        Args:
            run: the record.
            metadata: the caller's.
            kwargs: what it was started with.
            strategy: what it did about the run before it.
        """
        return cls(
            run_id=run.run_id,
            thread_id=run.thread_id,
            assistant_id=assistant_id_of(run.workflow),
            created_at=run.created_at,
            updated_at=run.finished_at or run.started_at,
            status=run.status,
            metadata=encoded(metadata or {}),
            kwargs=encoded(kwargs or {}),
            multitask_strategy=strategy,
        )


def assistant_id_of(workflow: str) -> str:
    """Return the id of the assistant that a workflow is."""
    return str(uuid5(_NAMESPACE, workflow))


def workflow_name_of(assistant_id: str, registered: Iterable[str]) -> str:
    """Return the name of the workflow that an assistant is.

    Args:
        assistant_id: its id, or the workflow's name.
        registered: the names of all workflows.

    Raises:
        RequestFault: 404, there is none.
    """
    names = sorted(registered)
    for name in names:
        if assistant_id in {name, assistant_id_of(name)}:
            return name
    raise unregistered("assistant", assistant_id, names)


def unregistered(what: str, given: str, registered: Iterable[str]) -> RequestFault:
    """Return the fault of asking for a workflow that is not there: 404.

    Args:
        what: what it was asked for as.
        given: under which name.
        registered: the names of all workflows.
    """
    known = ", ".join(sorted(registered)) or "none"
    detail = f"There is no {what} {given!r}. Registered workflows: {known}."
    return RequestFault(404, detail)


def checkpoint_id_of(state: State) -> str:
    """Return the id under which the protocol knows a state."""
    return f"{state.step}-{state.state_id}"


def step_of(checkpoint_id: str) -> int | None:
    """Return the step that a checkpoint id names, None if it names none."""
    step, dash, _ = checkpoint_id.partition("-")
    fits = dash and step.isascii() and step.isdigit() and len(step) <= len(str(1 << 62))
    return int(step) if fits else None


def metadata_of(thread: Thread) -> dict[str, Any]:
    """Return a thread's metadata with its owner and its name, as they are now."""
    found = {**thread.metadata, SESSION_ID: thread.session_id}
    found.pop(THREAD_NAME, None)
    if thread.thread_name != thread.thread_id:
        found[THREAD_NAME] = thread.thread_name
    return found


def interrupts_of(state: ProtocolState) -> dict[str, list[ProtocolInterrupt]]:
    """Return what a state's tasks wait for, by task id."""
    tasks = () if isinstance(state.tasks, UnsetType) else state.tasks
    return {task.id: task.interrupts for task in tasks if task.interrupts}


def encoded(value: Any) -> msgspec.Raw:
    """Return a value as JSON; what has none is told in words."""
    try:
        return msgspec.Raw(_encode(value))
    except (TypeError, ValueError, OverflowError, RecursionError):
        return msgspec.Raw(to_json(_pack(value)))


def selected(view: Any, fields: Collection[str] | None) -> Any:
    """Return a view with only some of its fields; all if none is named."""
    if fields:
        for name in set(view.__struct_fields__) - set(fields):
            setattr(view, name, UNSET)
    return view


def _changed_at(thread: Thread, state: ProtocolState) -> datetime:
    """Return when a thread's state last changed; at its creation it was empty."""
    at = state.created_at
    return datetime.fromisoformat(at) if isinstance(at, str) else thread.created_at


def _given(values: msgspec.Raw | UnsetType) -> msgspec.Raw | None:
    return None if isinstance(values, UnsetType) else values


def _id_before(state: State) -> str | None:
    if state.parent_id is None:
        return None
    return f"{state.step - 1}-{state.parent_id}"
