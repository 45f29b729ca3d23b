"""The states of threads as the protocol shows them, whatever kind of workflow runs.

A plain workflow's states are the values it yielded, one step after the other. A graph
keeps its own (:class:`weft.actors.StateKeeper`), and knows what comes next and what is
waited for; it is asked where a thread runs one.

Guarantees: what is shown of a thread is of one moment, for a plain workflow that of a
single snapshot; nothing is written here.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final, cast

import msgspec

from weft.actors import Runtime, StateKeeper
from weft.daemon.http.call import Call
from weft.daemon.http.problems import Fault, RequestFault
from weft.daemon.http.protocol import (
    GRAPH_ID,
    ProtocolCheckpoint,
    ProtocolInterrupt,
    ProtocolState,
    ProtocolTask,
    checkpoint_id_of,
    encoded,
    step_of,
)
from weft.storage import Snapshot, State, Thread, ThreadNotFound
from weft.storage.ids import check_id
from weft.storage.operations import DEFAULT_WORKFLOW

__all__ = [
    "ThreadStates",
    "asked_thread",
    "check_workflow",
    "find_thread",
    "keeper_of",
    "last_state",
    "no_checkpoint",
    "state_at",
    "with_fields",
]

_VALUES: Final = "values."
"""Before the name of a single value, where fields are selected."""


class ThreadStates:
    """Shows the states of one runtime's threads; its methods may block.

    Args:
        runtime: what is served.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    def is_kept(self, thread: Thread) -> bool:
        """Whether a thread's states have a keeper, who may take his time."""
        with self._runtime.store.read() as snapshot:
            return keeper_of(self._runtime, snapshot, thread) is not None

    def last(self, thread: Thread, *, subgraphs: bool = False) -> ProtocolState:
        """Return a thread's last state, an empty one if it has none."""
        with self._runtime.store.read() as snapshot:
            keeper = keeper_of(self._runtime, snapshot, thread)
            state = None if keeper else snapshot.state(thread.thread_id)
        if keeper is not None:
            view = keeper.state(
                self._runtime.store, thread.thread_id, subgraphs=subgraphs
            )
            if view is not None:
                return _seen(thread.thread_id, view)
        following = _following(thread)
        if state is None:
            return ProtocolState.empty(thread.thread_id, following)
        return ProtocolState.of(state, following)

    def at(
        self,
        thread: Thread,
        checkpoint: ProtocolCheckpoint,
        *,
        subgraphs: bool = False,
    ) -> ProtocolState:
        """Return the state that a checkpoint names, the last one if it names none.

        Raises:
            RequestFault: 404, there is none, or not any more.
        """
        thread_id = thread.thread_id
        with self._runtime.store.read() as snapshot:
            keeper = keeper_of(self._runtime, snapshot, thread)
            if keeper is None:
                if checkpoint.checkpoint_id is None:
                    return self.last(thread)
                found = state_at(snapshot, thread_id, checkpoint.checkpoint_id)
                return ProtocolState.of(found)
        where = msgspec.structs.asdict(checkpoint)
        view = keeper.state(self._runtime.store, thread_id, where, subgraphs=subgraphs)
        if view is not None:
            return _seen(thread_id, view)
        if checkpoint.checkpoint_id is None:
            return ProtocolState.empty(thread_id)
        raise no_checkpoint(thread_id, checkpoint.checkpoint_id)

    def history(
        self,
        thread: Thread,
        checkpoint: ProtocolCheckpoint | None,
        *,
        limit: int,
        before: ProtocolCheckpoint | None,
        metadata: Mapping[str, Any],
    ) -> list[ProtocolState]:
        """Return a thread's states, newest first.

        Args:
            thread: the thread.
            checkpoint: of which graph within the graph.
            limit: how many at the most.
            before: only states older than this one.
            metadata: what a state's must have.
        """
        with self._runtime.store.read() as snapshot:
            keeper = keeper_of(self._runtime, snapshot, thread)
            if keeper is None:
                older = _older(snapshot, thread, before)
                views = map(ProtocolState.of, older)
                return list(islice(_with_metadata(views, metadata), limit))
        found = keeper.history(
            self._runtime.store,
            thread.thread_id,
            None if checkpoint is None else msgspec.structs.asdict(checkpoint),
            limit=limit,
            before=None if before is None else msgspec.structs.asdict(before),
            metadata=metadata,
        )
        return [_seen(thread.thread_id, view) for view in found]


async def last_state(
    call: Call[Any, Any], thread: Thread, *, subgraphs: bool = False
) -> ProtocolState:
    """Return a thread's last state, without keeping the event loop waiting."""
    states = ThreadStates(call.runtime)
    if states.is_kept(thread):
        return await call.beside(lambda: states.last(thread, subgraphs=subgraphs))
    return states.last(thread)


def asked_thread(call: Call[Any, Any]) -> Thread:
    """Return the thread that a request's path names.

    Raises:
        ThreadNotFound: it is not there, or not seen.
    """
    thread_id = call.access.thread(call.path("thread_id"))
    with call.runtime.store.read() as snapshot:
        return find_thread(snapshot, thread_id)


def find_thread(snapshot: Snapshot, thread_id: str) -> Thread:
    """Return a live thread.

    Raises:
        ThreadNotFound: there is none of this id.
    """
    thread = snapshot.thread(check_id(thread_id, "thread id"))
    if thread is None:
        words = f"Thread {thread_id!r} does not exist."
        raise ThreadNotFound(words, thread_id=thread_id)
    return thread


def keeper_of(
    runtime: Runtime, snapshot: Snapshot, thread: Thread
) -> StateKeeper | None:
    """Return who keeps a thread's states, None where they are values alone."""
    name = _workflow_of(snapshot, thread) or DEFAULT_WORKFLOW
    return runtime.workflows.find(name).keeper


def _workflow_of(snapshot: Snapshot, thread: Thread) -> str | None:
    """Return a thread's workflow, or that of its newest run.

    A copy, and a thread whose runs were forgotten, have only their metadata to tell.
    """
    if thread.workflow is not None:
        return thread.workflow
    run = next(snapshot.runs(thread.thread_id), None)
    if run is not None:
        return run.workflow
    named = thread.metadata.get(GRAPH_ID)
    return named if isinstance(named, str) and named else None


def check_workflow(runtime: Runtime, snapshot: Snapshot, thread: Thread | None) -> None:
    """Refuse a state by hand that no workflow would ever see.

    Args:
        runtime: whose workflows.
        snapshot: the store.
        thread: the thread; None for one that is to be created and names no workflow.

    Raises:
        RequestFault: 422, all workflows are graphs, and nobody knows which it is of.
    """
    known = None if thread is None else _workflow_of(snapshot, thread)
    keepers = [each.keeper for each in runtime.workflows]
    is_unknown = known is None and DEFAULT_WORKFLOW not in runtime.workflows
    if is_unknown and keepers and None not in keepers:
        words = (
            "It is not known which graph the thread runs. Name it in metadata.graph_id "
            "of the thread, or run one first"
        )
        raise RequestFault(422, f"{words}.", [Fault("body", "$", words)])


def state_at(snapshot: Snapshot, thread_id: str, checkpoint_id: str) -> State:
    """Return the state that a checkpoint id names.

    Raises:
        RequestFault: 404, there is none, or not any more.
    """
    step = step_of(checkpoint_id)
    state = None if step is None else snapshot.state(thread_id, step)
    if state is None or checkpoint_id_of(state) != checkpoint_id:
        raise no_checkpoint(thread_id, checkpoint_id)
    return state


def no_checkpoint(thread_id: str, checkpoint_id: str) -> RequestFault:
    """Return the refusal of a checkpoint that is not there."""
    detail = (
        f"Thread {thread_id!r} has no checkpoint {checkpoint_id!r}, or not any more. "
        "Its history says which it has."
    )
    return RequestFault(404, detail)


def with_fields(state: ProtocolState, fields: Iterable[str] | None) -> ProtocolState:
    """Return a state with some of its fields, all if none is named.

    ``values.name`` is one of its values.
    """
    wanted = set(fields or ())
    if not wanted:
        return state
    single = {name.removeprefix(_VALUES) for name in wanted if name.startswith(_VALUES)}
    if single and "values" not in wanted:
        values = _decoded(state.values)
        held = values if isinstance(values, dict) else {}
        state.values = encoded({name: held[name] for name in held if name in single})
        wanted.add("values")
    for name in set(state.__struct_fields__) - wanted:
        setattr(state, name, msgspec.UNSET)
    return state


def _following(thread: Thread) -> list[str]:
    """Return what comes next on a thread without a graph: its run, if there is one."""
    if thread.run_id is None:
        return []
    return [thread.workflow or DEFAULT_WORKFLOW]


def _older(
    snapshot: Snapshot, thread: Thread, before: ProtocolCheckpoint | None
) -> Iterator[State]:
    if before is None or before.checkpoint_id is None:
        return snapshot.states(thread.thread_id)
    state = state_at(snapshot, thread.thread_id, before.checkpoint_id)
    return snapshot.states(thread.thread_id, state.step)


def _with_metadata(
    views: Iterable[ProtocolState], wanted: Mapping[str, Any]
) -> Iterator[ProtocolState]:
    for view in views:
        held = _decoded(view.metadata) if wanted else {}
        if wanted.items() <= held.items():
            yield view


def _seen(thread_id: str, view: Mapping[str, Any]) -> ProtocolState:
    """Return what a keeper says of a state, as the protocol has it."""
    return ProtocolState(
        values=encoded(view["values"]),
        next=view["next"],
        tasks=[_task(thread_id, task) for task in view["tasks"]],
        metadata=encoded({**view["metadata"], "thread_id": thread_id}),
        created_at=view["created_at"],
        checkpoint=msgspec.convert(view["checkpoint"], ProtocolCheckpoint),
        parent_checkpoint=msgspec.convert(
            view["parent_checkpoint"], ProtocolCheckpoint | None
        ),
        interrupts=msgspec.convert(view["interrupts"], list[ProtocolInterrupt]),
    )


def _task(thread_id: str, task: Mapping[str, Any]) -> ProtocolTask:
    inner = task["state"]
    outer = {name: value for name, value in task.items() if name != "state"}
    made = msgspec.convert(outer, ProtocolTask)
    made.state = None if inner is None else _seen(thread_id, inner)
    return made


def _decoded(raw: Any) -> Any:
    return msgspec.json.decode(cast("msgspec.Raw", raw))
