"""What a graph does, told to whoever reads along while it does it.

A run's states are kept; this is not. Each part has the event name and the data that
clients of a LangGraph server know: ``updates``, ``messages``, ``custom``, ``tasks``,
``checkpoints``, ``debug``; of a graph within the graph the name is followed by where it
stands, as in ``updates|node:id``.

The pieces of a model's message come in two ways: ``messages-tuple`` gives each piece
with its metadata; ``messages`` gives the message as far as it has come, as
``messages/partial``, until it is ``messages/complete``.

Guarantees: nothing is made plain, or encoded, that nobody reads.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from langchain_core.messages import BaseMessageChunk, message_chunk_to_message

from weft.actors.context import ExecutionContext
from weft.integrations.langgraph_plain import plain

__all__ = ["Telling"]

MESSAGES: Final = "messages"
"""LangGraph's own mode, for both ways."""

PIECES: Final = "messages-tuple"

OF_ALL_GRAPHS: Final = frozenset({MESSAGES, "custom"})
"""Modes in which a graph within the graph speaks for the whole: a model's words are the
thread's, wherever the model is called."""


class Telling:
    """Tells what one run of a graph does.

    Args:
        context: the run's; it knows whether anybody reads along.
        wanted: what is told.
        subgraphs: tell it of graphs within the graph, too.

    Attributes:
        modes: the stream modes that LangGraph is to be asked for.
    """

    def __init__(
        self, context: ExecutionContext, wanted: Iterable[str], *, subgraphs: bool
    ) -> None:
        self._context = context
        self._wanted = frozenset(wanted)
        self._subgraphs = subgraphs
        self._messages: dict[str, Any] = {}
        named = (MESSAGES if name == PIECES else name for name in self._wanted)
        self.modes = sorted(set(named))

    def tell(self, namespace: Any, mode: str, data: Any) -> None:
        """Tell a part of what LangGraph streams, if somebody wants it.

        Args:
            namespace: of the graph within the graph; empty for the graph itself.
            mode: LangGraph's.
            data: as it streams it.
        """
        if "parts" not in self._context.wanted or not self._is_told(namespace, mode):
            return
        place = "|".join(("", *namespace)) if self._subgraphs else ""
        for name, part in self._parts(mode, data):
            event = {"event": f"{name}{place}", "data": plain(part)}
            self._context.emit(event, "parts")

    def _is_told(self, namespace: Any, mode: str) -> bool:
        if mode not in self.modes:
            return False
        if not namespace:
            return mode != "values"  # those are the states
        return self._subgraphs or mode in OF_ALL_GRAPHS

    def _parts(self, mode: str, data: Any) -> Iterator[tuple[str, Any]]:
        if mode != MESSAGES:
            yield mode, data
            return
        if PIECES in self._wanted:
            yield MESSAGES, data
        if MESSAGES in self._wanted:
            yield from self._grown(*data)

    def _grown(self, message: Any, metadata: Any) -> Iterator[tuple[str, Any]]:
        """Yield a message as far as it has come."""
        known = self._messages.get(message.id)
        is_piece = isinstance(message, BaseMessageChunk)
        if known is None:
            yield "messages/metadata", {message.id: {"metadata": metadata}}
        whole = known + message if known is not None and is_piece else message
        self._messages[message.id] = whole
        if isinstance(whole, BaseMessageChunk):
            yield "messages/partial", [message_chunk_to_message(whole)]
        else:
            yield "messages/complete", [whole]
