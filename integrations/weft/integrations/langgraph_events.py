"""What a graph does, in the words of the third version of LangGraph's protocol.

LangGraph itself makes these events: the blocks of a model's message, the calls of
tools, the life of graphs within the graph, and whatever the transformers say with which
a graph was compiled. Here they are asked for, and told to whoever reads along; the
values of the graph itself are the run's states, and not told again.

An event is told as ``v3/<method>``, followed by where it stands, as in
``v3/messages|node:id``; its data has the time in milliseconds, the ``data``, and the
``node`` where it is known.

Guarantees: nothing is made plain, or encoded, that nobody reads.
"""

import time
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, ClassVar, Final

from langchain_core._api import suppress_langchain_beta_warning
from langgraph.stream import StreamTransformer

from weft.actors.context import ExecutionContext
from weft.integrations.langgraph_plain import plain

__all__ = ["EVENTS", "EventTelling", "events_of", "events_of_async"]

EVENTS: Final = "v3"
"""What is told, in an order, to be told in these words."""

INTERRUPTS: Final = "__interrupt__"
"""Where the values of a graph have what it waits for."""

Part = tuple[tuple[str, ...], str, Any]
"""A namespace, a method, the data: as LangGraph streams in its own modes."""


def events_of(
    graph: Any, given: Any, config: Any, arguments: Mapping[str, Any]
) -> Iterator[Part]:
    """Run a graph and yield its events.

    Args:
        graph: compiled, with its checkpointer.
        given: its input.
        config: of LangGraph's.
        arguments: further ones of its ``stream``.
    """
    watch = _Watch()
    with suppress_langchain_beta_warning():
        run = graph.stream_events(given, config, **watch.asking, **arguments)
    with run:
        for event in run:
            yield from watch.parts(event)
    yield from watch.parts(None)


async def events_of_async(
    graph: Any, given: Any, config: Any, arguments: Mapping[str, Any]
) -> AsyncIterator[Part]:
    """Run a graph in the running event loop and yield its events."""
    watch = _Watch()
    with suppress_langchain_beta_warning():
        run = await graph.astream_events(given, config, **watch.asking, **arguments)
    async with run:
        async for event in run:
            for part in watch.parts(event):
                yield part
    for part in watch.parts(None):
        yield part


class EventTelling:
    """Tells the events of one run of a graph.

    Args:
        context: the run's; it knows whether anybody reads along.
    """

    def __init__(self, context: ExecutionContext) -> None:
        self._context = context

    def tell(self, namespace: tuple[str, ...], method: str, data: Any) -> None:
        """Tell an event, if somebody wants it.

        Args:
            namespace: of the graph within the graph; empty for the graph itself.
            method: the protocol's.
            data: as LangGraph has it.
        """
        if "parts" not in self._context.wanted or (
            method == "values" and not namespace
        ):
            return
        found = _told(method, data)
        if found is None:
            return
        method, data, node = found
        if method == "lifecycle":  # of a graph within: it says itself of which
            namespace = tuple(data.pop("namespace", namespace))
        about = {"timestamp": time.time_ns() // 1_000_000, "data": data, "node": node}
        name = "|".join((f"{EVENTS}/{method}", *namespace))
        self._context.emit({"event": name, "data": about}, "parts")


class _Watch:
    """Asks for the events of one run, also for those that LangGraph keeps to itself."""

    def __init__(self) -> None:
        self._tasks: deque[Part] = deque()
        self.asking = {"version": "v3", "transformers": [self._transformer]}

    def _transformer(self, scope: tuple[str, ...]) -> StreamTransformer:
        return _Tasks(scope, None if scope else self._tasks)

    def parts(self, event: Any) -> Iterator[Part]:
        """Yield the tasks that were seen since, then an event; None for the end."""
        while self._tasks:
            yield self._tasks.popleft()
        if event is not None:
            yield _part(event)


class _Tasks(StreamTransformer):
    """Sees the events of tasks before they are taken off the stream.

    Its modes are those that nobody else asks for.
    """

    required_stream_modes: ClassVar[tuple[str, ...]] = (
        "updates",
        "custom",
        "checkpoints",
        "tasks",
        "tools",
    )
    before_builtins: ClassVar[bool] = True

    def __init__(self, scope: tuple[str, ...], found: deque[Part] | None) -> None:
        super().__init__(scope)
        self._found = found

    def init(self) -> dict[str, Any]:
        """Return what it shows in the process of the run: nothing."""
        return {}

    def process(self, event: Any) -> bool:
        """Keep what a task did; let everything pass."""
        if self._found is not None and event["method"] == "tasks":
            self._found.append(_part(event))
        return True


def _part(event: Any) -> Part:
    params = event["params"]
    data = params["data"]
    if params.get("interrupts"):
        data = {**plain(data), INTERRUPTS: list(params["interrupts"])}
    return tuple(params["namespace"]), event["method"], data


def _told(method: str, data: Any) -> tuple[str, Any, str | None] | None:
    """Return what is told of an event: method, data, node; None for nothing."""
    node = None
    if method == "messages":
        message, metadata = data
        if not isinstance(message, dict):  # whole: the values have it
            return None
        data, node = message, (metadata or {}).get("langgraph_node")
    elif method == "updates":
        data = {name: update for name, update in data.items() if name != INTERRUPTS}
        if not data:
            return None
        node = next(iter(data)) if len(data) == 1 else None
    elif method == "checkpoints":
        data = _checkpoint(data)
    elif method.startswith("custom"):
        name = method.partition(":")[2]
        method, data = "custom", {**({"name": name} if name else {}), "payload": data}
    return method, plain(data), node


def _checkpoint(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return where a checkpoint stands; what it holds, the values tell."""
    metadata, parent = data["metadata"], data.get("parent_config")
    found = {
        "id": data["config"]["configurable"]["checkpoint_id"],
        "step": metadata.get("step"),
        "source": metadata.get("source"),
    }
    if parent is not None:
        found["parent_id"] = parent["configurable"]["checkpoint_id"]
    return found
