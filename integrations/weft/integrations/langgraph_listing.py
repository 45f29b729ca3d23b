"""Listing checkpoints: page by page, so that no reader stays open.

A consumer may take its time with each checkpoint, and a read transaction that waits
for it would keep old pages of the store from being used again. So some are read, the
transaction is let go, and the next page begins behind the last one.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final

from langgraph.checkpoint.base import CheckpointTuple
from langgraph.checkpoint.serde.base import SerializerProtocol

from weft.integrations.langgraph_translation import Place, tuple_of
from weft.storage import Checkpoint, CheckpointReader, Store

__all__ = ["Listing"]

PAGE_CHECKPOINTS: Final = 64
"""Some 5 ms of reading."""


class Listing:
    """What is listed, and of what kind.

    Args:
        store: where it is read.
        serde: decodes it.
        wanted: what a checkpoint's metadata must have.
        before_id: only checkpoints older than this one.
    """

    def __init__(
        self,
        store: Store,
        serde: SerializerProtocol,
        wanted: Mapping[str, Any],
        before_id: str | None,
    ) -> None:
        self._store = store
        self._serde = serde
        self._wanted = wanted
        self._before_id = before_id

    def tuples(
        self, place: Place | None, limit: int | None
    ) -> Iterator[CheckpointTuple]:
        """Yield what a place has, or every thread."""
        found = (
            one
            for thread_id, namespace in self._namespaces(place)
            for one in self._in(thread_id, namespace, place)
        )
        return found if limit is None else islice(found, max(0, limit))

    def _namespaces(self, place: Place | None) -> Iterator[tuple[str, str]]:
        if place is not None and place.checkpoint_ns is not None:
            yield place.thread_id, place.checkpoint_ns
            return
        for thread_id in [place.thread_id] if place else self._threads():
            with self._store.read() as snapshot:
                namespaces = list(CheckpointReader(snapshot).namespaces(thread_id))
            for namespace in namespaces:
                yield thread_id, namespace

    def _threads(self) -> Iterable[str]:
        with self._store.read() as snapshot:
            return list(CheckpointReader(snapshot).threads())

    def _in(
        self, thread_id: str, namespace: str, place: Place | None
    ) -> Iterator[CheckpointTuple]:
        if place is not None and place.checkpoint_id is not None:
            yield from self._one(thread_id, namespace, place.checkpoint_id)
            return
        before_id = self._before_id
        while True:
            with self._store.read() as snapshot:
                reader = CheckpointReader(snapshot)
                checkpoints = reader.checkpoints(thread_id, namespace, before_id)
                page = list(islice(checkpoints, PAGE_CHECKPOINTS))
                found = [tuple_of(reader, c, self._serde) for c in self._chosen(page)]
            yield from found
            if len(page) < PAGE_CHECKPOINTS:
                return
            before_id = page[-1].checkpoint_id

    def _one(
        self, thread_id: str, namespace: str, checkpoint_id: str
    ) -> Iterator[CheckpointTuple]:
        if self._before_id is not None and checkpoint_id >= self._before_id:
            return
        with self._store.read() as snapshot:
            reader = CheckpointReader(snapshot)
            stored = reader.checkpoint(thread_id, namespace, checkpoint_id)
            page = [] if stored is None else [stored]
            found = [tuple_of(reader, c, self._serde) for c in self._chosen(page)]
        yield from found

    def _chosen(self, page: Iterable[Checkpoint]) -> Iterator[Checkpoint]:
        for checkpoint in page:
            if self._wanted:
                metadata = self._serde.loads_typed(checkpoint.metadata)
                if any(metadata.get(k) != v for k, v in self._wanted.items()):
                    continue
            yield checkpoint
