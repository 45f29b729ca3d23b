"""LangGraph's long-term memory in Weft's store: items that outlive their threads.

::

    with WeftStore.open("./weft-data") as store:
        graph = builder.compile(store=store)

A graph that runs as a workflow gets the store of its runtime by itself, unless it was
compiled with one of its own: ``runtime.store`` in its nodes is what clients of the
daemon see as ``client.store``.

Guarantees, beyond LangGraph's contract for stores:
    * a put that has returned is fsynced;
    * what one batch writes shares a flush, and comes after what it reads;
    * an item whose time is over is not there, from that moment on.

There is no search by meaning: a ``query`` is refused, ``index`` has nothing to say.
Namespaces that begin with ``__weft__`` are the system's own.
"""

import asyncio
import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final, Self

from langgraph.store.base import (
    BaseStore,
    GetOp,
    InvalidNamespaceError,
    ListNamespacesOp,
    Op,
    PutOp,
    Result,
    SearchItem,
    SearchOp,
    TTLConfig,
)
from langgraph.store.base import Item as GraphItem

from weft.actors.item_operations import microseconds
from weft.integrations.desk import TIMEOUT_S, AtDesk, Desk, stamp
from weft.storage import (
    InvalidArgument,
    Item,
    ItemReader,
    PutItem,
    RemoveItem,
    Store,
    TouchItems,
)
from weft.storage.item_filter import check_filter, is_wanted
from weft.storage.items_reader import NamespaceQuery
from weft.storage.keys_items import SYSTEM, Namespace
from weft.storage.operations import encode_mapping
from weft.storage.operations_items import ItemOperation
from weft.storage.rules_items import TOUCHED_MAX
from weft.storage.store import clock_us

__all__ = ["WeftStore"]

_S_PER_MINUTE: Final = 60


class WeftStore(AtDesk, BaseStore):
    """Keeps items of LangGraph graphs in a Weft store.

    Sync and async; any number of OS threads and tasks may share one.

    Args:
        store: an open store, or a runtime, whose store it is then. It stays open.
        ttl: LangGraph's configuration of times to live, in minutes; None for those
            that puts name, refreshed as items are read.
        timeout_s: how long a write may take, in seconds.
    """

    supports_ttl = True

    def __init__(
        self,
        store: Store | Any,
        *,
        ttl: TTLConfig | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self.ttl_config = ttl
        self._desk = Desk(getattr(store, "store", store), timeout_s)

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        ttl: TTLConfig | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> Self:
        """Open or create the store in a directory; it is closed with this one.

        Args:
            path: the data directory; created if it is missing.
            ttl: as for the class.
            timeout_s: as for the class.

        Raises:
            StoreLocked: another process has it open.
            StoreCorrupt: it is not a store.
        """
        desk = Desk.open(path, timeout_s)
        made = cls(desk.store, ttl=ttl, timeout_s=timeout_s)
        made._desk = desk
        return made

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """Execute operations: the reads, then the writes.

        Args:
            ops: of two puts under one name the last one counts.

        Raises:
            InvalidArgument: one searches by meaning, or names what cannot be stored.
            SessionThreadException: a write was refused, or not answered in time.
        """
        given = list(ops)
        changes = _changes(given)
        results = self._read(given)
        self._desk.apply_all([*changes, *self._touches(given, results)])
        return [_shown(result) for result in results]

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """Execute operations without blocking the event loop, as :meth:`batch` does."""
        given = list(ops)
        changes = _changes(given)
        if any(isinstance(op, SearchOp | ListNamespacesOp) for op in given):
            results = await asyncio.to_thread(self._read, given)
        else:
            results = self._read(given)
        await self._desk.aapply_all([*changes, *self._touches(given, results)])
        return [_shown(result) for result in results]

    def _read(self, ops: Sequence[Op]) -> list[Any]:
        """Return what each operation finds at one moment; None for writes."""
        with self._desk.store.read() as snapshot:
            reader = ItemReader(snapshot, clock_us())
            return [_found(reader, op) for op in ops]

    def _touches(self, ops: Sequence[Op], results: list[Any]) -> Iterator[TouchItems]:
        """Yield what lets the time of the items begin anew that were found."""
        names: dict[tuple[Namespace, str], None] = {}
        now_us = clock_us()
        for op, result in zip(ops, results, strict=True):
            if isinstance(op, GetOp | SearchOp) and op.refresh_ttl and result:
                found = result if isinstance(op, SearchOp) else [result]
                worn = (item for item in found if item.is_worn(now_us))
                names |= {(item.namespace, item.key): None for item in worn}
        items = iter(names)
        while part := tuple(islice(items, TOUCHED_MAX)):
            yield TouchItems(items=part, **stamp())


def _changes(ops: Sequence[Op]) -> list[ItemOperation]:
    """Return the writes, the last one of each name.

    Raises:
        InvalidNamespaceError: an operation is about the system's own.
    """
    last: dict[tuple[Namespace, str], PutOp] = {}
    for op in ops:
        if isinstance(op, PutOp):
            _refuse_system(op.namespace)
            last[op.namespace, op.key] = op
    return [_change(op) for op in last.values()]


def _change(op: PutOp) -> ItemOperation:
    if op.value is None:
        return RemoveItem(namespace=op.namespace, key=op.key, **stamp())
    return PutItem(
        namespace=op.namespace,
        key=op.key,
        value=encode_mapping(op.value, "value"),
        ttl_us=None if op.ttl is None else microseconds(op.ttl * _S_PER_MINUTE),
        **stamp(),
    )


def _found(reader: ItemReader, op: Op) -> Any:
    match op:
        case GetOp():
            _refuse_system(op.namespace)
            return reader.item(op.namespace, op.key)
        case SearchOp():
            return _search(reader, op)
        case ListNamespacesOp():
            found = reader.namespaces(_query(op))
            return list(islice(found, op.offset, op.offset + op.limit))
    return None


def _search(reader: ItemReader, op: SearchOp) -> list[Item]:
    if op.query:
        raise InvalidArgument(
            "This store has no embedding to search by meaning: leave query out, and "
            "use filter and the namespace."
        )
    _refuse_system(op.namespace_prefix)
    wanted = op.filter or {}
    check_filter(wanted)
    found = (
        item
        for item in reader.items(op.namespace_prefix)
        if not wanted or is_wanted(item.value, wanted)
    )
    return list(islice(found, op.offset, op.offset + op.limit))


def _query(op: ListNamespacesOp) -> NamespaceQuery:
    """Return which namespaces are wanted.

    Raises:
        InvalidArgument: they are to begin, or to end, in two ways at once.
    """
    paths: dict[str, Namespace] = {}
    for match_type, path in op.match_conditions or ():
        if paths.setdefault(match_type, path) != path:
            words = f"Namespaces are listed by one {match_type} at once, not by two."
            raise InvalidArgument(words)
    _refuse_system(paths.get("prefix", ()))
    return NamespaceQuery(
        tuple(paths.get("prefix", ())), tuple(paths.get("suffix", ())), op.max_depth
    )


def _shown(result: Any) -> Any:
    """Return what was found as LangGraph has it."""
    if isinstance(result, Item):
        return GraphItem(**_fields(result))
    if isinstance(result, list):
        return [
            SearchItem(**_fields(each)) if isinstance(each, Item) else each
            for each in result
        ]
    return result


def _fields(item: Item) -> dict[str, Any]:
    return {
        "namespace": item.namespace,
        "key": item.key,
        "value": item.value,
        "created_at": item.created_at,
        "updated_at": item.updated_at,
    }


def _refuse_system(namespace: Namespace) -> None:
    if namespace and namespace[0] == SYSTEM:
        raise InvalidNamespaceError(f"Namespaces that begin with {SYSTEM!r} are Weft's")
