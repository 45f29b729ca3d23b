"""What graphs leave behind: checkpoints, pending writes, channel values.

The vocabulary is LangGraph's: a graph's state is a set of *channels*; a *checkpoint*
says which version of each there was between two steps; a *pending write* is what one
task of a step has done before the step was complete. Weft stores what they are given,
typed bytes of a serializer of the caller's, and decodes none of it.

Guarantees: a channel's version is stored once, however many checkpoints have it; what
belongs to a thread goes with the thread.

Not here: LangGraph itself (:mod:`weft.integrations.langgraph`).
"""

from datetime import datetime

import msgspec

from weft.storage.records import Record, datetime_from_us

__all__ = ["Blob", "ChannelValue", "Checkpoint", "PendingWrite", "Version"]

Blob = tuple[str, bytes]
"""A serialized value: the serializer's name for its type, and the bytes."""

Version = str | int | float
"""Of a channel; grows with each change."""


class Checkpoint(Record, frozen=True, array_like=True, gc=False):
    """A graph's state between two steps.

    Attributes:
        checkpoint_ns: "" for the graph itself, a path for a graph within it.
        parent_id: the checkpoint it came from, None for a first one.
        versions: of each channel.
        data: the checkpoint without its channels' versions and values.
        metadata: the caller's, serialized as well.
        run_id: the run that wrote it, as its metadata has it.
        deltas: channels whose value may lie with an ancestor, as a sum of writes.
    """

    thread_id: str
    checkpoint_ns: str
    checkpoint_id: str
    parent_id: str | None
    versions: dict[str, Version]
    data: Blob
    metadata: Blob
    run_id: str | None
    deltas: tuple[str, ...]
    created_at_us: int
    rev: int
    created_seq: int
    updated_seq: int

    @property
    def created_at(self) -> datetime:
        """When it was written."""
        return datetime_from_us(self.created_at_us)


class PendingWrite(Record, frozen=True, array_like=True, gc=False):
    """What a task wrote to a channel, on top of a checkpoint.

    Attributes:
        index: its place among the task's writes; below zero for the special channels,
            of which a task has one each.
        task_path: where the task stands in its step; orders the step's writes.
    """

    thread_id: str
    checkpoint_ns: str
    checkpoint_id: str
    task_id: str
    index: int
    channel: str
    data: Blob
    task_path: str
    created_seq: int

    @property
    def order(self) -> tuple[str, str, int]:
        """What the writes of a checkpoint are sorted by."""
        return self.task_path, self.task_id, self.index


class ChannelValue(Record, frozen=True, array_like=True, gc=False):
    """One version of a channel's value."""

    thread_id: str
    checkpoint_ns: str
    channel: str
    version: Version
    data: Blob
    created_seq: int


GraphRecord = Checkpoint | PendingWrite | ChannelValue


class NewValue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A channel's new version, for a :class:`PutCheckpoint`."""

    channel: str
    version: Version
    data: Blob


class NewWrite(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One write of a task, for a :class:`PutWrites`."""

    index: int
    channel: str
    data: Blob
