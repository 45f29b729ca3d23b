"""The saver of one run of a graph: a checkpoint and the run's state are one write.

After each step a graph has a checkpoint, and the run that executes it a state, the
values that callers and streams see. Written one after the other, a crash between the
two would leave them apart, and each would cost a flush.

Guarantees: the state that a checkpoint brings along is appended in its transaction,
under the same fence.
"""

from typing import Any, Final

import msgspec
from langgraph.channels import BinaryOperatorAggregate, LastValue
from langgraph.checkpoint.serde.base import SerializerProtocol
from msgspec.structs import replace

from weft.integrations.langgraph_plain import plain
from weft.integrations.langgraph_saver import WeftSaver
from weft.storage import PutCheckpoint, Store, new_id
from weft.storage.operations import encode_value

__all__ = ["RunSaver"]

_AS_STORED: Final = (LastValue, BinaryOperatorAggregate)
"""Channels whose value in a checkpoint is the one that the graph shows. A delta
channel's is a part of it."""


class RunSaver(WeftSaver):
    """Saves one run's checkpoints, with its states where it can.

    Args:
        store: the runtime's.
        graph: what is run.
        brings_states: append the graph's values as the run's states.
        serde: LangGraph's serializer.

    Attributes:
        state: the last state that was stored and is still to be shown, encoded.
    """

    def __init__(
        self,
        store: Store,
        graph: Any,
        serde: SerializerProtocol | None,
        *,
        brings_states: bool,
    ) -> None:
        super().__init__(store, serde=serde)
        self.state: msgspec.Raw | None = None
        self._shown = graph.stream_channels_asis
        names = [self._shown] if isinstance(self._shown, str) else self._shown
        channels = {name: graph.channels[name] for name in names}
        known = all(type(channel) in _AS_STORED for channel in channels.values())
        self._brings_states = brings_states and known
        # A checkpoint leaves out what no node has written; the graph shows it, empty.
        self._unwritten = {
            name: channel.get()
            for name, channel in channels.items()
            if channel.is_available()
        }

    def take(self, encoded: msgspec.Raw) -> bool:
        """Whether a state that is to be shown is the one that was stored last."""
        is_stored = encoded == self.state
        if is_stored:
            self.state = None
        return is_stored

    def _checkpoint(self, *about: Any) -> PutCheckpoint:
        operation = super()._checkpoint(*about)
        _, checkpoint, metadata, _ = about
        is_step = metadata.get("source") == "loop" and not operation.checkpoint_ns
        if not (is_step and self._brings_states):
            return operation
        self.state = encode_value(plain(self._values(checkpoint["channel_values"])))
        return replace(operation, state_id=new_id(), state=self.state)

    def _values(self, written: dict[str, Any]) -> Any:
        channels = self._unwritten | written
        if isinstance(self._shown, str):
            return channels.get(self._shown)
        return {name: channels[name] for name in self._shown if name in channels}
