"""Between LangGraph's words and the store's: no I/O, no state.

LangGraph hands a saver nested dicts and a *config*, which says where a checkpoint
belongs and, if anybody cares, who writes it; see :class:`Writes`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import msgspec
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    ChannelVersions,
    CheckpointMetadata,
    CheckpointTuple,
    get_checkpoint_id,
    get_checkpoint_metadata,
)
from langgraph.checkpoint.base import Checkpoint as GraphCheckpoint
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.types import Command, Send

from weft.actors.context import ExecutionContext
from weft.integrations.desk import stamp
from weft.storage import (
    Checkpoint,
    CheckpointReader,
    InvalidArgument,
    NewValue,
    NewWrite,
    PutCheckpoint,
    PutWrites,
)
from weft.storage.ids import check_id

__all__ = [
    "ATTEMPT_KEY",
    "REV_KEY",
    "Place",
    "checkpoint_of",
    "command_of",
    "config_of",
    "place_of",
    "run_config",
    "tuple_of",
    "writes_of",
]

ATTEMPT_KEY: Final = "__weft_attempt"
"""In ``configurable``: the attempt of a run of Weft's own. The underscores keep it out
of the checkpoint's metadata."""

REV_KEY: Final = "weft_rev"
"""In ``configurable``: the ``rev`` that the thread must have."""

_COUNTERS: Final = "counters_since_delta_snapshot"
"""In a checkpoint's metadata: LangGraph's delta channels, by name."""


class Place(msgspec.Struct, frozen=True):
    """Where a config points.

    Attributes:
        checkpoint_ns: None where the config leaves it open.
        checkpoint_id: None for the newest.
    """

    thread_id: str
    checkpoint_ns: str | None
    checkpoint_id: str | None

    @property
    def namespace(self) -> str:
        """The namespace, the graph's own where it is left open."""
        return self.checkpoint_ns or ""


def place_of(config: RunnableConfig) -> Place:
    """Return where a config points.

    Raises:
        InvalidArgument: it names no thread, or an id is not acceptable.
    """
    configurable = config.get("configurable") or {}
    if "thread_id" not in configurable:
        raise InvalidArgument("A config needs configurable.thread_id for a checkpoint.")
    checkpoint_id = get_checkpoint_id(config)
    return Place(
        check_id(str(configurable["thread_id"]), "thread id"),
        configurable.get("checkpoint_ns"),
        check_id(checkpoint_id, "checkpoint id") if checkpoint_id else None,
    )


def command_of(resume: Any, update: Any, goto: Any) -> Command[Any]:
    """Return the command that plain data say.

    Args:
        resume: the answer to an interrupt, or answers by interrupt id.
        update: a mapping, or pairs of a name and a value.
        goto: a node's name, ``{"node", "input"}`` to send it an input of its own, or a
            list of these.
    """
    if isinstance(update, list):  # JSON and MessagePack have no tuples
        update = [tuple(pair) if isinstance(pair, list) else pair for pair in update]
    targets = goto if isinstance(goto, list) else [goto] if goto else []
    return Command(resume=resume, update=update, goto=[_sent(each) for each in targets])


def _sent(target: Any) -> Any:
    if isinstance(target, Mapping) and "node" in target:
        return Send(target["node"], target.get("input"))
    return target


def checkpoint_of(
    config: RunnableConfig,
    checkpoint: GraphCheckpoint,
    metadata: CheckpointMetadata,
    new_versions: ChannelVersions,
    *,
    serde: SerializerProtocol,
    session_id: str,
) -> PutCheckpoint:
    """Return the operation that stores a checkpoint."""
    place = place_of(config)
    rest: dict[str, Any] = {**checkpoint}
    values = rest.pop("channel_values")
    versions = rest.pop("channel_versions")
    full_metadata = get_checkpoint_metadata(config, metadata)
    return PutCheckpoint(
        **stamp(),
        **_writer_of(config, full_metadata),
        thread_id=place.thread_id,
        session_id=session_id,
        checkpoint_ns=place.namespace,
        checkpoint_id=check_id(checkpoint["id"], "checkpoint id"),
        parent_id=place.checkpoint_id,
        versions=versions,
        data=serde.dumps_typed(rest),
        metadata=serde.dumps_typed(full_metadata),
        deltas=tuple(metadata.get(_COUNTERS) or ()),
        values=tuple(
            NewValue(channel, version, serde.dumps_typed(values[channel]))
            for channel, version in new_versions.items()
            if channel in values
        ),
    )


def writes_of(
    config: RunnableConfig,
    writes: Sequence[tuple[str, Any]],
    task_id: str,
    task_path: str,
    *,
    serde: SerializerProtocol,
    session_id: str,
) -> PutWrites:
    """Return the operation that stores what a task has done."""
    place = place_of(config)
    if place.checkpoint_id is None:
        raise InvalidArgument("Pending writes need configurable.checkpoint_id.")
    return PutWrites(
        **stamp(),
        **_writer_of(config, {}),
        thread_id=place.thread_id,
        session_id=session_id,
        checkpoint_ns=place.namespace,
        checkpoint_id=place.checkpoint_id,
        task_id=check_id(task_id, "task id"),
        task_path=task_path,
        writes=tuple(
            NewWrite(
                WRITES_IDX_MAP.get(channel, index), channel, serde.dumps_typed(value)
            )
            for index, (channel, value) in enumerate(writes)
        ),
    )


def _writer_of(config: RunnableConfig, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return who writes, as far as the config says so."""
    configurable = config.get("configurable") or {}
    run_id = (
        configurable.get("run_id")
        or metadata.get("run_id")
        or (config.get("metadata") or {}).get("run_id")
    )
    return {
        "run_id": None if run_id is None else check_id(str(run_id), "run id"),
        "attempt": configurable.get(ATTEMPT_KEY),
        "rev": configurable.get(REV_KEY),
    }


def run_config(context: ExecutionContext) -> RunnableConfig:
    """Return the config under which a run of Weft's calls a graph on its own thread.

    For a workflow that is more than one graph; the graph needs a saver on
    ``context.store``.

    Args:
        context: the run's.
    """
    return {
        "configurable": {
            "thread_id": context.thread_id,
            "run_id": context.run_id,
            ATTEMPT_KEY: context.attempt,
        },
        "metadata": {"run_id": context.run_id},
    }


def config_of(thread_id: str, checkpoint_ns: str, checkpoint_id: str) -> RunnableConfig:
    """Return the config that points at a checkpoint."""
    return {
        "configurable": {
            "thread_id": thread_id,
            "checkpoint_ns": checkpoint_ns,
            "checkpoint_id": checkpoint_id,
        }
    }


def tuple_of(
    reader: CheckpointReader, stored: Checkpoint, serde: SerializerProtocol
) -> CheckpointTuple:
    """Return a stored checkpoint with its values and pending writes, as LangGraph's."""
    place = (stored.thread_id, stored.checkpoint_ns)
    load = serde.loads_typed
    checkpoint = load(stored.data)
    checkpoint["channel_versions"] = dict(stored.versions)
    checkpoint["channel_values"] = {
        channel: load(blob) for channel, blob in reader.values(stored).items()
    }
    return CheckpointTuple(
        config=config_of(*place, stored.checkpoint_id),
        checkpoint=cast("GraphCheckpoint", checkpoint),
        metadata=load(stored.metadata),
        parent_config=None
        if stored.parent_id is None
        else config_of(*place, stored.parent_id),
        pending_writes=[
            (write.task_id, write.channel, load(write.data))
            for write in reader.writes(stored)
        ],
    )
