"""A saver that writes nothing: what a graph would save becomes operations.

LangGraph's update by hand saves a checkpoint and several writes, one after the other.
Drafted, they are put into one transaction, together with whatever else belongs to it,
such as the creation of their thread.

Guarantees: the store is only read; what was drafted is read back as if it were stored.
"""

from collections.abc import Sequence
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
)
from langgraph.checkpoint.serde.base import SerializerProtocol
from msgspec.structs import replace

from weft.integrations.langgraph_saver import WeftSaver
from weft.integrations.langgraph_translation import config_of, place_of
from weft.storage import Operation, PutCheckpoint, Store

__all__ = ["DraftSaver"]


class DraftSaver(WeftSaver):
    """Collects what a graph saves.

    Args:
        store: what was saved before.
        serde: LangGraph's serializer.

    Attributes:
        operations: what was saved here, in order.
    """

    def __init__(self, store: Store, serde: SerializerProtocol | None) -> None:
        super().__init__(store, serde=serde)
        self.operations: list[Operation] = []
        self._drafted: dict[tuple[str, str], CheckpointTuple] = {}

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Return a checkpoint, drafted or stored."""
        place = place_of(config)
        if place.checkpoint_id is not None:
            drafted = self._drafted.get((place.namespace, place.checkpoint_id))
        else:
            ids = [key for key in self._drafted if key[0] == place.namespace]
            drafted = self._drafted[max(ids)] if ids else None
        return super().get_tuple(config) if drafted is None else drafted

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Draft a checkpoint."""
        operation = self._checkpoint(config, checkpoint, metadata, new_versions)
        self.operations.append(replace(operation, session_id=None))
        place = (operation.checkpoint_ns, operation.checkpoint_id)
        at = config_of(operation.thread_id, *place)
        parent = None
        if operation.parent_id is not None:
            parent = config_of(operation.thread_id, place[0], operation.parent_id)
        self._drafted[place] = CheckpointTuple(at, checkpoint, metadata, parent, [])
        return at

    def put_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        """Draft what a task has done."""
        if not writes:
            return
        operation = self._writes(config, writes, task_id, task_path)
        self.operations.append(replace(operation, session_id=None))
        drafted = self._drafted.get((operation.checkpoint_ns, operation.checkpoint_id))
        if drafted is not None and drafted.pending_writes is not None:
            drafted.pending_writes.extend((task_id, *write) for write in writes)

    def bring(self, state_id: str, state: Any) -> None:
        """Have the graph's last checkpoint append a state of the thread.

        Args:
            state_id: the state's id.
            state: what it holds, encoded.
        """
        for index in reversed(range(len(self.operations))):
            operation = self.operations[index]
            if isinstance(operation, PutCheckpoint) and not operation.checkpoint_ns:
                made = replace(operation, state_id=state_id, state=state)
                self.operations[index] = made
                return
