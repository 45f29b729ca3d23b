"""The states of a graph's threads, for whoever shows or changes them by hand.

The keeper of a :class:`~weft.actors.Workflow` made of a compiled graph: what LangGraph
says of a checkpoint becomes plain data, and an update by hand becomes operations.

Guarantees: reading writes nothing, and neither does planning; the values in a view are
those that a run's states have.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.errors import InvalidUpdateError
from langgraph.types import Interrupt, PregelTask, StateSnapshot, StateUpdate
from pydantic import TypeAdapter, create_model

from weft.actors.state_keeper import View
from weft.integrations.langgraph_draft import DraftSaver
from weft.integrations.langgraph_plain import plain
from weft.integrations.langgraph_saver import WeftSaver
from weft.integrations.langgraph_translation import command_of
from weft.storage import InvalidArgument, Operation, Store, UpdateThread, new_id
from weft.storage.operations import encode_value

__all__ = ["GraphStates"]

_WRONG: Final = (InvalidUpdateError, TypeError, ValueError, LookupError)
"""What LangGraph, its reducers and its models raise of an update that does not fit."""

_NO_SCHEMA: Final = (AttributeError, RuntimeError, TypeError, ValueError)
"""What Pydantic raises of a type that no JSON schema can describe."""


class GraphStates:
    """Reads and plans the states of a graph's threads.

    Args:
        graph: compiled.
        serde: of the checkpoints; LangGraph's default if omitted.
    """

    def __init__(self, graph: Any, serde: SerializerProtocol | None = None) -> None:
        self._graph = graph
        self._serde = serde

    def state(
        self,
        store: Store,
        thread_id: str,
        checkpoint: Mapping[str, Any] | None = None,
        *,
        subgraphs: bool = False,
    ) -> View | None:
        """Return the view of a state, None for one that is not there."""
        at = _config(thread_id, checkpoint)
        found = self._on(WeftSaver(store, serde=self._serde)).get_state(
            at, subgraphs=subgraphs
        )
        return None if found.created_at is None else _view(found)

    def history(
        self,
        store: Store,
        thread_id: str,
        checkpoint: Mapping[str, Any] | None = None,
        *,
        limit: int,
        before: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> list[View]:
        """Return the views of states, newest first."""
        graph = self._on(WeftSaver(store, serde=self._serde))
        found = graph.get_state_history(
            _config(thread_id, checkpoint),
            filter=dict(metadata) if metadata else None,
            before=None if before is None else _config(thread_id, before),
            limit=limit,
        )
        return [_view(snapshot) for snapshot in found]

    def update(
        self,
        store: Store,
        thread_id: str,
        checkpoint: Mapping[str, Any] | None,
        supersteps: Sequence[Sequence[Mapping[str, Any]]],
    ) -> tuple[list[Operation], dict[str, Any]]:
        """Plan an update by hand; nothing is written.

        Raises:
            InvalidArgument: the graph takes no such update.
        """
        saver = DraftSaver(store, self._serde)
        graph = self._on(saver)
        steps = [[_update(update) for update in step] for step in supersteps]
        try:
            made = graph.bulk_update_state(_config(thread_id, checkpoint), steps)
            now = graph.get_state(_config(thread_id, None))
        except _WRONG as error:
            raise InvalidArgument(
                f"The graph takes no such update: {error}.",
                thread_id=thread_id,
                cause=error,
            ) from error
        saver.bring(new_id(), encode_value(plain(now.values), "the graph's values"))
        status: Literal["idle", "interrupted"] = "interrupted" if now.next else "idle"
        changed = UpdateThread(thread_id=thread_id, status=status)
        return [*saver.operations, changed], _checkpoint(made)

    def schemas(self) -> dict[str, Any]:
        """Return JSON schemas, None where there is none."""
        graph = self._graph
        return {
            "input_schema": _schema(graph.get_input_jsonschema),
            "output_schema": _schema(graph.get_output_jsonschema),
            "state_schema": _schema(
                lambda: TypeAdapter(graph.builder.state_schema).json_schema()
            )
            or _schema(lambda: _schema_of_channels(graph)),
            "config_schema": None,
            "context_schema": _schema(graph.get_context_jsonschema),
        }

    def graph(self, depth: int) -> dict[str, Any]:
        """Return ``nodes`` and ``edges``."""
        drawn: dict[str, Any] = plain(self._graph.get_graph(xray=depth).to_json())
        return drawn

    def subgraphs(self, namespace: str | None, *, recurse: bool) -> dict[str, Any]:
        """Return the schemas of the graphs within, by namespace."""
        found = self._graph.get_subgraphs(namespace=namespace, recurse=recurse)
        return {name: GraphStates(graph).schemas() for name, graph in found}

    def _on(self, saver: WeftSaver) -> Any:
        return self._graph.copy({"checkpointer": saver})


def _config(thread_id: str, checkpoint: Mapping[str, Any] | None) -> RunnableConfig:
    given = checkpoint or {}
    configurable = {"thread_id": thread_id}
    for name in ("checkpoint_ns", "checkpoint_id", "checkpoint_map"):
        if given.get(name):
            configurable[name] = given[name]
    configurable.setdefault("checkpoint_ns", "")
    return {"configurable": configurable}


def _update(given: Mapping[str, Any]) -> StateUpdate:
    command = given.get("command")
    values: Any = given.get("values")
    if command is not None:
        values = command_of(*(command.get(key) for key in ("resume", "update", "goto")))
    return StateUpdate(values, given.get("as_node"))


def _view(snapshot: StateSnapshot) -> View:
    return {
        "values": plain(snapshot.values),
        "next": list(snapshot.next),
        "tasks": [_task(task) for task in snapshot.tasks],
        "metadata": plain(snapshot.metadata or {}),
        "created_at": snapshot.created_at,
        "checkpoint": _checkpoint(snapshot.config),
        "parent_checkpoint": None
        if snapshot.parent_config is None
        else _checkpoint(snapshot.parent_config),
        "interrupts": [_interrupt(each) for each in snapshot.interrupts],
    }


def _task(task: PregelTask) -> dict[str, Any]:
    inner = task.state
    is_snapshot = isinstance(inner, StateSnapshot)
    at = inner.config if isinstance(inner, StateSnapshot) else inner
    return {
        "id": task.id,
        "name": task.name,
        "path": plain(task.path),
        "error": None if task.error is None else str(task.error),
        "interrupts": [_interrupt(each) for each in task.interrupts],
        "checkpoint": None if at is None else _checkpoint(at),
        "state": _view(inner) if is_snapshot else None,  # type: ignore[arg-type]
        "result": plain(task.result),
    }


def _interrupt(interrupt: Interrupt) -> dict[str, Any]:
    return {"value": plain(interrupt.value), "id": interrupt.id}


def _checkpoint(config: Mapping[str, Any]) -> dict[str, Any]:
    configurable = config["configurable"]
    return {
        "thread_id": configurable["thread_id"],
        "checkpoint_ns": configurable.get("checkpoint_ns") or "",
        "checkpoint_id": configurable.get("checkpoint_id"),
        "checkpoint_map": configurable.get("checkpoint_map"),
    }


def _schema_of_channels(graph: Any) -> dict[str, Any]:
    """Return the schema of a state whose type Pydantic does not take.

    Before Python 3.12 it does not take a ``typing.TypedDict``.
    """
    kinds = {
        name: graph.channels[name].UpdateType for name in graph.stream_channels_list
    }
    fields: dict[str, Any] = {name: (kind, None) for name, kind in kinds.items()}
    model = create_model(graph.builder.state_schema.__name__, **fields)
    schema: dict[str, Any] = model.model_json_schema()
    return schema


def _schema(make: Callable[[], dict[str, Any]]) -> dict[str, Any] | None:
    try:
        return make()
    except _NO_SCHEMA:
        return None
