"""What graphs left in one thread: which checkpoint needs what, and what nobody needs.

The rules ask before they delete, retention before it names what is old, the check to
see whether all of it agrees. Built from the thread's entries in any order; of values
and writes only the places are kept, so it is small however large they are.

A checkpoint needs the values of its channels. The value of a *delta* channel is what
the last ancestor has that stored one, and the writes since then: such a checkpoint
needs its ancestors down to that one.

A missing parent is no fault by itself: a history loses its oldest checkpoints by
retention. Nor is a write without its checkpoint, which may come later.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from weft.storage.checkpoints import ChannelValue, Checkpoint, PendingWrite
from weft.storage.keys_checkpoints import channel_key, checkpoint_key, run_of

__all__ = ["Graph", "Place", "is_passing"]

Place = tuple[str, str]
"""Namespace and id of a checkpoint."""


class _Node(NamedTuple):
    """A checkpoint without its data."""

    parent: Place | None
    values: dict[str, bytes]  # by channel: the key of its value, if it has one
    deltas: tuple[str, ...]
    run_id: str | None
    created_at_us: int


class _Sources(NamedTuple):
    """The checkpoints that one is made of; whether none of them is missing."""

    places: set[Place]
    are_whole: bool


class Graph:
    """The checkpoints of one thread and what goes with them.

    Args:
        thread_id: the thread.
        has_value: whether a value lies under a key; those added if omitted.

    Attributes:
        thread_id: the thread.
        checkpoints: by place.
        marks: the runs that have written here: whether the index of runs has them.
        writer: the run that writes at present.
        is_readable: no entry is damaged.
    """

    def __init__(
        self, thread_id: str, has_value: Callable[[bytes], bool] | None = None
    ) -> None:
        self.checkpoints: dict[Place, _Node] = {}
        self.marks: dict[str, bool] = {}
        self.writer: str | None = None
        self.is_readable = True
        self.thread_id = thread_id
        self._values: set[bytes] = set()
        self._writes: dict[bytes, Place] = {}
        self._has_value = has_value or self._values.__contains__

    def add(self, key: bytes, value: object) -> None:
        """Take one entry; a value that is none of a graph's could not be read."""
        match value:
            case Checkpoint():
                place = value.checkpoint_ns, value.checkpoint_id
                self.checkpoints[place] = _node(value)
            case ChannelValue():
                self._values.add(key)
            case PendingWrite():
                self._writes[key] = value.checkpoint_ns, value.checkpoint_id
            case bool():
                self.marks[run_of(self.thread_id, key) or ""] = value
            case str():
                self.writer = value
            case _:
                self.is_readable = False

    def sources(self, place: Place) -> _Sources:
        """Return a checkpoint, and those before it that its value is a sum of."""
        node, found = self.checkpoints[place], {place}
        channels = self._without_value(node, node.deltas)
        while channels and node.parent is not None:
            if node.parent in found or node.parent not in self.checkpoints:
                return _Sources(found, are_whole=False)
            found.add(node.parent)
            node = self.checkpoints[node.parent]
            channels = self._without_value(node, channels)
        return _Sources(found, are_whole=True)

    def with_sources(self, places: Iterable[Place]) -> set[Place]:
        """Return checkpoints, and those that they are made of."""
        found: set[Place] = set()
        for place in places:
            found |= self.sources(place).places
        return found

    def newest(self, keep: int = 1) -> set[Place]:
        """Return the newest checkpoints of each namespace: the highest ids."""
        by_namespace: dict[str, list[str]] = {}
        for namespace, checkpoint_id in self.checkpoints:
            by_namespace.setdefault(namespace, []).append(checkpoint_id)
        return {
            (namespace, checkpoint_id)
            for namespace, ids in by_namespace.items()
            for checkpoint_id in sorted(ids)[-keep:]
        }

    def old(self, keep: int, before_us: int) -> set[Place]:
        """Return the checkpoints that a history may lose.

        Not the newest ``keep``, at least one, of each namespace, nor what these are
        made of. Of a graph that was called within a step and has ended, nothing is
        kept that is older than the oldest checkpoint kept of its caller.

        Args:
            keep: how many stay in any case.
            before_us: only those written before this time may go.
        """
        young = {p for p, n in self.checkpoints.items() if n.created_at_us >= before_us}
        kept = self.newest(max(keep, 1))
        lasting = [place for place in kept if not is_passing(place[0])]
        since_us = min((self.checkpoints[p].created_at_us for p in lasting), default=0)
        for place in kept - young:
            passed = self.checkpoints[place].created_at_us < since_us
            if passed and is_passing(place[0]):
                kept.remove(place)
        return self.checkpoints.keys() - self.with_sources(kept | young)

    def leftovers(self, gone: set[Place]) -> list[bytes]:
        """Return the keys of what goes with some checkpoints: of themselves as well."""
        found = [
            checkpoint_key(self.thread_id, *place)[-1]
            for place in gone
            if place in self.checkpoints
        ]
        found += [key for key, place in self._writes.items() if place in gone]
        return found + self.unused(gone)

    def unused(self, gone: Iterable[Place] = ()) -> list[bytes]:
        """Return the keys of values that no checkpoint has, but for those that go."""
        needed = {
            key
            for place in self.checkpoints.keys() - set(gone)
            for key in self.checkpoints[place].values.values()
        }
        return sorted(self._values - needed)

    def broken(self) -> list[Place]:
        """Return the checkpoints whose value cannot be made any more."""
        return [
            place
            for place, node in self.checkpoints.items()
            if node.deltas and not self.sources(place).are_whole
        ]

    def unmarked(self) -> list[str]:
        """Return the runs that have written here, and left no mark that says so.

        The present writer may have had all its checkpoints deleted since.
        """
        named = {node.run_id for node in self.checkpoints.values()}
        found = {run for run in named if run is not None and not self.marks.get(run)}
        if self.writer is not None and self.writer not in self.marks:
            found.add(self.writer)
        return sorted(found)

    @property
    def is_sound(self) -> bool:
        """Whether all entries could be read and agree with each other."""
        return self.is_readable and not (
            self.unmarked() or self.unused() or self.broken()
        )

    def _without_value(self, node: _Node, channels: Iterable[str]) -> tuple[str, ...]:
        return tuple(
            channel
            for channel in channels
            if (key := node.values.get(channel)) is None or not self._has_value(key)
        )


def is_passing(checkpoint_ns: str) -> bool:
    """Return whether a namespace is of one call within a step: it names a task."""
    return ":" in checkpoint_ns


def _node(checkpoint: Checkpoint) -> _Node:
    thread_id, namespace = checkpoint.thread_id, checkpoint.checkpoint_ns
    parent_id = checkpoint.parent_id
    return _Node(
        None if parent_id is None else (namespace, parent_id),
        {
            channel: channel_key(thread_id, namespace, channel, version)[-1]
            for channel, version in checkpoint.versions.items()
        },
        checkpoint.deltas,
        checkpoint.run_id,
        checkpoint.created_at_us,
    )
