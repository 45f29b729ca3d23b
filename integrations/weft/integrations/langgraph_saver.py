"""LangGraph checkpoints in Weft's store: durable, fenced, gone with their thread.

::

    with WeftSaver.open("./weft-data") as saver:
        graph = builder.compile(checkpointer=saver)
        graph.invoke(inputs, {"configurable": {"thread_id": "1"}})

Guarantees, beyond LangGraph's contract for savers:
    * a put that has returned is fsynced;
    * a deleted thread stays deleted: a late write raises ThreadNotFound while the
      tombstone lives, :meth:`WeftSaver.create_thread` begins a new life;
    * a run that another one has followed on its thread cannot write any more: it gets
      StaleRevision. A fork, which is a new run upon an older checkpoint, is legal;
    * each version of a channel is stored once;
    * concurrent callers share a flush.

Who writes is told by ``configurable``, or by the config's metadata: ``run_id``, the
run as LangGraph and its server know it; ``weft_rev``, which the thread's ``rev`` has to
be (:meth:`WeftSaver.rev`). A config that names neither is fenced by the thread's life
alone.

Not here: running graphs as workflows (:mod:`weft.integrations.langgraph_workflow`).
"""

import os
import random
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, Final, Self

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
)
from langgraph.checkpoint.serde.base import SerializerProtocol

from weft.integrations.desk import TIMEOUT_S, AtDesk, Desk
from weft.integrations.langgraph_listing import Listing
from weft.integrations.langgraph_threads import Threads
from weft.integrations.langgraph_translation import (
    checkpoint_of,
    config_of,
    place_of,
    tuple_of,
    writes_of,
)
from weft.storage import CheckpointReader, PutCheckpoint, Store
from weft.storage.ids import check_id

__all__ = ["SESSION_ID", "WeftSaver"]

SESSION_ID: Final = "langgraph"
"""The session that owns threads which began with a checkpoint."""


class WeftSaver(AtDesk, Threads, BaseCheckpointSaver[str]):
    """Saves checkpoints of LangGraph graphs in a Weft store.

    Sync and async; any number of OS threads and tasks may share one.

    Args:
        store: an open store, or a runtime, whose store it is then. It stays open.
        session_id: who owns threads that begin with a checkpoint; created if missing.
        serde: LangGraph's serializer; its default if omitted.
        timeout_s: how long a write may take, in seconds.
    """

    def __init__(
        self,
        store: Store | Any,
        *,
        session_id: str = SESSION_ID,
        serde: SerializerProtocol | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        super().__init__(serde=serde)
        self.session_id = check_id(session_id, "session id")
        self._desk = Desk(getattr(store, "store", store), timeout_s)

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        session_id: str = SESSION_ID,
        serde: SerializerProtocol | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> Self:
        """Open or create the store in a directory; it is closed with the saver.

        Args:
            path: the data directory; created if it is missing, an empty one is taken.
            session_id: as for the class.
            serde: as for the class.
            timeout_s: as for the class.

        Raises:
            StoreLocked: another process has it open.
            StoreCorrupt: it is not a store.
        """
        desk = Desk.open(path, timeout_s)
        saver = cls(desk.store, session_id=session_id, serde=serde, timeout_s=timeout_s)
        saver._desk = desk
        return saver

    # Reading

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Return a checkpoint with its writes: the one the config names, or the newest.

        Args:
            config: names thread, namespace and perhaps a checkpoint.
        """
        place = place_of(config)
        with self._desk.store.read() as snapshot:
            reader = CheckpointReader(snapshot)
            stored = reader.checkpoint(
                place.thread_id, place.namespace, place.checkpoint_id
            )
            return None if stored is None else tuple_of(reader, stored, self.serde)

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002 - LangGraph's name
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        """Yield checkpoints, newest first within a thread and namespace.

        Args:
            config: names the thread, and perhaps a namespace or a checkpoint; None for
                all threads, one after the other.
            filter: what their metadata must have.
            before: only checkpoints older than the one it names.
            limit: how many at the most.
        """
        place = None if config is None else place_of(config)
        before_id = (before or {}).get("configurable", {}).get("checkpoint_id")
        listing = Listing(self._desk.store, self.serde, filter or {}, before_id)
        return listing.tuples(place, limit)

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Do as :meth:`get_tuple`; the read takes microseconds and is made at once."""
        return self.get_tuple(config)

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002 - LangGraph's name
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """Do as :meth:`list`."""
        for found in self.list(config, filter=filter, before=before, limit=limit):
            yield found

    def rev(self, thread_id: str) -> int | None:
        """Return a live thread's ``rev``, for ``configurable["weft_rev"]``."""
        with self._desk.store.read() as snapshot:
            thread = snapshot.thread(check_id(thread_id, "thread id"))
        return None if thread is None else thread.rev

    # Writing

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Store a checkpoint; a thread that never lived is created.

        Args:
            config: names thread and namespace; its checkpoint is the parent.
            checkpoint: what is stored.
            metadata: about it.
            new_versions: the channels whose values are new in it.

        Returns:
            the config that points at it.

        Raises:
            ThreadNotFound: the thread was removed.
            StaleRevision: the run was superseded, or the thread has another ``rev``.
            ThreadBusy: a run of Weft's is in progress on the thread.
        """
        operation = self._checkpoint(config, checkpoint, metadata, new_versions)
        self._desk.apply(operation)
        return _stored_at(operation)

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Do as :meth:`put`."""
        operation = self._checkpoint(config, checkpoint, metadata, new_versions)
        await self._desk.aapply(operation)
        return _stored_at(operation)

    def put_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        """Store what a task has done on top of a checkpoint.

        Args:
            config: names the checkpoint.
            writes: channel and value of each.
            task_id: whose.
            task_path: where the task stands in its step.

        Raises:
            SessionThreadException: as :meth:`put`.
        """
        if writes:
            self._desk.apply(self._writes(config, writes, task_id, task_path))

    async def aput_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        """Do as :meth:`put_writes`."""
        if writes:
            await self._desk.aapply(self._writes(config, writes, task_id, task_path))

    def _checkpoint(self, *about: Any) -> PutCheckpoint:
        return checkpoint_of(*about, serde=self.serde, session_id=self.session_id)

    def _writes(self, *about: Any) -> Any:
        return writes_of(*about, serde=self.serde, session_id=self.session_id)

    def get_next_version(self, current: str | None, channel: None) -> str:  # noqa: ARG002
        """Return a channel's next version: a number, and chance behind it.

        Two forks of a checkpoint give a channel different values; by number alone both
        would be one version.
        """
        number = 0 if current is None else int(str(current).partition(".")[0])
        return f"{number + 1:032}.{random.getrandbits(53):016}"


def _stored_at(operation: Any) -> RunnableConfig:
    return config_of(
        operation.thread_id, operation.checkpoint_ns, operation.checkpoint_id
    )
