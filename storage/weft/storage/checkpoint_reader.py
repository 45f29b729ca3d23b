"""Reading checkpoints: newest first, with what belongs to each.

Over a :class:`~weft.storage.snapshot.Snapshot`, so all that is read is of one moment:
a checkpoint and its channels cannot belong to different ones.
"""

from collections.abc import Iterator
from typing import Final

from weft.storage.checkpoints import Blob, ChannelValue, Checkpoint, PendingWrite
from weft.storage.ids import pack_id, unpack_id
from weft.storage.keys_checkpoints import (
    channel_key,
    checkpoint_key,
    namespace_prefix,
    run_prefix,
    writes_prefix,
)
from weft.storage.snapshot import Snapshot

__all__ = ["CheckpointReader"]

_BEHIND_ALL: Final = b"\xff"
"""What follows a packed id in no key."""


class CheckpointReader:
    """The checkpoints at one moment; valid as long as its snapshot.

    Args:
        snapshot: of the store.
    """

    __slots__ = ("_snapshot",)

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def checkpoint(
        self, thread_id: str, checkpoint_ns: str = "", checkpoint_id: str | None = None
    ) -> Checkpoint | None:
        """Return a checkpoint, the newest of its namespace if no id is given."""
        if checkpoint_id is None:
            return next(self.checkpoints(thread_id, checkpoint_ns), None)
        found: Checkpoint | None = self._snapshot.get(
            checkpoint_key(thread_id, checkpoint_ns, checkpoint_id)
        )
        return found

    def checkpoints(
        self,
        thread_id: str,
        checkpoint_ns: str,
        before_id: str | None = None,
    ) -> Iterator[Checkpoint]:
        """Yield the checkpoints of a namespace, newest first.

        Args:
            thread_id: the thread.
            checkpoint_ns: the namespace.
            before_id: only checkpoints older than this one.
        """
        prefix = namespace_prefix(thread_id, checkpoint_ns)
        start = None if before_id is None else prefix + pack_id(before_id)
        for _, checkpoint in self._snapshot.scan(
            "C", prefix, start=start, reverse=True
        ):
            yield checkpoint

    def namespaces(self, thread_id: str) -> Iterator[str]:
        """Yield a thread's namespaces."""
        prefix = namespace_prefix(thread_id)
        start = prefix
        while True:
            found = next(self._snapshot.scan("C", prefix, start=start), None)
            if found is None:
                return
            yield found[1].checkpoint_ns
            start = namespace_prefix(thread_id, found[1].checkpoint_ns) + _BEHIND_ALL

    def writes(self, checkpoint: Checkpoint) -> list[PendingWrite]:
        """Return what tasks wrote on a checkpoint, in the order a step applies it."""
        prefix = writes_prefix(
            checkpoint.thread_id, checkpoint.checkpoint_ns, checkpoint.checkpoint_id
        )
        found: list[PendingWrite] = [
            write for _, write in self._snapshot.scan("C", prefix)
        ]
        return sorted(found, key=lambda write: write.order)

    def values(self, checkpoint: Checkpoint) -> dict[str, Blob]:
        """Return the values of a checkpoint's channels, of those that have one."""
        found: dict[str, Blob] = {}
        for channel, version in checkpoint.versions.items():
            value: ChannelValue | None = self._snapshot.get(
                channel_key(
                    checkpoint.thread_id, checkpoint.checkpoint_ns, channel, version
                )
            )
            if value is not None:
                found[channel] = value.data
        return found

    def threads(self) -> Iterator[str]:
        """Yield the threads that have checkpoints or pending writes."""
        start = b"\x01"  # behind the index of runs
        while True:
            found = next(self._snapshot.entries("C", start=start), None)
            if found is None:
                return
            thread_id, end = unpack_id(found[0])
            yield thread_id
            start = found[0][:end] + _BEHIND_ALL

    def threads_of_run(self, run_id: str) -> Iterator[str]:
        """Yield the threads that have checkpoints of a run."""
        prefix = run_prefix(run_id)
        for key, _ in self._snapshot.entries("C", prefix):
            yield unpack_id(key, len(prefix))[0]
