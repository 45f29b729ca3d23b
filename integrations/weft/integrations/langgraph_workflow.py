"""A compiled LangGraph graph as a workflow of Weft's.

::

    workflows = {"chat": graph_workflow(graph)}
    with Runtime.open("./weft-data", workflows=workflows) as runtime:
        notes = runtime.session("alice").create_thread("notes", workflow="chat").get()
        notes.run({"input": {"messages": ["hello"]}}).get(timeout=60)

The thread is the graph's thread, its checkpoints lie in the runtime's store. A run's
config is an *order* (:class:`Order`) if it has ``input``, ``resume`` or another of its
fields; else it is the graph's input.

Guarantees:
    * a step of the graph begins after the checkpoint before it is durable;
    * a run whose process died goes on behind its last checkpoint; tasks of a step that
      had ended are not repeated;
    * a write of a run that was superseded, or whose thread was removed, is refused;
    * a graph that waits for somebody ends its run as ``interrupted``; the next run
      goes on with ``{"resume": answer}``.

What the graph streams are the run's states; by default the values after each step.
"""

import asyncio
import contextlib
from collections.abc import Generator, Iterator, Mapping
from inspect import get_annotations
from typing import Any, Final, cast

import msgspec
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.pregel import Pregel
from langgraph.types import StateSnapshot

from weft.actors.context import ExecutionContext, Stored
from weft.actors.workflow import Workflow
from weft.integrations.langgraph_events import (
    EVENTS,
    INTERRUPTS,
    EventTelling,
    events_of,
    events_of_async,
)
from weft.integrations.langgraph_plain import plain
from weft.integrations.langgraph_run_saver import RunSaver
from weft.integrations.langgraph_states import GraphStates
from weft.integrations.langgraph_store import WeftStore
from weft.integrations.langgraph_telling import Telling
from weft.integrations.langgraph_translation import command_of, run_config
from weft.storage import (
    Checkpoint,
    CheckpointReader,
    InvalidArgument,
    RunInterrupted,
)
from weft.storage.ids import check_name
from weft.storage.operations import encode_value
from weft.storage.retention import HISTORY_KEY

__all__ = ["GraphWaits", "Order", "adapt", "graph_workflow"]

_Steps = Generator[Any, None, Any]


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a run of a graph is asked for.

    Attributes:
        input: for the graph; None goes on where it stands.
        resume: the answer to an interrupt, or answers by interrupt id.
        update: to the graph's state, with a resumption or a jump.
        goto: the node, or nodes, to go on with.
        checkpoint_id: begin there instead: a fork.
        stream_mode: what becomes a state, one of LangGraph's modes or several; with
            any given, a state is ``{"mode", "data"}``, and ``"namespace"`` if asked.
        subgraphs: stream what graphs within the graph do as well.
        tell: what is told to whoever reads along and not kept, by the names of
            :mod:`weft.integrations.langgraph_telling`; ``v3`` for all of it, in the
            words of :mod:`weft.integrations.langgraph_events`.
        tell_subgraphs: tell it of graphs within the graph as well.
        durability: LangGraph's ``sync``, ``async`` or ``exit``.
        interrupt_before: nodes to stop before; ``"*"`` for all.
        interrupt_after: nodes to stop after.
        recursion_limit: how many steps at the most; LangGraph's default if None.
        context: the graph's static context; None for what ``configurable`` has of it.
        configurable: more for LangGraph's ``configurable``.
        metadata: for the checkpoints.
        tags: for tracing.
    """

    input: Any = None
    resume: Any = None
    update: Any = None
    goto: Any = None
    checkpoint_id: str | None = None
    stream_mode: str | list[str] | None = None
    subgraphs: bool = False
    tell: list[str] = []
    tell_subgraphs: bool = False
    durability: str = "sync"
    interrupt_before: str | list[str] | None = None
    interrupt_after: str | list[str] | None = None
    recursion_limit: int | None = None
    context: Any = None
    configurable: dict[str, Any] = {}
    metadata: dict[str, Any] = {}
    tags: list[str] = []

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> "Order":
        """Return the order that a run's config is.

        Raises:
            InvalidArgument: it is one, with a field that is none or of another type.
        """
        config = {key: value for key, value in config.items() if key != HISTORY_KEY}
        if not config.keys() & _FIELDS:
            return cls(input=dict(config) or None)
        try:
            return msgspec.convert(config, cls)
        except msgspec.ValidationError as error:
            raise InvalidArgument(
                f"The config is no order for a graph: {error}.", cause=error
            ) from error

    @property
    def graph_input(self) -> Any:
        """What LangGraph takes as input: data, a command, or None to go on."""
        if self.resume is None and self.update is None and self.goto is None:
            return self.input
        return command_of(self.resume, self.update, self.goto)

    @property
    def states_are_checkpoints(self) -> bool:
        """Whether each state is what the checkpoint before it holds."""
        return self.durability == "sync" and not (self.modes or self.subgraphs)

    @property
    def modes(self) -> list[str]:
        """The stream modes asked for; none for the values alone."""
        mode = self.stream_mode
        return [mode] if isinstance(mode, str) else list(mode or ())


_FIELDS: Final = frozenset(Order.__struct_fields__)


def graph_workflow(
    graph: Any,
    *,
    name: str | None = None,
    version: str = "1",
    serde: SerializerProtocol | None = None,
    run_async: bool | None = None,
) -> Workflow:
    """Make a compiled graph a workflow.

    Args:
        graph: compiled; a checkpointer it was compiled with is not used in a run. Its
            nodes have the runtime's items as ``runtime.store``, unless it was compiled
            with a store of its own.
        name: what threads call it by; the graph's own name if omitted.
        version: told to every run.
        serde: of the checkpoints; LangGraph's default if omitted.
        run_async: run it in an event loop; found out if omitted: whether a node has
            only an ``async def``.
    """
    in_loop = _needs_loop(graph) if run_async is None else run_async

    def run(context: ExecutionContext, config: dict[str, Any]) -> _Steps:
        if context.store is None:
            raise InvalidArgument("A graph runs as a workflow in a runtime only.")
        order = Order.of(config)
        saver = RunSaver(
            context.store, graph, serde, brings_states=order.states_are_checkpoints
        )
        own = WeftStore(context.store) if graph.store is None else graph.store
        bound = graph.copy({"checkpointer": saver, "store": own})
        return _Run(bound, saver, context, order, in_loop).steps()

    return Workflow(
        check_name(name or graph.name, "workflow name"),
        version,
        run,
        takes_order=True,
        keeper=GraphStates(graph, serde),
    )


def adapt(given: object) -> Workflow | None:
    """Return the workflow of a compiled graph, None for anything else."""
    return graph_workflow(given) if isinstance(given, Pregel) else None


class GraphWaits(RunInterrupted):
    """The graph stands before a node: somebody is to answer, or to have it go on."""


class _Run:
    """One run of a graph on its way."""

    def __init__(
        self,
        graph: Any,
        saver: RunSaver,
        context: ExecutionContext,
        order: Order,
        in_loop: bool,
    ) -> None:
        self._graph = graph
        self._saver = saver
        self._context = context
        self._order = order
        self._in_loop = in_loop

    def steps(self) -> _Steps:
        """Yield what the graph streams; return its values at the end.

        Raises:
            GraphWaits: it waits for somebody, or stops where it was asked to.
        """
        config, order = self._config(), self._order
        last: Any = None
        told: Telling | EventTelling
        if EVENTS in order.tell:
            told, parts = EventTelling(self._context), self._events(config)
        else:
            told = Telling(self._context, order.tell, subgraphs=order.tell_subgraphs)
            parts = self._stream(config, told.modes)
        for namespace, mode, data in parts:
            told.tell(namespace, mode, data)
            if mode == "values" and not namespace:
                last = plain(data)
                if isinstance(last, dict) and INTERRUPTS in last:
                    continue  # it tells of one task; what all wait for comes below
            if self._is_wanted(mode, namespace):
                yield self._state(namespace, mode, data)
        now = self._latest_state()
        if not now.next:
            return last
        waiting = plain(now.interrupts)
        if waiting and self._is_wanted("values", ()):
            values = last if isinstance(last, dict) else {}
            yield self._state((), "values", {**values, INTERRUPTS: waiting})
        raise GraphWaits(
            "The graph waits; its last state says for what.",
            thread_id=self._context.thread_id,
            details={"interrupts": waiting},
        )

    def _config(self) -> RunnableConfig:
        order, config = self._order, run_config(self._context)
        config["configurable"] = order.configurable | config.get("configurable", {})
        config["metadata"] = order.metadata | config.get("metadata", {})
        config["tags"] = order.tags
        if order.recursion_limit is not None:
            config["recursion_limit"] = order.recursion_limit
        if order.checkpoint_id is not None and not self._has_begun():
            config["configurable"]["checkpoint_id"] = order.checkpoint_id
        return config

    def _latest(self) -> Checkpoint | None:
        store = self._context.store
        if store is None:
            return None
        with store.read() as snapshot:
            return CheckpointReader(snapshot).checkpoint(self._context.thread_id)

    def _has_begun(self) -> bool:
        """Whether an earlier attempt of this very run has come to a checkpoint."""
        latest = self._latest() if self._context.attempt > 1 else None
        return latest is not None and latest.run_id == self._context.run_id

    def _stream(
        self, config: RunnableConfig, told: list[str]
    ) -> Iterator[tuple[Any, str, Any]]:
        order = self._order
        arguments: dict[str, Any] = {
            "stream_mode": [*dict.fromkeys([*order.modes, *told, "values"])],
            "subgraphs": True,
            **self._arguments,
        }
        given = None if self._has_begun() else order.graph_input
        if self._in_loop:
            stream = self._graph.astream(given, config, **arguments)
            return _in_a_loop(stream, self._context)
        return cast(
            "Iterator[tuple[Any, str, Any]]",
            self._graph.stream(given, config, **arguments),
        )

    def _events(self, config: RunnableConfig) -> Iterator[tuple[Any, str, Any]]:
        given = None if self._has_begun() else self._order.graph_input
        if self._in_loop:
            stream = events_of_async(self._graph, given, config, self._arguments)
            return _in_a_loop(stream, self._context)
        return events_of(self._graph, given, config, self._arguments)

    @property
    def _arguments(self) -> dict[str, Any]:
        order = self._order
        return {
            "durability": order.durability,
            "interrupt_before": order.interrupt_before,
            "interrupt_after": order.interrupt_after,
            "context": self._static_context,
        }

    @property
    def _static_context(self) -> Any:
        """The context; of what is configured, what the graph has a name for."""
        schema, given = self._graph.context_schema, self._order.configurable
        if self._order.context is not None or schema is None:
            return self._order.context
        known = {name for kind in schema.__mro__ for name in get_annotations(kind)}
        return {key: given[key] for key in given if key in known} or None

    def _is_wanted(self, mode: str, namespace: Any) -> bool:
        if namespace and not self._order.subgraphs:
            # Tokens of a model within a subgraph are the graph's all the same.
            return mode in {"messages", "custom"} and mode in self._order.modes
        return mode in (self._order.modes or ["values"])

    def _state(self, namespace: Any, mode: str, data: Any) -> Any:
        if not self._order.modes and not self._order.subgraphs:
            encoded = encode_value(plain(data), "what the graph streams")
            return Stored(encoded) if self._saver.take(encoded) else plain(data)
        state = {"mode": mode, "data": plain(data)}
        if self._order.subgraphs:
            state["namespace"] = list(namespace)
        return state

    def _latest_state(self) -> StateSnapshot:
        """Return where the graph stands; at its end nothing is next."""
        here = {"configurable": {"thread_id": self._context.thread_id}}
        found: StateSnapshot = self._graph.get_state(here)
        return found


def _needs_loop(graph: Any) -> bool:
    """Whether a node, also of a graph within, has only an ``async def``."""
    for node in graph.nodes.values():
        bound = node.bound
        has_only_async = getattr(bound, "func", ...) is None
        if has_only_async and getattr(bound, "afunc", None) is not None:
            return True
    return any(_needs_loop(inner) for _, inner in graph.get_subgraphs())


def _in_a_loop(stream: Any, context: ExecutionContext) -> Iterator[Any]:
    """Yield what an async generator yields, run by an event loop of its own.

    The loop stands still between two states, while the one before becomes durable. A
    node that awaits something is cancelled there when the run is.

    Raises:
        RunInterrupted: the run was asked to stop.
    """
    loop = asyncio.new_event_loop()
    try:
        while True:
            try:
                item = loop.run_until_complete(_next_of(stream, context))
            except StopAsyncIteration:
                return
            yield item
    finally:
        loop.run_until_complete(stream.aclose())
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


async def _next_of(stream: Any, context: ExecutionContext) -> Any:
    """Return what an async generator yields next, unless the run is to stop."""
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert task is not None  # noqa: S101 - a loop runs it

    def stop() -> None:
        with contextlib.suppress(RuntimeError):  # the loop may have been closed
            loop.call_soon_threadsafe(task.cancel)

    context.on_cancel = stop
    try:
        if context.cancelled:  # before anybody could be told
            raise RunInterrupted(thread_id=context.thread_id)
        return await anext(stream)
    except asyncio.CancelledError as error:
        if not context.cancelled:  # the graph's own doing
            raise
        raise RunInterrupted(thread_id=context.thread_id) from error
    finally:
        context.on_cancel = None
