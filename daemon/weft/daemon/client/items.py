"""The key-value store through a daemon.

What goes over HTTP is LangGraph's protocol, and so are its rules: no part of a
namespace has a period, the first is not one that is reserved, and a token that is
bound to an owner has the namespaces of that owner.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from weft.actors import Future
from weft.actors.door import at_the_door, check_limit
from weft.actors.item_operations import LIST_LIMIT, SEARCH_LIMIT, microseconds, parts_of
from weft.daemon.client.asking import Asking, mapping_of
from weft.daemon.client.rebuild import record_of
from weft.storage import InvalidArgument, Item
from weft.storage.item_filter import check_filter
from weft.storage.keys_items import Namespace, check_item_key

__all__ = ["ItemRequests"]

_ITEMS: Final = "/store/items"

_LIMIT_MAX: Final = 1000
"""As many as a daemon shows at once."""

_US_PER_MINUTE: Final = 60_000_000


class ItemRequests(Asking):
    """Put, remove and find items."""

    @at_the_door
    def put_item(
        self,
        namespace: Iterable[str],
        key: str,
        value: Mapping[str, Any],
        *,
        ttl_s: float | None = None,
        op_id: str | None = None,
        timeout_s: float | None = None,
    ) -> Future[None]:
        """Put an item, in place of one that is there."""
        ttl = None if ttl_s is None else microseconds(ttl_s) / _US_PER_MINUTE
        body = _name(namespace, key) | {"value": mapping_of(value, "value"), "ttl": ttl}
        return self._change(
            "PUT", _ITEMS, _nothing, body, op_id=op_id, timeout_s=timeout_s
        )

    @at_the_door
    def remove_item(
        self,
        namespace: Iterable[str],
        key: str,
        *,
        op_id: str | None = None,
        timeout_s: float | None = None,
    ) -> Future[None]:
        """Remove an item; one that is not there is gone already."""
        body = _name(namespace, key)
        return self._change(
            "DELETE", _ITEMS, _nothing, body, op_id=op_id, timeout_s=timeout_s
        )

    @at_the_door
    def item(
        self, namespace: Iterable[str], key: str, *, refresh_ttl: bool = False
    ) -> Future[Item | None]:
        """Return an item, None where there is none."""
        name = _name(namespace, key)
        query = {
            "namespace": ".".join(name["namespace"]),
            "key": key,
            "refresh_ttl": "true" if refresh_ttl else "false",
        }
        return self._ask("GET", _ITEMS, _item_or_none, query=query)

    @at_the_door
    def search_items(
        self,
        prefix: Iterable[str] = (),
        *,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - LangGraph's word
        limit: int = SEARCH_LIMIT,
        offset: int = 0,
        refresh_ttl: bool = False,
    ) -> Future[list[Item]]:
        """Return the items of a namespace and below it; 1,000 at once at the most."""
        check_filter(filter or {})
        body = {
            "namespace_prefix": _labels(prefix),
            "filter": mapping_of(filter, "filter"),
            "refresh_ttl": bool(refresh_ttl),
        } | _page(limit, offset)
        if check_limit(limit) == 0:
            return Future.completed([])
        return self._ask("POST", f"{_ITEMS}/search", _items, body)

    @at_the_door
    def list_namespaces(
        self,
        *,
        prefix: Iterable[str] = (),
        suffix: Iterable[str] = (),
        max_depth: int | None = None,
        limit: int = LIST_LIMIT,
        offset: int = 0,
    ) -> Future[list[Namespace]]:
        """Return the namespaces that have items; 1,000 at once at the most."""
        if max_depth is not None and check_limit(max_depth, "max_depth") == 0:
            raise InvalidArgument("max_depth is 1 or more.")
        body = {
            "prefix": _labels(prefix),
            "suffix": _labels(suffix),
            "max_depth": max_depth,
        } | _page(limit, offset)
        if limit == 0:
            return Future.completed([])
        return self._ask("POST", "/store/namespaces", _namespaces, body)


def _name(namespace: Iterable[str], key: str) -> dict[str, Any]:
    """Return what an item is called.

    Raises:
        InvalidArgument: no item can be called so, or none over HTTP.
    """
    parts = _labels(namespace)
    check_item_key(tuple(parts), key)
    return {"namespace": parts, "key": key}


def _labels(namespace: Iterable[str]) -> list[str]:
    parts = parts_of(namespace)
    with_periods = [part for part in parts if "." in part]
    if with_periods:
        words = f"Over HTTP no part of a namespace has a period, as {with_periods[0]!r}"
        raise InvalidArgument(f"{words} has.")
    return list(parts)


def _page(limit: int, offset: int) -> dict[str, int]:
    return {
        "limit": min(check_limit(limit), _LIMIT_MAX),
        "offset": check_limit(offset, "offset"),
    }


def _nothing(_told: Any) -> None:
    """Stand for an answer without content."""


def _item(view: Any) -> Item:
    ttl = view["ttl"]
    ttl_us = None if ttl is None else round(ttl * _US_PER_MINUTE)
    return record_of(Item, {**view, "ttl_us": ttl_us})


def _item_or_none(view: Any) -> Item | None:
    return None if view is None else _item(view)


def _items(told: Any) -> list[Item]:
    return [_item(view) for view in told["items"]]


def _namespaces(told: Any) -> list[Namespace]:
    return [tuple(each) for each in told["namespaces"]]
