"""The key-value store, over HTTP: what LangGraph's SDK calls ``client.store``.

Times to live are minutes, as there, and begin anew with each read unless it says
``refresh_ttl: false``. There is no embedding in a daemon, so no search by meaning: a
``query`` is refused with what there is instead, and ``index`` has nothing to say.
"""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Final

import msgspec

from weft.daemon.http.call import Call
from weft.daemon.http.endpoint import Table
from weft.daemon.http.item_places import Label, Places, labels_of
from weft.daemon.http.problems import Fault, RequestFault
from weft.daemon.http.views import FreeMapping, json_of
from weft.storage import Item

__all__ = ["items"]

items: Final = Table("items")

LIMIT_MAX: Final = 1000
OFFSET_MAX: Final = 1_000_000
TTL_MINUTES_MAX: Final = 1e8
"""Two hundred years."""

Limit = Annotated[int, msgspec.Meta(ge=1, le=LIMIT_MAX)]
Offset = Annotated[int, msgspec.Meta(ge=0, le=OFFSET_MAX)]
Minutes = Annotated[float, msgspec.Meta(gt=0, le=TTL_MINUTES_MAX)]
Namespace = Annotated[list[Label], msgspec.Meta(min_length=1)]

_S_PER_MINUTE: Final = 60.0
_US_PER_MINUTE: Final = 60_000_000


class NewItem(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """An item to put; ``ttl`` in minutes. ``index`` is accepted and does nothing."""

    namespace: Namespace
    key: str
    value: dict[str, Any]
    index: bool | list[str] | None = None
    ttl: Minutes | None = None


class ItemName(msgspec.Struct, forbid_unknown_fields=True):
    """Which item."""

    namespace: Namespace
    key: str


class ItemQuery(msgspec.Struct):
    """Which item: the labels of its namespace with periods between them."""

    namespace: Annotated[str, msgspec.Meta(min_length=1)]
    key: str
    refresh_ttl: bool | None = None


class ItemSearch(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Which items: those of a namespace and below it that have what ``filter`` says.

    A field is to have a value, or to be ``$eq``, ``$ne``, ``$gt``, ``$gte``, ``$lt`` or
    ``$lte`` to one: ``{"score": {"$gte": 0.5}}``.
    """

    namespace_prefix: list[Label] = []
    filter: dict[str, Any] | None = None
    limit: Limit = 10
    offset: Offset = 0
    query: str | None = None
    refresh_ttl: bool | None = None


class NamespaceSearch(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Which namespaces: in ``prefix`` and ``suffix``, ``*`` stands for any one label.

    Longer ones than ``max_depth`` are cut, and shown once.
    """

    prefix: list[Label] | None = None
    suffix: list[Label] | None = None
    max_depth: Annotated[int, msgspec.Meta(ge=1)] | None = None
    limit: Limit = 100
    offset: Offset = 0


class ItemView(msgspec.Struct):
    """An item; ``ttl`` in minutes, and when it is gone unless it is read."""

    namespace: list[str]
    key: str
    value: FreeMapping
    created_at: datetime
    updated_at: datetime
    ttl: float | None
    expires_at: datetime | None
    created_seq: int
    updated_seq: int

    @classmethod
    def of(cls, item: Item, namespace: list[str]) -> "ItemView":
        """Return the view of a record, in a namespace as its reader calls it."""
        ttl_us = item.ttl_us
        return cls(
            namespace,
            item.key,
            json_of(item.value_raw),
            item.created_at,
            item.updated_at,
            None if ttl_us is None else ttl_us / _US_PER_MINUTE,
            item.expires_at,
            item.created_seq,
            item.updated_seq,
        )


class ItemList(msgspec.Struct):
    """Items, in the order of their namespaces and keys."""

    items: list[ItemView]


class NamespaceList(msgspec.Struct):
    """Namespaces, in order."""

    namespaces: list[list[str]]


@items.put("/store/items")
async def put_item(call: Call[NewItem, None]) -> None:
    """Put an item, in place of one that is there."""
    body = call.body
    await call.coordinator.put_item(
        _places(call).inside(body.namespace),
        body.key,
        body.value,
        ttl_s=None if body.ttl is None else body.ttl * _S_PER_MINUTE,
        **call.change,
    )


@items.get("/store/items")
async def get_item(call: Call[None, ItemQuery]) -> ItemView | None:
    """Show an item; an answer without content where there is none."""
    wanted, places = call.query, _places(call)
    found = await call.coordinator.item(
        places.inside(labels_of(wanted.namespace)),
        wanted.key,
        refresh_ttl=wanted.refresh_ttl is not False,
    )
    return None if found is None else ItemView.of(found, places.shown(found.namespace))


@items.delete("/store/items")
async def delete_item(call: Call[ItemName, None]) -> None:
    """Remove an item; one that is not there is gone already."""
    place = _places(call).inside(call.body.namespace)
    await call.coordinator.remove_item(place, call.body.key, **call.change)


@items.post("/store/items/search", scope="read")
async def search_items(call: Call[ItemSearch, None]) -> ItemList:
    """List items of a namespace and of those below it."""
    wanted, places = call.body, _places(call)
    _refuse_meaning(wanted.query)
    under = places.inside(wanted.namespace_prefix)
    found = await call.aside(
        lambda: call.coordinator.search_items(
            under,
            filter=wanted.filter,
            limit=wanted.limit,
            offset=wanted.offset,
            refresh_ttl=wanted.refresh_ttl is not False,
        )
    )
    return ItemList([ItemView.of(one, places.shown(one.namespace)) for one in found])


@items.post("/store/namespaces", scope="read")
async def list_namespaces(call: Call[NamespaceSearch, None]) -> NamespaceList:
    """List the namespaces that have items."""
    wanted, places = call.body, _places(call)
    suffix = wanted.suffix or []
    prefix = places.pattern(wanted.prefix or [], suffix)
    found = await call.aside(
        lambda: call.coordinator.list_namespaces(
            prefix=prefix,
            suffix=suffix,
            max_depth=places.depth(wanted.max_depth),
            limit=wanted.limit,
            offset=wanted.offset,
        )
    )
    return NamespaceList([places.shown(each) for each in found])


def _places(call: Call[Any, Any]) -> Places:
    return Places(call.access.owner)


def _refuse_meaning(query: str | None) -> None:
    """Refuse to search by meaning, which takes a model that a daemon has not.

    Raises:
        RequestFault: that is what is asked.
    """
    if not query:
        return
    words = "this store has no embedding to search by meaning"
    detail = (
        f"The query cannot be answered: {words}. Leave it out, and use filter and "
        "namespace_prefix."
    )
    faults = [Fault("body", "$.query", words)]
    raise RequestFault(HTTPStatus.UNPROCESSABLE_ENTITY, detail, faults)
